//! Single values: durations and choices.
//! It knows their ranges only as arguments.

use std::time::Duration;

use jiff::fmt::friendly::SpanParser;

use super::mistake::{Mistake, Notes};
use super::nearest::nearest;
use super::yaml::Text;

/// A duration's key, what it is unless written, and its range in words.
pub(super) struct Span {
    pub(super) key: &'static str,
    pub(super) default: Duration,
    pub(super) longest: Duration,
    pub(super) range: &'static str,
}

/// Reads `30s`, `10m`, `1h30m`.
pub(super) fn duration(written: Option<&Text>, span: &Span, notes: &mut Notes) -> Duration {
    let Some(written) = written else {
        return span.default;
    };
    let (key, text) = (span.key, written.text.clone());
    match SpanParser::new().parse_unsigned_duration(&text) {
        Ok(duration) if duration >= Duration::from_secs(1) && duration <= span.longest => {
            return duration;
        }
        Ok(_) => {
            let expected = span.range;
            notes.wrong(
                written.place,
                Mistake::OutOfRange {
                    key,
                    text,
                    expected,
                },
            );
        }
        Err(_) => notes.wrong(written.place, Mistake::NoDuration { key, text }),
    }
    span.default
}

/// Reads one of some words, or what it is unless written.
pub(super) fn choice<T: Copy>(
    written: Option<&Text>,
    key: &'static str,
    words: (&'static [&'static str], &[T]),
    default: T,
    notes: &mut Notes,
) -> T {
    let Some(written) = written else {
        return default;
    };
    let (known, values) = words;
    let position = known.iter().position(|word| *word == written.text);
    if let Some(value) = position.and_then(|at| values.get(at)) {
        return *value;
    }
    let mistake = Mistake::NoChoice {
        key,
        text: written.text.clone(),
        nearest: nearest(&written.text, known.iter().copied()),
        known,
    };
    notes.wrong(written.place, mistake);
    default
}
