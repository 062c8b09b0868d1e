//! What a look costs less for knowing: where open jobs stood when they were last looked at.
//! It holds nothing that JetStream does not hold; forgetting all of it costs a few reads.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

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
    /// How many events it had, and the last one's sequence and stored time.
    last: Option<(usize, (u64, Timestamp))>,
    /// The last sequence when it was folded and not every route was due; and when the next one is.
    folded: Option<(u64, Timestamp)>,
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

    /// The last event, if it still has as many.
    pub(super) fn last(&self, name: &Name, events: usize) -> Option<(u64, Timestamp)> {
        let (known, last) = self.known().get(name)?.last?;
        (known == events).then_some(last)
    }

    pub(super) fn looked(&self, name: &Name, events: usize, last: (u64, Timestamp)) {
        self.known().entry(name.clone()).or_default().last = Some((events, last));
    }

    /// A fold at this sequence found that some route is to wait, and its time has not come.
    pub(super) fn fold_says_wait(&self, name: &Name, last: u64, now: Timestamp) -> bool {
        let folded = self.known().get(name).and_then(|known| known.folded);
        folded.is_some_and(|(sequence, due)| sequence == last && now < due)
    }

    pub(super) fn folded(&self, name: &Name, last: u64, due: Timestamp) {
        self.known().entry(name.clone()).or_default().folded = Some((last, due));
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
