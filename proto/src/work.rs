//! What is queued and kept about a job: open and verify items, the entries of `JOBS` and `FAULTS`.
//! The decisions that read and write them are the notifier's; here is only what must stay readable by both n and n−1.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::Outcome;
use crate::salt::Jid;

/// A job that somebody wants to hear about, not settled yet (`….open.<cluster>.<job>`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenItem {
    /// The cluster's token, as in the subject: for people who look.
    pub cluster: String,
    /// The job's token.
    pub job: String,
    /// Stream sequence of the event that opened it.
    pub event: u64,
}

/// The check that nothing slipped in while a job was settled (`….verify.<cluster>.<job>.<sequence>`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyItem {
    /// The cluster's token, as in the subject: for people who look.
    pub cluster: String,
    /// The job's token.
    pub job: String,
    /// Stream sequence of the open message that was to be acknowledged.
    pub open: u64,
    /// Highest event sequence that was folded.
    pub settled_to: u64,
    /// Minions had not answered: the item is kept, and put back with growing delays, until all have or a day has passed.
    pub awaiting: bool,
}

/// The entry of `JOBS`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct JobEntry {
    /// Highest event sequence that was folded and told. Only grows.
    pub settled_to: u64,
    /// Hash of the routes that judged it.
    pub config: String,
    /// What was decided, newest last: per route, and for a `run-…` job per window. Bounded.
    pub decisions: Vec<Decided>,
    /// Minions had not answered: whoever finds the job settled, but not its check, queues one that is kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub awaiting: bool,
}

/// What was decided for one route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// The route's name.
    pub route: String,
    /// The `settled_to` before the window; 0 for a job with a jid.
    #[serde(default)]
    pub window: u64,
    /// Say or not.
    #[serde(flatten)]
    pub decision: Decision,
}

/// Whether a route speaks about a digest, and why not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Decision {
    /// A delivery was published for every receiver of the route.
    Say {
        /// The highest sequence folded.
        version: u64,
    },
    /// Deliberately not said.
    Quiet {
        /// A sentence for `explain`.
        reason: String,
    },
}

/// The entry of `FAULTS`: what a minion's runs of one piece of work came to, lately.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FaultEntry {
    /// The last outcomes by jid, oldest first, 8 at most. Folding a job again replaces its own entry.
    pub outcomes: Vec<FaultOutcome>,
    /// First jid of the present row of failures, if the newest outcome is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Jid>,
    /// How many failures the present row has.
    #[serde(default)]
    pub count: u32,
    /// Per route, what was said last.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub said: BTreeMap<String, Said>,
}

/// One outcome in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultOutcome {
    /// The minion's own jid.
    pub jid: Jid,
    /// What came of it.
    pub result: FaultResult,
}

/// What counts for a row of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FaultResult {
    /// It failed.
    Failed,
    /// It did not answer.
    Missing,
    /// It answered and nothing failed: changed, pending or clean.
    Good,
}

impl From<Outcome> for FaultResult {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Failed => FaultResult::Failed,
            Outcome::Pending | Outcome::Changed | Outcome::Clean => FaultResult::Good,
        }
    }
}

/// A route told people about a fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// In which job.
    pub jid: Jid,
    /// When, by the server's clock, RFC 3339.
    pub at: String,
}
