//! A lock on a file, held by one process at a time and let go of by the kernel when that process ends.
//! It is not a lock between threads or tasks of one process: those share a `OnceCell`.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use anyhow::Context;

use crate::progress;

/// Holds the lock until it is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the lock, as long as it takes, and says meanwhile that another process has it.
    ///
    /// # Errors
    /// When the file cannot be opened or locked.
    pub async fn acquire(path: &Path, what: &str) -> anyhow::Result<Self> {
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path);
        let file = file.with_context(|| format!("cannot open {}", path.display()))?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("cannot lock {}", path.display()));
                }
            }
            progress::at(what, "another process is at it; waiting");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}
