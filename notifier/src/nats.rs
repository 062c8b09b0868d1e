//! The connection that a worker works with, the names it works under, and how it bears that NATS is away.
//! It publishes and subscribes nothing: each loop does its own.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::context::RequestError;
use jiff::Timestamp;
use pillarbox_proto::subject::Group;
use pillarbox_proto::topology::{Bucket, Topology};

/// Between two tries at something that NATS did not do: doubled each time, up to this.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// What every loop needs to reach its streams and buckets. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Nats {
    /// The connection.
    pub jetstream: Context,
    /// The names of streams and buckets.
    pub topology: Topology,
    /// The group whose work is done here.
    pub group: Group,
    /// This worker's name, unique among all that run: it signs what it has in hand.
    pub worker: String,
}

impl Nats {
    /// The server's clock, against which every stored time is held.
    pub async fn server_time(&self) -> Result<Timestamp, ClockError> {
        #[derive(serde::Deserialize)]
        struct Info {
            ts: Option<Timestamp>,
        }
        let ledger = self.topology.bucket_name(Bucket::Ledger);
        let info: Info = self
            .jetstream
            .request(format!("STREAM.INFO.KV_{ledger}"), &())
            .await?;
        info.ts.ok_or(ClockError::NoTime)
    }
}

/// Why the server's clock cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ClockError {
    /// No answer.
    #[error("no time from the server: {0}")]
    Request(#[from] RequestError),
    /// An answer without a time: the stream is not there, or the server is older than 2.10.
    #[error("the answer to STREAM.INFO has no time")]
    NoTime,
}

/// A time of async-nats as everything here has it.
pub fn timestamp(time: async_nats::datetime::DateTime) -> Timestamp {
    Timestamp::from_nanosecond(time.unix_timestamp_nanos()).unwrap_or(Timestamp::MAX)
}

/// How much later `now` is; nothing if it is not.
pub fn elapsed(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}

/// Says the first of a row of failures, and the end of the row.
#[derive(Debug, Default)]
pub struct Streak {
    failing: AtomicBool,
}

impl Streak {
    /// One more failure.
    pub fn failed(&self, what: &str, error: &dyn Display) {
        if !self.failing.swap(true, Ordering::Relaxed) {
            tracing::warn!(%error, "NATS does not answer ({what}); trying again until it does");
        }
    }

    /// It works, or works again.
    pub fn worked(&self) {
        if self.failing.swap(false, Ordering::Relaxed) {
            tracing::info!("NATS answers again");
        }
    }
}

/// Does something until it is done. What calls it says how it is recognised when it happens twice.
pub async fn persist<T, E, F>(streak: &Streak, what: &str, mut attempt: impl FnMut() -> F) -> T
where
    E: Display,
    F: Future<Output = Result<T, E>>,
{
    let mut wait = Duration::from_millis(100);
    loop {
        match attempt().await {
            Ok(done) => {
                streak.worked();
                return done;
            }
            Err(error) => streak.failed(what, &error),
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}
