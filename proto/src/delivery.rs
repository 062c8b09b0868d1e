//! From a notification to its end: deliveries, what the ledger keeps of them, and dead letters.
//! It holds no rendered message: what is said is rendered where it is sent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Job};
use crate::subject::DeliveryKey;

/// What there is to say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "moment", rename_all = "lowercase")]
pub enum Notification {
    /// A job starts.
    Start(Box<Start>),
    /// A job, as far as it is known.
    Digest(Box<Digest>),
}

/// A job starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// What was run.
    pub job: Job,
    /// When. RFC 3339, UTC, the master's clock.
    pub started: String,
    /// How many minions Salt expects; unknown for a runner.
    pub minions: Option<u32>,
    /// How many listed targets have no key.
    pub no_key: u32,
    /// It was found in the job cache after a gap.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recovered: bool,
}

/// One work item: one notification for one receiver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// What it is about and whom it is for.
    pub key: DeliveryKey,
    /// The highest sequence folded; always 1 for a start or a return. A newer version replaces a waiting older one.
    pub version: u64,
    /// When it was published, by the server's clock, RFC 3339: age decides when to give up.
    pub created: String,
    /// What to say.
    pub notification: Notification,
}

/// The entry of `LEDGER`: what became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// The delivery's key.
    pub key: DeliveryKey,
    /// Where it stands.
    #[serde(flatten)]
    pub state: LedgerState,
    /// Attempts at the outside, all versions together.
    pub attempts: u32,
    /// The highest version that was said; 0 for none.
    pub version: u64,
    /// Hash of what a reader saw of it; empty for none.
    pub seen: String,
    /// How many messages were said under this key: follow-ups keep a growing distance.
    #[serde(default)]
    pub said: u32,
    /// When the last of them was accepted, by the server's clock, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said_at: Option<String>,
    /// What the far side gave back for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
    /// The highest version of which nobody knows whether it arrived, so that a reader may have seen it twice; 0 for none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub in_doubt: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Where a delivery stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum LedgerState {
    /// A worker is about to send, or did and could not say so: after the lease it is ambiguous.
    Sending {
        /// The worker.
        worker: String,
        /// The version it sends.
        sending: u64,
        /// Lease in seconds, from the entry's stored time by the server's clock.
        lease: u32,
    },
    /// The far side accepted it.
    Delivered,
    /// The far side accepted it, but of an attempt before that nobody knows: a reader may have seen it twice.
    Ambiguous {
        /// The version in question.
        sending: u64,
    },
    /// The attempt failed, and another will follow.
    Waiting {
        /// What the far side said; never a secret.
        error: String,
        /// How often in a row, for the back-off.
        failures: u32,
    },
    /// Given up: it is a dead letter.
    Dead {
        /// Why.
        reason: String,
        /// Stream sequence of the message that was given up: a re-send has another. 0 for not known.
        #[serde(default, skip_serializing_if = "is_zero")]
        sequence: u64,
    },
}

/// What the far side gave back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Receipt {
    /// An incoming webhook's `ok`: a message that nobody can name.
    SlackWebhook,
    /// A message that can be updated.
    Slack {
        /// The channel's id.
        channel: String,
        /// The message's timestamp.
        ts: String,
        /// Hash of what the message shows; empty for not known.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        shows: String,
        /// Hash of each detail that stands in its thread, or never will.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        details: Vec<String>,
        /// Why some of them never will; never a secret.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        details_refused: Option<String>,
    },
    /// The mail server's reply to the message.
    Smtp {
        /// `Message-ID`, without angle brackets.
        message_id: String,
        /// Code and text, bounded.
        reply: String,
        /// What was said about each recipient that is settled: 2xx, it has the mail; 5xx, refused for good. The others are tried again.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        recipients: BTreeMap<String, String>,
    },
}

/// The entry of `PAUSES`: a destination that is not to be tried now. No entry: it is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// For how long from the entry's stored time, by the server's clock.
    pub milliseconds: u64,
    /// Attempts at it that failed in a row.
    pub failures: u32,
    /// What it said; never a secret.
    pub reason: String,
    /// The pause is over, and this worker tries one message; the others wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probing: Option<String>,
}

/// A delivery that was given up (`pillarbox.v1.dead.<group>.<receiver>.<reason>`). A re-send makes a new attempt under its key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// What could not be delivered, whole.
    pub delivery: Delivery,
    /// Why, in a word: the subject's last token.
    pub reason: String,
    /// What the far side said last, bounded; never a secret.
    pub error: String,
    /// Attempts at the outside.
    pub attempts: u32,
    /// When it was given up, RFC 3339.
    pub at: String,
}

/// An event that the collector could not read, or could not publish for itself (`pillarbox.v1.dead.collector.<cluster>.<reason>`).
///
/// Never its bytes: they may hold secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadEvent {
    /// The cluster.
    pub cluster: String,
    /// The master.
    pub master: String,
    /// The event's tag, bounded.
    pub tag: String,
    /// Length of tag and payload in bytes.
    pub length: u64,
    /// SHA-256 of tag and payload, hex.
    pub sha256: String,
    /// Why, with no byte of the payload.
    pub error: String,
    /// When, RFC 3339.
    pub at: String,
}
