//! Taking messages of a durable consumer, a few at a time, for as long as the process runs.
//! It neither acknowledges nor judges: what it calls does.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::{AckKind, Message};
use async_nats::{StatusCode, Subscriber};
use futures_util::StreamExt;
use pillarbox_proto::topology::ACK_WAIT;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::nats::Nats;
use crate::telemetry;

/// A request ends after this, filled or not: one that a restart of NATS swallowed costs no more, and so does a worker's end.
const EXPIRES: Duration = Duration::from_secs(1);
/// The server's own word that a request has ended may be late by this.
const BREATH: Duration = Duration::from_millis(500);
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
                error = telemetry::chain(&error),
                "still cannot take messages"
            ),
            Err(error) => {
                away = true;
                tracing::warn!(
                    consumer = durable.name,
                    error = telemetry::chain(&error),
                    "cannot take messages; trying again"
                );
            }
        }
        let _ = timeout(AGAIN, shutdown.cancelled()).await;
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
) -> Result<(), PullError>
where
    F: Fn(Message) -> W,
    W: Future<Output = ()> + Send + 'static,
{
    loop {
        let mut free = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            free = free(slots) => free,
        };
        let many = free.num_permits();
        let mut request = Request::send(nats, &durable.stream, &durable.name, many).await?;
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => {
                    request.hand_back().await;
                    return Ok(());
                }
                next = request.next() => match (next?, free.split(1)) {
                    (Some(message), Some(slot)) => {
                        let working = work(message);
                        tasks.spawn(async move {
                            working.await;
                            drop(slot);
                        });
                    }
                    (None, _) | (_, None) => break,
                }
            }
        }
    }
}

/// All slots that are free, as soon as one is.
async fn free(slots: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    loop {
        let more = u32::try_from(slots.available_permits()).unwrap_or(u32::MAX);
        if let Ok(free) = Arc::clone(slots).acquire_many_owned(more.max(1)).await {
            return free; // nobody closes it
        }
    }
}

/// Why no messages come: always worth another try.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// The connection takes nothing.
    #[error("cannot ask for messages")]
    Send(#[source] async_nats::Error),
    /// The server refuses, or nobody is there to answer.
    #[error("the server refuses a request for messages: {status} {why}")]
    Refused {
        /// As in HTTP.
        status: StatusCode,
        /// Its reason.
        why: String,
    },
}

/// One request for messages of a consumer: never more than somebody waits for.
///
/// The client's own streams ask for more ahead of time, and what they hold at the end comes back only after [`ACK_WAIT`].
#[derive(Debug)]
pub struct Request<'a> {
    nats: &'a Nats,
    answers: Subscriber,
    left: usize,
    end: Instant,
}

impl<'a> Request<'a> {
    /// Asks for so many messages at most.
    ///
    /// # Errors
    /// When the connection takes nothing.
    pub async fn send(
        nats: &'a Nats,
        stream: &str,
        consumer: &str,
        many: usize,
    ) -> Result<Request<'a>, PullError> {
        let client = nats.jetstream.client();
        let inbox = client.new_inbox();
        let failed = |error: async_nats::Error| PullError::Send(error);
        let answers = client.subscribe(inbox.clone()).await;
        let answers = answers.map_err(|error| failed(error.into()))?;
        let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}");
        let body = serde_json::json!({ "batch": many, "expires": EXPIRES.as_nanos() }).to_string();
        let sent = client.publish_with_reply(subject, inbox, body.into());
        sent.await.map_err(|error| failed(error.into()))?;
        Ok(Request {
            nats,
            answers,
            left: many,
            end: Instant::now() + EXPIRES + BREATH,
        })
    }

    /// The next message; none when the request has ended. What is not awaited to its end is not lost.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn next(&mut self) -> Result<Option<Message>, PullError> {
        if self.left == 0 {
            return Ok(None);
        }
        let Ok(Some(answer)) = timeout_at(self.end, self.answers.next()).await else {
            return Ok(None);
        };
        match answer.status {
            None | Some(StatusCode::OK) => {
                self.left -= 1;
                Ok(Some(self.message(answer)))
            }
            Some(StatusCode::TIMEOUT | StatusCode::NOT_FOUND) => Ok(None),
            Some(status) => {
                let why = answer.description.unwrap_or_default();
                Err(PullError::Refused { status, why })
            }
        }
    }

    fn message(&self, message: async_nats::Message) -> Message {
        let context = self.nats.jetstream.clone();
        Message { message, context }
    }

    /// Nobody waits any more: until the request has ended, what comes goes back, to whoever asks next.
    ///
    /// Giving the subscription up instead would lose what is on its way: the server counts it as delivered.
    pub async fn hand_back(mut self) {
        while let Ok(Some(message)) = self.next().await {
            // Not sooner: while the request stands, the server would send it here again.
            let ended = self.end.saturating_duration_since(Instant::now());
            let _ = message.ack_with(AckKind::Nak(Some(ended))).await;
        }
    }
}
