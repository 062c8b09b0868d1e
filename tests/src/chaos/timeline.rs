//! What happened when, for whoever wants to know why a run went wrong.
//! It judges nothing, and nothing waits for it.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// Lines with a time each, from its creation on.
#[derive(Debug)]
pub(super) struct Timeline {
    start: Instant,
    lines: Mutex<Vec<(u128, String)>>,
}

impl Timeline {
    /// It begins now.
    #[must_use]
    pub(super) fn start() -> Self {
        Self {
            start: Instant::now(),
            lines: Mutex::default(),
        }
    }

    /// This happens now.
    pub(super) fn note(&self, what: impl Into<String>) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push((self.start.elapsed().as_millis(), what.into()));
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines
            .iter()
            .try_for_each(|(at, what)| writeln!(f, "{at:>7} ms  {what}"))
    }
}
