//! Frames become messages: read, counted, encoded, in the order in which they were heard.
//! It decides nothing about an event, which is the normaliser's, and waits for nobody but the next frame.

use std::sync::Arc;

use crate::bus::Heard;
use crate::counts::Counts;
use crate::normalize::{Origin, Reading, normalize};
use crate::outgoing::{Outbox, Outgoing};
use crate::queue::{Held, NotTaken, Reader, Writer};

/// Where messages go: events one way, dead letters another, so that neither waits for the other.
#[derive(Debug)]
pub struct Out {
    /// To `EVENTS`.
    pub events: Writer<Outgoing>,
    /// To `DEAD_LETTERS`.
    pub letters: Writer<Outgoing>,
}

/// Reads until the frames end. It computes all the time and never awaits: it runs on a thread of its own.
pub fn read(
    origin: &Origin,
    outbox: &Outbox,
    mut frames: Reader<Heard>,
    out: &Out,
    counts: &Arc<Counts>,
) {
    while let Some(heard) = frames.blocking_recv() {
        if message(origin, outbox, heard, out, counts) == Err(NotTaken::Closed) {
            return;
        }
    }
}

fn message(
    origin: &Origin,
    outbox: &Outbox,
    heard: Held<Heard>,
    out: &Out,
    counts: &Arc<Counts>,
) -> Result<(), NotTaken> {
    let Held { item, mut charge } = heard;
    let body = &item.frame.body;
    let at = item.at.to_string();
    let (message, way) = match normalize(origin, body, Some(&at)) {
        Reading::Event(event) => {
            counts.event(&event);
            (outbox.event(&event, body), &out.events)
        }
        Reading::Unreadable(event) => {
            counts.unreadable.one();
            tracing::error!(
                salt.tag = %event.tag, event.length = event.length, event.sha256 = %event.sha256,
                "a job event cannot be read ({}): it becomes a dead letter", event.error
            );
            (outbox.unreadable(event, &at), &out.letters)
        }
        Reading::Noise { reason, .. } => {
            counts.noise.one(&format!("{reason:?}"));
            return Ok(());
        }
        Reading::Other(tag) => {
            counts.other.one(&format!("{tag:?}"));
            return Ok(());
        }
    };
    match message {
        Ok(item) => {
            charge.change(item.bytes());
            way.pass(Held { item, charge })
        }
        Err(error) => {
            tracing::error!("an event cannot be written as JSON and is lost: {error}");
            Ok(())
        }
    }
}
