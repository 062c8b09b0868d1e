//! Which loops a program runs, and which of them have ended although nobody asked them to.
//! It starts and ends none: a loop says itself that it runs.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

/// The loops of a program. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Loops(Arc<Mutex<BTreeSet<String>>>);

/// Held by a loop for as long as it runs.
#[derive(Debug)]
pub struct Running {
    loops: Loops,
    name: String,
    asked: CancellationToken,
}

impl Loops {
    /// A loop begins. `asked` is what asks it to end.
    #[must_use]
    pub fn running(&self, name: impl Into<String>, asked: &CancellationToken) -> Running {
        let name = name.into();
        self.ended().remove(&name);
        Running {
            loops: self.clone(),
            name,
            asked: asked.clone(),
        }
    }

    /// A sentence for each loop that ended unasked.
    pub fn complaints(&self) -> Vec<String> {
        let ended = self.ended();
        ended
            .iter()
            .map(|name| format!("the loop `{name}` has ended: restart the program"))
            .collect()
    }

    fn ended(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.asked.is_cancelled() {
            let name = std::mem::take(&mut self.name);
            self.loops.ended().insert(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_ended_unasked_is_complained_about() {
        let (loops, asked) = (Loops::default(), CancellationToken::new());
        let intake = loops.running("intake", &asked);
        let digest = loops.running("digest", &asked);
        assert_eq!(loops.complaints(), [""; 0]);
        drop(digest);
        let complaint = "the loop `digest` has ended: restart the program";
        assert_eq!(loops.complaints(), [complaint]);
        let digest = loops.running("digest", &asked);
        assert_eq!(loops.complaints(), [""; 0], "it runs again");
        asked.cancel();
        drop((intake, digest));
        assert_eq!(loops.complaints(), [""; 0], "they were asked to end");
    }
}
