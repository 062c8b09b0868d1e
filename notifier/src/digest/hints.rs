//! What a look costs less for knowing: where open jobs stood when they were last looked at.
//! It holds nothing that JetStream does not hold; forgetting all of it costs a few reads.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Name;

/// Jobs that are remembered; another worker may have settled some, so now and then all are forgotten.
const MOST: usize = 50_000;

/// What a job's `new`s say, as far as a look needs it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Announced {
    /// How many minions Salt expects.
    pub(super) expected: Option<usize>,
    /// 3008's batch.
    pub(super) batch: bool,
    /// A runner.
    pub(super) runner: bool,
}

/// Per open job.
#[derive(Debug, Default, Clone, Copy)]
struct Known {
    /// The last sequence, and how many routes were due, when it was last folded.
    folded: Option<(u64, usize)>,
    /// How many `new`s it had, and what they say.
    announced: Option<(usize, Announced)>,
}

#[derive(Debug, Default)]
pub(super) struct Hints {
    known: Mutex<HashMap<Name, Known>>,
    open_jobs: AtomicU64,
}

impl Hints {
    fn known(&self) -> MutexGuard<'_, HashMap<Name, Known>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if MOST < known.len() {
            known.clear();
        }
        known
    }

    /// What a job's `new`s said, if it still has as many.
    pub(super) fn announced(&self, name: &Name, news: usize) -> Option<Announced> {
        let (known, announced) = self.known().get(name)?.announced?;
        (known == news).then_some(announced)
    }

    pub(super) fn learn(&self, name: &Name, news: usize, announced: Announced) {
        self.known().entry(name.clone()).or_default().announced = Some((news, announced));
    }

    /// Whether it was folded at this sequence with as many routes due.
    pub(super) fn folded(&self, name: &Name, at: (u64, usize)) -> bool {
        self.known()
            .get(name)
            .is_some_and(|known| known.folded == Some(at))
    }

    pub(super) fn remember(&self, name: &Name, at: (u64, usize)) {
        self.known().entry(name.clone()).or_default().folded = Some(at);
    }

    pub(super) fn forget(&self, name: &Name) {
        self.known().remove(name);
    }

    pub(super) fn count(&self, open_jobs: u64) {
        self.open_jobs.store(open_jobs, Ordering::Relaxed);
    }

    /// One millisecond for each open job: a thousand looks a second over all of them.
    pub(super) fn spread(&self) -> Duration {
        Duration::from_millis(self.open_jobs.load(Ordering::Relaxed))
    }
}
