//! `provision`: create or update what is needed on NATS, say what was done, and end.
//! What is needed `proto`'s topology says; how it is created is `provision`'s of the library.

use std::io::Write;

use crate::RunError;
use crate::config::Config;

/// Connects, creates or updates, and prints a line for each stream, bucket and consumer that is new or changed.
///
/// # Errors
/// When NATS cannot be reached at all; a server that is away is waited for.
pub async fn provision(config: Config) -> Result<(), RunError> {
    let done = crate::provision(config).await?;
    let mut out = std::io::stdout().lock();
    let lines = done.created.iter().map(|name| format!("created {name}"));
    for line in lines.chain(done.changed.iter().map(|name| format!("changed {name}"))) {
        let _ = writeln!(out, "{line}"); // a reader that went away is no error
    }
    let _ = writeln!(out, "kept {} as they were", done.kept);
    Ok(())
}
