//! Ids that this process sent not long ago: an event that comes again under one of them would spoil a whole batch.
//! It drops nothing: the server alone decides what is a duplicate. It only tells which way an event is published.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

/// How many ids are remembered: those of the last few batches. A forgotten one costs a refused batch, nothing else.
const IDS: usize = 16 * 1024;

/// The last ids that this process sent. Clones share them: while one shift follows another, two read the same bus.
#[derive(Debug, Clone, Default)]
pub struct Recent(Arc<Mutex<Ids>>);

impl Recent {
    /// Remembers an id. False if it was remembered already.
    pub(super) fn first(&self, id: &str) -> bool {
        let mut ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ids.first(id)
    }
}

/// As hashes.
#[derive(Debug, Default)]
struct Ids {
    state: RandomState,
    known: HashSet<u64>,
    order: VecDeque<u64>,
}

impl Ids {
    fn first(&mut self, id: &str) -> bool {
        let hash = self.state.hash_one(id);
        if !self.known.insert(hash) {
            return false;
        }
        self.order.push_back(hash);
        if self.order.len() > IDS
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_first_once_until_it_is_forgotten() {
        let mut recent = Ids::default();
        assert!(recent.first("a"));
        assert!(!recent.first("a"));
        for n in 0..IDS {
            assert!(recent.first(&n.to_string()));
        }
        assert!(recent.first("a"));
        assert_eq!(recent.order.len(), IDS);
        assert_eq!(recent.known.len(), IDS);
    }
}
