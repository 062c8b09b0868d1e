//! The notifier: job events in, messages to people out, one per job.
//! It holds nothing in memory that JetStream does not also hold.

pub mod command;

pub mod config;

pub mod telemetry;

pub mod nats;

pub mod matcher;

pub mod route;

pub mod receiver;

use config::Config;
use tokio_util::sync::CancellationToken;

/// What ends the work and cannot be helped by trying again.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The signals that ask for an end cannot be heard.
    #[error("cannot listen for signals")]
    Signals(#[source] std::io::Error),
    /// There will be no connection to NATS.
    #[error(transparent)]
    Nats(#[from] nats::ConnectError),
}

/// Works until `shutdown`, then finishes what is in hand.
///
/// # Errors
/// What cannot be helped by trying again.
pub async fn run(config: Config, shutdown: CancellationToken) -> Result<(), RunError> {
    let nats = nats::connect(&config).await?;
    tracing::info!(worker = %nats.worker, "started");
    // The loops come here: provision, then intake, digest and deliver until `shutdown`.
    shutdown.cancelled().await;
    Ok(())
}

/// Creates or updates what is needed on NATS.
///
/// # Errors
/// What cannot be helped by trying again.
pub async fn provision(config: Config) -> Result<(), RunError> {
    let _nats = nats::connect(&config).await?;
    // The provisioning comes here.
    Ok(())
}
