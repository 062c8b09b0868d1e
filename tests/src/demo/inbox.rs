//! What readers get: each message and mail is printed once, and shown on the page as Slack or a mail program would.
//! It counts nothing; whether it was the right ones is the tally's question.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use mail_parser::MessageParser;
use serde_json::{Value, json};

use super::board::{Board, List};
use super::drawn::drawn;
use super::show;
use crate::mail::Mail;
use crate::slack::reader;
use crate::stack::Stack;

/// The channel of a message that names none: an incoming webhook has one, and does not say it.
const CHANNEL: &str = "#ops";

#[derive(Debug)]
pub(super) struct Inbox {
    board: Arc<Board>,
    zone: TimeZone,
    slack: BTreeMap<String, Seen>,
    mails: usize,
}

/// A Slack message as it was last shown.
#[derive(Debug)]
struct Seen {
    /// Milliseconds.
    at: i64,
    message: Value,
}

impl Inbox {
    pub(super) fn new(board: Arc<Board>) -> Self {
        Self {
            board,
            zone: TimeZone::system(),
            slack: BTreeMap::new(),
            mails: 0,
        }
    }

    /// Shows what has come or changed since the last call.
    pub(super) fn show_new<M>(&mut self, stack: &Stack<M>) -> anyhow::Result<()> {
        for (number, message) in stack.slack.posted().into_iter().enumerate() {
            self.message(number, message);
        }
        let mails = stack.mail.mails()?;
        for (number, mail) in mails.iter().enumerate().skip(self.mails) {
            show::mail(mail);
            let id = (number + 1).to_string();
            self.board.put(List::Mail, &id, &letter(mail));
        }
        self.mails = mails.len();
        Ok(())
    }

    /// A message with a `ts` is known by it, and may change; any other by its number.
    fn message(&mut self, number: usize, message: Value) {
        let field = |key: &str| message.get(key).and_then(Value::as_str);
        let id = field("ts").map_or_else(|| format!("#{number}"), str::to_owned);
        let before = self.slack.get(&id);
        if before.is_some_and(|seen| seen.message == message) {
            return;
        }
        let stamped = field("ts").and_then(milliseconds);
        let at = stamped.or(before.map(|seen| seen.at)).unwrap_or_else(now);
        let thread = field("thread_ts").filter(|thread| *thread != id);
        let changed = before.is_some() || message.get("edited").is_some();
        let channel = field("channel").unwrap_or(CHANNEL);
        show::message(channel, changed, thread.is_some(), &reader::plain(&message));
        let shown = json!({
            "at": at,
            "channel": channel,
            "thread": thread,
            "edited": changed,
            "message": drawn(&message, &self.zone),
        });
        self.board.put(List::Slack, &id, &shown);
        self.slack.insert(id, Seen { at, message });
    }
}

/// `1795352531.000200`
fn milliseconds(ts: &str) -> Option<i64> {
    let (seconds, _) = ts.split_once('.')?;
    seconds.parse::<i64>().ok()?.checked_mul(1000)
}

/// A mail as a mail program has it.
fn letter(mail: &Mail) -> Value {
    let parsed = MessageParser::default().parse(&mail.raw);
    let header = |of: &str| {
        let raw = parsed.as_ref().and_then(|it| it.header_raw(of.to_owned()));
        raw.map(|it| it.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    let date = parsed.as_ref().and_then(|it| it.date());
    json!({
        "from": header("From").unwrap_or_else(|| mail.from.clone()),
        "to": header("To").unwrap_or_else(|| mail.to.join(", ")),
        "subject": mail.subject,
        "at": date.map_or_else(now, |date| date.to_timestamp().saturating_mul(1000)),
        "text": mail.text,
        "html": mail.html,
        "source": String::from_utf8_lossy(&mail.raw),
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the outside world: when a message was seen is a fact of its reader"
)]
fn now() -> i64 {
    Timestamp::now().as_millisecond()
}
