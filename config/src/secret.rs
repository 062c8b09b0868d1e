//! Secrets, read from files of their own.
//! It shows none of them: an error names the path and never the content.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use crate::mistake::{Mistake, Notes, Warning};
use crate::yaml::Text;

/// The letters of an NKey's seed.
const SEED: usize = 58;

/// A path as written; a relative one is relative to the configuration file.
pub fn path(written: &Text, beside: &Path) -> PathBuf {
    let folder = beside.parent().unwrap_or(Path::new(""));
    folder.join(&written.text)
}

/// Whether the secret stands where the path of its file belongs: then no complaint may quote it. A password is not told
/// from a path.
fn is_secret(written: &str) -> bool {
    let seed = written.len() == SEED && written.starts_with("SU");
    written.contains("://") || written.starts_with("xox") || written.contains("BEGIN") || seed
}

/// The content of a secret's file, trimmed. `None`, noted, if there is none.
pub fn read(
    key: &'static str,
    written: &Text,
    beside: &Path,
    notes: &mut Notes,
) -> Option<SecretString> {
    if is_secret(&written.text) {
        notes.wrong(written.place, Mistake::SecretItself { key });
        return None;
    }
    let path = path(written, beside);
    let content = match std::fs::read_to_string(&path) {
        Ok(content) => content,
        Err(error) => {
            let why = error.to_string();
            notes.wrong(written.place, Mistake::SecretFile { key, path, why });
            return None;
        }
    };
    let secret = content.trim();
    if secret.is_empty() {
        notes.wrong(written.place, Mistake::EmptySecret { key, path });
        return None;
    }
    let mode = std::fs::metadata(&path).map_or(0, |metadata| metadata.permissions().mode());
    if mode & 0o004 != 0 {
        notes.warn(written.place, Warning::WorldReadable { path: path.clone() });
    }
    let secret = SecretString::from(secret);
    notes.secret(path, secret.clone());
    Some(secret)
}
