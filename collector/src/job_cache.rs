//! The master's job cache, read for one job: what was published, who was expected, who returned, and what (SALT.md §5).
//! It writes nothing and runs nothing; a file that cannot be read costs what it held and nothing else.

mod dir;
mod fired;
mod hash;
mod job;
mod room;
mod told;

use std::path::{Path, PathBuf};

use pillarbox_proto::lookup::{LookupReply, LookupRequest};
use pillarbox_proto::salt::{Jid, MinionId};

pub use hash::HashType;

use crate::normalize::Origin;
use dir::{Dir, FileError};
use job::Job;

/// Where a master keeps its jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobCache {
    /// Salt's `cachedir`.
    pub dir: PathBuf,
    /// Salt's `hash_type`.
    pub hash: HashType,
}

/// Why there is no answer at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// It could be any job's, or none.
    #[error("a jid is 20 digits (with `unique_jid` followed by `_` and a number)")]
    Jid,
    /// Nobody may read it, or it is damaged.
    #[error("the job cache {0}")]
    Cache(#[source] Unreadable),
    /// Its lists of minions alone are larger than an answer.
    #[error("the answer is larger than an answer may be: it names too many minions")]
    TooLarge,
}

/// Why a directory of the job cache cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct Unreadable(#[from] FileError);

impl JobCache {
    /// What is known of a job; a reply that [knows](LookupReply::knows) nothing for a job that is not there.
    ///
    /// # Errors
    /// When there can be no answer, not even that the job is unknown.
    pub fn answer(
        &self,
        origin: &Origin,
        request: &LookupRequest,
    ) -> Result<LookupReply, LookupError> {
        match self.job(&request.jid)? {
            Some(dir) => told::answer(Job::read(&dir, &request.jid), origin, request),
            None => Ok(unknown(origin, &request.jid)),
        }
    }

    /// Whether the returns of all these minions are there by now. Cheap: for whoever waits for them.
    pub fn has_returns(&self, jid: &Jid, minions: &[MinionId]) -> bool {
        let Ok(Some(dir)) = self.job(jid) else {
            return false;
        };
        minions.iter().all(|minion| {
            let safe = !minion.0.contains(['/', '\0']) && !minion.0.starts_with('.');
            safe && dir.has(&*format!("{minion}/{}", job::RETURN))
        })
    }

    /// A job's directory. Its name is a hash, so that no jid leads anywhere else.
    fn job(&self, jid: &Jid) -> Result<Option<Dir>, LookupError> {
        if !jid.is_regular() {
            return Err(LookupError::Jid);
        }
        let hash = self.hash.hex(&jid.0);
        let (first, rest) = hash.split_at_checked(2).unwrap_or_default();
        let open = || -> Result<Dir, FileError> {
            let jobs = Dir::open(&self.dir.join(Path::new("jobs")))?;
            jobs.dir(first)?.dir(rest)
        };
        match open() {
            Ok(dir) => Ok(Some(dir)),
            Err(FileError::Gone) => Ok(None),
            Err(error) => Err(LookupError::Cache(error.into())),
        }
    }
}

/// Nothing is known.
fn unknown(origin: &Origin, jid: &Jid) -> LookupReply {
    LookupReply {
        cluster: origin.cluster.clone(),
        master: origin.master.clone(),
        jid: jid.clone(),
        load: None,
        expected: Vec::new(),
        returned: Vec::new(),
        missing: Vec::new(),
        returns: Vec::new(),
        problems: Vec::new(),
    }
}
