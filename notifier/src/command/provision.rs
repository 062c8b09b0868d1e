//! `provision`: create or update what is needed on NATS, and end.
//! What is needed `proto`'s topology says; how it is created is `provision`'s of the library.

use crate::RunError;
use crate::config::Config;

/// Connects, creates or updates, and returns.
///
/// # Errors
/// When NATS refuses.
pub async fn provision(config: Config) -> Result<(), RunError> {
    crate::provision(config).await
}
