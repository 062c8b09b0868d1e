//! Publishing to the two work queues: deliveries, and jobs to open or to check.
//! It does not decide what is said; it knows what a refusal means.

use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::LastRawMessageErrorKind;
use pillarbox_proto::delivery::Delivery;
use pillarbox_proto::subject::{DeliveryKey, Token};
use pillarbox_proto::wire;
use pillarbox_proto::work::{OpenItem, VerifyItem};

use crate::nats::Nats;
use crate::spans;

/// Why something could not be queued.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// NATS did not take it: try again.
    #[error("cannot queue {what}")]
    Nats {
        /// What was to be queued.
        what: &'static str,
        /// Why not.
        #[source]
        source: async_nats::Error,
    },
    /// It cannot be written as JSON: a defect.
    #[error("cannot encode {what}")]
    Encode {
        /// What was to be queued.
        what: &'static str,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
}

fn nats<E: Into<async_nats::Error>>(what: &'static str) -> impl FnOnce(E) -> OutboxError {
    move |source| OutboxError::Nats {
        what,
        source: source.into(),
    }
}

/// What became of an item of which there is at most one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queued {
    /// It is there now.
    Now,
    /// It was there already.
    Before,
}

/// Makes sure that a job is open. JetStream's refusal is the whole of the locking.
pub async fn open(
    nats: &Nats,
    cluster: &Token,
    job: &Token,
    item: &OpenItem,
) -> Result<Queued, OutboxError> {
    once(nats, nats.group.open(cluster, job), item, "an open job").await
}

/// Makes sure that a settled job is checked once more.
pub async fn verify(
    nats: &Nats,
    cluster: &Token,
    job: &Token,
    item: &VerifyItem,
) -> Result<Queued, OutboxError> {
    once(
        nats,
        nats.group.verify(cluster, job, item.open),
        item,
        "a check",
    )
    .await
}

async fn once<T: serde::Serialize>(
    nats: &Nats,
    subject: String,
    item: &T,
    what: &'static str,
) -> Result<Queued, OutboxError> {
    let (mut headers, body) =
        wire::encode(item).map_err(|source| OutboxError::Encode { what, source })?;
    spans::inject(&mut headers);
    let message = PublishMessage::build()
        .headers(headers)
        .payload(body)
        .expected_stream(nats.topology.open_jobs_name());
    let ack = nats
        .jetstream
        .send_publish(subject, message)
        .await
        .map_err(self::nats(what))?;
    match ack.await {
        Ok(_) => Ok(Queued::Now),
        Err(error) if already_there(&error) => Ok(Queued::Before),
        Err(error) => Err(self::nats(what)(error)),
    }
}

/// Error 10077 *with* this text, and nothing else: the same code also means a full store.
fn already_there(error: &PublishError) -> bool {
    use std::error::Error as _;
    let source = error
        .source()
        .and_then(|source| source.downcast_ref::<async_nats::jetstream::Error>());
    source.is_some_and(|source| {
        source.error_code().0 == 10077
            && source
                .to_string()
                .contains("maximum messages per subject exceeded")
    })
}

/// Queues a delivery. A newer version replaces a waiting older one; an older one never replaces a newer.
pub async fn deliver(nats: &Nats, delivery: &Delivery) -> Result<Queued, OutboxError> {
    const WHAT: &str = "a delivery";
    let subject = nats.group.deliver(&delivery.key);
    let (mut headers, body) =
        wire::encode(delivery).map_err(|source| OutboxError::Encode { what: WHAT, source })?;
    spans::inject(&mut headers);
    loop {
        let waiting = waiting(nats, &subject).await?;
        if waiting.is_some_and(|(_, version)| delivery.version <= version) {
            return Ok(Queued::Before);
        }
        let message = PublishMessage::build()
            .headers(headers.clone())
            .payload(body.clone())
            .expected_stream(nats.topology.deliveries_name())
            .expected_last_subject_sequence(waiting.map_or(0, |(sequence, _)| sequence));
        let ack = nats
            .jetstream
            .send_publish(subject.clone(), message)
            .await
            .map_err(self::nats(WHAT))?;
        match ack.await {
            Ok(_) => return Ok(Queued::Now),
            Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => {} // somebody was quicker: read again
            Err(error) => return Err(self::nats(WHAT)(error)),
        }
    }
}

/// Whether a delivery of this key waits to be sent.
pub async fn waits(nats: &Nats, key: &DeliveryKey) -> Result<bool, OutboxError> {
    Ok(waiting(nats, &nats.group.deliver(key)).await?.is_some())
}

/// The waiting delivery of this subject: its sequence and version.
async fn waiting(nats: &Nats, subject: &str) -> Result<Option<(u64, u64)>, OutboxError> {
    const WHAT: &str = "a delivery";
    let name = nats.topology.deliveries_name();
    let stream = nats
        .jetstream
        .get_stream_no_info(name)
        .await
        .map_err(self::nats(WHAT))?;
    match stream.get_last_raw_message_by_subject(subject).await {
        // One that cannot be read is replaced by one that can.
        Ok(message) => {
            let waiting = wire::decode::<Delivery>(Some(&message.headers), &message.payload);
            Ok(Some((
                message.sequence,
                waiting.map_or(0, |delivery| delivery.version),
            )))
        }
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(self::nats(WHAT)(error)),
    }
}
