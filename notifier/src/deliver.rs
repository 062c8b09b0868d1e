//! Loop 3: deliveries to one receiver, from its queue to its door.
//! It decides nothing: `standing` says what the ledger means, `retry` what an attempt means, and the receivers how to send.
//!
//! In this order, and the ack last: take, ledger, send, record, ack. What happens twice is recognised by the ledger.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::{AckKind, Message};
use pillarbox_proto::topology::deliver_name;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::clock::ClockError;
use crate::config::Config;
use crate::ledger::{Ledger, LedgerError};
use crate::metrics::Metrics;
use crate::nats::Nats;
use crate::patience::{Streak, persist};
use crate::pull::{self, PullError, Request};
use crate::receiver::{Receiver, Sender};
use delivery::Outcome;
use pauses::{Gate, Pauses, PausesError, Probe};

mod dead;

mod delivery;

mod pauses;

pub mod standing;

/// A delivery that met a failure of NATS comes back after this.
const AGAIN: Duration = Duration::from_secs(5);
/// A closed destination is looked at again at least this often: a person may have opened it.
const LOOK: Duration = Duration::from_secs(10);
/// After a failure of NATS.
const BREATH: Duration = Duration::from_millis(500);

/// One receiver's deliveries, as this worker sees them.
struct Destination {
    nats: Nats,
    receiver: Receiver,
    /// For the routes' own words, and how soon a follow-up may come.
    config: Arc<Config>,
    sender: Sender,
    ledger: Ledger,
    pauses: Pauses,
    /// The durable consumer of its queue.
    queue: String,
    shutdown: CancellationToken,
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
    #[error(transparent)]
    Pull(#[from] PullError),
    #[error("cannot acknowledge")]
    Ack(#[source] async_nats::Error),
}

/// A message, and whether it is a probe.
struct Pulled {
    message: Message,
    probe: Option<Probe>,
}

/// Delivers until it is told to stop; then finishes what it has in hand. NATS may come and go.
pub async fn run(
    nats: Nats,
    config: Arc<Config>,
    (receiver, sender): (Receiver, Sender),
    shutdown: CancellationToken,
    metrics: Arc<Metrics>,
) {
    let opened = Destination::open(nats, receiver, config, sender, shutdown.clone(), metrics);
    let destination = tokio::select! {
        destination = opened => Arc::new(destination),
        () = shutdown.cancelled() => return,
    };
    let mut in_hand = JoinSet::new();
    let slots = usize::try_from(destination.sender.at_once()).unwrap_or(1);
    let slots = Arc::new(Semaphore::new(slots));
    while !shutdown.is_cancelled() {
        let pulled = destination.next(&slots).await;
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
                let _ = timeout(BREATH, shutdown.cancelled()).await;
            }
        }
    }
    while let Some(ended) = in_hand.join_next().await {
        say_if_it_panicked(ended);
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
        config: Arc<Config>,
        sender: Sender,
        shutdown: CancellationToken,
        metrics: Arc<Metrics>,
    ) -> Destination {
        let streak = Streak::default();
        let transport = receiver.transport.name();
        let queue = deliver_name(&nats.group, &receiver.name, transport);
        let (ledger, pauses) = persist(&streak, "opening a queue", || async {
            Ok::<_, DeliverError>((
                Ledger::open(&nats).await?,
                Pauses::open(&nats, &receiver.name, transport).await?,
            ))
        })
        .await;
        Destination {
            nats,
            receiver,
            config,
            sender,
            ledger,
            pauses,
            queue,
            shutdown,
            streak,
            metrics,
        }
    }

    /// The next message that may be tried, with the slot that it takes. None: look again.
    async fn next(
        &self,
        slots: &Arc<Semaphore>,
    ) -> Result<Option<(Pulled, OwnedSemaphorePermit)>, DeliverError> {
        let slot = tokio::select! {
            () = self.shutdown.cancelled() => return Ok(None),
            slot = Arc::clone(slots).acquire_owned() => slot,
        };
        let Ok(slot) = slot else {
            return Ok(None); // nobody closes it
        };
        let gate = self.pauses.gate().await?;
        self.metrics.paused(&self.receiver, gate != Gate::Open);
        match gate {
            Gate::Open => Ok(self.taken(None).await?.map(|pulled| (pulled, slot))),
            Gate::Until(left) => {
                let _ = timeout(left.min(LOOK), self.shutdown.cancelled()).await;
                Ok(None)
            }
            Gate::Probe(probe) => {
                drop(slot); // a probe is alone
                let all = Arc::clone(slots).acquire_many_owned(self.sender.at_once());
                let Ok(all) = all.await else {
                    return Ok(None);
                };
                Ok(self.taken(Some(probe)).await?.map(|pulled| (pulled, all)))
            }
        }
    }

    /// A message, if one comes in time and may be sent at once.
    async fn taken(&self, probe: Option<Probe>) -> Result<Option<Pulled>, DeliverError> {
        let Some(message) = self.pull().await? else {
            match probe {
                Some(probe) if self.shutdown.is_cancelled() => {
                    self.pauses.hand_back(probe, &self.streak).await;
                }
                Some(probe) => self.pauses.open_again(probe, &self.streak).await,
                None => {}
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

    /// A message, unless the end comes first.
    async fn pull(&self) -> Result<Option<Message>, PullError> {
        let stream = self.nats.topology.deliveries_name();
        let mut request = Request::send(&self.nats, &stream, &self.queue, 1).await?;
        let message = tokio::select! {
            biased;
            () = self.shutdown.cancelled() => None,
            message = request.next() => Some(message),
        };
        match message {
            Some(message) => message,
            None => {
                request.hand_back().await;
                Ok(None)
            }
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
                let _ = pulled.message.ack_with(AckKind::Nak(Some(AGAIN))).await;
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
