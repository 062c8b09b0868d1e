//! What is published: an event or a dead letter with its subject, id and headers, ready to be sent any number of times.
//! It sends nothing, and knows no stream but by name.

use async_nats::HeaderMap;
use async_nats::header::{NATS_EXPECTED_STREAM, NATS_MESSAGE_ID};
use bytes::Bytes;
use pillarbox_proto::delivery::DeadEvent;
use pillarbox_proto::event::Event;
use pillarbox_proto::subject::{self, Token, sha256_hex};
use pillarbox_proto::topology::Topology;
use pillarbox_proto::wire;

use crate::normalize::{Origin, Unreadable};
use crate::spans::Publishing;

/// Longest tag in a dead letter, in characters.
const TAG_CHARS: usize = 256;

/// A message for JetStream.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Where.
    pub subject: String,
    /// What makes it the same message when it is sent again: `Nats-Msg-Id`.
    pub id: String,
    /// How to read it, its id, and the stream that must take it.
    pub headers: HeaderMap,
    /// The body.
    pub payload: Bytes,
    /// The event that it was made of; a dead letter has none.
    pub source: Option<Source>,
    /// Its span.
    pub publishing: Publishing,
}

/// Which event it was, for the dead letter that says that it could not be published.
#[derive(Debug, Clone)]
pub struct Source {
    /// The job.
    pub jid: String,
    /// Tag, length and SHA-256 of what Salt put on the bus.
    pub tag: String,
    /// Length of tag and payload.
    pub length: usize,
    /// SHA-256 of tag and payload.
    pub sha256: String,
}

/// Builds messages of one collector.
#[derive(Debug, Clone)]
pub struct Outbox {
    origin: Origin,
    events: String,
    dead_letters: String,
}

impl Outbox {
    /// For one master, on the streams of one installation.
    pub fn new(origin: Origin, topology: &Topology) -> Outbox {
        Outbox {
            origin,
            events: topology.events_name(),
            dead_letters: topology.dead_letters_name(),
        }
    }

    /// An event. `body` is what it was read from.
    pub fn event(&self, event: &Event, body: &[u8]) -> Result<Outgoing, serde_json::Error> {
        let (headers, payload) = wire::encode(event)?;
        Ok(Outgoing {
            subject: subject::event_subject(event),
            headers: addressed(headers, &event.id, &self.events),
            id: event.id.clone(),
            payload,
            source: Some(Source {
                jid: event.jid.0.clone(),
                tag: tag(body),
                length: body.len(),
                sha256: sha256_hex(body),
            }),
            publishing: Publishing::default(),
        })
    }

    /// The dead letter of an event that could not be read. `at` is when, RFC 3339.
    pub fn unreadable(&self, event: Unreadable, at: &str) -> Result<Outgoing, serde_json::Error> {
        let Unreadable {
            tag,
            length,
            sha256,
            error,
        } = event;
        self.dead("unreadable", (tag, length, sha256, error), at)
    }

    /// The dead letter of an event that JetStream refused for itself.
    pub fn refused(
        &self,
        event: &Source,
        error: &str,
        at: &str,
    ) -> Result<Outgoing, serde_json::Error> {
        let Source {
            tag,
            length,
            sha256,
            ..
        } = event.clone();
        self.dead("refused", (tag, length, sha256, error.to_owned()), at)
    }

    fn dead(
        &self,
        reason: &str,
        (tag, length, sha256, error): (String, usize, String, String),
        at: &str,
    ) -> Result<Outgoing, serde_json::Error> {
        let id = sha256.clone();
        let (headers, payload) = wire::encode(&DeadEvent {
            cluster: self.origin.cluster.clone(),
            master: self.origin.master.clone(),
            tag: tag.chars().take(TAG_CHARS).collect(),
            length: u64::try_from(length).unwrap_or(u64::MAX),
            sha256,
            error,
            at: at.to_owned(),
        })?;
        Ok(Outgoing {
            subject: subject::collector_dead(&Token::new(&self.origin.cluster), reason),
            headers: addressed(headers, &id, &self.dead_letters),
            id,
            payload,
            source: None,
            publishing: Publishing::default(),
        })
    }
}

impl Outgoing {
    /// Roughly what it holds in memory and on the wire.
    pub fn bytes(&self) -> usize {
        self.payload.len() + self.subject.len() + 2 * self.id.len()
    }
}

fn addressed(mut headers: HeaderMap, id: &str, stream: &str) -> HeaderMap {
    headers.insert(NATS_MESSAGE_ID, id);
    headers.insert(NATS_EXPECTED_STREAM, stream);
    headers
}

/// What stands before the first empty line (SALT.md §2).
fn tag(body: &[u8]) -> String {
    let end = body.windows(2).position(|pair| pair == b"\n\n");
    let tag = body.get(..end.unwrap_or(body.len()).min(4 * TAG_CHARS));
    String::from_utf8_lossy(tag.unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalize::{Reading, normalize};

    fn outbox() -> (Origin, Outbox) {
        let origin = Origin {
            cluster: "prod.eu".into(),
            master: "salt1".into(),
        };
        let outbox = Outbox::new(origin.clone(), &Topology::default());
        (origin, outbox)
    }

    fn header<'a>(message: &'a Outgoing, name: &str) -> &'a str {
        message.headers.get(name).map_or("", |value| value.as_str())
    }

    #[test]
    fn a_dead_letter_is_known_by_the_hash_of_what_was_read() {
        let (_, outbox) = outbox();
        let unreadable = Unreadable {
            tag: "salt/job/1/new".into(),
            length: 17,
            sha256: "ab".repeat(32),
            error: "not a map".into(),
        };
        let message = outbox
            .unreadable(unreadable, "2026-11-22T01:00:00Z")
            .unwrap();
        assert_eq!(
            message.subject,
            "pillarbox.v1.dead.collector.prod=2Eeu.unreadable"
        );
        assert_eq!(header(&message, "Nats-Msg-Id"), "ab".repeat(32));
        assert_eq!(
            header(&message, "Nats-Expected-Stream"),
            "PILLARBOX_DEAD_LETTERS"
        );
        let dead: DeadEvent = wire::decode(Some(&message.headers), &message.payload).unwrap();
        assert_eq!((dead.length, dead.master.as_str()), (17, "salt1"));
    }

    #[test]
    fn tags_end_at_the_first_empty_line_and_are_bounded() {
        let check = |body: &[u8], expect: &str| assert_eq!(tag(body), expect);
        check(b"salt/a\n\n\x80\n\n", "salt/a");
        check(b"no end", "no end");
        check(b"", "");
        assert_eq!(tag(&[b'x'; 5000]).len(), 4 * TAG_CHARS);
    }

    #[test]
    fn an_event_carries_what_its_dead_letter_would_need() {
        let (origin, outbox) = outbox();
        let data = serde_json::json!({
            "jid": "20261122012254116336", "tgt": "*", "tgt_type": "glob", "user": "root", "fun": "test.ping",
            "arg": [], "minions": ["web1"], "missing": [], "_stamp": "2026-11-22T01:22:54.116336",
        });
        let mut body = b"salt/job/20261122012254116336/new\n\n".to_vec();
        body.extend(rmp_serde::to_vec_named(&data).unwrap());
        let Reading::Event(event) = normalize(&origin, &body, None) else {
            panic!("an event")
        };
        let message = outbox.event(&event, &body).unwrap();
        assert_eq!(header(&message, "Nats-Msg-Id"), event.id);
        assert_eq!(header(&message, "Nats-Expected-Stream"), "PILLARBOX_EVENTS");
        assert_eq!(header(&message, "Pillarbox-Format"), "1");
        let source = message.source.unwrap();
        assert_eq!(source.length, body.len());
        assert!(source.tag.starts_with("salt/job/") && source.tag.ends_with("/new"));
        let dead = outbox
            .refused(&source, "too large", "2026-11-22T01:00:00Z")
            .unwrap();
        assert_eq!(header(&dead, "Nats-Msg-Id"), sha256_hex(&body));
    }
}
