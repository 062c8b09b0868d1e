//! The one bound of the collector's memory: a budget of bytes, and a queue that never makes its writer wait.
//! It knows neither frames nor events: what waits holds its bytes until it is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc;

/// What anything that waits costs besides its bytes: so that a flood of tiny frames is bounded too.
const OVERHEAD: usize = 512;

/// Bytes that may wait. Clones share it.
#[derive(Debug, Clone)]
pub struct Budget {
    limit: Arc<AtomicUsize>,
    used: Arc<AtomicUsize>,
    items: Arc<AtomicUsize>,
}

/// Bytes taken from a budget, given back when dropped.
#[derive(Debug)]
pub struct Charge {
    budget: Budget,
    bytes: usize,
}

impl Budget {
    /// A budget of `limit` bytes.
    pub fn new(limit: usize) -> Budget {
        Budget {
            limit: Arc::new(AtomicUsize::new(limit)),
            used: Arc::default(),
            items: Arc::default(),
        }
    }

    /// How many bytes there are in all.
    pub fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// From now on there are so many in all. What waits stays.
    pub fn resize(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// How many are taken.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// How many things hold them.
    pub fn items(&self) -> usize {
        self.items.load(Ordering::Relaxed)
    }

    /// Takes bytes, if there are as many. Something larger than the whole budget fits when nothing else waits.
    fn take(&self, bytes: usize) -> Option<Charge> {
        let bytes = bytes.saturating_add(OVERHEAD);
        let limit = self.limit();
        let fits = |used: usize| {
            let after = used.saturating_add(bytes);
            (after <= limit || used == 0).then_some(after)
        };
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .ok()?;
        self.items.fetch_add(1, Ordering::Relaxed);
        let budget = self.clone();
        Some(Charge { budget, bytes })
    }
}

impl Charge {
    /// Bytes for what was made of this: a frame became an event, or several.
    ///
    /// They may exceed the budget for as long as they wait; no frame is taken until there is room again.
    pub fn beside(&self, bytes: usize) -> Charge {
        let bytes = bytes.saturating_add(OVERHEAD);
        self.budget.used.fetch_add(bytes, Ordering::Relaxed);
        self.budget.items.fetch_add(1, Ordering::Relaxed);
        let budget = self.budget.clone();
        Charge { budget, bytes }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
        self.budget.items.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Something that waits, with the bytes that it holds.
#[derive(Debug)]
pub struct Held<T> {
    /// What waits.
    pub item: T,
    /// Its bytes.
    pub charge: Charge,
}

/// The writing end. The queue ends when the last of its clones is gone.
#[derive(Debug)]
pub struct Writer<T> {
    budget: Budget,
    items: mpsc::UnboundedSender<Held<T>>,
}

impl<T> Clone for Writer<T> {
    fn clone(&self) -> Writer<T> {
        Writer {
            budget: self.budget.clone(),
            items: self.items.clone(),
        }
    }
}

/// The reading end.
pub type Reader<T> = mpsc::UnboundedReceiver<Held<T>>;

/// Why something was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// Too much waits: it is dropped.
    #[error("the queue is full")]
    Full,
    /// Nobody reads any more: stop.
    #[error("the queue is closed")]
    Closed,
}

/// A queue whose content is bounded by the budget alone.
pub fn queue<T>(budget: &Budget) -> (Writer<T>, Reader<T>) {
    let (items, reader) = mpsc::unbounded_channel();
    let budget = budget.clone();
    (Writer { budget, items }, reader)
}

impl<T> Writer<T> {
    /// The budget that this queue draws on.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Puts something in, or says at once that it does not fit.
    pub fn offer(&self, item: T, bytes: usize) -> Result<(), NotTaken> {
        let charge = self.budget.take(bytes).ok_or(NotTaken::Full)?;
        self.pass(Held { item, charge })
    }

    /// Puts in what already holds its bytes.
    pub fn pass(&self, held: Held<T>) -> Result<(), NotTaken> {
        self.items.send(held).map_err(|_| NotTaken::Closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_and_nothing_waits() {
        let budget = Budget::new(3 * OVERHEAD + 100);
        let (writer, mut reader) = queue::<&str>(&budget);
        assert_eq!(writer.offer("a", 50), Ok(()));
        assert_eq!(writer.offer("b", 50), Ok(()));
        assert_eq!(writer.offer("c", OVERHEAD), Err(NotTaken::Full));
        let held = reader.try_recv().unwrap();
        let made_of_it = held.charge.beside(10);
        drop(held);
        assert_eq!((budget.items(), budget.used()), (2, 2 * OVERHEAD + 60));
        drop(made_of_it);
        assert_eq!(writer.offer("c", OVERHEAD), Ok(()));
        drop(reader);
        assert_eq!(budget.items(), 0);
        assert_eq!(budget.used(), 0, "what nobody reads gives its bytes back");
        assert_eq!(writer.offer("d", 1), Err(NotTaken::Closed));
    }

    #[test]
    fn one_thing_always_fits() {
        let (writer, _reader) = queue::<()>(&Budget::new(10));
        assert_eq!(writer.offer((), 1000), Ok(()));
        assert_eq!(writer.offer((), 0), Err(NotTaken::Full));
    }
}
