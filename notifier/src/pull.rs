//! Taking messages of a durable consumer, a few at a time, for as long as the process runs.
//! It neither acknowledges nor judges: what it calls does.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::{AckKind, Message};
use futures_util::StreamExt;
use pillarbox_proto::topology::ACK_WAIT;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::nats::Nats;
use crate::telemetry;

/// How long to wait before a consumer that could not be reached is tried again.
const AGAIN: Duration = Duration::from_millis(500);

/// A durable consumer, and how many of its messages are worked on at once.
#[derive(Debug, Clone)]
pub struct Durable {
    /// The stream's name.
    pub stream: String,
    /// The consumer's name.
    pub name: String,
    /// Messages at once.
    pub at_once: usize,
}

/// Hands each message to `work` until `shutdown`, then waits for those in work. NATS may go and come back.
pub async fn each<F, W>(nats: &Nats, durable: &Durable, shutdown: &CancellationToken, work: F)
where
    F: Fn(Message) -> W,
    W: Future<Output = ()> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(durable.at_once));
    let tasks = TaskTracker::new();
    let mut away = false;
    while !shutdown.is_cancelled() {
        match until_it_breaks(nats, durable, shutdown, &slots, &tasks, &work).await {
            Ok(()) => away = false,
            Err(error) if away => tracing::debug!(
                consumer = durable.name,
                error = telemetry::chain(&*error),
                "still cannot take messages"
            ),
            Err(error) => {
                away = true;
                tracing::warn!(
                    consumer = durable.name,
                    error = telemetry::chain(&*error),
                    "cannot take messages; trying again"
                );
            }
        }
        let _ = tokio::time::timeout(AGAIN, shutdown.cancelled()).await;
    }
    tasks.close();
    tasks.wait().await;
}

/// Works on a message, and keeps it from coming back meanwhile.
pub async fn kept<T>(message: &Message, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(ACK_WAIT / 3) => {
                if let Err(error) = message.ack_with(AckKind::Progress).await {
                    tracing::debug!(error = telemetry::chain(&*error), "could not keep a message; another worker may take it too");
                }
            }
        }
    }
}

async fn until_it_breaks<F, W>(
    nats: &Nats,
    durable: &Durable,
    shutdown: &CancellationToken,
    slots: &Arc<Semaphore>,
    tasks: &TaskTracker,
    work: &F,
) -> Result<(), async_nats::Error>
where
    F: Fn(Message) -> W,
    W: Future<Output = ()> + Send + 'static,
{
    let stream = nats.jetstream.get_stream_no_info(&durable.stream).await?;
    let consumer: PullConsumer = stream.get_consumer(&durable.name).await?;
    let mut messages = consumer
        .stream()
        .max_messages_per_batch(durable.at_once)
        .messages()
        .await?;
    loop {
        let slot = Arc::clone(slots).acquire_owned().await?;
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            next = messages.next() => match next {
                None => return Ok(()),
                Some(message) => {
                    let working = work(message?);
                    tasks.spawn(async move {
                        working.await;
                        drop(slot);
                    });
                }
            }
        }
    }
}
