//! Atomic batches by hand (NATS ADR-50, server 2.12): which messages go into one, and the headers that make it one.
//! It sends nothing; the first and the last message of a batch are requests, [`super`] makes them.

use std::ops::Range;

use async_nats::HeaderMap;
use async_nats::header::{
    NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL, NATS_BATCH_ID, NATS_BATCH_SEQUENCE,
};

/// Messages of one batch at most: the server's own bound.
pub(super) const MESSAGES: usize = 1000;
/// Bytes of one batch at most: what the server holds back until the last message is there.
const BYTES: usize = 8 << 20;

/// Names of batches: at most 64 characters, and no two alike on a server.
#[derive(Debug)]
pub(super) struct Names {
    process: String,
    made: u64,
}

impl Names {
    /// `process` is unlike any other process's.
    pub(super) fn new(process: String) -> Names {
        Names { process, made: 0 }
    }

    pub(super) fn next(&mut self) -> String {
        self.made += 1;
        format!("{}-{}", self.process, self.made)
    }
}

/// The headers of the `n`th of `all` messages, from 0.
pub(super) fn headers(base: &HeaderMap, name: &str, n: usize, all: usize) -> HeaderMap {
    let mut headers = base.clone();
    headers.insert(NATS_BATCH_ID, name);
    headers.insert(NATS_BATCH_SEQUENCE, (n + 1).to_string());
    if n + 1 == all {
        headers.insert(NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL);
    }
    headers
}

/// Cuts messages of these sizes into batches, in order. One message larger than a batch is a batch of its own.
pub(super) fn cut(sizes: &[usize]) -> Vec<Range<usize>> {
    let mut batches = Vec::new();
    let (mut start, mut bytes) = (0, 0usize);
    for (n, size) in sizes.iter().enumerate() {
        if n > start && (n - start == MESSAGES || bytes + size > BYTES) {
            batches.push(start..n);
            (start, bytes) = (n, 0);
        }
        bytes += size;
    }
    if start < sizes.len() {
        batches.push(start..sizes.len());
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_opens_the_last_commits_and_each_keeps_its_own_headers() {
        let mut base = HeaderMap::new();
        base.insert("Nats-Msg-Id", "a/b");
        let check = |n, all, expect: [Option<&str>; 4]| {
            let headers = headers(&base, "p-1", n, all);
            let got = [
                "Nats-Msg-Id",
                "Nats-Batch-Id",
                "Nats-Batch-Sequence",
                "Nats-Batch-Commit",
            ]
            .map(|name| headers.get(name).map(|value| value.as_str().to_owned()));
            assert_eq!(got.each_ref().map(Option::as_deref), expect);
        };
        check(0, 3, [Some("a/b"), Some("p-1"), Some("1"), None]);
        check(1, 3, [Some("a/b"), Some("p-1"), Some("2"), None]);
        check(2, 3, [Some("a/b"), Some("p-1"), Some("3"), Some("1")]);
    }

    #[test]
    fn names_differ_and_are_short() {
        let mut names = Names::new(crate::clock::unique());
        let (a, b) = (names.next(), names.next());
        assert!(a != b && a.len() <= 64 && b.len() <= 64);
    }

    #[test]
    fn batches_are_bounded_in_messages_and_bytes() {
        let check = |sizes: &[usize], expect: &[Range<usize>]| assert_eq!(cut(sizes), expect);
        check(&[], &[]);
        check(&[1, 1], std::slice::from_ref(&(0..2)));
        check(&[1; 2001], &[0..1000, 1000..2000, 2000..2001]);
        check(&[BYTES, 1, 1], &[0..1, 1..3]);
        check(&[1, BYTES + 1, 1], &[0..1, 1..2, 2..3]);
    }
}
