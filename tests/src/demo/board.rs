//! Everything that the page shows, in the order in which it came; what has the same name is replaced in its place.
//! It draws nothing, and sends nothing: whoever shows it asks what is new.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;

/// A demo may stay for days: so many things are shown, and the oldest go.
const KEPT: usize = 3000;

/// What a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    /// One only: what the demo does, and whether it is a replay.
    About,
    Job,
    Event,
    Slack,
    Mail,
}

impl List {
    pub(super) fn name(self) -> &'static str {
        match self {
            List::About => "about",
            List::Job => "job",
            List::Event => "event",
            List::Slack => "slack",
            List::Mail => "mail",
        }
    }
}

/// A thing as it is now.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shown {
    /// Grows with every change on the board.
    pub(super) revision: u64,
    pub(super) list: List,
    pub(super) id: String,
    /// Where it stands: the revision of its first form.
    pub(super) place: u64,
    pub(super) what: Value,
}

/// Where things are put, and looked at.
#[derive(Debug)]
pub(super) struct Board {
    shown: Mutex<Vec<Shown>>,
    revision: watch::Sender<u64>,
}

impl Board {
    pub(super) fn new() -> Self {
        Self {
            shown: Mutex::default(),
            revision: watch::Sender::new(0),
        }
    }

    /// Shows a thing, or what it has become. What is as before changes nothing.
    pub(super) fn put(&self, list: List, id: &str, what: &impl Serialize) {
        let what = serde_json::to_value(what).unwrap_or_default();
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let before = shown.iter().position(|it| it.list == list && it.id == id);
        let revision = *self.revision.borrow() + 1;
        let mut place = revision;
        if let Some(at) = before {
            if shown[at].what == what {
                return;
            }
            place = shown.remove(at).place;
        }
        let id = id.to_owned();
        shown.push(Shown {
            revision,
            list,
            id,
            place,
            what,
        });
        if shown.len() > KEPT {
            shown.remove(0);
        }
        drop(shown);
        self.revision.send_replace(revision);
    }

    /// What has come or changed after this revision, in that order.
    pub(super) fn since(&self, revision: u64) -> Vec<Shown> {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let from = shown.partition_point(|it| it.revision <= revision);
        shown[from..].to_vec()
    }

    pub(super) fn find(&self, list: List, id: &str) -> Option<Value> {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let found = shown.iter().find(|it| it.list == list && it.id == id);
        found.map(|it| it.what.clone())
    }

    /// Wakes whoever waits for something new.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::{Board, KEPT, List};

    #[track_caller]
    fn check(board: &Board, since: u64, expect: &[(u64, &str, u64, &str)]) {
        let found = board.since(since);
        let found: Vec<_> = found
            .iter()
            .map(|it| {
                (
                    it.revision,
                    it.id.as_str(),
                    it.place,
                    it.what.as_str().unwrap(),
                )
            })
            .collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn what_is_replaced_keeps_its_place_and_what_is_the_same_is_not_said_again() {
        let board = Board::new();
        board.put(List::Slack, "a", &"one");
        board.put(List::Slack, "b", &"two");
        board.put(List::Mail, "a", &"three");
        board.put(List::Slack, "b", &"two");
        check(
            &board,
            0,
            &[(1, "a", 1, "one"), (2, "b", 2, "two"), (3, "a", 3, "three")],
        );
        board.put(List::Slack, "a", &"changed");
        check(&board, 2, &[(3, "a", 3, "three"), (4, "a", 1, "changed")]);
        check(&board, 4, &[]);
    }

    #[test]
    fn it_does_not_grow_for_ever() {
        let board = Board::new();
        for number in 0..=KEPT {
            board.put(List::Event, &number.to_string(), &"it");
        }
        assert_eq!(board.since(0).len(), KEPT);
        assert_eq!(board.find(List::Event, "0"), None);
    }
}
