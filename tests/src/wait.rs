//! Waits for something to become true, with a deadline and a name for what was awaited.
//! It never waits for time to pass: whoever needs a moment waits for what the moment brings.

use std::time::Duration;

use anyhow::bail;
use tokio::time::{Instant, sleep};

const POLL: Duration = Duration::from_millis(20);

/// Asks `ready` every 20 ms until it answers with a value, for at most `deadline`.
///
/// # Errors
/// When the deadline has passed; the error says what was awaited.
pub async fn until<T>(
    deadline: Duration,
    what: &str,
    mut ready: impl AsyncFnMut() -> Option<T>,
) -> anyhow::Result<T> {
    let end = Instant::now() + deadline;
    loop {
        if let Some(value) = ready().await {
            return Ok(value);
        }
        if Instant::now() >= end {
            bail!("waited {deadline:?} in vain for {what}");
        }
        sleep(POLL).await;
    }
}

/// Asks `broken` every 20 ms for the whole of `window`: the way to show that something does *not* happen.
///
/// # Errors
/// As soon as `broken` answers, with what it said.
pub async fn never(
    window: Duration,
    mut broken: impl AsyncFnMut() -> Option<String>,
) -> anyhow::Result<()> {
    let end = Instant::now() + window;
    while Instant::now() < end {
        if let Some(why) = broken().await {
            bail!("{why}");
        }
        sleep(POLL).await;
    }
    Ok(())
}
