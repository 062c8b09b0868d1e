//! The look-up: what a collector is asked about a job, and what it answers from the master's job cache.
//! It reads no cache and waits for nobody; an answer larger than a message is cut into parts here, and put together again.

use async_nats::HeaderMap;
use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::event::{JobNew, JobReturn};
use crate::salt::{Fun, Jid, MinionId};
use crate::subject::Token;
use crate::wire;

/// The header of a part: its number from 1, and how many there are (`2/5`). Absent where the answer is one message.
pub const PART_HEADER: &str = "Pillarbox-Part";

/// The header of a refusal, with its words: the micro protocol's (NATS ADR-32).
pub const ERROR_HEADER: &str = "Nats-Service-Error";
/// The header of a refusal with its number, as HTTP numbers them.
pub const ERROR_CODE_HEADER: &str = "Nats-Service-Error-Code";
/// The number of a refusal by a master that keeps no job cache here.
pub const NO_JOB_CACHE: usize = 501;

/// Room that a message's headers take of the server's `max_payload`.
const HEADERS: usize = 1024;

/// Where a master's collector is asked: `pillarbox.v1.lookup.<cluster>.<master>`.
pub fn subject(cluster: &Token, master: &Token) -> String {
    format!("pillarbox.v1.lookup.{cluster}.{master}")
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookupRequest {
    /// Which job.
    pub jid: Jid,
    /// Whose returns are wanted; absent: everybody's. Who returned and who did not is answered in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minions: Option<Vec<MinionId>>,
    /// With what each minion returned, whole, as Salt has it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub full: bool,
}

/// What a job cache knows of a job, redacted. All lists of minions are sorted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LookupReply {
    /// The cluster.
    pub cluster: String,
    /// The master whose cache it is.
    pub master: String,
    /// The job.
    pub jid: Jid,
    /// What was published; absent where the cache does not know the job, or nobody published it (a schedule, `salt-call`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<Load>,
    /// Who was expected to return. Empty where Salt announced nobody.
    pub expected: Vec<MinionId>,
    /// Who did.
    pub returned: Vec<MinionId>,
    /// Who was expected and did not.
    pub missing: Vec<MinionId>,
    /// The returns that were asked for.
    pub returns: Vec<CachedReturn>,
    /// What could not be read; the rest is answered all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
}

impl LookupReply {
    /// Whether the cache knows the job at all.
    pub fn knows(&self) -> bool {
        self.load.is_some()
            || !self.expected.is_empty()
            || !self.returned.is_empty()
            || !self.problems.is_empty()
    }
}

/// What was published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// The function or functions.
    pub fun: Fun,
    /// As an event on the bus says it; its minions are those expected.
    #[serde(flatten)]
    pub new: JobNew,
}

/// A minion's return out of the cache: judged and redacted as one from the bus is, and not cut to an event's size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CachedReturn {
    /// The function or functions.
    pub fun: Fun,
    /// What it came to.
    #[serde(flatten)]
    pub ret: JobReturn,
    /// Texts replaced because they looked like secrets.
    #[serde(default)]
    pub redacted: u32,
    /// JSON pointers of what was cut all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trimmed: Vec<String>,
    /// What it returned, as Salt has it, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full: Option<serde_json::Value>,
}

/// Something in the cache that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Whose return; absent for the job's own files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minion: Option<MinionId>,
    /// What is wrong, with no byte of it.
    pub error: String,
}

/// An encoded answer as messages of at most `max_payload` bytes each.
pub fn parts(headers: &HeaderMap, body: &Bytes, max_payload: usize) -> Vec<(HeaderMap, Bytes)> {
    let room = max_payload.saturating_sub(HEADERS).max(1);
    let of = body.len().div_ceil(room);
    if of <= 1 {
        return vec![(headers.clone(), body.clone())];
    }
    let part = |n: usize| {
        let mut headers = headers.clone();
        headers.insert(PART_HEADER, format!("{}/{of}", n + 1));
        let end = body.len().min((n + 1) * room);
        (headers, body.slice(n * room..end))
    };
    (0..of).map(part).collect()
}

/// The parts of one answer, as they come in.
#[derive(Debug, Default)]
pub struct Parts {
    got: Vec<Option<Bytes>>,
    bytes: usize,
}

/// Parts that make no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartsError {
    /// The header is none of ours, or contradicts an earlier one.
    #[error("{PART_HEADER}: {0:?} does not belong to this answer")]
    Header(String),
    /// Together they are larger than any answer.
    #[error("the answer is larger than {} bytes", wire::MAX_BODY)]
    TooLarge,
}

impl Parts {
    /// Takes a message in; the whole body once all parts are there. Parts may come in any order, and twice.
    pub fn add(
        &mut self,
        headers: Option<&HeaderMap>,
        payload: Bytes,
    ) -> Result<Option<Bytes>, PartsError> {
        let Some(header) = headers.and_then(|headers| headers.get(PART_HEADER)) else {
            return Ok(Some(payload));
        };
        let wrong = || PartsError::Header(header.to_string());
        let (n, of) = header.as_str().split_once('/').ok_or_else(wrong)?;
        let (n, of): (usize, usize) = n.parse().ok().zip(of.parse().ok()).ok_or_else(wrong)?;
        let known = self.got.len();
        if n == 0 || n > of || of > wire::MAX_BODY / HEADERS || (known != 0 && known != of) {
            return Err(wrong());
        }
        self.got.resize(of, None);
        if let Some(slot @ None) = self.got.get_mut(n - 1) {
            self.bytes += payload.len();
            *slot = Some(payload);
        }
        if self.bytes > wire::MAX_BODY {
            return Err(PartsError::TooLarge);
        }
        if self.got.iter().any(Option::is_none) {
            return Ok(None);
        }
        let mut body = BytesMut::with_capacity(self.bytes);
        self.got
            .iter()
            .flatten()
            .for_each(|part| body.extend_from_slice(part));
        Ok(Some(body.freeze()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_survives_its_parts_in_any_order() {
        let body = Bytes::from((0..=u8::MAX).cycle().take(10_000).collect::<Vec<u8>>());
        let mut headers = HeaderMap::new();
        headers.insert(wire::FORMAT_HEADER, "1");
        let mut messages = parts(&headers, &body, HEADERS + 999);
        assert_eq!(messages.len(), 11);
        messages.reverse();
        messages.insert(3, messages[2].clone());
        let mut whole = Parts::default();
        let mut answers = messages.into_iter().map(|(headers, part)| {
            assert_eq!(headers.get(wire::FORMAT_HEADER).unwrap().as_str(), "1");
            whole.add(Some(&headers), part).unwrap()
        });
        assert!(answers.by_ref().take(11).all(|answer| answer.is_none()));
        assert_eq!(answers.next().flatten(), Some(body));
    }

    #[test]
    fn what_fits_is_one_message_without_a_mark() {
        let body = Bytes::from_static(b"{}");
        let messages = parts(&HeaderMap::new(), &body, 1 << 20);
        assert_eq!(messages, [(HeaderMap::new(), body.clone())]);
        let mut whole = Parts::default();
        assert_eq!(whole.add(None, body.clone()), Ok(Some(body)));
    }

    #[test]
    fn parts_of_another_answer_are_refused() {
        let mut whole = Parts::default();
        let mut add = |mark: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(PART_HEADER, mark);
            whole.add(Some(&headers), Bytes::new())
        };
        assert_eq!(add("1/2"), Ok(None));
        for wrong in ["1/3", "0/2", "3/2", "x/2", "2", "1/99999999999"] {
            assert_eq!(add(wrong), Err(PartsError::Header(wrong.into())), "{wrong}");
        }
        assert_eq!(add("2/2"), Ok(Some(Bytes::new())));
    }
}
