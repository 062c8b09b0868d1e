//! The server's clock, against which every stored time is held.
//! It never reads this machine's own.

use async_nats::jetstream::context::RequestError;
use jiff::Timestamp;
use pillarbox_proto::topology::Bucket;

use crate::nats::Nats;

/// Why the server's clock cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ClockError {
    /// No answer.
    #[error("cannot ask the server for the time")]
    Request(#[from] RequestError),
    /// An answer without a time: the bucket is not there, or the server is older than 2.10.
    #[error("the answer to STREAM.INFO has no time")]
    NoTime,
}

/// What time it is on the server.
pub async fn server_time(nats: &Nats) -> Result<Timestamp, ClockError> {
    #[derive(serde::Deserialize)]
    struct Info {
        ts: Option<Timestamp>,
    }
    let ledger = nats.topology.bucket_name(Bucket::Ledger);
    let subject = format!("STREAM.INFO.KV_{ledger}");
    let info: Info = nats.jetstream.request(subject, &()).await?;
    info.ts.ok_or(ClockError::NoTime)
}
