//! Names that carry a group of workers: open jobs, checks, deliveries, dead letters, and keys of the buckets.
//! It says nothing of `EVENTS`, which all groups share.

use crate::salt::MinionId;

use super::{DeliveryKey, Token, minion_token};

/// Names of one group of workers: everything but `EVENTS` carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group(Token);

impl Group {
    /// `None` for the names that subjects need for themselves, and for an empty one: `dead` and `lookup` stand where a group
    /// does, and `collector` does so among the dead letters.
    pub fn new(name: &str) -> Option<Group> {
        (!matches!(name, "dead" | "lookup" | "collector" | "")).then(|| Group(Token::new(name)))
    }

    /// Its token.
    pub fn token(&self) -> &Token {
        &self.0
    }

    /// The job that somebody wants to hear about, not settled yet.
    pub fn open(&self, cluster: &Token, job: &Token) -> String {
        format!("pillarbox.v1.{}.open.{cluster}.{job}", self.0)
    }

    /// Every open job.
    pub fn open_filter(&self) -> String {
        format!("pillarbox.v1.{}.open.>", self.0)
    }

    /// The check that nothing slipped in while the open message with this stream sequence was settled.
    pub fn verify(&self, cluster: &Token, job: &Token, open_sequence: u64) -> String {
        format!(
            "pillarbox.v1.{}.verify.{cluster}.{job}.{open_sequence}",
            self.0
        )
    }

    /// A route's messages above its storm limit in one window.
    pub fn storm(&self, route: &Token, window: &Token) -> String {
        format!("pillarbox.v1.{}.storm.{route}.{window}", self.0)
    }

    /// Everything of this group on `OPEN_JOBS`.
    pub fn work_filter(&self) -> String {
        format!("pillarbox.v1.{}.>", self.0)
    }

    /// One delivery.
    pub fn deliver(&self, key: &DeliveryKey) -> String {
        format!(
            "pillarbox.v1.{}.deliver.{}.{}.{}",
            self.0,
            Token::new(&key.receiver),
            key.transport,
            key.hash()
        )
    }

    /// Every delivery to one receiver by one transport.
    pub fn deliver_filter(&self, receiver: &str, transport: &str) -> String {
        format!(
            "pillarbox.v1.{}.deliver.{}.{transport}.*",
            self.0,
            Token::new(receiver)
        )
    }

    /// A delivery that was given up.
    pub fn dead(&self, receiver: &str, reason: &str) -> String {
        format!(
            "pillarbox.v1.dead.{}.{}.{}",
            self.0,
            Token::new(receiver),
            Token::new(reason)
        )
    }

    /// The key of `JOBS` for a job.
    pub fn job_key(&self, cluster: &Token, job: &Token) -> String {
        format!("{}.{cluster}.{job}", self.0)
    }

    /// The key of `LEDGER` for a delivery.
    pub fn ledger_key(&self, key: &DeliveryKey) -> String {
        format!("{}.{}", self.0, key.hash())
    }

    /// The key of `PAUSES` for a destination.
    pub fn pause_key(&self, receiver: &str, transport: &str) -> String {
        format!("{}.{}.{transport}", self.0, Token::new(receiver))
    }

    /// The key of `FAULTS` for a minion and what ran on it.
    pub fn fault_key(&self, cluster: &Token, run: &str, minion: &MinionId) -> String {
        format!("{}.{cluster}.{run}.{}", self.0, minion_token(minion))
    }

    /// The keys of `FAULTS` of everything that ran as `run`.
    pub fn fault_filter(&self, cluster: &Token, run: &str) -> String {
        format!("{}.{cluster}.{run}.*", self.0)
    }
}
