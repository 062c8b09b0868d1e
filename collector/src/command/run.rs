//! `run`: read the bus and publish until a signal comes.
//! It does neither itself: it turns options and signals into a configuration, a grace period and a token.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::File;

/// The options of `run`.
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    #[expect(missing_docs, reason = "its help is its own")]
    pub file: File,
    /// How long to go on publishing what was read when told to stop: `10s`, `1m`.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub grace: Duration,
}

fn duration(text: &str) -> Result<Duration, jiff::Error> {
    let duration: jiff::SignedDuration = text.parse()?;
    Duration::try_from(duration)
}

/// A token that the first SIGTERM or SIGINT cancels; the second ends the process at once.
pub fn shutdown() -> io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let token = CancellationToken::new();
    let shutdown = token.clone();
    tokio::spawn(async move {
        either(&mut terminate, &mut interrupt).await;
        tracing::info!("told to stop: publishing what was read; a second signal stops at once");
        shutdown.cancel();
        either(&mut terminate, &mut interrupt).await;
        tracing::warn!("told to stop again: stopping at once");
        std::process::exit(1);
    });
    Ok(token)
}

async fn either(a: &mut Signal, b: &mut Signal) {
    tokio::select! {
        _ = a.recv() => {}
        _ = b.recv() => {}
    }
}
