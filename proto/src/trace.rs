//! The trace of a job, and the trace context in NATS headers (W3C Trace Context), beside the data and never in it.
//! It starts and exports no span: `telemetry` does.

use std::fmt;

use async_nats::HeaderMap;

use crate::subject::hash;

/// The W3C header.
pub const TRACEPARENT: &str = "traceparent";
/// What Salt itself put into the event (3008, `tracing.enabled`), beside ours: its `new` and its `ret`s carry different traces.
pub const SALT_TRACEPARENT: &str = "Salt-Traceparent";

/// A span somewhere, as its `traceparent` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Parent {
    /// The trace; never 0.
    pub trace: u128,
    /// The span; never 0.
    pub span: u64,
    /// Whether it is recorded: then what follows from it is too.
    pub sampled: bool,
}

impl fmt::Display for Parent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = u8::from(self.sampled);
        write!(f, "00-{:032x}-{:016x}-{flags:02x}", self.trace, self.span)
    }
}

impl Parent {
    /// Reads a `traceparent` of any version, as W3C wants it: strictly, and what a later version appends is ignored.
    pub fn parse(text: &str) -> Option<Parent> {
        let mut parts = text.split('-');
        let mut hex = |len: usize| {
            let part = parts.next()?;
            let lower = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
            let well_formed = part.len() == len && part.bytes().all(lower);
            well_formed
                .then(|| u128::from_str_radix(part, 16).ok())
                .flatten()
        };
        let (version, trace, span, flags) = (hex(2)?, hex(32)?, hex(16)?, hex(2)?);
        let known = version != 0xff && (version != 0 || parts.next().is_none());
        (known && trace != 0 && span != 0).then(|| {
            Some(Parent {
                trace,
                span: u64::try_from(span).ok()?,
                sampled: flags & 1 == 1,
            })
        })?
    }
}

/// The trace id of a job: whoever writes a span about it writes into this one trace. 32 hex digits.
pub fn trace_id(cluster: &str, job: &str) -> String {
    hash([cluster, job])
}

/// The same, as a number.
pub fn trace(cluster: &str, job: &str) -> u128 {
    u128::from_str_radix(&trace_id(cluster, job), 16).unwrap_or_default() // a hash is hex, always
}

/// Puts the span that caused a message into its headers.
pub fn inject(headers: &mut HeaderMap, parent: Parent) {
    headers.insert(TRACEPARENT, parent.to_string());
}

/// The span that caused a message, if its headers name one well.
pub fn extract(headers: Option<&HeaderMap>) -> Option<Parent> {
    Parent::parse(headers?.get(TRACEPARENT)?.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_survives_the_headers() {
        let mut headers = HeaderMap::new();
        assert_eq!(extract(Some(&headers)), None);
        assert_eq!(extract(None), None);
        for sampled in [true, false] {
            let parent = Parent {
                trace: trace("prod", "20261122012254116336"),
                span: 0x00f0_67aa_0ba9_02b7,
                sampled,
            };
            inject(&mut headers, parent);
            assert_eq!(extract(Some(&headers)), Some(parent));
        }
    }

    #[test]
    fn the_trace_is_the_hash_of_cluster_and_job() {
        let id = trace_id("prod", "20261122012254116336");
        assert_eq!(id, hash(["prod", "20261122012254116336"]));
        let number = trace("prod", "20261122012254116336");
        assert_eq!(format!("{number:032x}"), id);
        assert_ne!(id, trace_id("prod.2026", "1122012254116336"));
    }

    #[test]
    fn a_context_is_read_strictly() {
        let check =
            |text: &str, good: bool| assert_eq!(Parent::parse(text).is_some(), good, "{text}");
        let (trace, span) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
        check(&format!("00-{trace}-{span}-01"), true);
        check(&format!("00-{trace}-{span}-00"), true);
        check(&format!("00-{trace}-{span}-01-later"), false);
        check(&format!("cc-{trace}-{span}-01-later"), true);
        check(&format!("ff-{trace}-{span}-01"), false);
        check(&format!("00-{trace}-{span}"), false);
        check(&format!("00-{}-{span}-01", trace.to_uppercase()), false);
        check(&format!("00-{}-{span}-01", "0".repeat(32)), false);
        check(&format!("00-{trace}-{}-01", "0".repeat(16)), false);
        check("00-short-b7ad6b7169203331-01", false);
        check("", false);
    }
}
