//! Frames become messages: read, counted, encoded, in the order in which they were heard.
//! It decides nothing about an event, which is the normaliser's, and waits for nobody but the next frame.

use pillarbox_proto::event::Event;

use crate::bus::Heard;
use crate::counts::Counts;
use crate::normalize::{NoiseReason, Origin, Reading, Unreadable, normalize, parts};
use crate::outgoing::{Outbox, Outgoing};
use crate::queue::{Charge, Held, NotTaken, Reader, Writer};
use crate::spans::traced;

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
    counts: &Counts,
) {
    while let Some(Held { item, charge }) = frames.blocking_recv() {
        let (body, at) = (&item.frame.body, item.at.to_string());
        let passed = match events(normalize(origin, body, Some(&at)), counts) {
            Ok(events) => events.iter().try_for_each(|event| {
                counts.event(event);
                let message = outbox.event(event, body);
                let message = message.map(|message| traced(message, event, body, item.at));
                pass(message, &charge, &out.events)
            }),
            Err(unreadable) => pass(outbox.unreadable(unreadable, &at), &charge, &out.letters),
        };
        if passed == Err(NotTaken::Closed) {
            return;
        }
    }
}

/// The events that a frame makes: none, one, or the parts of one. What is none is counted.
fn events(reading: Reading, counts: &Counts) -> Result<Vec<Event>, Unreadable> {
    match reading {
        Reading::Event(event) => Ok(parts(*event)),
        Reading::Beat { beat, .. } => {
            counts.noise.one(NoiseReason::FindJob.as_str());
            Ok(vec![*beat])
        }
        Reading::Noise { reason, .. } => {
            counts.noise.one(reason.as_str());
            Ok(Vec::new())
        }
        Reading::Other(tag) => {
            counts.other.one(tag.as_str());
            Ok(Vec::new())
        }
        Reading::Unreadable(event) => {
            counts.unreadable.one();
            tracing::error!(
                salt.tag = %event.tag, event.length = event.length, event.sha256 = %event.sha256,
                "a job event cannot be read ({}): it becomes a dead letter", event.error
            );
            Err(event)
        }
    }
}

fn pass(
    message: Result<Outgoing, serde_json::Error>,
    frame: &Charge,
    way: &Writer<Outgoing>,
) -> Result<(), NotTaken> {
    match message {
        Ok(item) => {
            let charge = frame.beside(item.bytes());
            way.pass(Held { item, charge })
        }
        Err(error) => {
            tracing::error!("an event cannot be written as JSON and is lost: {error}");
            Ok(())
        }
    }
}
