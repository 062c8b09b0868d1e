//! What an answer of Slack means: DELIVERY.md §B4, for webhooks and for the Web API.
//! It sends nothing, and decides nothing about what follows.

use std::time::Duration;

use pillarbox_proto::delivery::Receipt;
use serde_json::Value;

use super::super::{Attempt, said};
use words::{BROKEN, GONE, LATER, OURS, THREADLESS, TOO_LARGE, TROUBLE};

mod words;

/// An answer, without secrets.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
    /// Of the header.
    pub(super) retry_after: Option<Duration>,
}

/// Where a message stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Posted {
    pub(super) channel: String,
    pub(super) ts: String,
}

/// The word with which Slack says no: the `error` of a JSON, or the body as it is.
struct No {
    word: String,
    of_json: bool,
}

impl No {
    fn is(&self, words: &[&str]) -> bool {
        words.contains(&self.word.as_str())
    }

    /// It was taken before, and cannot be named any more.
    fn is_duplicate(&self) -> bool {
        self.of_json && self.word.starts_with("duplicate_")
    }
}

impl Answer {
    /// Yes, with what else it says; or no.
    fn read(&self) -> Result<Value, No> {
        let text = self.body.trim();
        let json = serde_json::from_str::<Value>(text).ok();
        let ok = json.as_ref().and_then(|json| json.get("ok")?.as_bool());
        if (200..=299).contains(&self.status) && (text == "ok" || ok == Some(true)) {
            return Ok(json.unwrap_or_default());
        }
        let error = json.as_ref().and_then(|json| json.get("error")?.as_str());
        Err(No {
            word: error.unwrap_or(text).to_owned(),
            of_json: error.is_some(),
        })
    }

    fn said(&self) -> String {
        said(&format!("HTTP {} {}", self.status, self.body.trim()))
    }

    /// The header's, else the body's.
    fn retry_after(&self) -> Option<Duration> {
        let of_body = || {
            let json: Value = serde_json::from_str(&self.body).ok()?;
            let seconds = json.get("retry_after")?.as_u64()?;
            Some(Duration::from_secs(seconds))
        };
        self.retry_after.or_else(of_body)
    }
}

/// Of a webhook.
pub(super) fn of_webhook(answer: &Answer) -> Attempt {
    match answer.read() {
        Ok(_) => Attempt::Delivered(Receipt::SlackWebhook),
        Err(no) => failure(answer, &no),
    }
}

/// Of `chat.postMessage`: where the message stands, if Slack says so.
pub(super) fn of_post(answer: &Answer) -> Result<Option<Posted>, Box<Attempt>> {
    match answer.read() {
        Ok(json) => Ok(posted(&json)),
        Err(no) if no.is_duplicate() => Ok(None),
        Err(no) => Err(Box::new(failure(answer, &no))),
    }
}

/// Of `chat.update`.
pub(super) fn of_update(answer: &Answer) -> Result<(), Box<Attempt>> {
    let Err(no) = answer.read() else {
        return Ok(());
    };
    if no.is(&GONE) {
        let why = answer.said();
        return Err(Box::new(Attempt::Unchangeable { why }));
    }
    Err(Box::new(repeatable(failure(answer, &no))))
}

/// Of a change, which can be made twice without harm.
pub(super) fn repeatable(attempt: Attempt) -> Attempt {
    if let Attempt::Ambiguous { why } = attempt {
        return Attempt::Unreached { why };
    }
    attempt
}

/// Of `chat.postMessage` into a thread. Refused: it is this thread's affair, or nobody knows why.
pub(super) fn of_reply(answer: &Answer) -> Result<(), Box<Attempt>> {
    let no = match answer.read() {
        Ok(_) => return Ok(()),
        Err(no) if no.is_duplicate() => return Ok(()),
        Err(no) => no,
    };
    if no.is(&GONE) || no.is(&THREADLESS) {
        let why = answer.said();
        return Err(Box::new(Attempt::Refused { why }));
    }
    let attempt = failure(answer, &no);
    if let Attempt::Unheard { why } = attempt {
        return Err(Box::new(Attempt::Refused { why }));
    }
    Err(Box::new(attempt))
}

fn posted(json: &Value) -> Option<Posted> {
    let text = |key: &str| Some(json.get(key)?.as_str()?.to_owned());
    Some(Posted {
        channel: text("channel")?,
        ts: text("ts")?,
    })
}

/// What a no means.
fn failure(answer: &Answer, no: &No) -> Attempt {
    let (status, why) = (answer.status, answer.said());
    let (text, is) = (no.word.as_str(), |words: &[&str]| no.is(words));
    match status {
        _ if status == 429 || is(&["ratelimited", "rate_limited"]) => Attempt::Throttled {
            retry_after: answer.retry_after(),
            why,
        },
        // "Some aspect of the operation may have succeeded".
        _ if is(&["internal_error", "fatal_error"]) => Attempt::Ambiguous { why },
        408 | 500..=599 => Attempt::Unreached { why },
        300..=399 => Attempt::Broken { why },
        _ if is(&TROUBLE) => Attempt::Unreached { why },
        _ if is(&LATER) => Attempt::Retry {
            at_least: Duration::ZERO,
            why,
        },
        _ if is(&TOO_LARGE) || text.starts_with("invalid_metadata") => Attempt::TooLarge { why },
        413 => Attempt::TooLarge { why },
        _ if is(&BROKEN) || text.starts_with("restricted_action") => Attempt::Broken { why },
        _ if is(&OURS) => Attempt::Refused { why },
        401 | 403 | 404 | 410 => Attempt::Broken { why },
        400..=499 => Attempt::Refused { why },
        _ if no.of_json => Attempt::Unheard { why },
        _ => Attempt::Unclear { why },
    }
}

#[cfg(test)]
mod tests;
