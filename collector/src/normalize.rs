//! One frame's body made a job event: tag, payload, judge, redaction, bounds, in this order.
//! It publishes nothing and drops nothing: what is noise it says, and the shell counts it.

pub mod bound;
mod fields;
mod heard;
mod judged;
mod payload;
mod returned;
mod said;
mod state;
pub(crate) mod value;
mod whole;
mod words;

use std::panic::{AssertUnwindSafe, catch_unwind};

use pillarbox_proto::event::Event;
use pillarbox_proto::salt::Fun;
use pillarbox_proto::subject::sha256_hex;

pub use bound::parts;
pub(crate) use bound::{Limits, size};
pub(crate) use whole::{ids, whole};

use crate::tag::{OtherTag, Tag};
use heard::Heard;
use payload::PayloadError;

/// Where the bytes were read.
#[derive(Debug, Clone)]
pub struct Origin {
    /// A name for masters that see the same minions.
    pub cluster: String,
    /// The master's id.
    pub master: String,
}

/// What a frame says.
#[derive(Debug)]
pub enum Reading {
    /// A job event.
    Event(Box<Event>),
    /// A return of `saltutil.find_job` that is not empty: the job in its arguments still runs.
    Beat {
        /// The sign of life, to be published; one a minute counts, which its id sees to.
        beat: Box<Event>,
        /// The return itself: noise.
        ret: Box<Event>,
    },
    /// A job event that nobody wants to hear about.
    Noise {
        /// Why.
        reason: NoiseReason,
        /// The event, for `decode`.
        event: Box<Event>,
    },
    /// No job event: counted.
    Other(OtherTag),
    /// A job event that cannot be read: a dead letter.
    Unreadable(Unreadable),
}

/// Why a job event is noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NoiseReason {
    /// `saltutil.find_job`: the command line asks whether a job still runs.
    FindJob,
    /// `mine.*`: minions keep the mine up to date.
    Mine,
    /// `sys.list_functions`: what `--subset` asks before the job itself.
    SubsetPreJob,
    /// A runner of `jobs.*`: somebody reads the job cache, and old returns are no news.
    JobQuery,
}

impl NoiseReason {
    /// As in metrics and summaries.
    pub fn as_str(self) -> &'static str {
        match self {
            NoiseReason::FindJob => "find-job",
            NoiseReason::Mine => "mine",
            NoiseReason::SubsetPreJob => "subset-pre-job",
            NoiseReason::JobQuery => "job-query",
        }
    }

    fn of(fun: &Fun, runner: bool) -> Option<NoiseReason> {
        let all = |test: fn(&str) -> bool| {
            !fun.names().is_empty() && fun.names().iter().all(|name| test(name))
        };
        if runner {
            return all(|name| name.starts_with("jobs.")).then_some(NoiseReason::JobQuery);
        }
        if all(|name| name == "saltutil.find_job") {
            Some(NoiseReason::FindJob)
        } else if all(|name| name.starts_with("mine.")) {
            Some(NoiseReason::Mine)
        } else if all(|name| name == "sys.list_functions") {
            Some(NoiseReason::SubsetPreJob)
        } else {
            None
        }
    }
}

/// A job event that cannot be read. It holds none of its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The tag's beginning, as far as it is printable.
    pub tag: String,
    /// Bytes of the body.
    pub length: usize,
    /// Of the body, in hex.
    pub sha256: String,
    /// What is wrong with it.
    pub error: String,
}

/// Why a job event cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("no empty line after the tag")]
    NoPayload,
    #[error(transparent)]
    Payload(#[from] PayloadError),
    #[error("{0} of {1} bytes")]
    TooLong(&'static str, usize),
    #[error("a defect of the collector: please report it with the event's tag")]
    Defect,
}

/// Longest tag that is shown.
const MAX_TAG: usize = 200;

/// Reads one body. `received` is the collector's clock, RFC 3339; none for what was not read from a live bus.
pub fn normalize(origin: &Origin, body: &[u8], received: Option<&str>) -> Reading {
    let Some(at) = body.windows(2).position(|two| two == b"\n\n") else {
        return Reading::Unreadable(unreadable(b"", body, &ReadError::NoPayload));
    };
    let (tag, payload) = (body.get(..at), body.get(at + 2..));
    let (tag, payload) = (tag.unwrap_or_default(), payload.unwrap_or_default());
    let text = String::from_utf8_lossy(tag);
    match read(origin, &text, payload, received, Limits::EVENT) {
        Ok(reading) => reading,
        Err(error) => Reading::Unreadable(unreadable(tag, body, &error)),
    }
}

/// Reads a payload as what its tag announces. Whatever it holds, and however it came to us, there is no other way in.
pub(crate) fn read(
    origin: &Origin,
    tag: &str,
    payload: &[u8],
    received: Option<&str>,
    limits: Limits,
) -> Result<Reading, ReadError> {
    let parsed = Tag::parse(tag);
    if let Tag::Other(other) = parsed {
        return Ok(Reading::Other(other));
    }
    guarded(|| Heard::read(origin, tag, parsed, payload, received, limits))
}

/// A minion can put anything into its return: should one find a defect, it costs that event and not the collector.
fn guarded<T>(read: impl FnOnce() -> Result<T, ReadError>) -> Result<T, ReadError> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or(Err(ReadError::Defect))
}

fn unreadable(tag: &[u8], body: &[u8], error: &ReadError) -> Unreadable {
    let text = String::from_utf8_lossy(tag);
    let printable = |c: &char| !c.is_control() && *c != char::REPLACEMENT_CHARACTER;
    Unreadable {
        tag: text.chars().take_while(printable).take(MAX_TAG).collect(),
        length: body.len(),
        sha256: sha256_hex(body),
        error: error.to_string(),
    }
}
