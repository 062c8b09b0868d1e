//! How soon an open job is looked at again: soon while it lives, later the more jobs are open, and when a route is due.
//! It looks at none.

use std::time::Duration;

use jiff::Timestamp;

use super::completion::{Progress, Waits};
use super::{Digester, SOON};
use crate::elapsed::elapsed;
use crate::route::{Moment, Route};

/// A job whose last sign of life is younger than this is looked at every second.
const ACTIVE: Duration = Duration::from_secs(15);
/// No open job waits longer for its next look.
const LATEST: Duration = Duration::from_secs(60);

impl Digester {
    pub(super) fn finish_routes(&self) -> impl Iterator<Item = &Route> {
        self.config
            .routes
            .iter()
            .filter(|route| route.on == Moment::Finish)
    }

    pub(super) fn waits(&self, route: &Route) -> Waits {
        Waits {
            finish_after: route.finish_after,
            quiet_after: self.config.quiet_after,
            gather: self.config.gather,
        }
    }

    /// When to look again: soon while it shows signs of life; else the more jobs are open, the later; and when a route is due.
    pub(super) fn delay(&self, progress: &Progress, now: Timestamp) -> Duration {
        if elapsed(progress.last, now) < ACTIVE {
            return SOON;
        }
        self.hints
            .spread()
            .min(self.next_due(progress, now))
            .clamp(SOON, LATEST)
    }

    /// How long until the next route is due that is not yet.
    pub(super) fn next_due(&self, progress: &Progress, now: Timestamp) -> Duration {
        let silent = elapsed(progress.last, now);
        let waits = self.finish_routes().map(|route| match progress.expected {
            Some(_) => route.finish_after.saturating_sub(silent),
            None => self.config.quiet_after.saturating_sub(silent),
        });
        waits.filter(|wait| !wait.is_zero()).min().unwrap_or(LATEST)
    }
}
