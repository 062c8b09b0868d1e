//! What the demo is at: on the terminal a line, on the page its head with the jobs.
//! What arrives is not its business, but the inbox's.

use std::sync::Arc;

use serde::Serialize;

use super::board::{Board, List};
use super::show;

/// The head of the page.
#[derive(Clone, Debug, Default, Serialize)]
struct About {
    /// What is going on.
    now: String,
    /// Said plainly where there is no Salt.
    replay: Option<String>,
    /// Who gets the messages beside the doubles.
    outside: Vec<String>,
    /// All jobs are over: the verdict.
    verdict: Option<Verdict>,
}

#[derive(Clone, Debug, Serialize)]
struct Verdict {
    right: bool,
    text: String,
}

/// A job on the page.
#[derive(Clone, Debug, Serialize)]
struct Shown<'a> {
    name: &'a str,
    command: &'a str,
    /// Beside the command: `web2 is stopped`.
    note: Option<&'a str>,
    state: State,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    Waits,
    Runs,
    /// Everything that was expected of it has come.
    Told,
    /// Something is missing.
    Lacks,
}

/// A job's words.
#[derive(Clone, Debug)]
pub(super) struct Act {
    pub(super) name: String,
    pub(super) command: String,
    pub(super) note: Option<String>,
}

#[derive(Debug)]
pub(super) struct Stage {
    board: Arc<Board>,
    about: About,
    acts: Vec<Act>,
}

impl Stage {
    pub(super) fn new(board: Arc<Board>, outside: Vec<String>) -> Self {
        let about = About {
            outside,
            ..About::default()
        };
        Self {
            board,
            about,
            acts: Vec::new(),
        }
    }

    /// Says what begins now.
    pub(super) fn now(&mut self, text: &str) {
        show::title(text);
        text.clone_into(&mut self.about.now);
        self.put();
    }

    /// Says that no Salt runs.
    pub(super) fn replay(&mut self, of: &str) {
        show::replay(of);
        self.about.replay = Some(of.to_owned());
        self.put();
    }

    /// The jobs to come.
    pub(super) fn acts(&mut self, acts: Vec<Act>) {
        self.acts = acts;
        (0..self.acts.len()).for_each(|at| self.act(at, State::Waits));
    }

    /// A job goes on; when it begins, its command is said.
    pub(super) fn act(&mut self, at: usize, state: State) {
        let Some(act) = self.acts.get(at).cloned() else {
            return;
        };
        let shown = Shown {
            name: &act.name,
            command: &act.command,
            note: act.note.as_deref(),
            state,
        };
        self.board.put(List::Job, &at.to_string(), &shown);
        if state == State::Runs {
            let now = format!("job {} of {}: {}", at + 1, self.acts.len(), act.name);
            self.now(&now);
            show::command(&act);
        }
    }

    /// Says how it went.
    pub(super) fn verdict(&mut self, verdict: &Result<String, String>) {
        let (right, text) = match verdict {
            Ok(text) => {
                show::right(text);
                (true, text.clone())
            }
            Err(text) => {
                show::wrong(text);
                (false, text.clone())
            }
        };
        self.about.verdict = Some(Verdict { right, text });
        self.put();
    }

    fn put(&self) {
        self.board.put(List::About, "demo", &self.about);
    }
}
