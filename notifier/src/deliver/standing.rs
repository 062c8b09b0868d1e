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
mod tests;
