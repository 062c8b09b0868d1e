//! A letter as a Slack message in Block Kit, within what Slack takes.
//! It posts nothing; untrusted text stands only where Slack does not interpret it.

use jiff::tz::TimeZone;
use pillarbox_proto::delivery::Notification;
use serde_json::{Value, json};

use super::excerpt::{self, Room};
use super::letter::{Letter, Piece, Section, plain};
use super::names;

/// All block text together. Slack documents no limit: 9 597 were accepted and 11 341 refused.
pub const BLOCK_CHARS: usize = 9_000;
/// The blocks as JSON, in bytes: 15 561 were accepted and 17 694 refused.
pub const BLOCK_BYTES: usize = 14_000;
/// Blocks in a message.
pub const BLOCKS: usize = 50;
/// Top-level text: beyond, Slack may split it into several messages.
pub const TEXT_CHARS: usize = 4_000;

/// How much is shown, from plenty to hardly anything: the first that fits is sent.
struct Depth {
    findings: usize,
    excerpt: Room,
    changes: usize,
    diffs: usize,
    /// Characters of a line.
    line: usize,
}

const fn depth(
    findings: usize,
    lines: usize,
    chars: usize,
    changes: usize,
    diffs: usize,
    line: usize,
) -> Depth {
    let excerpt = Room { lines, chars };
    Depth {
        findings,
        excerpt,
        changes,
        diffs,
        line,
    }
}

const DEPTHS: [Depth; 5] = [
    depth(5, 14, 1_000, 6, 3, 1_000),
    depth(5, 8, 500, 4, 2, 600),
    depth(4, 5, 300, 3, 1, 400),
    depth(3, 3, 160, 2, 0, 250),
    depth(1, 2, 80, 1, 0, 120),
];

/// The payload for an incoming webhook, or with a channel for `chat.postMessage`.
pub fn message(notification: &Notification, zone: &TimeZone, follow_up: bool) -> Value {
    let letter = Letter::new(notification, zone, follow_up);
    let built = DEPTHS
        .iter()
        .map(|depth| blocks(&letter, depth))
        .find(|blocks| fits(blocks));
    let mut payload = envelope(sentence(&letter));
    // The last depth has room for everything that it shows, so there always is one.
    if let Some(blocks) = built {
        payload["blocks"] = Value::Array(blocks);
    }
    payload
}

/// The same in text alone, for a channel that refuses the blocks.
pub fn smaller(notification: &Notification, zone: &TimeZone, follow_up: bool) -> Value {
    let letter = Letter::new(notification, zone, follow_up);
    let mut lines = vec![sentence(&letter)];
    let add = |lines: &mut Vec<String>, line: &str| lines.push(escape(&excerpt::clip(line, 300)));
    for text in &letter.first {
        add(&mut lines, text);
    }
    for section in letter.findings.iter().take(5) {
        let room = Room {
            lines: 3,
            chars: 240,
        };
        add(&mut lines, &plain(&section.heading));
        for text in cut(section, room).lines() {
            add(&mut lines, &format!("    {text}"));
        }
    }
    for line in &letter.missing {
        add(&mut lines, &plain(line));
    }
    for command in letter.next.iter().chain(&letter.notes) {
        add(&mut lines, command);
    }
    let mut text = String::new();
    for line in lines {
        if units(&text) + units(&line) + 1 > TEXT_CHARS - 100 {
            text.push_str("\n… more in the job's returns");
            break;
        }
        text.push_str(if text.is_empty() { "" } else { "\n" });
        text.push_str(&line);
    }
    envelope(text)
}

fn envelope(text: String) -> Value {
    json!({
        "text": text,
        "mrkdwn": false,
        "parse": "none",
        "link_names": false,
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

/// What a screen reader says instead of the blocks, and a telephone shows: the title, and who, where and when.
fn sentence(letter: &Letter) -> String {
    let circle = letter
        .mark
        .map(|mark| format!("{} ", mark.circle().1))
        .unwrap_or_default();
    escape(&format!(
        "{circle}{}\n{}",
        excerpt::clip(&letter.title, 600),
        excerpt::clip(&facts(letter), 600)
    ))
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

fn facts(letter: &Letter) -> String {
    let mut facts = letter.numbers.clone();
    let (who, when) = (letter.origin.clone(), letter.when.clone());
    // A start says who before how many: it is the news.
    facts.insert(
        if letter.mark.is_some() {
            facts.len()
        } else {
            0
        },
        who,
    );
    facts.push(when);
    facts.join(" · ")
}

fn blocks(letter: &Letter, depth: &Depth) -> Vec<Value> {
    let cut = |text: &str| excerpt::clip(text, depth.line);
    let mut blocks = vec![
        rich(vec![section(headline(letter, depth))]),
        context(&cut(&facts(letter))),
    ];
    if !letter.first.is_empty() {
        let lines = letter
            .first
            .iter()
            .map(|line| vec![Piece::Strong(cut(line))]);
        blocks.push(rich(
            lines.map(|line| section(pieces(&line, depth))).collect(),
        ));
    }
    for finding in letter.findings.iter().take(depth.findings) {
        blocks.push(finding_block(finding, depth));
    }
    let more = letter.more_findings + letter.findings.len().saturating_sub(depth.findings);
    if more > 0 {
        blocks.push(context(&format!(
            "{} not shown here",
            names::plural(more, "more error")
        )));
    }
    if !letter.missing.is_empty() {
        blocks.push(rich(lines(&letter.missing, depth)));
    }
    if !letter.changes.is_empty() {
        blocks.push(rich(changes(letter, depth)));
    }
    if !letter.next.is_empty() {
        let commands: Vec<Vec<Piece>> = letter
            .next
            .iter()
            .map(|command| vec![Piece::Code(command.clone())])
            .collect();
        blocks.push(rich(lines(&commands, depth)));
    }
    for note in &letter.notes {
        blocks.push(context(&cut(note)));
    }
    blocks
}

fn headline(letter: &Letter, depth: &Depth) -> Vec<Value> {
    let title = excerpt::clip(&letter.title, depth.line);
    match letter.mark {
        Some(mark) => vec![
            json!({"type": "emoji", "name": mark.circle().0}),
            text(&format!(" {title}"), Some("bold")),
        ],
        None => vec![json!({"type": "text", "text": title, "style": {"bold": true, "code": true}})],
    }
}

fn finding_block(finding: &Section, depth: &Depth) -> Value {
    let mut elements = vec![section(pieces(&finding.heading, depth))];
    let shown = cut(finding, depth.excerpt);
    if !shown.trim().is_empty() {
        elements.push(preformatted(&shown));
    }
    if !finding.after.is_empty() {
        elements.push(section(vec![text(
            &excerpt::clip(&finding.after, depth.line),
            None,
        )]));
    }
    rich(elements)
}

/// Changes in one block, the first few with their diffs.
fn changes(letter: &Letter, depth: &Depth) -> Vec<Value> {
    let mut elements = Vec::new();
    for (at, change) in letter.changes.iter().take(depth.changes).enumerate() {
        let lead = if at == 0 {
            format!("{}: ", letter.changes_title)
        } else {
            String::new()
        };
        let mut line = pieces(&[Piece::Strong(lead)], depth);
        line.extend(pieces(&change.heading, depth));
        let diff = if at < depth.diffs {
            cut(change, depth.excerpt)
        } else {
            String::new()
        };
        let last = at + 1 == letter.changes.len().min(depth.changes);
        if diff.trim().is_empty() && !last {
            line.push(text("\n", None));
        }
        elements.push(section(line));
        if !diff.trim().is_empty() {
            elements.push(preformatted(&diff));
        }
    }
    let more = letter.more_changes + letter.changes.len().saturating_sub(depth.changes);
    if more > 0 {
        elements.push(section(vec![text(
            &format!("and {}", names::plural(more, "more change")),
            None,
        )]));
    }
    elements
}

fn cut(section: &Section, room: Room) -> String {
    if section.keep_head {
        excerpt::head(&section.text, room)
    } else {
        excerpt::tail(&section.text, room)
    }
}

/// Several lines, one section: sections of their own would stand apart.
fn lines(lines: &[Vec<Piece>], depth: &Depth) -> Vec<Value> {
    let mut elements = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if at > 0 {
            elements.push(text("\n", None));
        }
        elements.extend(pieces(line, depth));
    }
    vec![section(elements)]
}

fn pieces(pieces: &[Piece], depth: &Depth) -> Vec<Value> {
    let cut = |text: &str| excerpt::clip(text, depth.line);
    let shown = pieces.iter().map(|piece| match piece {
        Piece::Plain(plain) => (cut(plain), None),
        Piece::Strong(strong) => (cut(strong), Some("bold")),
        Piece::Code(code) => (cut(code), Some("code")),
    });
    // Slack refuses an empty text.
    shown
        .filter(|(shown, _)| !shown.is_empty())
        .map(|(shown, style)| text(&shown, style))
        .collect()
}

fn text(text: &str, style: Option<&str>) -> Value {
    match style {
        Some(style) => json!({"type": "text", "text": text, "style": {style: true}}),
        None => json!({"type": "text", "text": text}),
    }
}

fn section(elements: Vec<Value>) -> Value {
    json!({"type": "rich_text_section", "elements": elements})
}

fn preformatted(text: &str) -> Value {
    json!({"type": "rich_text_preformatted", "elements": [{"type": "text", "text": text}]})
}

fn rich(elements: Vec<Value>) -> Value {
    json!({"type": "rich_text", "elements": elements})
}

/// Small and grey; `plain_text` is not interpreted.
fn context(text: &str) -> Value {
    json!({"type": "context", "elements": [{"type": "plain_text", "text": text, "emoji": false}]})
}
