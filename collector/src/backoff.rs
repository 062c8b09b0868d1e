//! How long to wait before the next try: 100 ms, doubled up to 5 s, with jitter.
//! It neither sleeps nor throws dice: chance comes in, a duration goes out.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// The waits of one row of failures.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The next wait. `chance` is between 0 and 1: it takes up to a quarter off.
    pub(crate) fn next(&mut self, chance: f64) -> Duration {
        let full = FIRST.saturating_mul(1 << self.failures.min(6)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        full.mul_f64(1.0 - chance.clamp(0.0, 1.0) / 4.0)
    }

    /// It worked: the next failure is a first one.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_five_seconds() {
        let mut backoff = Backoff::default();
        let waits: Vec<u128> = (0..8).map(|_| backoff.next(0.0).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(backoff.next(1.0).as_millis(), 3750);
        backoff.reset();
        assert_eq!(backoff.next(0.0).as_millis(), 100);
    }
}
