//! Where the master keeps its jobs: in files below its `cachedir`, or where this program cannot look (SALT.md §5).
//! It does not look whether the directory is there.

use std::path::PathBuf;

use super::CACHEDIR;
use super::master::Master;
use super::mistake::Mistakes;
use super::section::Section;
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
pub(super) fn read(
    salt: &Section<'_>,
    master: &Master,
    mistakes: &mut Mistakes,
) -> Result<JobCache, NoJobCache> {
    let dir = salt
        .text("cachedir", mistakes)
        .map(|dir| PathBuf::from(dir.value));
    let ours = hash_type(salt, mistakes);
    let dir = dir.or_else(|| master.cachedir.clone());
    let dir = dir.unwrap_or_else(|| CACHEDIR.into());
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
    Ok(JobCache { dir, hash })
}

fn hash_type(salt: &Section<'_>, mistakes: &mut Mistakes) -> Option<HashType> {
    let name = salt.text("hash_type", mistakes)?;
    let hash = HashType::parse(&name.value);
    if hash.is_none() {
        let known = HashType::NAMES.join(", ");
        let text = format!("salt.hash_type: `{}` is none of {known}", name.value);
        mistakes.add(name.place, text);
    }
    hash
}
