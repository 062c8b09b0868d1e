//! `run`: read the bus and publish until a signal comes; SIGHUP reads the file again.
//! It does none of it itself: it turns options and signals into configurations, a grace period and a token.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::File;
use crate::config::{Config, Mistakes};

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

/// What signals ask of a run.
pub struct Asked {
    /// The first SIGTERM or SIGINT cancels it; the second ends the process at once.
    pub shutdown: CancellationToken,
    /// At each SIGHUP the configuration as it is then, if it is a good one.
    pub configs: watch::Receiver<Config>,
}

/// Listens to signals. The file is read again at each SIGHUP.
///
/// # Errors
/// When the system does not let it.
pub fn listen(options: &Options, config: Config) -> io::Result<Asked> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
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
    let (newest, configs) = watch::channel(config);
    let file = options.file.clone();
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            take(file.read(), &newest);
        }
    });
    Ok(Asked {
        shutdown: token,
        configs,
    })
}

/// A good configuration is passed on; of another one every mistake is said, and the old one stays.
fn take(read: Result<Config, Mistakes>, newest: &watch::Sender<Config>) {
    match read {
        Ok(config) => {
            for warning in &config.remarks.warnings {
                tracing::warn!("{warning}");
            }
            newest.send_replace(config);
        }
        Err(mistakes) => {
            for mistake in mistakes.iter() {
                tracing::error!("{mistake}");
            }
            tracing::error!("kept the configuration that is in force: the new one has mistakes");
        }
    }
}

async fn either(a: &mut Signal, b: &mut Signal) {
    tokio::select! {
        _ = a.recv() => {}
        _ = b.recv() => {}
    }
}
