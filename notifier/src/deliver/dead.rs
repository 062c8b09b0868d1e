//! Dead letters: what was given up, and what cannot be read, kept for a person.
//! It gives up nothing itself.

use std::sync::atomic::{AtomicBool, Ordering};

use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream::Message;
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use pillarbox_proto::delivery::DeadLetter;
use pillarbox_proto::wire::{self, DecodeError};

use super::delivery::Outcome;
use super::{DeliverError, Destination};
use crate::patience::persist;

/// What was wrong with a message that cannot be read, beside its bytes.
const ERROR_HEADER: &str = "Pillarbox-Error";

impl Destination {
    /// Published until it is stored. Key and attempt are its id: published twice, it is there once.
    pub(super) async fn publish_dead(&self, letter: &DeadLetter) {
        let subject = self.nats.group.dead(&self.receiver.name, &letter.reason);
        let id = format!("{}/{}", letter.delivery.key, letter.attempts);
        match wire::encode(letter) {
            Ok((mut headers, body)) => {
                headers.insert(NATS_MESSAGE_ID, id.as_str());
                self.publish(subject, headers, body).await;
            }
            Err(error) => tracing::error!(%error, "a dead letter cannot be written as JSON"),
        }
    }

    /// A message that nobody will be able to read: its bytes, as they are.
    pub(super) async fn unreadable(
        &self,
        message: &Message,
        error: &DecodeError,
    ) -> Result<Outcome, DeliverError> {
        let sequence = message.info().map_err(DeliverError::Ack)?.stream_sequence;
        tracing::error!(receiver = %self.receiver.name, subject = %message.subject, %error, "a delivery cannot be read: it is a dead letter");
        self.metrics.dead(&self.receiver.name, "unreadable");
        let subject = self.nats.group.dead(&self.receiver.name, "unreadable");
        let mut headers = message.headers.clone().unwrap_or_default();
        headers.insert(NATS_MESSAGE_ID, format!("{}/{sequence}", message.subject));
        headers.insert(ERROR_HEADER, error.to_string().replace(['\r', '\n'], " "));
        self.publish(subject, headers, message.payload.clone())
            .await;
        self.done(message).await
    }

    async fn publish(&self, subject: String, headers: async_nats::HeaderMap, body: Bytes) {
        persist(&self.streak, "publishing a dead letter", || async {
            let letter = PublishMessage::build()
                .headers(headers.clone())
                .payload(body.clone());
            self.nats
                .jetstream
                .send_publish(subject.clone(), letter)
                .await?
                .await
        })
        .await;
    }

    /// A newer format is left where it is, and said once a run.
    pub(super) fn say_newer(&self, format: u32) {
        static SAID: AtomicBool = AtomicBool::new(false);
        if !SAID.swap(true, Ordering::Relaxed) {
            tracing::error!(
                format,
                "deliveries of a newer Pillarbox wait for a worker that can read them: upgrade this one"
            );
        }
    }
}
