//! The clock and the dice: the one place of the collector that reads either.
//! It decides nothing: whoever needs the time or chance gets it as an argument.

use std::hash::{BuildHasher, RandomState};

/// The host's clock. Only shown and compared with itself; elapsed time is tokio's `Instant`.
#[expect(
    clippy::disallowed_methods,
    reason = "the shell's one reading of the clock; everything below takes it as an argument"
)]
pub(crate) fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// A number between 0 and 1, for jitter: good enough to keep a thousand collectors from knocking at once.
pub(crate) fn chance() -> f64 {
    let bits = u32::try_from(random() >> 32).unwrap_or_default();
    f64::from(bits) / f64::from(u32::MAX)
}

/// Sixteen hex digits that no other process has, for names that must not meet another's.
pub(crate) fn unique() -> String {
    format!("{:016x}", random())
}

fn random() -> u64 {
    RandomState::new().hash_one(0u8) // std seeds it from the operating system
}
