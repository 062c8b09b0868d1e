//! `run`: work until a signal, then finish what is in hand within the grace period.
//! What the work is, the library's `run` knows.

use std::sync::Arc;
use std::time::Duration;

use pillarbox_telemetry::http::show;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::RunError;
use crate::config::Config;
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

/// Works until SIGTERM or SIGINT, then drains for at most `grace`.
///
/// # Errors
/// What ended the work before any signal, or while it drained.
pub async fn run(config: Config, grace: Duration) -> Result<Ended, RunError> {
    let mut signals = Signals::listen().map_err(RunError::Signals)?;
    let shutdown = CancellationToken::new();
    let shown = Arc::new(Shown::default());
    if let Some(address) = config.http {
        show(address, Arc::clone(&shown)).await?;
    }
    let work = crate::run(config, shutdown.clone(), &shown);
    tokio::pin!(work);
    tokio::select! {
        ended = &mut work => return ended.map(|()| Ended::Drained),
        name = signals.next() => tracing::info!(signal = name, ?grace, "stopping: finishing what is in hand"),
    }
    shutdown.cancel();
    tokio::select! {
        ended = &mut work => ended.map(|()| Ended::Drained),
        () = tokio::time::sleep(grace) => Ok(Ended::GraceOver),
        _ = signals.next() => Ok(Ended::AtOnce),
    }
}

/// The two signals that ask for an end.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Signals, std::io::Error> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
