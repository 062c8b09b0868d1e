//! Gaps: the times in which events were not heard, or heard and not kept.
//! It reads no clock and no socket: it is told what happened and when, and says what there is to report.

use jiff::Timestamp;

/// A time from which events may be missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Why.
    pub cause: Cause,
    /// The host's clock: before it nothing is missing.
    pub from: Timestamp,
    /// The host's clock: after it nothing is missing.
    pub to: Timestamp,
}

/// Why events are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The bus was away: how many events it carried meanwhile is unknown.
    Unheard,
    /// They were heard and dropped, because the queue was full.
    Dropped {
        /// How many frames.
        frames: u64,
        /// Their bytes.
        bytes: u64,
    },
}

impl Cause {
    /// As in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Cause::Unheard => "unheard",
            Cause::Dropped { .. } => "dropped",
        }
    }
}

/// The gaps that are open. At most one of either cause is.
#[derive(Debug, Default)]
pub struct Gaps {
    unheard: Option<Timestamp>,
    dropped: Option<Dropped>,
}

#[derive(Debug)]
struct Dropped {
    from: Timestamp,
    to: Timestamp,
    frames: u64,
    bytes: u64,
}

impl Gaps {
    /// The bus went away. `heard` is the last moment at which everything it had carried was read.
    pub fn disconnected(&mut self, heard: Timestamp) {
        self.unheard.get_or_insert(heard);
    }

    /// The bus is back. The first connection of all is no gap.
    pub fn connected(&mut self, now: Timestamp) -> Option<Gap> {
        let from = self.unheard.take()?;
        Some(Gap {
            cause: Cause::Unheard,
            from,
            to: now,
        })
    }

    /// A frame did not fit into the queue. True if that opened a gap.
    pub fn dropped(&mut self, now: Timestamp, bytes: usize) -> bool {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        match &mut self.dropped {
            Some(gap) => {
                gap.to = now;
                gap.frames += 1;
                gap.bytes += bytes;
                false
            }
            None => {
                self.dropped = Some(Dropped {
                    from: now,
                    to: now,
                    frames: 1,
                    bytes,
                });
                true
            }
        }
    }

    /// The queue has room again: at least half of it, so that a queue at its brim makes one gap and not a hundred.
    pub fn room(&mut self, used: usize, limit: usize) -> Option<Gap> {
        if used > limit / 2 {
            return None;
        }
        self.dropped.take().map(Dropped::closed)
    }

    /// Whether one is open.
    pub fn open(&self) -> bool {
        self.unheard.is_some() || self.dropped.is_some()
    }

    /// The collector stops: what is open ends here. What happens on the bus from now on is nobody's to hear.
    pub fn stopped(&mut self, now: Timestamp) -> Vec<Gap> {
        let dropped = self.dropped.take().map(Dropped::closed);
        dropped.into_iter().chain(self.connected(now)).collect()
    }
}

impl Dropped {
    fn closed(self) -> Gap {
        Gap {
            cause: Cause::Dropped {
                frames: self.frames,
                bytes: self.bytes,
            },
            from: self.from,
            to: self.to,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_first_connection_is_no_gap_and_every_other_is_one() {
        let mut gaps = Gaps::default();
        assert_eq!(gaps.connected(at(1)), None);
        gaps.disconnected(at(5));
        gaps.disconnected(at(7)); // a connection that heard nothing does not narrow it
        let gap = gaps.connected(at(9)).unwrap();
        assert_eq!(
            (gap.cause, gap.from, gap.to),
            (Cause::Unheard, at(5), at(9))
        );
        assert_eq!(gaps.connected(at(10)), None);
    }

    #[test]
    fn a_full_queue_is_one_gap_until_half_of_it_is_free() {
        let mut gaps = Gaps::default();
        assert_eq!(gaps.room(0, 100), None);
        assert!(gaps.dropped(at(1), 10));
        assert_eq!(gaps.room(90, 100), None);
        assert!(!gaps.dropped(at(3), 20));
        assert_eq!(gaps.room(51, 100), None);

        let gap = gaps.room(50, 100).unwrap();
        let cause = Cause::Dropped {
            frames: 2,
            bytes: 30,
        };
        assert_eq!((gap.cause, gap.from, gap.to), (cause, at(1), at(3)));
        assert!(gaps.room(0, 100).is_none());
    }

    #[test]
    fn stopping_closes_what_is_open() {
        let mut gaps = Gaps::default();
        gaps.dropped(at(1), 10);
        gaps.disconnected(at(2));
        let causes: Vec<_> = gaps.stopped(at(4)).into_iter().map(|g| g.to).collect();
        assert_eq!(causes, [at(1), at(4)]);
        assert!(gaps.stopped(at(5)).is_empty());
    }
}
