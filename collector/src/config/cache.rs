//! Where the master keeps its jobs: in files below its `cachedir`, or where this program cannot look (SALT.md §5).
//! It does not look whether the directory is there.

use pillarbox_config::mistake::Notes;
use pillarbox_config::value::choice;
use pillarbox_config::yaml::Text;

use super::master::Master;
use super::salt::CACHEDIR;
use crate::job_cache::{HashType, JobCache};

/// What Salt calls the store that is files.
const LOCAL: &str = "local_cache";

/// Why nothing can be looked up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoJobCache {
    /// The master keeps no returns.
    #[error("`job_cache: False` in the master's configuration: it keeps no returns")]
    Off,
    /// The minions write their returns elsewhere.
    #[error(
        "`ext_job_cache: {0}` in the master's configuration: minions write their returns there"
    )]
    External(String),
    /// The master writes everything elsewhere.
    #[error(
        "`master_job_cache: {0}` in the master's configuration: it keeps jobs there, not in files"
    )]
    Elsewhere(String),
    /// The directories of jobs have names that cannot be made.
    #[error("`hash_type: {0}` in the master's configuration: known are {names}", names = HashType::NAMES.join(", "))]
    Hash(String),
}

/// What stands in our file wins over the master's.
pub(super) fn of(master: &Master, ours: Option<HashType>) -> Result<JobCache, NoJobCache> {
    if let Some(store) = &master.ext_job_cache {
        return Err(NoJobCache::External(store.clone()));
    }
    match &master.master_job_cache {
        Some(store) if store != LOCAL => return Err(NoJobCache::Elsewhere(store.clone())),
        Some(_) | None => {}
    }
    if master.keeps_returns == Some(false) {
        return Err(NoJobCache::Off);
    }
    let hash = match (ours, &master.hash_type) {
        (Some(hash), _) => hash,
        (None, None) => HashType::Sha256,
        (None, Some(name)) => {
            HashType::parse(name).ok_or_else(|| NoJobCache::Hash(name.clone()))?
        }
    };
    let dir = master.cachedir.clone();
    Ok(JobCache {
        dir: dir.unwrap_or_else(|| CACHEDIR.into()),
        hash,
    })
}

/// One that Salt documents, if one is written.
pub(super) fn hash_type(written: Option<&Text>, notes: &mut Notes) -> Option<HashType> {
    written?;
    let words: (&[&str], &[HashType]) = (&HashType::NAMES, &HashType::ALL);
    Some(choice(written, "hash_type", words, HashType::Sha256, notes))
}
