//! What is wrong in a configuration file: where, what, and what was probably meant.
//! It finds nothing itself; [`super`] collects, and `main` prints all of it at once.

use std::fmt;
use std::path::{Path, PathBuf};

use super::yaml::Place;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// Where.
    pub(crate) place: Place,
    /// The sentence.
    pub(crate) text: String,
}

/// Everything that is wrong in one file. Nothing was connected to; exit 78 (`EX_CONFIG`).
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub struct Mistakes {
    file: PathBuf,
    list: Vec<Mistake>,
}

impl Mistakes {
    pub(crate) fn new(file: &Path) -> Mistakes {
        Mistakes {
            file: file.to_owned(),
            list: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, place: Place, text: impl Into<String>) {
        self.list.push(Mistake {
            place,
            text: text.into(),
        });
    }

    /// The value, unless anything was wrong; then everything that was, in the order of the file.
    pub(crate) fn or<T>(mut self, value: Option<T>) -> Result<T, Mistakes> {
        self.list.sort_by_key(|mistake| mistake.place);
        match value {
            Some(value) if self.list.is_empty() => Ok(value),
            Some(_) | None => Err(self),
        }
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        for (n, Mistake { place, text }) in self.list.iter().enumerate() {
            let newline = if n == 0 { "" } else { "\n" };
            write!(f, "{newline}{file}:{}:{}: {text}", place.line, place.column)?;
        }
        Ok(())
    }
}

/// The known word that was probably meant: at most a third of its letters differ.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let flat = |text: &str| text.to_lowercase().replace('-', "_");
    known
        .iter()
        .map(|candidate| (distance(&flat(word), candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein: letters to insert, delete or replace.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let replaced = row[j] + usize::from(x != *y);
            next.push(replaced.min(row[j + 1] + 1).min(next[j] + 1));
        }
        row = next;
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_probably_meant() {
        let known = ["sock_dir", "config", "max_event_size", "url", "user"];
        let check = |word: &str, expect: Option<&str>| assert_eq!(nearest(word, &known), expect);
        check("sockdir", Some("sock_dir"));
        check("sock-dir", Some("sock_dir"));
        check("Config", Some("config"));
        check("max_evnt_size", Some("max_event_size"));
        check("uri", Some("url"));
        check("slack", None);
    }
}
