//! A letter as a Slack message: text for a telephone, and blocks within what Slack takes.
//! It posts nothing; untrusted text stands only where Slack does not interpret it.

mod blocks;

mod classic;

mod details;

mod look;

use jiff::tz::TimeZone;
use pillarbox_proto::delivery::Notification;
use serde_json::{Value, json};

use super::excerpt::{self, Room};
use super::letter::{Letter, plain};
use super::template::Words;

pub use details::{Detail, details, reply, smaller_reply};
pub use look::{Icon, Look, Style};

/// All block text together. Slack documents no limit: 9 597 were accepted and 11 341 refused.
pub const BLOCK_CHARS: usize = 9_000;
/// The blocks as JSON, in bytes: 15 561 were accepted and 17 694 refused.
pub const BLOCK_BYTES: usize = 14_000;
/// Blocks in a message.
pub const BLOCKS: usize = 50;
/// Top-level text: beyond, Slack may split it into several messages.
pub const TEXT_CHARS: usize = 4_000;

/// The payload in a receiver's style, for an incoming webhook, or with a channel for `chat.postMessage`.
pub fn styled(
    notification: &Notification,
    zone: &TimeZone,
    follow_up: bool,
    words: &Words,
    style: &Style,
) -> Value {
    match style {
        Style::Modern => message(notification, zone, follow_up, words),
        Style::Classic { color } => {
            let letter = Letter::new(notification, zone, follow_up).worded(words, follow_up);
            classic::message(&letter, color.as_deref())
        }
    }
}

/// The payload in Block Kit.
pub fn message(
    notification: &Notification,
    zone: &TimeZone,
    follow_up: bool,
    words: &Words,
) -> Value {
    let letter = Letter::new(notification, zone, follow_up).worded(words, follow_up);
    let mut payload = envelope(Some(sentence(&letter)));
    payload["blocks"] = Value::Array(body(&letter));
    payload
}

/// The blocks, as deep as there is room.
fn body(letter: &Letter) -> Vec<Value> {
    match depth(letter) {
        Some(depth) => blocks::all(letter, depth),
        None => blocks::bare(letter),
    }
}

/// How much of a letter has room.
fn depth(letter: &Letter) -> Option<&'static blocks::Depth> {
    let mut depths = blocks::DEPTHS.iter();
    depths.find(|depth| fits(&blocks::all(letter, depth)))
}

/// The same in text alone, for a channel that refuses the blocks.
pub fn smaller(
    notification: &Notification,
    zone: &TimeZone,
    follow_up: bool,
    words: &Words,
) -> Value {
    let letter = Letter::new(notification, zone, follow_up).worded(words, follow_up);
    let mut text = sentence(&letter);
    for line in in_lines(&letter) {
        let line = escape(&excerpt::clip(&line, 300));
        if units(&text) + units(&line) > TEXT_CHARS - 100 {
            text.push_str("\n… there is more in the job's returns");
            break;
        }
        text.push('\n');
        text.push_str(&line);
    }
    envelope(Some(text))
}

/// The letter below its first lines, each on a line of its own.
fn in_lines(letter: &Letter) -> Vec<String> {
    let room = Room {
        lines: 3,
        chars: 240,
    };
    let mut lines = letter.first.clone();
    lines.extend(
        letter
            .body
            .iter()
            .flat_map(|body| body.lines().map(str::to_owned)),
    );
    for section in letter.findings.iter().take(5) {
        lines.push(plain(&section.heading));
        lines.extend(section.cut(room).lines().map(|text| format!("    {text}")));
    }
    lines.extend(letter.missing.iter().map(|line| plain(line)));
    let changes = letter
        .changes
        .iter()
        .take(5)
        .map(|change| plain(&change.heading));
    lines.extend(changes.map(|change| format!("{}: {change}", letter.changes_title)));
    lines.extend(letter.next.iter().chain(&letter.notes).cloned());
    lines
}

fn envelope(text: Option<String>) -> Value {
    let mut envelope = json!({
        "mrkdwn": false,
        "parse": "none",
        "link_names": false,
        "unfurl_links": false,
        "unfurl_media": false,
    });
    if let Some(text) = text {
        envelope["text"] = text.into();
    }
    envelope
}

/// What a screen reader says instead of the blocks, and a telephone shows: the title, and who, where and when.
fn sentence(letter: &Letter) -> String {
    let opening = match letter.mark {
        Some(mark) => mark.circle().1.to_string(),
        None => "Started:".to_owned(),
    };
    let (title, facts) = (
        excerpt::clip(&letter.title, 600),
        excerpt::clip(&facts(letter), 600),
    );
    escape(&format!("{opening} {title}\n{facts}"))
}

/// Slack decodes these three and nothing else; so no mention, channel or link can be written.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Characters as the stricter of Slack's counters may count them.
fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

fn fits(blocks: &[Value]) -> bool {
    let text: usize = blocks.iter().map(text_units).sum();
    let bytes: usize = blocks.iter().map(|block| block.to_string().len() + 1).sum();
    blocks.len() <= BLOCKS && text <= BLOCK_CHARS && bytes < BLOCK_BYTES
}

/// Text in a block: every string under a `text`.
fn text_units(value: &Value) -> usize {
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| match value {
                Value::String(text) if key == "text" => units(&escape(text)),
                Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => 0,
                Value::Array(_) | Value::Object(_) => text_units(value),
            })
            .sum(),
        Value::Array(values) => values.iter().map(text_units).sum(),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// Numbers, who, when. A start says who before how many: that is its news.
fn facts(letter: &Letter) -> String {
    let (numbers, who) = (letter.numbers.clone(), vec![letter.origin.clone()]);
    let mut facts = match letter.mark {
        Some(_) => [numbers, who].concat(),
        None => [who, numbers].concat(),
    };
    facts.push(letter.when.clone());
    facts.extend(letter.job.as_ref().map(|job| format!("job {job}")));
    facts.join(" · ")
}
