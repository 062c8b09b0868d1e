//! Loop 3: deliveries to one receiver, from its queue to its door.
//! It decides nothing: `standing` says what the ledger means, `retry` what an attempt means, and the receivers how to send.
//!
//! In this order, and the ack last: take, ledger, send, record, ack. What happens twice is recognised by the ledger.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::{AckKind, Message};
use futures_util::StreamExt;
use pillarbox_proto::topology::deliver_name;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::clock::ClockError;
use crate::config::Config;
use crate::ledger::{Ledger, LedgerError};
use crate::metrics::Metrics;
use crate::nats::Nats;
use crate::patience::{Streak, persist};
use crate::pull;
use crate::receiver::{Receiver, Sender, SetUpError};
use delivery::Outcome;
use pauses::{Gate, Pauses, PausesError, Probe};

mod dead;

mod delivery;

mod pauses;

pub mod standing;

/// A pull request ends after this without a message: one that a restart of NATS swallowed costs no more.
const PULL: Duration = Duration::from_secs(5);
/// A closed destination is looked at again at least this often: a person may have opened it.
const LOOK: Duration = Duration::from_secs(10);
/// After a failure of NATS.
const BREATH: Duration = Duration::from_millis(500);
/// What is in hand when the end comes gets so long.
const GRACE: Duration = Duration::from_secs(20);

/// One receiver's deliveries, as this worker sees them.
struct Destination {
    nats: Nats,
    receiver: Receiver,
    /// The first follow-up comes no sooner after what it follows.
    follow_up: Duration,
    sender: Sender,
    ledger: Ledger,
    pauses: Pauses,
    queue: PullConsumer,
    streak: Streak,
    metrics: Arc<Metrics>,
}

/// Why nothing is delivered just now.
#[derive(Debug, thiserror::Error)]
enum DeliverError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Pauses(#[from] PausesError),
    #[error(transparent)]
    Clock(#[from] ClockError),
    #[error("cannot find the queue")]
    Queue(#[source] async_nats::jetstream::stream::ConsumerError),
    #[error("cannot pull")]
    Pull(#[source] async_nats::Error),
    #[error("cannot acknowledge")]
    Ack(#[source] async_nats::Error),
}

/// A message, and whether it is a probe.
struct Pulled {
    message: Message,
    probe: Option<Probe>,
}

/// Delivers until it is told to stop; then finishes what it has in hand, within a grace period.
///
/// NATS may come and go. It fails only where the receiver cannot be set up at all.
pub async fn run(
    nats: Nats,
    config: Arc<Config>,
    receiver: Receiver,
    shutdown: CancellationToken,
    metrics: Arc<Metrics>,
) -> Result<(), SetUpError> {
    let sender = Sender::new(&receiver.transport, config.timezone.clone())?;
    let destination = tokio::select! {
        destination = Destination::open(nats, receiver, config.follow_up, sender, metrics) => Arc::new(destination),
        () = shutdown.cancelled() => return Ok(()),
    };
    let mut in_hand = JoinSet::new();
    let slots = usize::try_from(destination.sender.at_once()).unwrap_or(1);
    let slots = Arc::new(Semaphore::new(slots));
    loop {
        let pulled = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            pulled = destination.next(&slots) => pulled,
        };
        while let Some(ended) = in_hand.try_join_next() {
            say_if_it_panicked(ended);
        }
        match pulled {
            Ok(Some((pulled, slot))) => {
                let destination = Arc::clone(&destination);
                in_hand.spawn(async move {
                    destination.deliver(pulled).await;
                    drop(slot);
                });
            }
            Ok(None) => {}
            Err(error) => {
                destination.streak.failed("taking a delivery", &error);
                sleep(BREATH).await;
            }
        }
    }
    finish(in_hand, &destination.receiver.name).await;
    Ok(())
}

/// What is in hand ends by itself, or is cut off: the lease says then that nobody knows.
async fn finish(mut in_hand: JoinSet<()>, receiver: &str) {
    let finished = timeout(GRACE, async {
        while let Some(ended) = in_hand.join_next().await {
            say_if_it_panicked(ended);
        }
    });
    if finished.await.is_err() {
        tracing::warn!(
            receiver,
            "deliveries were still in hand when the grace period ended"
        );
    }
}

fn say_if_it_panicked(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a delivery broke off; it will be taken again");
    }
}

impl Destination {
    /// Opens what `provision` made, as soon as it is there.
    async fn open(
        nats: Nats,
        receiver: Receiver,
        follow_up: Duration,
        sender: Sender,
        metrics: Arc<Metrics>,
    ) -> Destination {
        let streak = Streak::default();
        let transport = receiver.transport.name();
        let (ledger, pauses, queue) = persist(&streak, "opening a queue", || async {
            let stream = nats.topology.deliveries_name();
            let name = deliver_name(&nats.group, &receiver.name, transport);
            let queue = nats.jetstream.get_consumer_from_stream(name, stream).await;
            Ok::<_, DeliverError>((
                Ledger::open(&nats).await?,
                Pauses::open(&nats, &receiver.name, transport).await?,
                queue.map_err(DeliverError::Queue)?,
            ))
        })
        .await;
        Destination {
            nats,
            receiver,
            follow_up,
            sender,
            ledger,
            pauses,
            queue,
            streak,
            metrics,
        }
    }

    /// The next message that may be tried, with the slot that it takes. None: look again.
    async fn next(
        &self,
        slots: &Arc<Semaphore>,
    ) -> Result<Option<(Pulled, tokio::sync::OwnedSemaphorePermit)>, DeliverError> {
        let all = self.sender.at_once();
        let Ok(slot) = Arc::clone(slots).acquire_owned().await else {
            return Ok(None); // nobody closes it
        };
        let gate = self.pauses.gate().await?;
        self.metrics.paused(&self.receiver, gate != Gate::Open);
        let probe = match gate {
            Gate::Open => None,
            Gate::Until(left) => {
                sleep(left.min(LOOK)).await;
                return Ok(None);
            }
            Gate::Probe(probe) => Some(probe),
        };
        let slot = match probe {
            None => slot,
            Some(_) => {
                drop(slot); // a probe is alone
                match Arc::clone(slots).acquire_many_owned(all).await {
                    Ok(slot) => slot,
                    Err(_) => return Ok(None),
                }
            }
        };
        Ok(self.taken(probe).await?.map(|pulled| (pulled, slot)))
    }

    /// A message, if one comes in time and may be sent at once.
    async fn taken(&self, probe: Option<Probe>) -> Result<Option<Pulled>, DeliverError> {
        let Some(message) = self.pull().await? else {
            if let Some(probe) = probe {
                self.pauses.open_again(probe, &self.streak).await;
            }
            return Ok(None);
        };
        self.streak.worked();
        // While this waited for a message, another may have been told to wait: `Retry-After` holds for all.
        if probe.is_none()
            && let Some(left) = self.pauses.closed_for().await?
        {
            let back = AckKind::Nak(Some(left));
            message.ack_with(back).await.map_err(DeliverError::Ack)?;
            return Ok(None);
        }
        Ok(Some(Pulled { message, probe }))
    }

    async fn pull(&self) -> Result<Option<Message>, DeliverError> {
        let batch = self.queue.batch().max_messages(1).expires(PULL);
        let mut batch = batch
            .messages()
            .await
            .map_err(|error| DeliverError::Pull(error.into()))?;
        match timeout(PULL + BREATH, batch.next()).await {
            Ok(message) => message.transpose().map_err(DeliverError::Pull),
            Err(_) => Ok(None),
        }
    }

    /// One message, kept from coming back while it is worked on, and what its probe says of the destination.
    async fn deliver(&self, pulled: Pulled) {
        let outcome = pull::kept(&pulled.message, self.one(&pulled)).await;
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                self.streak.failed("delivering", &error);
                // Kept until NATS is there again; without it the message comes back all the same, later.
                let _ = pulled.message.ack_with(AckKind::Nak(Some(PULL))).await;
                Outcome::Untried
            }
        };
        match (outcome, pulled.probe) {
            (Outcome::Through, Some(probe)) => self.pauses.open_again(probe, &self.streak).await,
            (Outcome::Untried, Some(probe)) => self.pauses.hand_back(probe, &self.streak).await,
            (Outcome::Closed, _) | (_, None) => {}
        }
    }
}
