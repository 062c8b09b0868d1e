//! Untrusted text made fit to show: cleaned of what a terminal would obey, cut at a line, saying what was cut.
//! It does not escape: each layout does that for its own syntax.

use std::iter::Peekable;
use std::str::Chars;

/// How much of a text is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    /// Lines.
    pub(crate) lines: usize,
    /// Characters of the whole.
    pub(crate) chars: usize,
}

/// Without ANSI sequences, C0 and C1 controls and bidi controls; lines end in `\n`, tabs are four blanks.
pub(crate) fn clean(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_csi(&mut chars),
            '\n' | '\u{2028}' | '\u{2029}' => kept.push('\n'),
            '\r' => {
                // A progress bar rewrites its line: each state of it is one.
                if chars.peek() != Some(&'\n') {
                    kept.push('\n');
                }
            }
            '\t' => kept.push_str("    "),
            _ if c.is_control() || is_invisible(c) => {}
            _ => kept.push(c),
        }
    }
    kept
}

/// Bidi controls and marks, zero-width spaces, byte order marks, interlinear annotation.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2060}' | '\u{feff}'
        | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fff9}'..='\u{fffb}')
}

/// What follows an ESC, never beyond the line: a sequence without an end must not eat the error after it.
fn skip_escape(chars: &mut Peekable<Chars<'_>>) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            skip_csi(chars);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            while let Some(c) = chars.next_if(|c| !matches!(c, '\n' | '\u{1b}' | '\u{9c}')) {
                if c == '\u{7}' {
                    return;
                }
            }
            if chars.next_if_eq(&'\u{1b}').is_some() {
                chars.next_if_eq(&'\\');
            }
        }
        Some(_) => {
            while chars
                .next_if(|c| ('\u{20}'..='\u{2f}').contains(c))
                .is_some()
            {}
            chars.next_if(|c| ('\u{30}'..='\u{7e}').contains(c));
        }
        None => {}
    }
}

fn skip_csi(chars: &mut Peekable<Chars<'_>>) {
    while chars
        .next_if(|c| ('\u{20}'..='\u{3f}').contains(c))
        .is_some()
    {}
    chars.next_if(|c| ('\u{40}'..='\u{7e}').contains(c));
}

/// One line of at most `max` characters: white space folded, the end of what is cut shown as `…`.
pub(crate) fn line(text: &str, max: usize) -> String {
    // Four bytes a character, twice: enough to fill the line even where much is stripped, and bounded work.
    let near: String = text.chars().take(max.saturating_mul(8)).collect();
    let cut = near.len() < text.len();
    let words: Vec<&str> = near.split_whitespace().collect();
    let folded = clean(&words.join(" "));
    let folded = folded.trim();
    clip(
        &if cut {
            format!("{folded}…")
        } else {
            folded.to_owned()
        },
        max,
    )
}

/// At most `max` characters, the last of them `…` if it was cut; between words where that costs little.
pub(crate) fn clip(text: &str, max: usize) -> String {
    if text.chars().nth(max).is_none() {
        return text.to_owned();
    }
    let kept: String = text.chars().take(max.saturating_sub(1)).collect();
    let at_word = kept
        .rfind(' ')
        .filter(|at| *at * 4 > kept.len() * 3)
        .and_then(|at| kept.get(..at));
    format!(
        "{}…",
        at_word
            .unwrap_or(&kept)
            .trim_end_matches([' ', ',', ':', '-', '–'])
    )
}

/// The first lines of a cleaned text; what is cut is said below them.
pub(crate) fn head(text: &str, room: Room) -> String {
    let lines = trimmed_lines(text);
    let (kept, cut) = take(lines.iter().copied(), lines.len(), room);
    let mut shown = kept.join("\n");
    if cut > 0 {
        shown.push_str(&format!("\n… {} below", more_lines(cut)));
    }
    shown
}

/// The last lines of a cleaned text, where errors stand; what is cut is said above them.
pub(crate) fn tail(text: &str, room: Room) -> String {
    let lines = trimmed_lines(text);
    let (mut kept, cut) = take(lines.iter().rev().copied(), lines.len(), room);
    kept.reverse();
    let shown = kept.join("\n");
    if cut > 0 {
        format!("… {} above\n{shown}", more_lines(cut))
    } else {
        shown
    }
}

fn trimmed_lines(text: &str) -> Vec<&str> {
    text.trim_start_matches('\n')
        .trim_end()
        .lines()
        .map(str::trim_end)
        .collect()
}

/// As many lines as there is room for, and how many are left over; at least one line, however long it is.
fn take<'a>(
    lines: impl Iterator<Item = &'a str>,
    total: usize,
    room: Room,
) -> (Vec<String>, usize) {
    let (mut kept, mut used) = (Vec::new(), 0);
    for line in lines.take(room.lines) {
        let line = long_line(line, room.chars.saturating_mul(2) / 3);
        used += line.chars().count() + 1;
        if used > room.chars && !kept.is_empty() {
            break;
        }
        kept.push(line);
    }
    let cut = total - kept.len();
    (kept, cut)
}

fn long_line(line: &str, max: usize) -> String {
    match line.char_indices().nth(max) {
        None => line.to_owned(),
        Some((at, _)) => {
            let (kept, rest) = line.split_at(at);
            format!("{kept}… {} more characters", rest.chars().count())
        }
    }
}

fn more_lines(count: usize) -> String {
    match count {
        1 => "1 more line".to_owned(),
        _ => format!("{count} more lines"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_go_and_text_stays() {
        let check = |text: &str, expect: &str| assert_eq!(clean(text), expect, "{text:?}");
        check("\u{1b}[1;31mE: no\u{1b}[0m package", "E: no package");
        check("\u{9b}31mred", "red");
        check(
            "\u{1b}]0;title\u{7}text \u{1b}]8;;http://x\u{1b}\\link",
            "text link",
        );
        check("\u{1b}]never closed\nE: seen", "\nE: seen");
        check("\u{1b}(Bplain", "plain");
        check("a\0b\u{8}c\u{85}d\u{7f}", "abcd");
        check("safe\u{202e}gnp.exe\u{2066}", "safegnp.exe");
        check("one\r\ntwo\rthree", "one\ntwo\nthree");
        check("\ta", "    a");
        check("äöü 日本 👩‍🔧", "äöü 日本 👩‍🔧");
    }

    #[test]
    fn a_line_is_folded_and_clipped() {
        let check = |text: &str, max, expect: &str| assert_eq!(line(text, max), expect);
        check("  one\n\n two  ", 20, "one two");
        check("one two three four", 15, "one two three…");
        check(&"x".repeat(1 << 20), 5, "xxxx…");
    }

    #[test]
    fn cutting_says_what_was_cut() {
        let text: String = (1..=20).map(|n| format!("line {n}\n")).collect();
        let room = Room {
            lines: 3,
            chars: 100,
        };
        assert_eq!(
            tail(&text, room),
            "… 17 more lines above\nline 18\nline 19\nline 20"
        );
        assert_eq!(
            head(&text, room),
            "line 1\nline 2\nline 3\n… 17 more lines below"
        );
        assert_eq!(tail("one\n", room), "one");
        let long = tail(&"x".repeat(1000), room);
        assert!(long.ends_with("x… 934 more characters"), "{long}");
    }
}
