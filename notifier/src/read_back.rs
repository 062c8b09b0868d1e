//! Reading a job back from `EVENTS`: a few leader's reads for a look, the whole subject for a fold.
//! It decides nothing and changes nothing.
//!
//! Counts and the server's clock come from the leader. Direct get is fast and may lag behind on a cluster: a fold read
//! by it counts only if it reached the sequence that the leader named.

use std::collections::HashMap;
use std::time::Duration;

use async_nats::jetstream::stream::{LastRawMessageErrorKind, RawMessageErrorKind};
use bytes::Bytes;
use futures_util::StreamExt;
use jiff::Timestamp;
use pillarbox_proto::event::Event;
use pillarbox_proto::subject::{self, EventKind, EventSubject, Token};
use pillarbox_proto::{trace, wire};
use serde::Deserialize;
use serde_json::json;

use crate::digest::fold::Stored;
use crate::nats::Nats;

/// Messages and bytes of one batch of direct get.
const BATCH: usize = 1000;
const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// How long the server may take for the next message of a batch.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a job could not be read back: always worth another try later.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// NATS did not answer, or said no.
    #[error("cannot read {what} from NATS")]
    Nats {
        /// What was to be read.
        what: &'static str,
        /// Why not.
        #[source]
        source: async_nats::Error,
    },
    /// A replica lags behind its leader.
    #[error("a replica has not caught up: read to {got}, the leader is at {want}")]
    Behind {
        /// The last sequence read.
        got: u64,
        /// The leader's last sequence.
        want: u64,
    },
    /// An event that this build cannot read: a newer format waits for a newer worker.
    #[error("cannot read the event at {sequence}")]
    Event {
        /// Its stream sequence.
        sequence: u64,
        /// Why not.
        #[source]
        source: wire::DecodeError,
    },
}

fn nats<E: Into<async_nats::Error>>(what: &'static str) -> impl FnOnce(E) -> ReadError {
    move |source| ReadError::Nats {
        what,
        source: source.into(),
    }
}

/// What the leader says of a job, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// How many `new`s, returns, ends it holds.
    pub news: usize,
    /// Returns: messages, not minions.
    pub returns: usize,
    /// Ends of 3008's batch.
    pub ends: usize,
    /// Signs of life.
    pub beats: usize,
    /// The last event's sequence and stored time; `None` if all have expired.
    pub last: Option<(u64, Timestamp)>,
    /// The server's clock.
    pub now: Timestamp,
}

impl Look {
    /// All events.
    pub fn events(&self) -> usize {
        self.news + self.returns + self.ends + self.beats
    }
}

#[derive(Deserialize)]
struct Info {
    ts: Timestamp,
    state: InfoState,
}

#[derive(Deserialize)]
struct InfoState {
    #[serde(default)]
    subjects: HashMap<String, usize>,
}

/// Asks the leader about a stream: its clock, and how many messages each matching subject holds.
pub async fn subjects(
    nats: &Nats,
    stream: &str,
    filter: &str,
) -> Result<(Timestamp, HashMap<String, usize>), async_nats::Error> {
    use async_nats::jetstream::response::Response;
    let request = json!({ "subjects_filter": filter });
    match nats
        .jetstream
        .request(format!("STREAM.INFO.{stream}"), &request)
        .await?
    {
        Response::Ok(Info { ts, state }) => Ok((ts, state.subjects)),
        Response::Err { error } => Err(error.into()),
    }
}

/// A stored time, as this program computes with it.
pub fn timestamp(at: async_nats::datetime::DateTime) -> Timestamp {
    Timestamp::from_nanosecond(at.unix_timestamp_nanos()).unwrap_or_default()
}

/// Asks the leader about a job. `known` may know the last event of a job that holds so many.
pub async fn look(
    nats: &Nats,
    cluster: &Token,
    job: &Token,
    known: impl FnOnce(usize) -> Option<(u64, Timestamp)>,
) -> Result<Look, ReadError> {
    let filter = subject::job_filter(cluster, job);
    let stream = nats.topology.events_name();
    let (now, subjects) = subjects(nats, &stream, &filter)
        .await
        .map_err(self::nats("a job's count"))?;
    let last = match known(subjects.values().sum()) {
        Some(last) => Some(last),
        None => last(nats, &stream, &filter)
            .await
            .map_err(self::nats("a job's last event"))?,
    };
    let count = |wanted: fn(EventKind) -> bool| {
        let parsed = subjects
            .iter()
            .filter_map(|(subject, n)| Some((EventSubject::parse(subject)?.kind, *n)));
        parsed
            .filter(|(kind, _)| wanted(*kind))
            .map(|(_, n)| n)
            .sum()
    };
    Ok(Look {
        news: count(|kind| kind == EventKind::New),
        returns: count(|kind| matches!(kind, EventKind::Ret(_))),
        ends: count(|kind| kind == EventKind::End),
        beats: count(|kind| kind == EventKind::Beat),
        last,
        now,
    })
}

/// The leader's last message of a subject, wildcards allowed: its sequence and stored time.
pub async fn last(
    nats: &Nats,
    stream: &str,
    subject: &str,
) -> Result<Option<(u64, Timestamp)>, async_nats::Error> {
    let stream = nats.jetstream.get_stream_no_info(stream).await?;
    match stream.get_last_raw_message_by_subject(subject).await {
        Ok(message) => Ok(Some((message.sequence, timestamp(message.time)))),
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The `new`s of a job, from the leader.
pub async fn news(nats: &Nats, cluster: &Token, job: &Token) -> Result<Vec<Event>, ReadError> {
    let filter = subject::job_news_filter(cluster, job);
    let mut news = Vec::new();
    let mut from = 1;
    while let Some(message) = next(nats, &filter, from).await? {
        from = message.sequence + 1;
        news.extend(decode(
            message.sequence,
            Some(&message.headers),
            &message.payload,
        )?);
    }
    Ok(news)
}

/// The `new` of a job that was stored first, from the leader: 3008's batch announces itself before its chunks.
pub async fn first_new(
    nats: &Nats,
    cluster: &Token,
    job: &Token,
) -> Result<Option<Event>, ReadError> {
    let filter = subject::job_news_filter(cluster, job);
    match next(nats, &filter, 1).await? {
        Some(message) => decode(message.sequence, Some(&message.headers), &message.payload),
        None => Ok(None),
    }
}

/// When the first event from a sequence on was stored, by the leader.
pub async fn first_at(
    nats: &Nats,
    cluster: &Token,
    job: &Token,
    from: u64,
) -> Result<Option<Timestamp>, ReadError> {
    Ok(next(nats, &subject::job_filter(cluster, job), from)
        .await?
        .map(|message| timestamp(message.time)))
}

async fn next(
    nats: &Nats,
    filter: &str,
    from: u64,
) -> Result<Option<async_nats::jetstream::message::StreamMessage>, ReadError> {
    let name = nats.topology.events_name();
    let stream = nats
        .jetstream
        .get_stream_no_info(name)
        .await
        .map_err(self::nats("EVENTS"))?;
    let request = stream
        .raw_message_builder()
        .sequence(from)
        .next_by_subject(filter);
    match request.send().await {
        Ok(message) => Ok(Some(message)),
        Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(self::nats("an event")(error)),
    }
}

/// The event, or `None` for one that nobody will ever read: it is left out, and the rest of the job is told.
fn decode(
    sequence: u64,
    headers: Option<&async_nats::HeaderMap>,
    payload: &Bytes,
) -> Result<Option<Event>, ReadError> {
    match wire::decode(headers, payload) {
        Ok(event) => Ok(Some(event)),
        Err(source @ wire::DecodeError::Newer(_)) => Err(ReadError::Event { sequence, source }),
        Err(error) => {
            tracing::warn!(sequence, %error, "left out an event that cannot be read");
            Ok(None)
        }
    }
}

/// Every event of a job from a sequence on, in order. It reached `want`, the leader's last sequence, or it is an error.
pub async fn whole(
    nats: &Nats,
    cluster: &Token,
    job: &Token,
    from: u64,
    want: u64,
) -> Result<Vec<Stored>, ReadError> {
    let filter = subject::job_filter(cluster, job);
    let mut events = Vec::new();
    let mut got = from.max(1) - 1;
    while let Some(reached) = batch(nats, &filter, got + 1, &mut events).await? {
        got = reached;
    }
    if got < want {
        Err(ReadError::Behind { got, want })
    } else {
        Ok(events)
    }
}

/// One batch of direct get (ADR-31): the last sequence in it, or `None` when there is nothing more.
async fn batch(
    nats: &Nats,
    filter: &str,
    from: u64,
    events: &mut Vec<Stored>,
) -> Result<Option<u64>, ReadError> {
    let client = nats.jetstream.client();
    let inbox = client.new_inbox();
    let mut replies = client
        .subscribe(inbox.clone())
        .await
        .map_err(self::nats("a job"))?;
    let request =
        json!({ "seq": from, "next_by_subj": filter, "batch": BATCH, "max_bytes": BATCH_BYTES });
    let subject = format!("$JS.API.DIRECT.GET.{}", nats.topology.events_name());
    client
        .publish_with_reply(subject, inbox, request.to_string().into())
        .await
        .map_err(self::nats("a job"))?;
    let mut reached = None;
    loop {
        let reply = tokio::time::timeout(PATIENCE, replies.next())
            .await
            .map_err(self::nats("a job"))?;
        let Some(reply) = reply else {
            return Err(self::nats("a job")("the connection closed"));
        };
        match reply.status.map(|status| status.as_u16()) {
            None => reached = Some(stored(&reply, events)?),
            Some(204) => return Ok(reached), // end of batch
            Some(404) => return Ok(None),    // nothing matches
            Some(_) => return Err(self::nats("a job")(reply.description.unwrap_or_default())),
        }
    }
}

fn stored(reply: &async_nats::Message, events: &mut Vec<Stored>) -> Result<u64, ReadError> {
    let headers = reply.headers.as_ref();
    let header = |name: &str| {
        headers
            .and_then(|headers| headers.get(name))
            .map(|value| value.as_str())
    };
    let sequence = header("Nats-Sequence").and_then(|n| n.parse().ok());
    let at = header("Nats-Time-Stamp").and_then(|text| text.parse().ok());
    let (Some(sequence), Some(at)) = (sequence, at) else {
        return Err(nats("a job")(
            "a direct get without Nats-Sequence or Nats-Time-Stamp",
        ));
    };
    events.extend(
        decode(sequence, headers, &reply.payload)?.map(|event| Stored {
            sequence,
            at,
            event,
            context: trace::extract(headers),
        }),
    );
    Ok(sequence)
}
