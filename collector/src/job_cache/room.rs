//! The room of an answer, shared fairly among the returns in it.
//! It cuts nothing: it says how large a return may become, and when no more fit.

/// All returns of an answer together, as JSON: far below what a message's body may decompress to, with as much again for
/// the names of 100 000 minions.
const ALL: usize = 16 << 20;
/// A return may have this much in any case: what it came to, and its first failures.
const LEAST: usize = 4 << 10;
/// One return, however much room there is.
const MOST: usize = 4 << 20;

/// What is left of an answer.
#[derive(Debug, Default)]
pub(crate) struct Room {
    used: usize,
}

impl Room {
    /// How large the next of so many returns may be; none if no more fit.
    pub(crate) fn share(&self, left: usize) -> Option<usize> {
        let room = ALL.checked_sub(self.used).filter(|room| *room > 0)?;
        Some((room / left.max(1)).clamp(LEAST, MOST))
    }

    /// A return of so many bytes is in the answer.
    pub(crate) fn take(&mut self, bytes: usize) {
        self.used = self.used.saturating_add(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_leaves_the_others_get() {
        let mut room = Room::default();
        assert_eq!(room.share(1), Some(MOST));
        assert_eq!(room.share(1 << 10), Some(16 << 10));
        assert_eq!(room.share(1 << 20), Some(LEAST));
        room.take(ALL / 2);
        assert_eq!(room.share(1 << 10), Some(8 << 10));
        room.take(ALL / 2);
        assert_eq!(room.share(1), None);
    }
}
