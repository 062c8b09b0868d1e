//! One job's directory: its own files, who was expected, and who returned.
//! It reads no return, and makes nothing of the files.

use std::collections::BTreeSet;

use pillarbox_proto::lookup::Problem;
use pillarbox_proto::salt::{Jid, MinionId};

use super::dir::{Dir, FileError, Kind};
use super::fired::Damaged;
use crate::normalize::{self, ReadError};

/// A minion's return, below its directory.
pub(super) const RETURN: &str = "return.p";
/// What was published.
pub(super) const LOAD: &str = ".load.p";
/// What 3008 knows of a batch.
const BATCH: &str = ".batch.p";

/// Why a file gives nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Bad {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Damaged(#[from] Damaged),
    #[error("cannot be read: {0}")]
    Event(#[from] ReadError),
}

/// A job as its directory has it.
pub(super) struct Job<'d> {
    pub(super) dir: &'d Dir,
    pub(super) jid: &'d Jid,
    pub(super) load: Option<Vec<u8>>,
    pub(super) batch: Option<Vec<u8>>,
    pub(super) expected: BTreeSet<MinionId>,
    /// Names of directories with a return.
    pub(super) returned: BTreeSet<MinionId>,
    /// Who may have returned: it cannot be seen.
    pub(super) hidden: BTreeSet<MinionId>,
    /// Salt was told not to keep its returns.
    pub(super) nocache: bool,
    /// The directory is this job's, and not one that is being made or removed.
    pub(super) is_there: bool,
    pub(super) problems: Vec<Problem>,
}

impl<'d> Job<'d> {
    /// Reads everything but the returns.
    pub(super) fn read(dir: &'d Dir, jid: &'d Jid) -> Job<'d> {
        let mut job = Job {
            dir,
            jid,
            load: None,
            batch: None,
            expected: BTreeSet::new(),
            returned: BTreeSet::new(),
            hidden: BTreeSet::new(),
            nocache: dir.has("nocache"),
            is_there: false,
            problems: Vec::new(),
        };
        if job.is_the_one() {
            job.is_there = true;
            job.load = job.file(LOAD);
            job.batch = job.file(BATCH);
            job.entries();
        }
        job
    }

    /// Salt itself takes a directory without `jid` for rubbish, and removes it.
    fn is_the_one(&mut self) -> bool {
        match self.file("jid") {
            Some(jid) if jid == self.jid.0.as_bytes() => true,
            Some(jid) if jid.is_empty() => false, // it is being written
            Some(_) => {
                self.problem(None, "jid names another job");
                false
            }
            None => false,
        }
    }

    fn file(&mut self, name: &str) -> Option<Vec<u8>> {
        match self.dir.read(name) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.problem(None, &format!("{name} {error}"));
                None
            }
        }
    }

    pub(super) fn problem(&mut self, minion: Option<MinionId>, error: &str) {
        self.problems.push(Problem {
            minion,
            error: error.to_owned(),
        });
    }

    fn entries(&mut self) {
        let entries = match self.dir.entries() {
            Ok(entries) => entries,
            Err(error) => return self.problem(None, &format!("the job's directory {error}")),
        };
        for (name, kind) in entries {
            match (std::str::from_utf8(&name), kind) {
                (Ok(name), Kind::File) => self.expect(name),
                (Ok(name), _) if name.starts_with('.') => {}
                (Ok(name), Kind::Dir) => self.minion(name),
                (Ok(name), Kind::Other) => {
                    let minion = MinionId(name.to_owned());
                    self.hidden.insert(minion.clone());
                    self.problem(Some(minion), "is no directory; links are not followed");
                }
                (Err(_), Kind::File) => {}
                (Err(_), Kind::Dir | Kind::Other) => {
                    self.problem(None, "a minion's directory has a name that is no UTF-8");
                }
            }
        }
    }

    /// `.minions.p`, and one of each syndic.
    fn expect(&mut self, name: &str) {
        let Some(syndic) = name.strip_prefix(".minions.") else {
            return;
        };
        let shown = match syndic {
            "p" => ".minions.p",
            _ if syndic.ends_with(".p") => ".minions.p of a syndic",
            _ => return,
        };
        let read = || -> Result<Vec<MinionId>, Bad> {
            Ok(normalize::ids(&self.dir.read(name)?.unwrap_or_default())?)
        };
        match read() {
            Ok(ids) => self.expected.extend(ids),
            Err(error) => self.problem(None, &format!("{shown} {error}")),
        }
    }

    fn minion(&mut self, name: &str) {
        let minion = MinionId(name.to_owned());
        match self.dir.dir(name) {
            Ok(dir) if dir.has(RETURN) => {
                self.returned.insert(minion);
            }
            Ok(_) | Err(FileError::Gone) => {}
            Err(error) => {
                self.hidden.insert(minion.clone());
                self.problem(Some(minion), &format!("the minion's directory {error}"));
            }
        }
    }
}
