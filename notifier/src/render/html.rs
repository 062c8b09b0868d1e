//! The HTML part of a mail: tables and inline CSS, readable in the oldest client and in the dark.
//! It says nothing of its own: the words are the letter's, and no picture, script or link is fetched.

use super::email::{missing_alone, not_shown, numbers_alone, rows};
use super::letter::{Letter, Piece, Section};
use super::names;
use super::words::Mark;

/// No `gap`, `flex` or `border-radius`: Outlook draws with Word. Text has no colour of its own, so that dark modes can turn it.
const FONT: &str = "font-family:Arial,Helvetica,sans-serif;font-size:14px;line-height:20px";
const MONO: &str = "font-family:'Courier New',Courier,monospace;font-size:13px;line-height:18px";
/// Grey that can be read on white and on black.
const QUIET: &str = "color:#767676";
const TABLE: &str = "<table role=\"presentation\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\"";

/// The whole page.
pub(crate) fn page(letter: &Letter) -> String {
    let body = match &letter.body {
        Some(text) => headline(letter) + &preformatted(text),
        None => ours(letter),
    };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"supported-color-schemes\" content=\"light dark\">\n\
         <title>{}</title>\n</head>\n<body style=\"margin:0;padding:16px\">\n\
         {TABLE} width=\"100%\" style=\"max-width:760px\">\n<tr><td style=\"border-left:5px solid {};padding:2px 0 2px 14px;{FONT}\">\n\
         {body}</td></tr>\n</table>\n</body>\n</html>\n",
        escape(&letter.subject),
        colour(letter.mark),
    )
}

/// The letter in the built-in words.
fn ours(letter: &Letter) -> String {
    let mut body = headline(letter);
    body.push_str(&counts(letter));
    body.push_str(&facts(letter));
    for (at, finding) in letter.findings.iter().enumerate() {
        body.push_str(&section(finding, &format!("{}. ", at + 1)));
    }
    body.push_str(&quiet(
        not_shown(letter.more_findings, "more error").into_iter(),
    ));
    body.push_str(&missing(letter));
    body.push_str(&changes(letter));
    body.push_str(&ending(letter));
    body
}

/// The route's own text, in the lines that it has.
fn preformatted(text: &str) -> String {
    format!(
        "<pre style=\"margin:12px 0;{MONO};white-space:pre-wrap;word-break:break-word\">{}</pre>\n",
        escape(text)
    )
}

/// Colours that stand out on white and on black.
fn colour(mark: Option<Mark>) -> &'static str {
    match mark {
        Some(Mark::Failed) => "#d93025",
        Some(Mark::Missing) => "#e8710a",
        Some(Mark::Changed) => "#e0a800",
        Some(Mark::Would) => "#1a73e8",
        Some(Mark::Clean) => "#1e8e3e",
        None => "#8a8a8a",
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

fn headline(letter: &Letter) -> String {
    let font = if letter.mark.is_some() {
        ""
    } else {
        "font-family:'Courier New',Courier,monospace;"
    };
    let mut html = format!(
        "<div style=\"{font}font-size:17px;line-height:23px;font-weight:bold;word-break:break-word\">{}</div>\n",
        escape(&letter.title)
    );
    let numbers = numbers_alone(letter).filter(|_| letter.body.is_none());
    for line in letter.first.iter().chain(numbers.iter()) {
        html.push_str(&format!(
            "<div style=\"padding-top:4px\">{}</div>\n",
            escape(line)
        ));
    }
    html
}

fn counts(letter: &Letter) -> String {
    if letter.counts.is_empty() {
        return String::new();
    }
    let cell = "padding:1px 14px 1px 0;vertical-align:top";
    let row = |label: &str, number: &str, names: &str| {
        format!(
            "<tr><td style=\"{cell};white-space:nowrap;{FONT}\">{label}</td>\
             <td align=\"right\" style=\"{cell};white-space:nowrap;{FONT};font-weight:bold\">{number}</td>\
             <td style=\"{cell};{FONT}\">{names}</td></tr>\n"
        )
    };
    let rows = letter.counts.iter().map(|count| {
        let names = count.names.as_deref().unwrap_or_default();
        row(
            &escape(count.label),
            &names::number(count.number as usize),
            &escape(names),
        )
    });
    format!(
        "{TABLE} style=\"margin-top:12px\">\n{}</table>\n",
        rows.collect::<String>()
    )
}

fn facts(letter: &Letter) -> String {
    let rows = rows(letter).into_iter().map(|(label, value)| {
        let font = if label == "command" { MONO } else { FONT };
        format!(
            "<tr><td style=\"padding:1px 14px 1px 0;vertical-align:top;{FONT};{QUIET}\">{label}</td>\
             <td style=\"padding:1px 0;{font};word-break:break-word\">{}</td></tr>\n",
            escape(&value)
        )
    });
    format!(
        "{TABLE} style=\"margin-top:12px\">\n{}</table>\n",
        rows.collect::<String>()
    )
}

fn pieces(pieces: &[Piece]) -> String {
    let shown = pieces.iter().map(|piece| match piece {
        Piece::Plain(text) => escape(text),
        Piece::Strong(text) => format!("<b>{}</b>", escape(text)),
        Piece::Code(text) => format!(
            "<span style=\"{MONO};font-weight:bold\">{}</span>",
            escape(text)
        ),
    });
    shown.collect()
}

fn section(section: &Section, number: &str) -> String {
    let mut html = format!(
        "<div style=\"padding-top:16px\">{number}{}</div>\n",
        pieces(&section.heading)
    );
    html.push_str(&printed(&section.text));
    if !section.diff.is_empty() {
        html.push_str(&format!(
            "<div>changed before it failed</div>\n{}",
            printed(&section.diff)
        ));
    }
    if !section.after.is_empty() {
        html.push_str(&format!("<div>{}</div>\n", escape(&section.after)));
    }
    html
}

/// Text as it was printed, marked by a line at its side: a background of our own would not survive the dark.
fn printed(text: &str) -> String {
    if text.trim().is_empty() {
        return String::new();
    }
    format!(
        "<pre style=\"margin:6px 0;padding:2px 0 2px 10px;border-left:2px solid #8a8a8a;{MONO};white-space:pre-wrap;word-break:break-word\">{}</pre>\n",
        escape(text)
    )
}

fn missing(letter: &Letter) -> String {
    let lines = missing_alone(letter)
        .iter()
        .map(|line| format!("<div>{}</div>\n", pieces(line)));
    block(lines.collect())
}

fn changes(letter: &Letter) -> String {
    if letter.changes.is_empty() {
        return String::new();
    }
    let mut html = format!("<div><b>{}:</b></div>\n", escape(&letter.changes_title));
    for change in &letter.changes {
        html.push_str(&format!("<div>{}</div>\n", pieces(&change.heading)));
        if !change.after.is_empty() {
            html.push_str(&format!("<div>{}</div>\n", escape(&change.after)));
        }
        html.push_str(&printed(&change.text));
    }
    html.push_str(&quiet(
        not_shown(letter.more_changes, "more change").into_iter(),
    ));
    block(html)
}

fn ending(letter: &Letter) -> String {
    let mut html = String::new();
    if !letter.next.is_empty() {
        let commands = letter.next.iter().map(|command| {
            format!(
                "<div style=\"{MONO};word-break:break-word\">{}</div>\n",
                escape(command)
            )
        });
        html.push_str(&block(format!(
            "<div style=\"{QUIET}\">Next:</div>\n{}",
            commands.collect::<String>()
        )));
    }
    html.push_str(&block(quiet(letter.notes.iter().cloned())));
    html
}

fn quiet(lines: impl Iterator<Item = String>) -> String {
    lines
        .map(|line| format!("<div style=\"{QUIET}\">{}</div>\n", escape(&line)))
        .collect()
}

fn block(html: String) -> String {
    if html.is_empty() {
        html
    } else {
        format!("<div style=\"padding-top:16px\">\n{html}</div>\n")
    }
}
