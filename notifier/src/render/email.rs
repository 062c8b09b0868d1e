//! A letter as a mail: subject, and the same words as text and as HTML.
//! It makes no headers, no parts and no message id, and it sends nothing.

use jiff::tz::TimeZone;
use pillarbox_proto::delivery::Notification;

use super::excerpt::{Room, head};
use super::html;
use super::letter::{Letter, Piece, Section, plain};
use super::names;
use super::template::Words;

/// Gmail cuts HTML at about 102 KB.
pub const HTML_BYTES: usize = 90_000;
/// Columns of the text part, where it is prose.
const COLUMNS: usize = 78;

/// A mail's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// One line, without encoding; the same as long as the job's outcome is.
    pub subject: String,
    /// The text part.
    pub text: String,
    /// The HTML part, at most [`HTML_BYTES`].
    pub html: String,
}

/// How much is shown: the first that fits.
struct Depth {
    /// Of each excerpt.
    room: Room,
    /// How many findings, and how many changes.
    count: usize,
    /// Of a text in the route's own words.
    body: Room,
}

const fn depth(lines: usize, chars: usize, count: usize, body: usize) -> Depth {
    Depth {
        room: Room { lines, chars },
        count,
        body: Room {
            lines: body / 10,
            chars: body,
        },
    }
}

const DEPTHS: [Depth; 4] = [
    depth(40, 4_000, 50, 64_000),
    depth(20, 1_200, 50, 32_000),
    depth(8, 500, 50, 16_000),
    depth(3, 160, 25, 10_000),
];

/// A notification as a mail. `follow_up`: an earlier version was sent.
/// `words`: the route's own.
pub fn mail(notification: &Notification, zone: &TimeZone, follow_up: bool, words: &Words) -> Mail {
    let letter = Letter::new(notification, zone, follow_up).worded(words, follow_up);
    let subject = letter.subject.clone();
    let mut mail = Mail {
        subject,
        text: String::new(),
        html: String::new(),
    };
    for depth in &DEPTHS {
        let letter = shortened(&letter, depth);
        (mail.text, mail.html) = (text(&letter), html::page(&letter));
        if mail.html.len() <= HTML_BYTES {
            break;
        }
    }
    mail
}

/// The letter with its excerpts cut, so that both parts say the same.
fn shortened(letter: &Letter, depth: &Depth) -> Letter {
    let Depth { room, count, body } = depth;
    let cut = |section: &Section| Section {
        text: section.cut(*room),
        diff: head(&section.diff, *room),
        ..section.clone()
    };
    Letter {
        findings: letter.findings.iter().take(*count).map(cut).collect(),
        more_findings: letter.more_findings + letter.findings.len().saturating_sub(*count),
        changes: letter.changes.iter().take(*count).map(cut).collect(),
        more_changes: letter.more_changes + letter.changes.len().saturating_sub(*count),
        body: letter.body.as_ref().map(|text| head(text, *body)),
        ..letter.clone()
    }
}

/// Who, with which command, when: the same rows in text and in HTML.
pub(crate) fn rows(letter: &Letter) -> Vec<(&'static str, String)> {
    let mut rows = vec![("who", letter.origin.clone())];
    rows.extend(letter.command.clone().map(|command| ("command", command)));
    rows.push(("when", letter.when.clone()));
    rows.extend(letter.job.clone().map(|job| ("job", job)));
    rows
}

/// `3 more errors are not shown.`
pub(crate) fn not_shown(count: usize, thing: &str) -> Option<String> {
    (count > 0).then(|| format!("{} not shown here", names::plural(count, thing)))
}

fn text(letter: &Letter) -> String {
    let mut text = wrap(&letter.title, "", "");
    if let Some(body) = &letter.body {
        let first = letter.first.iter().map(|line| wrap(line, "", ""));
        return format!("{text}{}\n{body}\n", first.collect::<String>());
    }
    for line in letter.first.iter().chain(numbers_alone(letter).iter()) {
        text.push_str(&wrap(line, "", ""));
    }
    text.push('\n');
    text.push_str(&tables(letter));
    for (at, finding) in letter.findings.iter().enumerate() {
        let number = format!("{}. ", at + 1);
        text.push_str(&format!(
            "\n{}",
            wrap(&plain(&finding.heading), &number, "   ")
        ));
        text.push_str(&indented(&finding.text, "       "));
        if !finding.diff.is_empty() {
            text.push_str("   changed before it failed\n");
            text.push_str(&indented(&finding.diff, "       "));
        }
        if !finding.after.is_empty() {
            text.push_str(&wrap(&finding.after, "   ", "   "));
        }
    }
    if let Some(line) = not_shown(letter.more_findings, "more error") {
        text.push_str(&format!("\n{line}\n"));
    }
    for (at, line) in missing_alone(letter).iter().enumerate() {
        text.push_str(if at == 0 { "\n" } else { "" });
        text.push_str(&wrap(&plain(line), "", "  "));
    }
    text.push_str(&changes(letter));
    text.push_str(&ending(letter));
    text
}

/// Those who did not answer, where no table names them.
pub(crate) fn missing_alone(letter: &Letter) -> &[Vec<Piece>] {
    if letter.counts.is_empty() {
        &letter.missing
    } else {
        &[]
    }
}

/// The numbers as a sentence, where there is no table of them.
pub(crate) fn numbers_alone(letter: &Letter) -> Option<String> {
    let numbers = if letter.counts.is_empty() {
        &letter.numbers[..]
    } else {
        // The table has the counts; what is no count ("nothing was changed") is still to be said.
        let counts = letter.numbers.iter().filter(|said| {
            letter
                .counts
                .iter()
                .any(|count| said.ends_with(count.label))
        });
        letter.numbers.get(counts.count()..).unwrap_or_default()
    };
    (!numbers.is_empty()).then(|| numbers.join(" · "))
}

fn tables(letter: &Letter) -> String {
    let mut text = String::new();
    let numbers = letter
        .counts
        .iter()
        .map(|count| names::number(count.number as usize));
    let numbers: Vec<String> = numbers.collect();
    let width = numbers
        .iter()
        .map(|number| number.chars().count())
        .max()
        .unwrap_or(0);
    for (count, number) in letter.counts.iter().zip(&numbers) {
        let line = format!("  {:<14}  {number:>width$}   ", count.label);
        let names = count.names.as_deref().unwrap_or_default();
        let line = format!("{line}{names}");
        text.push_str(&wrap(line.trim_end(), "", &" ".repeat(21 + width)));
    }
    if !letter.counts.is_empty() {
        text.push('\n');
    }
    for (label, value) in rows(letter) {
        let line = format!("  {label:<9} {value}\n");
        text.push_str(&if label == "command" {
            line
        } else {
            wrap(line.trim_end(), "", &" ".repeat(12))
        });
    }
    text
}

fn changes(letter: &Letter) -> String {
    if letter.changes.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{}:\n", letter.changes_title);
    for change in &letter.changes {
        text.push_str(&wrap(&plain(&change.heading), "  ", "    "));
        if !change.after.is_empty() {
            text.push_str(&wrap(&change.after, "    ", "    "));
        }
        text.push_str(&indented(&change.text, "       "));
    }
    if let Some(line) = not_shown(letter.more_changes, "more change") {
        text.push_str(&format!("  {line}\n"));
    }
    text
}

fn ending(letter: &Letter) -> String {
    let mut text = String::new();
    if !letter.next.is_empty() {
        text.push_str("\nNext:\n");
        for command in &letter.next {
            text.push_str(&format!("  {command}\n"));
        }
    }
    if !letter.notes.is_empty() {
        text.push('\n');
    }
    for note in &letter.notes {
        text.push_str(&wrap(note, "", ""));
    }
    text
}

fn indented(text: &str, indent: &str) -> String {
    let lines = text
        .lines()
        .map(|line| format!("{indent}{line}").trim_end().to_owned() + "\n");
    if text.trim().is_empty() {
        String::new()
    } else {
        lines.collect()
    }
}

/// Prose in lines of at most 78 columns, where its words allow it.
fn wrap(text: &str, first: &str, indent: &str) -> String {
    let (mut wrapped, mut column) = (first.to_owned(), first.chars().count());
    for (at, word) in text.split(' ').enumerate() {
        let width = word.chars().count();
        if at > 0 && !word.is_empty() && column + 1 + width > COLUMNS {
            wrapped.truncate(wrapped.trim_end_matches(' ').len());
            wrapped.push('\n');
            wrapped.push_str(indent);
            column = indent.chars().count();
        } else if at > 0 {
            wrapped.push(' ');
            column += 1;
        }
        wrapped.push_str(word);
        column += width;
    }
    wrapped.push('\n');
    wrapped
}
