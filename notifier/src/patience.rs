//! How a worker bears that NATS is away: it says so once, and does again what must not be left undone.
//! It knows nothing of what is done.

use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::telemetry;

/// Between two tries: doubled each time, up to this.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Says the first of a row of failures, and the end of the row.
#[derive(Debug, Default)]
pub struct Streak {
    failing: AtomicBool,
}

impl Streak {
    /// One more failure.
    pub fn failed(&self, what: &str, error: &(dyn Error + 'static)) {
        let error = telemetry::chain(error);
        if self.failing.swap(true, Ordering::Relaxed) {
            tracing::debug!(error, what, "still no answer from NATS");
        } else {
            tracing::warn!(
                error,
                what,
                "no answer from NATS; trying again until there is one"
            );
        }
    }

    /// It works, or works again.
    pub fn worked(&self) {
        if self.failing.swap(false, Ordering::Relaxed) {
            tracing::info!("NATS answers again");
        }
    }
}

/// Does something until it is done. What calls it says how it is recognised when it happens twice.
pub async fn persist<T, E, F>(streak: &Streak, what: &str, mut attempt: impl FnMut() -> F) -> T
where
    E: Error + 'static,
    F: Future<Output = Result<T, E>>,
{
    let mut wait = Duration::from_millis(100);
    loop {
        match attempt().await {
            Ok(done) => {
                streak.worked();
                return done;
            }
            Err(error) => streak.failed(what, &error),
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}
