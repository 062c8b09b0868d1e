//! When a job is to be told: complete, overdue, quiet, or not yet; and where a window of self-started runs ends.
//! It reads no clock: `now` and every stored time are the server's.

use std::time::Duration;

use jiff::Timestamp;

use super::fold::Fold;
use crate::elapsed::elapsed;

/// What is known of a job's progress: by counting, or exactly after a fold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// How many minions Salt expects, where it said.
    pub expected: Option<usize>,
    /// How many returned (by counting: how many returns).
    pub returned: usize,
    /// 3008's batch: complete with its end only.
    pub batch: bool,
    /// The batch's end came.
    pub ended: bool,
    /// A runner: complete with its return.
    pub runner: bool,
    /// When the first event was stored.
    pub first: Timestamp,
    /// When the last sign of life was stored.
    pub last: Timestamp,
}

/// The waits that a configuration sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waits {
    /// Overdue this long after the last sign of life.
    pub finish_after: Duration,
    /// Quiet this long after the last return, where nobody knows whom to expect.
    pub quiet_after: Duration,
    /// At most this long after the first.
    pub gather: Duration,
}

/// Whether to tell it now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Every expected minion returned, or the batch or runner ended.
    Complete,
    /// The last sign of life is too long ago.
    Overdue,
    /// Nobody knows whom to expect, and nothing more comes.
    Quiet,
    /// Not yet.
    Waiting,
}

impl Progress {
    /// As a fold has it; `at` is the last event's stored time, should the fold hold none.
    pub fn of(fold: &Fold, at: Timestamp) -> Progress {
        let expected = fold.expected().map(|expected| expected.len());
        let heard = || fold.newest().count();
        Progress {
            expected,
            returned: expected.map_or_else(heard, |expected| expected - fold.missing().len()),
            batch: fold.batch(),
            ended: fold.end().is_some(),
            runner: fold.runner(),
            first: fold.first_at().unwrap_or(at),
            last: fold.last().map_or(at, |(_, at)| at),
        }
    }

    /// Whether the job is complete.
    pub fn complete(&self) -> bool {
        match (self.runner, self.batch, self.expected) {
            (true, _, _) => self.returned > 0,
            (_, true, _) => self.ended,
            (_, _, Some(expected)) => self.returned >= expected,
            (_, _, None) => false,
        }
    }

    /// Whether a route with these waits is due.
    pub fn due(&self, waits: &Waits, now: Timestamp) -> Due {
        let silent = elapsed(self.last, now);
        if self.complete() {
            return Due::Complete;
        }
        if self.expected.is_some() || self.batch || self.runner {
            return if silent >= waits.finish_after {
                Due::Overdue
            } else {
                Due::Waiting
            };
        }
        let quiet = silent >= waits.quiet_after || elapsed(self.first, now) >= waits.gather;
        if quiet { Due::Quiet } else { Due::Waiting }
    }
}

/// One event of a job that minions start on their own, as far as windows care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beat {
    /// Its stream sequence.
    pub sequence: u64,
    /// When it was stored.
    pub at: Timestamp,
    /// The intake's filter carries it: some route could speak about it.
    pub carried: bool,
}

/// Where the next window beyond `settled_to` lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// Nothing in it could be said: settled as far as this.
    Nothing {
        /// The last sequence.
        settle_to: u64,
    },
    /// It has not ended yet.
    Open,
    /// From and to these sequences, both included.
    Closed {
        /// First sequence.
        first: u64,
        /// Last sequence: it is settled at its own last one, and the check opens the next.
        last: u64,
    },
}

/// The next window of the events beyond `settled_to`, in the order of their sequences; `None` if there are none.
///
/// It begins `gather` before the first event that a route could speak about, ends at the first pause of `quiet_after`
/// and at most `gather` after that event. Nothing depends on when it is asked, but whether it has ended.
pub fn window(events: &[Beat], waits: &Waits, now: Timestamp) -> Option<Window> {
    let newest = events.last()?;
    let Some(carried) = events.iter().find(|beat| beat.carried) else {
        return Some(Window::Nothing {
            settle_to: newest.sequence,
        });
    };
    let inside = |beat: &&Beat| elapsed(beat.at, carried.at) <= waits.gather;
    let first = events.iter().find(inside).unwrap_or(carried);
    let mut last = carried;
    for beat in events
        .iter()
        .filter(|beat| carried.sequence < beat.sequence)
    {
        let pause = elapsed(last.at, beat.at) >= waits.quiet_after;
        if pause || elapsed(carried.at, beat.at) > waits.gather {
            return Some(Window::Closed {
                first: first.sequence,
                last: last.sequence,
            });
        }
        last = beat;
    }
    let over =
        elapsed(last.at, now) >= waits.quiet_after || elapsed(carried.at, now) >= waits.gather;
    Some(if over {
        Window::Closed {
            first: first.sequence,
            last: last.sequence,
        }
    } else {
        Window::Open
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAITS: Waits = Waits {
        finish_after: Duration::from_secs(600),
        quiet_after: Duration::from_secs(30),
        gather: Duration::from_secs(300),
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn progress() -> Progress {
        Progress {
            expected: Some(3),
            returned: 1,
            batch: false,
            ended: false,
            runner: false,
            first: at(0),
            last: at(10),
        }
    }

    #[test]
    fn a_job_is_due_when_it_is_complete_overdue_or_quiet() {
        let check = |progress: Progress, now: i64, expect: Due| {
            assert_eq!(progress.due(&WAITS, at(now)), expect, "{progress:?}")
        };
        check(progress(), 11, Due::Waiting);
        check(progress(), 609, Due::Waiting);
        check(progress(), 610, Due::Overdue);
        check(
            Progress {
                returned: 3,
                ..progress()
            },
            11,
            Due::Complete,
        );
        check(
            Progress {
                returned: 3,
                batch: true,
                ..progress()
            },
            11,
            Due::Waiting,
        );
        check(
            Progress {
                returned: 2,
                batch: true,
                ended: true,
                ..progress()
            },
            11,
            Due::Complete,
        );
        check(
            Progress {
                expected: None,
                runner: true,
                ..progress()
            },
            11,
            Due::Complete,
        );
        check(
            Progress {
                expected: None,
                returned: 0,
                runner: true,
                ..progress()
            },
            11,
            Due::Waiting,
        );
        check(
            Progress {
                expected: None,
                ..progress()
            },
            39,
            Due::Waiting,
        );
        check(
            Progress {
                expected: None,
                ..progress()
            },
            40,
            Due::Quiet,
        );
        check(
            Progress {
                expected: None,
                last: at(299),
                ..progress()
            },
            300,
            Due::Quiet,
        );
    }

    fn beats(list: &[(u64, i64, bool)]) -> Vec<Beat> {
        list.iter()
            .map(|&(sequence, second, carried)| Beat {
                sequence,
                at: at(second),
                carried,
            })
            .collect()
    }

    #[test]
    fn windows_end_at_a_pause_and_are_bounded() {
        let check = |list: &[(u64, i64, bool)], now: i64, expect: Option<Window>| {
            assert_eq!(
                window(&beats(list), &WAITS, at(now)),
                expect,
                "{list:?} at {now}"
            );
        };
        check(&[], 0, None);
        check(
            &[(1, 0, false), (4, 9, false)],
            10,
            Some(Window::Nothing { settle_to: 4 }),
        );
        check(&[(1, 0, true), (2, 9, false)], 20, Some(Window::Open));
        check(
            &[(1, 0, true), (2, 9, false)],
            39,
            Some(Window::Closed { first: 1, last: 2 }),
        );
        check(
            &[(1, 0, true), (2, 9, true), (3, 60, true)],
            61,
            Some(Window::Closed { first: 1, last: 2 }),
        );
        // Clean runs within `gather` before the first failure are part of it, older ones are not.
        check(
            &[(1, 0, false), (2, 400, false), (3, 410, true)],
            500,
            Some(Window::Closed { first: 2, last: 3 }),
        );
        // A steady trickle is cut after `gather`.
        let trickle: Vec<(u64, i64, bool)> = (0..40)
            .map(|n| (n + 1, i64::try_from(n).unwrap() * 20, n == 0))
            .collect();
        check(&trickle, 781, Some(Window::Closed { first: 1, last: 16 }));
    }
}
