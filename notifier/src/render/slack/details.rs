//! What a message had no room for, as replies in its thread: whole comments, diffs and outputs.
//! It repeats nothing that the message shows, and does not know what the thread already holds.

use jiff::tz::TimeZone;
use pillarbox_proto::delivery::Notification;
use pillarbox_proto::subject::hash;
use serde_json::Value;

use super::blocks::{self, Depth};
use super::{TEXT_CHARS, depth, envelope, escape, fits, units};
use crate::render::excerpt::{Room, clip};
use crate::render::letter::{Letter, Piece, Section, plain};
use crate::render::names;
use crate::render::template::Words;

/// Details of one message: a thread is for reading, the rest stands in the job's returns.
const MOST: usize = 6;
/// How much of one detail is shown: the first that fits into a reply of its own.
const ROOMS: [Room; 4] = [
    room(300, 7_500),
    room(200, 4_000),
    room(80, 2_000),
    room(20, 500),
];

const fn room(lines: usize, chars: usize) -> Room {
    Room { lines, chars }
}

/// A finding or a change whose text the message shows in part, or not at all.
#[derive(Debug, Clone, PartialEq)]
pub struct Detail {
    /// Hash of its words: the same text is not said twice.
    pub id: String,
    section: Section,
    block: Value,
}

/// What the message of this notification had no room for, in the order of the message; and how much more there is.
pub fn details(
    notification: &Notification,
    zone: &TimeZone,
    words: &Words,
) -> (Vec<Detail>, usize) {
    let letter = Letter::new(notification, zone, false).worded(words, false);
    let depth = depth(&letter);
    let (findings, changes) = depth.map_or(((0, 0), (0, 0)), |depth| {
        (
            (depth.findings, depth.findings),
            (depth.changes, depth.diffs),
        )
    });
    let cut = |(headings, texts): (usize, usize)| {
        move |(at, section): &(usize, &Section)| {
            let whole = depth.is_some_and(|depth| *at < texts && shows_whole(section, depth));
            *at >= headings || !whole && !section.text.trim().is_empty()
        }
    };
    let findings = letter.findings.iter().enumerate().filter(cut(findings));
    let changes = letter.changes.iter().enumerate().filter(cut(changes));
    let cut: Vec<&Section> = findings
        .chain(changes)
        .map(|(_, section)| section)
        .collect();
    let more = cut.len().saturating_sub(MOST);
    let details = cut.into_iter().take(MOST).map(detail);
    (details.collect(), more)
}

fn shows_whole(section: &Section, depth: &Depth) -> bool {
    let unbounded = Room {
        lines: usize::MAX,
        chars: usize::MAX,
    };
    section.cut(depth.excerpt) == section.cut(unbounded)
}

fn detail(section: &Section) -> Detail {
    let rooms = ROOMS.iter();
    let block = rooms
        .map(|room| blocks::finding(section, *room))
        .find(|block| fits(std::slice::from_ref(block)));
    Detail {
        id: hash([named(section).as_str(), section.text.as_str()]),
        section: section.clone(),
        block: block.unwrap_or_else(|| blocks::context(&clip(&plain(&section.heading), 80))),
    }
}

/// What it is about, without the minions: one more of them is no other detail.
fn named(section: &Section) -> String {
    let words = section.heading.iter().filter_map(|piece| match piece {
        Piece::Strong(word) | Piece::Code(word) => Some(word.as_str()),
        Piece::Plain(_) => None,
    });
    words.collect::<Vec<_>>().join(" ")
}

/// A reply with as many of these details as fit, at least one; and how many they are. `more`: how many are in no reply.
pub fn reply(details: &[Detail], more: usize) -> (Value, usize) {
    let count = (1..=details.len())
        .take_while(|count| *count == 1 || fits(&reply_blocks(details, *count, more)))
        .last()
        .unwrap_or(0);
    let headings: Vec<String> = details.iter().take(count).map(heading).collect();
    let mut payload = envelope(Some(headings.join("\n")));
    payload["blocks"] = Value::Array(reply_blocks(details, count, more));
    (payload, count)
}

/// What a telephone shows of it: so short that those of one reply fit into its text however they are escaped.
fn heading(detail: &Detail) -> String {
    let words = plain(&detail.section.heading);
    if words.trim().is_empty() {
        return "More about this job".to_owned(); // a text must not be empty, and a function's name may be
    }
    escape(&clip(&words, 120))
}

fn reply_blocks(details: &[Detail], count: usize, more: usize) -> Vec<Value> {
    let shown = details.iter().take(count);
    let mut blocks: Vec<Value> = shown.map(|detail| detail.block.clone()).collect();
    if count == details.len() && more > 0 {
        let more = names::plural(more, "more text");
        blocks.push(blocks::context(&format!(
            "{more} not shown here: see the job's returns"
        )));
    }
    blocks
}

/// The first of these details in text alone, for a channel that refuses the blocks.
pub fn smaller_reply(details: &[Detail]) -> (Value, usize) {
    let Some(detail) = details.first() else {
        return (envelope(None), 0);
    };
    let mut text = heading(detail);
    for line in detail.section.cut(room(60, 2_000)).lines() {
        let line = format!("\n{}", escape(line));
        if units(&text) + units(&line) > TEXT_CHARS {
            break;
        }
        text.push_str(&line);
    }
    (envelope(Some(text)), 1)
}
