//! The look-up service: what notifiers ask about a job, answered from the master's job cache (DESIGN §4.7).
//! It reads no file itself, and what it is busy with never delays the reading of the bus.

mod answer;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_nats::Client;
use async_nats::service::endpoint::Endpoint;
use async_nats::service::{Service, ServiceExt as _};
use futures_util::StreamExt as _;
use pillarbox_proto::lookup::subject;
use pillarbox_proto::subject::Token;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::normalize::Origin;
pub use answer::Desk;

/// What `nats micro ls` shows.
const NAME: &str = "pillarbox-lookup";
/// Collectors of one master share the questions.
const QUEUE_GROUP: &str = "pillarbox-lookup";

/// Questions that are worked on at once; the others wait in the subscription.
const AT_ONCE: usize = 4;

/// How long the last answers may take when the collector stops.
const LAST: Duration = Duration::from_secs(2);

/// Answers until shutdown. The client subscribes again by itself when its connection comes back.
pub async fn serve(desk: Desk, shutdown: CancellationToken) {
    let desk = Arc::new(desk);
    let (service, endpoint) = match begin(&desk.origin, &desk.client).await {
        Ok(begun) => begun,
        Err(error) => {
            tracing::error!("the look-up service could not start: {error}");
            return;
        }
    };
    let working = take(endpoint, &desk, &shutdown).await;
    let all = u32::try_from(AT_ONCE).unwrap_or(u32::MAX);
    let _ = tokio::time::timeout(LAST, working.acquire_many(all)).await;
    let _ = service.stop().await;
}

async fn begin(origin: &Origin, client: &Client) -> Result<(Service, Endpoint), async_nats::Error> {
    let Origin { cluster, master } = origin.clone();
    let subject = subject(&Token::new(&cluster), &Token::new(&master));
    let metadata = HashMap::from([
        ("cluster".to_owned(), cluster),
        ("master".to_owned(), master),
    ]);
    let service = client
        .service_builder()
        .description("What a Salt master's job cache knows of a job, redacted")
        .metadata(metadata)
        .queue_group(QUEUE_GROUP)
        .start(NAME, env!("CARGO_PKG_VERSION"))
        .await?;
    let endpoint = service
        .endpoint_builder()
        .name("lookup")
        .add(subject)
        .await?;
    Ok((service, endpoint))
}

/// Takes a question only when there is a hand free for it.
async fn take(
    mut questions: Endpoint,
    desk: &Arc<Desk>,
    shutdown: &CancellationToken,
) -> Arc<Semaphore> {
    let hands = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let Ok(hand) = Arc::clone(&hands).acquire_owned().await else {
            return hands;
        };
        let question = tokio::select! {
            () = shutdown.cancelled() => return hands,
            question = questions.next() => question,
        };
        let Some(question) = question else {
            return hands;
        };
        let desk = Arc::clone(desk);
        tokio::spawn(async move {
            desk.reply(&question).await;
            drop(hand);
        });
    }
}
