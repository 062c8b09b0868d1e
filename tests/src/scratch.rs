//! A directory for one run: private, with a short path, removed at the end.
//! It is not for what shall be kept between runs; that is `target/tools`.

use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use rand::distr::{Alphanumeric, SampleString};

use crate::reaper;

/// What Linux allows for the path of a Unix socket, in bytes, without the closing zero.
pub const SOCKET_PATH_LIMIT: usize = 107;
/// Room for the longest name that Salt puts below a scratch directory.
const ROOM: usize = 60;

/// A directory of mode 0700 that is removed when this value is dropped or this process ends.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes the directory below the system's temporary directory, or below `/tmp` when that one's path is long.
    ///
    /// # Errors
    /// When no directory can be made there.
    pub fn new() -> anyhow::Result<Self> {
        let mut parent = std::env::temp_dir();
        if parent.as_os_str().len() + "/pbx-12345678".len() + ROOM > SOCKET_PATH_LIMIT {
            parent = PathBuf::from("/tmp");
        }
        loop {
            let name = Alphanumeric.sample_string(&mut rand::rng(), 6);
            let path = parent.join(format!("pbx-{name}"));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => {
                    reaper::watch_dir(&path)?;
                    return Ok(Self { path });
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("cannot make {}", path.display()));
                }
            }
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A directory below it, made if need be.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn dir(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.path.join(name);
        std::fs::create_dir_all(&path)
            .with_context(|| format!("cannot make {}", path.display()))?;
        Ok(path)
    }

    /// A file below it with this content; its directories are made.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn file(&self, name: &str, content: &str) -> anyhow::Result<PathBuf> {
        let path = self.path.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&path, content)
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A daemon's last breath may add a file while we remove; the reaper removes what is left.
        for _ in 0..3 {
            if std::fs::remove_dir_all(&self.path).is_ok() {
                break;
            }
        }
    }
}
