//! What the collector publishes, from the first event on, put on the board as it comes.
//! It has a consumer of its own that acknowledges nothing, so that it takes no work from a notifier.

use std::sync::Arc;

use anyhow::Context;
use async_nats::jetstream;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use futures_util::StreamExt;
use pillarbox_proto::event::Event;
use pillarbox_proto::topology::Topology;
use pillarbox_proto::wire;
use serde_json::{Value, json};
use tokio_util::task::AbortOnDropHandle;

use super::board::{Board, List};
use super::sentence::sentence;
use crate::nats::Nats;

/// Listens until it is dropped.
#[derive(Debug)]
pub(super) struct Events(AbortOnDropHandle<()>);

impl Events {
    pub(super) async fn start(nats: &Nats, board: Arc<Board>) -> anyhow::Result<Self> {
        let jetstream = jetstream::new(nats.client().await?);
        let name = Topology::default().events_name();
        let stream = jetstream.get_stream(&name).await.context(name)?;
        let consumer = stream.create_consumer(OrderedConfig::default()).await?;
        let mut messages = consumer.messages().await?;
        let hear = async move {
            while let Some(message) = messages.next().await {
                let Ok(message) = message else { continue }; // the consumer is made anew by itself
                let Ok(info) = message.info() else { continue };
                let (id, headers) = (info.stream_sequence.to_string(), message.headers.as_ref());
                if let Ok(body) = wire::decode::<Value>(headers, &message.payload) {
                    let at = info.published.unix_timestamp_nanos() / 1_000_000;
                    put(&board, &id, i64::try_from(at).unwrap_or_default(), body);
                }
            }
        };
        Ok(Self(AbortOnDropHandle::new(tokio::spawn(hear))))
    }

    /// Fails if it no longer listens.
    pub(super) fn still_listen(&self) -> anyhow::Result<()> {
        anyhow::ensure!(!self.0.is_finished(), "the page no longer hears of events");
        Ok(())
    }
}

/// `at` in milliseconds, by the server's clock.
fn put(board: &Board, id: &str, at: i64, body: Value) {
    let said = match serde_json::from_value::<Event>(body.clone()) {
        Ok(event) => sentence(&event),
        Err(_) => return, // a newer format: there is none in a demo
    };
    let shown = json!({
        "at": at,
        "mark": said.mark,
        "text": said.text,
        "json": serde_json::to_string_pretty(&body).unwrap_or_default(),
    });
    board.put(List::Event, id, &shown);
}
