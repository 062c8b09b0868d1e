//! Where a program's `init` puts a first configuration: standard output, or a file that is not there yet.
//! What stands in it is each program's own template.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Writes `text`. A new file can be read by its owner only.
///
/// # Errors
/// When the file is there already, or it cannot be written.
pub fn write(text: &str, output: Option<&Path>) -> io::Result<()> {
    let Some(path) = output else {
        return io::stdout().lock().write_all(text.as_bytes());
    };
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}
