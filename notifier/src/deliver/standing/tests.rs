//! What each entry means, and what an entry says after each attempt.
//! No ledger is read or written.

use super::*;
use crate::receiver::tests::{delivery, receipt};

fn taken(version: u64) -> Taken {
    Taken {
        key: delivery().key,
        version,
        seen: format!("hash of {version}"),
        sequence: 100 + version,
        now: "2026-11-22T13:02:13Z".parse().unwrap(),
        claimant: "w1".into(),
    }
}

fn entry(state: LedgerState, version: u64) -> LedgerEntry {
    LedgerEntry {
        state,
        version,
        seen: if version > 0 {
            format!("hash of {version}")
        } else {
            String::new()
        },
        ..claim(None, &taken(1), 0)
    }
}

fn sending(sending: u64) -> LedgerState {
    LedgerState::Sending {
        worker: "w2".into(),
        sending,
        lease: 60,
    }
}

fn send(said_before: bool, failures: u32, in_doubt: u64) -> Standing {
    Standing::Send {
        said_before,
        failures,
        in_doubt,
    }
}

#[test]
fn an_entry_says_what_is_to_be_done() {
    let check = |entry: Option<LedgerEntry>, version: u64, left: u64, hold: bool, expect| {
        let policy = if hold {
            OnAmbiguous::Hold
        } else {
            OnAmbiguous::Resend
        };
        let left = Duration::from_secs(left);
        let got = standing(entry.as_ref(), &taken(version), left, policy);
        assert_eq!(got, expect, "{entry:?}, version {version}");
    };
    let waiting = LedgerState::Waiting {
        error: "500".into(),
        failures: 3,
    };
    let dead = |sequence| LedgerState::Dead {
        reason: "expired".into(),
        sequence,
    };
    check(None, 1, 0, false, send(false, 0, 0));
    check(
        Some(entry(sending(1), 0)),
        1,
        7,
        false,
        Standing::Wait(Duration::from_secs(7)),
    );
    check(
        Some(entry(sending(1), 0)),
        2,
        7,
        true,
        Standing::Wait(Duration::from_secs(7)),
    );
    check(Some(entry(sending(1), 0)), 1, 0, false, send(false, 0, 1));
    check(Some(entry(sending(1), 0)), 1, 0, true, Standing::Hold);
    check(Some(entry(sending(1), 0)), 2, 0, true, send(false, 0, 1));
    check(Some(entry(sending(3), 0)), 2, 0, false, Standing::Done);
    check(
        Some(entry(LedgerState::Delivered, 2)),
        2,
        0,
        false,
        Standing::Done,
    );
    check(
        Some(entry(LedgerState::Delivered, 2)),
        1,
        0,
        false,
        Standing::Done,
    );
    check(
        Some(entry(LedgerState::Delivered, 2)),
        3,
        0,
        false,
        send(true, 0, 0),
    );
    let same = LedgerEntry {
        seen: "hash of 3".into(),
        ..entry(LedgerState::Delivered, 2)
    };
    check(Some(same), 3, 0, false, Standing::Done);
    check(
        Some(entry(waiting.clone(), 0)),
        1,
        0,
        false,
        send(false, 3, 0),
    );
    check(Some(entry(waiting, 1)), 2, 0, false, send(true, 3, 0));
    check(Some(entry(dead(101), 0)), 1, 0, false, Standing::Done);
    check(Some(entry(dead(7), 0)), 1, 0, false, send(false, 0, 0));
}

#[test]
fn doubt_stays_until_the_end() {
    let ambiguous = Attempt::Ambiguous {
        why: "no answer".into(),
    };
    let again = Fate::Again {
        after: Duration::ZERO,
        failures: 1,
    };
    let first = record(&claim(None, &taken(1), 0), &taken(1), &ambiguous, &again);
    assert_eq!((first.in_doubt, first.version, first.attempts), (1, 0, 1));
    let delivered = Attempt::Delivered(receipt());
    let second = record(
        &claim(Some(first), &taken(1), 0),
        &taken(1),
        &delivered,
        &Fate::Done,
    );
    assert_eq!(second.state, LedgerState::Ambiguous { sending: 1 });
    assert_eq!((second.version, second.attempts, second.said), (1, 2, 1));
    let third = record(
        &claim(Some(second), &taken(2), 0),
        &taken(2),
        &delivered,
        &Fate::Done,
    );
    assert_eq!(third.state, LedgerState::Delivered);
    assert_eq!(
        (third.version, third.in_doubt),
        (2, 1),
        "the doubt about the first stays readable"
    );
}

#[test]
fn a_message_that_is_changed_is_said_once() {
    let slack = |ts: &str, details: &[&str]| Receipt::Slack {
        channel: "C1".into(),
        ts: ts.into(),
        shows: "a".into(),
        details: details.iter().map(|&id| id.into()).collect(),
        details_refused: None,
    };
    let after = |before: LedgerEntry, version, attempt, fate| {
        record(
            &claim(Some(before), &taken(version), 0),
            &taken(version),
            &attempt,
            &fate,
        )
    };
    let begun = Attempt::Begun {
        receipt: slack("1.0", &[]),
    };
    let entry = after(claim(None, &taken(1), 0), 1, begun, Fate::Next);
    assert_eq!((entry.said, entry.version, entry.seen.as_str()), (1, 0, ""));
    assert_eq!(entry.receipt, Some(slack("1.0", &[])));
    let whole = || Attempt::Delivered(slack("1.0", &["d1"]));
    let entry = after(entry, 1, whole(), Fate::Done);
    assert_eq!((entry.said, entry.version), (1, 1));
    let entry = after(entry, 2, whole(), Fate::Done);
    assert_eq!((entry.said, entry.version), (1, 2));
    let gone = Attempt::Unchangeable {
        why: "message_not_found".into(),
    };
    let again = Fate::Again {
        after: Duration::ZERO,
        failures: 0,
    };
    let entry = after(entry, 3, gone, again);
    assert_eq!((entry.said, entry.version, &entry.receipt), (1, 2, &None));
    let anew = Attempt::Delivered(slack("2.0", &[]));
    let entry = after(entry, 3, anew, Fate::Done);
    assert_eq!((entry.said, entry.version), (2, 3));
}

#[test]
fn follow_ups_keep_a_growing_distance() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let entry = |said, second: i64| LedgerEntry {
        said,
        said_at: Some(at(second).to_string()),
        ..claim(None, &taken(1), 0)
    };
    let wait = |entry: Option<&LedgerEntry>, in_place, now| {
        too_soon(entry, in_place, at(now), Duration::from_secs(600))
    };
    let check = |entry: Option<&LedgerEntry>, now, expect| {
        assert_eq!(wait(entry, false, now), Duration::from_secs(expect));
    };
    check(None, 0, 0);
    check(Some(&entry(0, 0)), 0, 600);
    check(Some(&entry(1, 1000)), 1000, 600);
    check(Some(&entry(1, 1000)), 1599, 1);
    check(Some(&entry(1, 1000)), 1600, 0);
    check(Some(&entry(3, 1000)), 1600, 1800);
    let changed = |now| wait(Some(&entry(3, 1000)), true, now);
    assert_eq!((changed(1000), changed(1005)), (CHANGES, Duration::ZERO));
}
