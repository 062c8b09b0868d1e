//! Words that begin with a sign which YAML takes for itself: `!web*`, `*.example.com`, `#ops`, `@x`.
//! It parses no YAML: it reads line by line, and is asked when a parser stumbled.

use crate::mistake::{Mistake, Place};

/// The last suspicious word at or before an error; a comment swallows what closes a bracket, and its error is then at
/// the opening bracket, or lines later.
pub fn culprit(unquoted: &[Unquoted], error: Place) -> Option<&Unquoted> {
    let same_line = |word: &&Unquoted| word.place.line == error.line && word.place <= error;
    let word = unquoted.iter().rev().find(same_line);
    let mut swallowing = unquoted
        .iter()
        .filter(|word| word.in_brackets && word.sign == '#');
    word.or_else(|| swallowing.next())
}

/// Replaces one character by `_`, so that every other place stays what it is.
pub fn blot(text: &mut String, place: Place) {
    let start: usize = text
        .split_inclusive('\n')
        .take(place.line - 1)
        .map(str::len)
        .sum();
    let offset = text
        .get(start..)
        .and_then(|line| line.char_indices().nth(place.column - 1));
    if let Some((offset, c)) = offset {
        let at = start + offset;
        text.replace_range(at..at + c.len_utf8(), "_");
    }
}

/// A word that begins with a sign which YAML takes for itself.
pub struct Unquoted {
    /// Where it begins.
    pub place: Place,
    /// What it begins with.
    pub sign: char,
    /// All of it, unless it may be a secret.
    pub word: String,
    in_brackets: bool,
}

impl Unquoted {
    /// As a mistake: what YAML reads instead.
    pub fn mistake(&self) -> Mistake {
        let as_what = match self.sign {
            '!' => "a tag",
            '*' => "an alias",
            '#' => "a comment",
            _ => "a sign reserved for later",
        };
        Mistake::Unquoted {
            text: self.word.clone(),
            as_what,
        }
    }
}

/// Every word in the place of a value that begins with `!`, `*`, `#`, `@` or a backtick, line by line.
pub fn unquoted(text: &str) -> Vec<Unquoted> {
    let mut words = Vec::new();
    let mut depth = 0_usize;
    for (index, line) in text.lines().enumerate() {
        scan_line(line, index + 1, &mut depth, &mut words);
    }
    words
}

fn scan_line(line: &str, number: usize, depth: &mut usize, words: &mut Vec<Unquoted>) {
    let chars: Vec<char> = line.chars().collect();
    let mut value_may_begin = *depth > 0;
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let after_space = at == 0 || chars.get(at - 1).is_some_and(|c| " \t[{,".contains(*c));
        let next_is_space = chars.get(at + 1).is_none_or(|c| c.is_whitespace());
        match c {
            ' ' | '\t' => {}
            '\'' | '"' if value_may_begin => {
                at = closing_quote(&chars, at);
                value_may_begin = false;
            }
            '[' | '{' if value_may_begin || *depth > 0 => {
                *depth += 1;
                value_may_begin = true;
            }
            ']' | '}' => *depth = depth.saturating_sub(1),
            ',' if *depth > 0 => value_may_begin = true,
            ':' | '-' if next_is_space => value_may_begin = true,
            '#' if after_space && next_is_space => return,
            '!' | '*' | '@' | '`' | '#' if value_may_begin && after_space => {
                let word = word_at(&chars, at, *depth > 0);
                words.push(Unquoted {
                    place: Place {
                        line: number,
                        column: at + 1,
                    },
                    sign: c,
                    word,
                    in_brackets: *depth > 0,
                });
                if c == '#' {
                    return;
                }
                value_may_begin = false;
            }
            _ => value_may_begin = false,
        }
        at += 1;
    }
}

/// Index of the quote that closes the one at `from`, or of the line's end.
fn closing_quote(chars: &[char], from: usize) -> usize {
    let quote = chars.get(from);
    let mut at = from + 1;
    while at < chars.len() && chars.get(at) != quote {
        let escaped = quote == Some(&'"') && chars.get(at) == Some(&'\\');
        at += if escaped { 2 } else { 1 };
    }
    at
}

fn word_at(chars: &[char], from: usize, in_brackets: bool) -> String {
    let rest: String = chars.iter().skip(from).collect();
    let ends: &[&str] = if in_brackets {
        &[" #", ",", "]", "}"]
    } else {
        &[" #"]
    };
    let end = ends.iter().filter_map(|end| rest.find(end)).min();
    let word = end.and_then(|end| rest.get(..end)).unwrap_or(&rest);
    let before: String = chars.iter().take(from).collect();
    let before = before.rsplit([',', '{']).next().unwrap_or_default(); // the key of this very value
    if ["password", "webhook_url", "token"]
        .iter()
        .any(|key| before.contains(key))
    {
        return word.chars().take(1).chain(['…']).collect(); // it may be the secret itself
    }
    word.trim_end().to_owned()
}
