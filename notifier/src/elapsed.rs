//! How much time lies between two stored times.
//! It reads no clock: both come from the server's.

use std::time::Duration;

use jiff::Timestamp;

/// How much later `now` is; nothing if the clock stood still or went back.
pub fn elapsed(then: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(then)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_goes_back_is_no_time() {
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(elapsed(at(5), at(10)), Duration::from_secs(5));
        assert_eq!(elapsed(at(10), at(5)), Duration::ZERO);
    }
}
