//! The entries of `LEDGER`: read, and written by compare-and-set on the revision read.
//! It does not decide what an entry means: `deliver::standing` does.

use std::time::Duration;

use async_nats::jetstream::context::KeyValueError;
use async_nats::jetstream::kv::{EntryError, Operation, Store, UpdateErrorKind};
use jiff::Timestamp;
use pillarbox_proto::delivery::{LedgerEntry, LedgerState};
use pillarbox_proto::subject::DeliveryKey;
use pillarbox_proto::topology::Bucket;
use pillarbox_proto::wire::{self, DecodeError};

use crate::elapsed::elapsed;
use crate::nats::Nats;
use crate::patience::{Streak, persist};
use crate::read_back::timestamp;

/// Who claims a delivery has it to himself for so long.
pub const LEASE: Duration = Duration::from_secs(60);

/// The bucket.
#[derive(Debug, Clone)]
pub struct Ledger {
    nats: Nats,
    store: Store,
}

/// An entry as it was read.
#[derive(Debug, Clone)]
pub struct Page {
    /// What it says; nothing for a delivery never tried.
    pub entry: Option<LedgerEntry>,
    /// For the compare-and-set; 0 for a key never written.
    pub revision: u64,
    /// When it was written, by the server's clock.
    pub stored: Timestamp,
}

/// Why the ledger does not serve.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The bucket cannot be opened.
    #[error("cannot open the ledger")]
    Open(#[from] KeyValueError),
    /// No answer to a read.
    #[error("cannot read the ledger")]
    Read(#[from] EntryError),
    /// An entry of a newer Pillarbox, or a damaged one.
    #[error("cannot read an entry of the ledger")]
    Decode(#[from] DecodeError),
    /// An entry that is no JSON cannot be.
    #[error("cannot write an entry of the ledger")]
    Encode(#[from] serde_json::Error),
    /// Somebody else wrote in the meantime.
    #[error("another worker wrote the entry")]
    Refused,
}

impl Page {
    /// How long its claim still holds; nothing for what is no claim.
    pub fn lease_left(&self, now: Timestamp) -> Duration {
        match self.entry.as_ref().map(|entry| &entry.state) {
            Some(LedgerState::Sending { lease, .. }) => {
                Duration::from_secs((*lease).into()).saturating_sub(elapsed(self.stored, now))
            }
            _ => Duration::ZERO,
        }
    }
}

impl Ledger {
    /// Opens the bucket, which `provision` made.
    pub async fn open(nats: &Nats) -> Result<Ledger, LedgerError> {
        let name = nats.topology.bucket_name(Bucket::Ledger);
        let store = nats.jetstream.get_key_value(name).await?;
        Ok(Ledger {
            nats: nats.clone(),
            store,
        })
    }

    /// What is known of a delivery.
    pub async fn read(&self, key: &DeliveryKey) -> Result<Page, LedgerError> {
        let Some(found) = self.store.entry(self.nats.group.ledger_key(key)).await? else {
            return Ok(Page {
                entry: None,
                revision: 0,
                stored: Timestamp::MIN,
            });
        };
        let entry = match found.operation {
            Operation::Put => Some(wire::decode_entry(&found.value)?),
            Operation::Delete | Operation::Purge => None,
        };
        Ok(Page {
            entry,
            revision: found.revision,
            stored: timestamp(found.created),
        })
    }

    /// Writes an entry over the one with this revision, and says the new revision. It does not end before that is known:
    /// a write without an answer is tried again, and a refusal is asked about, since the write refused may be our own.
    ///
    /// Two writes of the same entry must not look the same: a claim is signed with what it has in hand.
    pub async fn write(
        &self,
        entry: &LedgerEntry,
        revision: u64,
        streak: &Streak,
    ) -> Result<u64, LedgerError> {
        let key = self.nats.group.ledger_key(&entry.key);
        let bytes = wire::encode_entry(entry)?;
        let written = persist(streak, "writing the ledger", || async {
            match self.store.update(&key, bytes.clone(), revision).await {
                Ok(revision) => Ok(Some(revision)),
                Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => Ok(None),
                Err(error) => Err(error),
            }
        });
        if let Some(revision) = written.await {
            return Ok(revision);
        }
        let found = persist(streak, "reading the ledger", || {
            self.store.entry(key.clone())
        })
        .await;
        match found.filter(|found| found.value == bytes) {
            Some(found) => Ok(found.revision),
            None => Err(LedgerError::Refused),
        }
    }
}
