//! Sending an atomic batch: the first and the last message are requests, those between are plain publishes.
//! It does not say what happens to a batch that was not stored: its events are published one by one, by [`super`].

use std::time::Duration;

use async_nats::client::RequestErrorKind;
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::response::Response;
use async_nats::jetstream::{self, ErrorCode};
use async_nats::{Client, Message, Request, RequestError};

use super::batch::{Names, headers};
use crate::outgoing::Outgoing;
use crate::queue::Held;

/// How long the server may take to answer the first or the last message. It forgets a batch that stands still for 10 s.
const ANSWER: Duration = Duration::from_secs(8);

/// What is known of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Batch {
    /// All of it is stored.
    Stored,
    /// Nothing of it is stored.
    NotStored,
    /// All of it may be stored, or nothing.
    Unknown,
}

/// Why a batch was not acknowledged.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoBatch {
    /// One message, or a server that has no batches: there was none.
    #[error("no batch was tried")]
    NotTried,
    /// Refused as a whole; 10201: it holds an event that the stream has already.
    #[error("{0}")]
    Refused(jetstream::Error),
    /// The stream stored the first message by itself: its leader is older than 2.12.
    #[error("the stream's leader knows no batches")]
    NotABatch,
    /// No answer.
    #[error("{0}")]
    Request(#[from] RequestError),
    /// The connection went away.
    #[error("{0}")]
    Publish(#[from] async_nats::PublishError),
    /// An answer that is no PubAck.
    #[error("the answer is no acknowledgement: {0}")]
    Answer(#[from] serde_json::Error),
}

impl NoBatch {
    /// Whether its messages may be in the stream by now.
    pub(super) fn stored(&self) -> Batch {
        match self {
            NoBatch::NotTried | NoBatch::Refused(_) => Batch::NotStored,
            NoBatch::Request(error) if error.kind() == RequestErrorKind::NoResponders => {
                Batch::NotStored
            }
            NoBatch::NotABatch | NoBatch::Request(_) | NoBatch::Publish(_) | NoBatch::Answer(_) => {
                Batch::Unknown
            }
        }
    }
}

/// The batches of one publisher.
#[derive(Debug)]
pub(super) struct Batches {
    names: Names,
    /// The connection (server, client id) on which batches are known not to work.
    without: Option<(String, u64)>,
}

impl Batches {
    pub(super) fn new(process: String) -> Batches {
        Batches {
            names: Names::new(process),
            without: None,
        }
    }

    /// Publishes messages as one batch. Only `Ok` says that they are stored.
    pub(super) async fn publish(
        &mut self,
        client: &Client,
        messages: &[Held<Outgoing>],
    ) -> Result<(), NoBatch> {
        let info = client.server_info();
        let connection = (info.server_id, info.client_id);
        let has_batches =
            client.is_server_compatible(2, 12, 1) && self.without.as_ref() != Some(&connection);
        if messages.len() < 2 || !has_batches {
            return Err(NoBatch::NotTried);
        }
        let answer = send(client, &self.names.next(), messages).await;
        let disabled = match &answer {
            Err(NoBatch::Refused(error)) => {
                error.error_code() == ErrorCode::ATOMIC_PUBLISH_DISABLED
            }
            Err(NoBatch::NotABatch) => true,
            Ok(()) | Err(_) => false,
        };
        if disabled {
            self.without = Some(connection);
            tracing::info!("the stream has no atomic batches: events are published one by one");
        }
        answer
    }
}

async fn send(client: &Client, name: &str, messages: &[Held<Outgoing>]) -> Result<(), NoBatch> {
    let all = messages.len();
    for (n, Held { item, .. }) in messages.iter().enumerate() {
        let headers = headers(&item.headers, name, n, all);
        if n != 0 && n + 1 != all {
            let (subject, payload) = (item.subject.clone(), item.payload.clone());
            client
                .publish_with_headers(subject, headers, payload)
                .await?;
            continue;
        }
        let request = Request::new()
            .headers(headers)
            .payload(item.payload.clone())
            .timeout(Some(ANSWER));
        let answer = client.send_request(item.subject.clone(), request).await?;
        if n == 0 {
            opened(&answer)?;
        } else {
            committed(&answer, name)?;
        }
    }
    Ok(())
}

/// The first message is answered by nothing, or by an error.
fn opened(answer: &Message) -> Result<(), NoBatch> {
    if answer.payload.is_empty() {
        return Ok(());
    }
    match serde_json::from_slice::<Response<PublishAck>>(&answer.payload)? {
        Response::Err { error } => Err(NoBatch::Refused(error)),
        Response::Ok(_) => Err(NoBatch::NotABatch),
    }
}

/// The last message is answered by an acknowledgement of the batch.
fn committed(answer: &Message, name: &str) -> Result<(), NoBatch> {
    match serde_json::from_slice::<Response<PublishAck>>(&answer.payload)? {
        Response::Err { error } => Err(NoBatch::Refused(error)),
        Response::Ok(ack) if ack.batch_id.as_deref() == Some(name) => Ok(()),
        Response::Ok(_) => Err(NoBatch::NotABatch),
    }
}
