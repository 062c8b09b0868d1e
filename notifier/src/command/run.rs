//! `run`: work until a signal, then finish what is in hand within the grace period; SIGHUP reads the file again.
//! What the work is, the library's `run` knows.

use std::sync::Arc;
use std::time::Duration;

use pillarbox_telemetry::http::show;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::RunError;
use crate::config::{Config, Mistakes};
use crate::http::Shown;

/// How a run came to its end without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Everything in hand was finished.
    Drained,
    /// The grace period was over first. Another worker takes what was left.
    GraceOver,
    /// A second signal came.
    AtOnce,
}

/// Works until SIGTERM or SIGINT, then drains for at most `grace`. `load` is asked for a new configuration at each SIGHUP.
///
/// # Errors
/// What ended the work before any signal, or while it drained.
pub async fn run(
    config: Config,
    load: impl Fn() -> Result<Config, Mistakes>,
    grace: Duration,
) -> Result<Ended, RunError> {
    let mut signals = Signals::listen().map_err(RunError::Signals)?;
    let shutdown = CancellationToken::new();
    let shown = Arc::new(Shown::default());
    if let Some(address) = config.http {
        show(address, Arc::clone(&shown)).await?;
    }
    let (newest, configs) = watch::channel(config);
    let work = crate::run(configs, shutdown.clone(), &shown);
    tokio::pin!(work);
    loop {
        tokio::select! {
            ended = &mut work => return ended.map(|()| Ended::Drained),
            asked = signals.next() => match asked {
                Asked::Reload => take(load(), &newest),
                Asked::End(signal) => {
                    tracing::info!(signal, ?grace, "stopping: finishing what is in hand");
                    break;
                }
            }
        }
    }
    shutdown.cancel();
    tokio::select! {
        ended = &mut work => ended.map(|()| Ended::Drained),
        () = tokio::time::sleep(grace) => Ok(Ended::GraceOver),
        () = signals.end() => Ok(Ended::AtOnce),
    }
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

/// What a signal asks for.
enum Asked {
    Reload,
    End(&'static str),
}

/// The signals that ask for something.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> Result<Signals, std::io::Error> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next one.
    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.hangup.recv() => Asked::Reload,
            _ = self.terminate.recv() => Asked::End("SIGTERM"),
            _ = self.interrupt.recv() => Asked::End("SIGINT"),
        }
    }

    /// The next one that asks for an end.
    async fn end(&mut self) {
        while matches!(self.next().await, Asked::Reload) {}
    }
}
