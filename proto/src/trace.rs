//! The trace context in NATS headers (W3C Trace Context), beside the data and never in it.
//! It starts and exports no span: telemetry is each program's own.

use async_nats::HeaderMap;

use crate::subject::hash;

/// The W3C header.
pub const TRACEPARENT: &str = "traceparent";

/// The trace id of a job: whoever writes a span about it writes into this one trace.
pub fn trace_id(cluster: &str, job: &str) -> String {
    hash([cluster, job])
}

/// Puts a parent into headers: the job's trace, and the span that caused the message (16 hex digits), sampled.
pub fn inject(headers: &mut HeaderMap, trace_id: &str, span_id: &str) {
    headers.insert(TRACEPARENT, format!("00-{trace_id}-{span_id}-01"));
}

/// The span id that a message's context names, if it has a well-formed one.
pub fn parent_span(headers: Option<&HeaderMap>) -> Option<String> {
    let value = headers?.get(TRACEPARENT)?.as_str().to_owned();
    let mut parts = value.split('-');
    let (version, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
    let hex =
        |text: &str, len: usize| text.len() == len && text.bytes().all(|b| b.is_ascii_hexdigit());
    (version != "ff" && hex(trace, 32) && hex(span, 16)).then(|| span.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_survives_the_headers() {
        let mut headers = HeaderMap::new();
        inject(
            &mut headers,
            &trace_id("prod", "20261122012254116336"),
            "00f067aa0ba902b7",
        );
        assert_eq!(
            parent_span(Some(&headers)).as_deref(),
            Some("00f067aa0ba902b7")
        );
        headers.insert(TRACEPARENT, "00-short-00f067aa0ba902b7-01");
        assert_eq!(parent_span(Some(&headers)), None);
        assert_eq!(parent_span(None), None);
    }
}
