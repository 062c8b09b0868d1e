//! What the ledger says about a delivery that was taken, and what it is to say after an attempt.
//! It reads and writes nothing: entries come in, and entries go out.

use std::time::Duration;

use jiff::Timestamp;
use pillarbox_proto::delivery::{LedgerEntry, LedgerState, Receipt};
use pillarbox_proto::subject::DeliveryKey;

use crate::elapsed::elapsed;
use crate::ledger::LEASE;
use crate::receiver::{Attempt, OnAmbiguous};
use crate::retry::Fate;

/// Between two changes of one message: Slack takes about fifty a minute, of all messages of an app.
const CHANGES: Duration = Duration::from_secs(5);

/// A delivery in hand.
#[derive(Debug, Clone)]
pub struct Taken {
    /// What it is about.
    pub key: DeliveryKey,
    /// Its version.
    pub version: u64,
    /// Hash of what a reader would see of it.
    pub seen: String,
    /// Stream sequence of its message.
    pub sequence: u64,
    /// The server's clock when it was taken.
    pub now: Timestamp,
    /// Who has it, and which of the message's deliveries this is: no two claims look the same.
    pub claimant: String,
}

/// What is to be done with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nothing: it was said, or given up.
    Done,
    /// Somebody else has it in hand, for so long at most.
    Wait(Duration),
    /// It is to be sent.
    Send {
        /// An older version was said.
        said_before: bool,
        /// Failures in a row.
        failures: u32,
        /// The highest version that may have arrived unknown to all.
        in_doubt: u64,
    },
    /// It may have arrived, and the receiver wants it held then.
    Hold,
}

/// Reads an entry for what was taken. `lease_left`: of the claim that the entry is, by the server's clock.
pub fn standing(
    entry: Option<&LedgerEntry>,
    taken: &Taken,
    lease_left: Duration,
    on_ambiguous: OnAmbiguous,
) -> Standing {
    let Some(entry) = entry else {
        return Standing::Send {
            said_before: false,
            failures: 0,
            in_doubt: 0,
        };
    };
    if !lease_left.is_zero() {
        return Standing::Wait(lease_left);
    }
    if entry.version >= taken.version || entry.seen == taken.seen {
        return Standing::Done;
    }
    let mut in_doubt = entry.in_doubt;
    let failures = match &entry.state {
        LedgerState::Dead { sequence, .. } if *sequence == taken.sequence => return Standing::Done,
        // A newer one replaced this, and its own message is there.
        LedgerState::Sending { sending, .. } if *sending > taken.version => return Standing::Done,
        LedgerState::Sending { sending, .. } => {
            if *sending == taken.version && on_ambiguous == OnAmbiguous::Hold {
                return Standing::Hold;
            }
            in_doubt = in_doubt.max(*sending);
            0
        }
        LedgerState::Waiting { failures, .. } => *failures,
        LedgerState::Delivered | LedgerState::Ambiguous { .. } | LedgerState::Dead { .. } => 0,
    };
    Standing::Send {
        said_before: entry.version > 0,
        failures,
        in_doubt,
    }
}

/// How long more of it must wait yet. A change of the message itself keeps one distance; a follow-up comes `first` after
/// the first message, then twice, four times … as long after the last.
pub fn too_soon(
    entry: Option<&LedgerEntry>,
    in_place: bool,
    now: Timestamp,
    first: Duration,
) -> Duration {
    let said = |entry: &LedgerEntry| Some((entry.said, entry.said_at.as_ref()?.parse().ok()?));
    let Some((messages, last)) = entry.and_then(said) else {
        return Duration::ZERO;
    };
    let growing = first.saturating_mul(1 << messages.saturating_sub(1).min(16));
    let distance = if in_place { CHANGES } else { growing };
    distance.saturating_sub(elapsed(last, now))
}

/// The claim, before an attempt.
pub fn claim(entry: Option<LedgerEntry>, taken: &Taken, in_doubt: u64) -> LedgerEntry {
    let mut entry = entry.unwrap_or_else(|| LedgerEntry {
        key: taken.key.clone(),
        state: LedgerState::Delivered,
        attempts: 0,
        version: 0,
        seen: String::new(),
        said: 0,
        said_at: None,
        receipt: None,
        in_doubt: 0,
    });
    entry.attempts += 1;
    entry.in_doubt = entry.in_doubt.max(in_doubt);
    entry.state = LedgerState::Sending {
        worker: taken.claimant.clone(),
        sending: taken.version,
        lease: u32::try_from(LEASE.as_secs()).unwrap_or(u32::MAX),
    };
    entry
}

/// The end of an attempt.
pub fn record(claimed: &LedgerEntry, taken: &Taken, attempt: &Attempt, fate: &Fate) -> LedgerEntry {
    let mut entry = claimed.clone();
    if let Attempt::Partly { receipt, .. }
    | Attempt::Begun { receipt }
    | Attempt::Delivered(receipt) = attempt
    {
        entry.receipt = Some(receipt.clone());
    }
    if let Attempt::Unchangeable { .. } = attempt {
        entry.receipt = None;
    }
    if matches!(fate, Fate::Done | Fate::Next) {
        entry.said += u32::from(!same_message(&claimed.receipt, &entry.receipt));
        entry.said_at = Some(taken.now.to_string());
    }
    if let Attempt::Ambiguous { .. } = attempt {
        entry.in_doubt = entry.in_doubt.max(taken.version);
    }
    let error = attempt.why().to_owned();
    entry.state = match fate {
        Fate::Done => {
            entry.version = taken.version;
            entry.seen = taken.seen.clone();
            if entry.in_doubt == taken.version {
                LedgerState::Ambiguous {
                    sending: taken.version,
                }
            } else {
                LedgerState::Delivered
            }
        }
        Fate::Again { failures, .. } => LedgerState::Waiting {
            error,
            failures: *failures,
        },
        Fate::Smaller | Fate::Next => LedgerState::Waiting { error, failures: 0 },
        Fate::GiveUp { reason } => dead(reason, taken),
    };
    entry
}

/// Both are receipts for one message: it was changed, or its thread has grown.
fn same_message(before: &Option<Receipt>, after: &Option<Receipt>) -> bool {
    let named = |receipt: &Option<Receipt>| match receipt {
        Some(Receipt::Slack { channel, ts, .. }) => Some((channel.clone(), ts.clone())),
        Some(Receipt::SlackWebhook | Receipt::Smtp { .. }) | None => None,
    };
    named(before).is_some_and(|before| named(after) == Some(before))
}

/// It was given up without an attempt: the entry that it leaves.
pub fn held(mut entry: LedgerEntry, taken: &Taken) -> LedgerEntry {
    entry.in_doubt = entry.in_doubt.max(taken.version);
    entry.state = dead("ambiguous", taken);
    entry
}

fn dead(reason: &str, taken: &Taken) -> LedgerState {
    LedgerState::Dead {
        reason: reason.to_owned(),
        sequence: taken.sequence,
    }
}

#[cfg(test)]
mod tests {
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
}
