//! What follows from an attempt at the outside: a pure function of what happened, what happened before, age and chance.
//! It knows no transport, sends nothing and waits for nothing.

use std::time::Duration;

use crate::receiver::{Attempt, OnAmbiguous};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// The delays after the first, second, … failure in a row, before jitter; the last one for all that follow.
const SCHEDULE: [Duration; 8] = [
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_secs(120),
    Duration::from_secs(300),
    Duration::from_secs(900),
    Duration::from_secs(1800),
    HOUR,
];
/// A destination that was merely not reached is tried again at least this often: one probe costs nothing.
const UNREACHED_AT_MOST: Duration = Duration::from_secs(300);
/// A broken destination is first tried again after this place of the schedule: 30 s.
const BROKEN_FROM: u32 = 2;
/// A throttled destination that does not say for how long.
const THROTTLED: Duration = Duration::from_secs(30);
/// A refusal that nobody has heard of is believed after so many.
const UNHEARD: u32 = 3;
/// A message that met a closed destination comes back this much after its pause, so that another one is the probe: a
/// message that the far side cannot bear must not stand before all others.
const STEP_BACK: Duration = Duration::from_millis(500);

/// What happened before this attempt.
#[derive(Debug, Clone, Copy)]
pub struct SoFar {
    /// Failures of this message in a row.
    pub failures: u32,
    /// Failures of this destination in a row.
    pub destination_failures: u32,
    /// Since the message was published.
    pub age: Duration,
    /// The age at which it is given up.
    pub deadline: Duration,
    /// It was the smaller form.
    pub smaller: bool,
    /// What the receiver wants of a message that may have arrived.
    pub on_ambiguous: OnAmbiguous,
}

/// What follows: for the message, and for its destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What becomes of the message.
    pub message: Fate,
    /// Nobody sends there for so long.
    pub pause: Option<Duration>,
}

/// What becomes of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It has arrived.
    Done,
    /// It is sent again.
    Again {
        /// After this.
        after: Duration,
        /// Its failures in a row, this one included if it was the message's own.
        failures: u32,
    },
    /// Its next part is sent at once.
    Next,
    /// It is sent at once in its smaller form.
    Smaller,
    /// It becomes a dead letter.
    GiveUp {
        /// Why, in a word.
        reason: &'static str,
    },
}

/// Decides. `jitter` is evenly spread over [0, 1).
pub fn verdict(attempt: &Attempt, so_far: &SoFar, jitter: f64) -> Verdict {
    let verdict = match attempt {
        Attempt::Delivered(_) => on_its_own(Fate::Done),
        Attempt::Begun { .. } => on_its_own(Fate::Next),
        // Said anew, no sooner than a follow-up may be: that is looked at when it is taken again.
        Attempt::Unchangeable { .. } => again(Duration::ZERO, so_far.failures),
        Attempt::Partly { at_least, .. } => again(backoff(0, jitter).max(*at_least), 1),
        Attempt::Retry { at_least, .. } => {
            let after = backoff(so_far.failures, jitter).max(*at_least);
            again(after, so_far.failures + 1)
        }
        Attempt::Throttled { retry_after, .. } => throttled(*retry_after, so_far, jitter),
        Attempt::Unreached { .. } => unreached(so_far, jitter),
        Attempt::Unclear { .. } if so_far.destination_failures < 2 => unreached(so_far, jitter),
        Attempt::Broken { .. } | Attempt::Unclear { .. } => broken(so_far, jitter),
        Attempt::Ambiguous { .. } => match so_far.on_ambiguous {
            OnAmbiguous::Resend => unreached(so_far, jitter),
            OnAmbiguous::Hold => {
                let pause = unreached(so_far, jitter).pause;
                Verdict {
                    pause,
                    ..give_up("ambiguous")
                }
            }
        },
        Attempt::Unheard { .. } if so_far.failures < UNHEARD => {
            again(backoff(so_far.failures, jitter), so_far.failures + 1)
        }
        Attempt::TooLarge { .. } if !so_far.smaller => on_its_own(Fate::Smaller),
        Attempt::TooLarge { .. } | Attempt::Refused { .. } | Attempt::Unheard { .. } => {
            give_up("refused")
        }
    };
    by_age(
        verdict,
        matches!(attempt, Attempt::Throttled { .. }),
        so_far,
    )
}

/// Age decides when to give up, not the number of attempts.
fn by_age(verdict: Verdict, throttled: bool, so_far: &SoFar) -> Verdict {
    let Fate::Again { after, failures } = verdict.message else {
        return verdict;
    };
    let left = so_far.deadline.saturating_sub(so_far.age);
    if left.is_zero() {
        // Others that are as old get their attempt at once; `Retry-After` holds for everybody.
        let pause = verdict.pause.filter(|_| throttled);
        return Verdict {
            pause,
            ..give_up("expired")
        };
    }
    let after = after.min(left);
    Verdict {
        message: Fate::Again { after, failures },
        ..verdict
    }
}

fn on_its_own(message: Fate) -> Verdict {
    Verdict {
        message,
        pause: None,
    }
}

fn again(after: Duration, failures: u32) -> Verdict {
    on_its_own(Fate::Again { after, failures })
}

fn give_up(reason: &'static str) -> Verdict {
    on_its_own(Fate::GiveUp { reason })
}

/// Never undercut, and at most a second late. Above an hour it counts as broken, and is probed hourly.
fn throttled(retry_after: Option<Duration>, so_far: &SoFar, jitter: f64) -> Verdict {
    let pause = match retry_after {
        Some(asked) if asked > HOUR => HOUR + SECOND.mul_f64(jitter / 2.0),
        Some(asked) => asked + SECOND.mul_f64(jitter / 2.0),
        None => backoff(so_far.destination_failures, jitter).max(THROTTLED),
    };
    Verdict {
        pause: Some(pause),
        ..again(pause, so_far.failures)
    }
}

/// Nothing was sent, or the far side was in trouble: the destination rests, and the message rests at least as long.
fn unreached(so_far: &SoFar, jitter: f64) -> Verdict {
    let pause = backoff(so_far.destination_failures, jitter).min(UNREACHED_AT_MOST);
    let after = backoff(so_far.failures, jitter).max(pause) + STEP_BACK;
    Verdict {
        pause: Some(pause),
        ..again(after, so_far.failures + 1)
    }
}

/// It will not work before a person has done something; no message pays for that.
fn broken(so_far: &SoFar, jitter: f64) -> Verdict {
    let pause = backoff(
        so_far.destination_failures.saturating_add(BROKEN_FROM),
        jitter,
    );
    Verdict {
        pause: Some(pause),
        ..again(pause + STEP_BACK, so_far.failures)
    }
}

/// The delay after so many failures in a row, ±20 %.
fn backoff(failures: u32, jitter: f64) -> Duration {
    let place = usize::try_from(failures).unwrap_or(usize::MAX);
    let delay = SCHEDULE.get(place).unwrap_or(&HOUR);
    delay.mul_f64(0.8 + 0.4 * jitter)
}

#[cfg(test)]
mod tests;
