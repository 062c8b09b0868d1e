//! Loop 1: events become deliveries at once (`on: start`), or a job that is open.
//! It folds nothing and renders nothing; JetStream's refusal of a second open message is its only lock.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::{AckKind, Message};
use jiff::Timestamp;
use pillarbox_proto::delivery::{DeadEvent, Delivery, Notification, Start};
use pillarbox_proto::event::{Event, What};
use pillarbox_proto::subject::{self, DeliveryKey, EventSubject, Token};
use pillarbox_proto::work::OpenItem;
use pillarbox_proto::{topology, wire};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::digest::fold;
use crate::metrics::Metrics;
use crate::nats::Nats;
use crate::outbox::{self, OutboxError};
use crate::pull::{self, Durable};
use crate::read_back::{self, ReadError, timestamp};
use crate::route::{self, Route};
use crate::spans::{self, FutureExt as _};
use crate::telemetry;

/// Events worked on at once.
const AT_ONCE: usize = 32;
/// An event that could not be worked on comes back after this.
const AGAIN: Duration = Duration::from_secs(1);
/// An event of a newer format waits for a newer worker.
const NEWER_AGAIN: Duration = Duration::from_secs(60);

/// Takes events until `shutdown`.
pub async fn run(
    nats: Nats,
    config: Arc<Config>,
    shutdown: CancellationToken,
    metrics: Arc<Metrics>,
) {
    let durable = Durable {
        stream: nats.topology.events_name(),
        name: topology::intake_name(&nats.group),
        at_once: AT_ONCE,
    };
    pull::each(&nats, &durable, &shutdown, |message| {
        let (nats, config, metrics) = (nats.clone(), Arc::clone(&config), Arc::clone(&metrics));
        async move {
            let came_to = take(nats, config, message, &metrics).await;
            metrics.event(came_to);
        }
    })
    .await;
}

/// One event: published on, then acknowledged. Doing it again is recognised by the subjects it publishes to. What came of it.
async fn take(
    nats: Nats,
    config: Arc<Config>,
    message: Message,
    metrics: &Metrics,
) -> &'static str {
    let (ack, came_to) = match wire::decode::<Event>(message.headers.as_ref(), &message.payload) {
        Ok(event) => match pass_on(&nats, &config, &message, &event)
            .with_context(spans::intake(&event, &message))
            .await
        {
            Ok(()) => (AckKind::Ack, "passed"),
            Err(error) => {
                tracing::warn!(salt.cluster = event.cluster, salt.job = event.job, salt.jid = %event.jid, error = telemetry::chain(&error), "could not pass an event on; trying again");
                match error {
                    IntakeError::Subject => (AckKind::Nak(Some(NEWER_AGAIN)), "newer"),
                    IntakeError::Read(_) | IntakeError::Queue(_) => {
                        (AckKind::Nak(Some(AGAIN)), "again")
                    }
                }
            }
        },
        Err(wire::DecodeError::Newer(format)) => {
            tracing::warn!(subject = %message.subject, format, "left an event of a newer format in the stream: upgrade this worker");
            (AckKind::Nak(Some(NEWER_AGAIN)), "newer")
        }
        Err(error) => match bury(&nats, &message, &error.to_string()).await {
            Ok(()) => {
                metrics.dead("intake", "unreadable");
                (AckKind::Ack, "unreadable")
            }
            Err(_) => (AckKind::Nak(Some(AGAIN)), "again"),
        },
    };
    if let Err(error) = message.ack_with(ack).await {
        tracing::debug!(
            error = telemetry::chain(&*error),
            "could not acknowledge an event; it comes back"
        );
    }
    came_to
}

/// Why an event could not be passed on: always worth another try.
#[derive(Debug, thiserror::Error)]
enum IntakeError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Queue(#[from] OutboxError),
    /// Nobody of ours publishes there, or a newer collector does: it is left for a worker that knows it.
    #[error("the subject is none that this worker knows")]
    Subject,
}

async fn pass_on(
    nats: &Nats,
    config: &Config,
    message: &Message,
    event: &Event,
) -> Result<(), IntakeError> {
    // The cluster is who the subject says: a collector may write no other's.
    let Some(subject) = EventSubject::parse(&message.subject) else {
        return Err(IntakeError::Subject);
    };
    let (stored, sequence) = match message.info() {
        Ok(info) => (timestamp(info.published), info.stream_sequence),
        Err(_) => (Timestamp::UNIX_EPOCH, 0),
    };
    if let What::New(_) = &event.what
        && route::any_start(&config.routes)
    {
        // Events are worked on side by side: of several `new`s of one job each must say the same, whichever is quicker.
        let first = read_back::first_new(nats, &subject.cluster, &subject.job).await?;
        for delivery in starts(config, first.as_ref().unwrap_or(event), stored) {
            outbox::deliver(nats, &delivery).await?;
        }
    }
    if route::opens(&config.routes, event) {
        let item = OpenItem {
            cluster: subject.cluster.to_string(),
            job: subject.job.to_string(),
            event: sequence,
        };
        outbox::open(nats, &subject.cluster, &subject.job, &item).await?;
    }
    Ok(())
}

/// The deliveries of `on: start` routes for a job's first `new`. For all its parts and chunks the key is the same: it is said once.
fn starts(config: &Config, event: &Event, stored: Timestamp) -> Vec<Delivery> {
    let What::New(new) = &event.what else {
        return Vec::new();
    };
    let job = fold::job_of(event, new);
    let start = Start {
        started: event.stamp.clone(),
        minions: (!event.runner).then(|| new.of()),
        no_key: u32::try_from(new.missing.len()).unwrap_or(u32::MAX),
        recovered: event.recovered,
        job,
    };
    let taken = route::starts(&config.routes, &start.job);
    let to = taken
        .into_iter()
        .flat_map(|route| config.transports_of(route).map(move |to| (route, to)));
    to.map(|(route, (receiver, transport))| Delivery {
        key: key(event, route, receiver, transport),
        version: 1,
        created: stored.to_string(),
        notification: Notification::Start(Box::new(start.clone())),
    })
    .collect()
}

fn key(event: &Event, route: &Route, receiver: &str, transport: &str) -> DeliveryKey {
    DeliveryKey {
        cluster: event.cluster.clone(),
        job: event.job.clone(),
        route: route.name.clone(),
        receiver: receiver.to_owned(),
        transport: transport.to_owned(),
        moment: "start".to_owned(),
    }
}

/// An event that nobody will ever read: kept as a dead letter without its bytes, which may hold secrets.
async fn bury(nats: &Nats, message: &Message, error: &str) -> Result<(), async_nats::Error> {
    tracing::error!(subject = %message.subject, error, "an event cannot be read; kept as a dead letter");
    let cluster = EventSubject::parse(&message.subject)
        .map_or_else(|| Token::new("unknown"), |subject| subject.cluster);
    let dead = DeadEvent {
        cluster: cluster.to_string(),
        master: String::new(),
        tag: message.subject.to_string(),
        length: message.payload.len().try_into().unwrap_or(u64::MAX),
        sha256: subject::sha256_hex(&message.payload),
        error: error.to_owned(),
        at: message
            .info()
            .map(|info| timestamp(info.published).to_string())
            .unwrap_or_default(),
    };
    let (mut headers, body) = wire::encode(&dead)?;
    headers.insert(async_nats::header::NATS_MESSAGE_ID, dead.sha256.as_str());
    let subject = nats.group.dead("intake", "unreadable");
    nats.jetstream
        .publish_with_headers(subject, headers, body)
        .await?
        .await?;
    Ok(())
}
