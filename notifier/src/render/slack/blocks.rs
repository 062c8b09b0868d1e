//! A letter in Block Kit: `rich_text` and `plain_text` only, where nothing is parsed for mentions, links or fences.
//! It counts nothing: how much is shown is an argument.

use serde_json::{Value, json};

use super::facts;
use crate::render::excerpt::{self, Room};
use crate::render::letter::{Letter, Piece, Section};
use crate::render::names;

/// Characters of one text.
const TEXT: usize = 3_000;

/// How much is shown, from plenty to hardly anything: the first that fits is sent.
pub(super) struct Depth {
    pub(super) findings: usize,
    pub(super) excerpt: Room,
    pub(super) changes: usize,
    pub(super) diffs: usize,
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

pub(super) static DEPTHS: [Depth; 5] = [
    depth(5, 14, 1_000, 6, 3, 1_000),
    depth(5, 8, 500, 4, 2, 600),
    depth(4, 5, 300, 3, 1, 400),
    depth(3, 3, 160, 2, 0, 250),
    depth(1, 2, 80, 1, 0, 80),
];

/// The first lines alone: fits whatever the rest is.
pub(super) fn bare(letter: &Letter) -> Vec<Value> {
    let [.., least] = &DEPTHS;
    vec![
        rich(vec![section(headline(letter, least))]),
        context(&excerpt::clip(&facts(letter), least.line)),
    ]
}

/// The whole letter, news first.
pub(super) fn all(letter: &Letter, depth: &Depth) -> Vec<Value> {
    let cut = |text: &str| excerpt::clip(text, depth.line);
    if let Some(body) = &letter.body {
        return own_words(letter, body, depth);
    }
    let mut blocks = vec![
        rich(vec![section(headline(letter, depth))]),
        context(&cut(&facts(letter))),
    ];
    let strong = |text: &String| vec![Piece::Strong(text.clone())];
    let first: Vec<Vec<Piece>> = letter.first.iter().map(strong).collect();
    blocks.extend(several(&first, depth));
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
    blocks.extend(several(&letter.missing, depth));
    if !letter.changes.is_empty() {
        blocks.push(rich(changes(letter, depth)));
    }
    // A command cut short would not run: it is left out.
    let whole = letter
        .next
        .iter()
        .filter(|command| command.chars().nth(depth.line).is_none());
    let commands: Vec<Vec<Piece>> = whole
        .map(|command| vec![Piece::Code(command.clone())])
        .collect();
    blocks.extend(several(&commands, depth));
    for note in &letter.notes {
        blocks.push(context(&cut(note)));
    }
    blocks
}

/// A letter in the route's own words.
fn own_words(letter: &Letter, body: &str, depth: &Depth) -> Vec<Value> {
    let strong = |text: &String| vec![Piece::Strong(text.clone())];
    let first: Vec<Vec<Piece>> = letter.first.iter().map(strong).collect();
    let room = Room {
        lines: 100,
        chars: depth.line * 5 / 2, // a text of 3 000 is the longest that Slack takes
    };
    let mut blocks = vec![rich(vec![section(headline(letter, depth))])];
    blocks.extend(several(&first, depth));
    blocks.push(rich(vec![section(vec![text(
        &excerpt::head(body, room),
        None,
    )])]));
    blocks
}

fn headline(letter: &Letter, depth: &Depth) -> Vec<Value> {
    let title = excerpt::clip(&letter.title, depth.line);
    match letter.mark {
        Some(mark) => vec![
            json!({"type": "emoji", "name": mark.circle().0}),
            text(" ", None),
            text(&title, Some("bold")),
        ],
        None => vec![json!({"type": "text", "text": title, "style": {"bold": true, "code": true}})],
    }
}

/// One finding for itself: its heading, and as much of its text as there is room for.
pub(super) fn finding(finding: &Section, room: Room) -> Value {
    let [depth, ..] = &DEPTHS;
    let mut elements = vec![section(pieces(&finding.heading, depth))];
    let shown = finding.cut(room);
    if !shown.trim().is_empty() {
        elements.push(preformatted(&shown));
    }
    rich(elements)
}

fn finding_block(finding: &Section, depth: &Depth) -> Value {
    let mut elements = vec![section(pieces(&finding.heading, depth))];
    let shown = finding.cut(depth.excerpt);
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
        // Where something failed, that is the news: what changed is named.
        let diff = if at < depth.diffs && letter.findings.is_empty() {
            change.cut(depth.excerpt)
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

/// Several lines in one section: sections of their own would stand apart. No lines, no block.
fn several(lines: &[Vec<Piece>], depth: &Depth) -> Option<Value> {
    let mut elements = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if at > 0 {
            elements.push(text("\n", None));
        }
        elements.extend(pieces(line, depth));
    }
    (!elements.is_empty()).then(|| rich(vec![section(elements)]))
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

/// One box, in as many texts as one text's limit asks for: a reader sees no seam.
fn preformatted(printed: &str) -> Value {
    let chars: Vec<char> = printed.chars().collect();
    let texts = chars.chunks(TEXT);
    let texts: Vec<Value> = texts
        .map(|part| text(&part.iter().collect::<String>(), None))
        .collect();
    json!({"type": "rich_text_preformatted", "elements": texts})
}

fn rich(elements: Vec<Value>) -> Value {
    json!({"type": "rich_text", "elements": elements})
}

/// Small and grey; `plain_text` is not interpreted.
pub(super) fn context(text: &str) -> Value {
    json!({"type": "context", "elements": [{"type": "plain_text", "text": text, "emoji": false}]})
}
