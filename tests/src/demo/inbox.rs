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
use crate::slack::{Slack, reader};
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

/// A message as it stands now.
#[derive(Debug)]
struct Post {
    id: String,
    /// The message that it replies to.
    thread: Option<String>,
    message: Value,
}

/// A Slack message as it was last shown.
#[derive(Debug)]
struct Seen {
    /// When it came, in milliseconds.
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
        for post in posts(&stack.slack) {
            self.post(post);
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

    fn post(&mut self, post: Post) {
        let Post {
            id,
            thread,
            message,
        } = post;
        let before = self.slack.get(&id);
        if before.is_some_and(|seen| seen.message == message) {
            return;
        }
        let changed = before.is_some();
        let at = before.map_or_else(now, |seen| seen.at);
        let named = message.get("channel").and_then(Value::as_str);
        let channel = named.unwrap_or(CHANNEL);
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

/// The double's list of what a reader sees: a message keeps its number when it is changed.
fn posts(slack: &Slack) -> Vec<Post> {
    let posted = slack.posted().into_iter().enumerate();
    let post = |(number, message): (usize, Value)| Post {
        id: number.to_string(),
        thread: None, // an incoming webhook has none
        message,
    };
    posted.map(post).collect()
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
