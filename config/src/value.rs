//! Single values: durations, sizes and choices.
//! It knows their ranges only as arguments.

use std::net::SocketAddr;
use std::time::Duration;

use jiff::fmt::friendly::SpanParser;

use crate::mistake::{Mistake, Notes};
use crate::nearest::nearest;
use crate::size;
use crate::yaml::Text;

/// A duration's key, what it is unless written, and its range in words.
pub struct Span {
    /// The key.
    pub key: &'static str,
    /// What it is unless written.
    pub default: Duration,
    /// No more than this.
    pub longest: Duration,
    /// The range in words.
    pub range: &'static str,
}

/// Reads `30s`, `10m`, `1h30m`.
pub fn duration(written: Option<&Text>, span: &Span, notes: &mut Notes) -> Duration {
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

/// Reads `64MiB`. `None` if it is not written, or no size.
pub fn size(written: Option<&Text>, key: &'static str, notes: &mut Notes) -> Option<usize> {
    let written = written?;
    let bytes = size::parse(&written.text);
    if bytes.is_none() {
        let text = written.text.clone();
        notes.wrong(written.place, Mistake::NoSize { key, text });
    }
    bytes
}

/// An address and a port: a host name may be several addresses, and none of them is meant more than another.
pub fn address(written: Option<&Text>, notes: &mut Notes) -> Option<SocketAddr> {
    let written = written?;
    let address = written.text.parse().ok();
    if address.is_none() {
        let text = written.text.clone();
        notes.wrong(written.place, Mistake::NoListen { text });
    }
    address
}

/// Reads one of some words, or what it is unless written.
pub fn choice<T: Copy>(
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
