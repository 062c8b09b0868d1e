//! The entry of `PAUSES` of one destination: whether it is open, shared by all workers.
//! It decides no delay: `retry` does.

use std::time::Duration;

use async_nats::jetstream::context::KeyValueError;
use async_nats::jetstream::kv::{EntryError, Operation, Store, UpdateError, UpdateErrorKind};
use pillarbox_proto::delivery::Pause;
use pillarbox_proto::topology::Bucket;
use pillarbox_proto::wire;

use crate::clock::{ClockError, server_time};
use crate::elapsed::elapsed;
use crate::ledger::LEASE;
use crate::nats::Nats;
use crate::patience::{Streak, persist};
use crate::read_back::timestamp;

/// Who lost a race for the probe looks again after this.
const LOST: Duration = Duration::from_millis(200);

/// One destination's pause.
#[derive(Debug)]
pub(super) struct Pauses {
    nats: Nats,
    store: Store,
    key: String,
}

/// Whether a destination may be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Gate {
    /// By everybody.
    Open,
    /// By nobody, for so long.
    Until(Duration),
    /// By us, with one message: the others wait for what comes of it.
    Probe(Probe),
}

/// The right to try one message at a destination whose pause is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Probe {
    /// Attempts at it that failed in a row.
    pub(super) failures: u32,
    revision: u64,
}

/// Why the gate is not known.
#[derive(Debug, thiserror::Error)]
pub(super) enum PausesError {
    /// The bucket cannot be opened.
    #[error("cannot open the pauses")]
    Open(#[from] KeyValueError),
    /// No answer to a read.
    #[error("cannot read a pause")]
    Read(#[from] EntryError),
    /// No answer to a write.
    #[error("cannot write a pause")]
    Write(#[from] UpdateError),
    /// An entry that is no JSON cannot be.
    #[error("cannot write a pause")]
    Encode(#[from] serde_json::Error),
    /// The server's clock is not known.
    #[error(transparent)]
    Clock(#[from] ClockError),
}

impl Pauses {
    /// Opens the bucket, which `provision` made.
    pub(super) async fn open(
        nats: &Nats,
        receiver: &str,
        transport: &str,
    ) -> Result<Pauses, PausesError> {
        let name = nats.topology.bucket_name(Bucket::Pauses);
        Ok(Pauses {
            nats: nats.clone(),
            store: nats.jetstream.get_key_value(name).await?,
            key: nats.group.pause_key(receiver, transport),
        })
    }

    /// Whether the destination may be tried now. When a pause is over, one worker gets the probe.
    pub(super) async fn gate(&self) -> Result<Gate, PausesError> {
        let (found, revision) = self.read().await?;
        let Some((pause, left)) = found else {
            return Ok(Gate::Open);
        };
        if !left.is_zero() {
            return Ok(Gate::Until(left));
        }
        let probe = Pause {
            milliseconds: milliseconds(LEASE),
            probing: Some(self.nats.worker.clone()),
            ..pause
        };
        let failures = probe.failures;
        Ok(match self.write(&probe, revision).await? {
            Some(revision) => Gate::Probe(Probe { failures, revision }),
            None => Gate::Until(LOST), // another worker got it
        })
    }

    /// For how long the destination is closed yet, if it is.
    pub(super) async fn closed_for(&self) -> Result<Option<Duration>, PausesError> {
        let (found, _) = self.read().await?;
        Ok(found.map(|(_, left)| left).filter(|left| !left.is_zero()))
    }

    /// What stands there, for how long it holds, and its revision. An entry that cannot be read holds nobody.
    async fn read(&self) -> Result<(Option<(Pause, Duration)>, u64), PausesError> {
        let Some(found) = self.store.entry(&self.key).await? else {
            return Ok((None, 0));
        };
        let pause = match found.operation {
            Operation::Put => wire::decode_entry::<Pause>(&found.value).ok(),
            Operation::Delete | Operation::Purge => None,
        };
        let Some(pause) = pause else {
            return Ok((None, found.revision));
        };
        let gone = elapsed(timestamp(found.created), server_time(&self.nats).await?);
        let left = Duration::from_millis(pause.milliseconds).saturating_sub(gone);
        Ok((Some((pause, left)), found.revision))
    }

    /// The new revision; none if somebody else wrote in the meantime.
    async fn write(&self, pause: &Pause, revision: u64) -> Result<Option<u64>, PausesError> {
        let bytes = wire::encode_entry(pause)?;
        match self.store.update(&self.key, bytes, revision).await {
            Ok(revision) => Ok(Some(revision)),
            Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Nobody tries it for so long. What another worker closed for longer stays.
    pub(super) async fn close(
        &self,
        length: Duration,
        failures: u32,
        reason: &str,
        streak: &Streak,
    ) {
        let pause = Pause {
            milliseconds: milliseconds(length),
            failures,
            reason: reason.to_owned(),
            probing: None,
        };
        let pause = &pause;
        persist(streak, "closing a destination", || async move {
            loop {
                let (found, revision) = self.read().await?;
                let longer =
                    |(other, left): &(Pause, Duration)| other.probing.is_none() && *left > length;
                if found.as_ref().is_some_and(longer)
                    || self.write(pause, revision).await?.is_some()
                {
                    return Ok::<(), PausesError>(());
                }
            }
        })
        .await;
    }

    /// The probe came through, or there was nothing to try: everybody may. What was written since stays.
    pub(super) async fn open_again(&self, probe: Probe, streak: &Streak) {
        persist(streak, "opening a destination", || async move {
            match self
                .store
                .delete_expect_revision(&self.key, Some(probe.revision))
                .await
            {
                Err(error) if error.kind() != UpdateErrorKind::WrongLastRevision => Err(error),
                _ => Ok(()),
            }
        })
        .await;
    }

    /// The probe was not made: the next message is one.
    pub(super) async fn hand_back(&self, probe: Probe, streak: &Streak) {
        let pause = Pause {
            milliseconds: 0,
            failures: probe.failures,
            reason: "the probe was not made".to_owned(),
            probing: None,
        };
        let pause = &pause;
        persist(streak, "handing back a probe", || {
            self.write(pause, probe.revision)
        })
        .await;
    }
}

/// As an entry has it.
fn milliseconds(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}
