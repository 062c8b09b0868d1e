//! The notifier: job events in, messages to people out, one per job.
//! It holds nothing in memory that JetStream does not also hold.

pub mod command;

pub mod config;

pub mod telemetry;

pub mod http;

pub mod metrics;

pub mod spans;

pub mod nats;

pub mod clock;

pub mod patience;

pub mod matcher;

pub mod route;

pub mod provision;

pub mod pull;

pub mod read_back;

pub mod outbox;

pub mod intake;

pub mod elapsed;

pub mod digest;

pub mod sweep;

pub mod deliver;

pub mod ledger;

pub mod render;

pub mod receiver;

pub mod retry;

use std::sync::Arc;
use std::time::Duration;

use config::Config;
use http::Shown;
use nats::Nats;
use pillarbox_telemetry::loops::Running;
use provision::Provisioned;
use receiver::SetUpError;
use tokio::task::JoinSet;
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
    /// The pages cannot be shown.
    #[error(transparent)]
    Http(#[from] pillarbox_telemetry::http::ListenError),
    /// A receiver cannot be set up on this machine.
    #[error(transparent)]
    Receiver(SetUpError),
}

/// Works until `shutdown`, then finishes what is in hand.
///
/// # Errors
/// What cannot be helped by trying again.
pub async fn run(
    config: Config,
    shutdown: CancellationToken,
    shown: &Shown,
) -> Result<(), RunError> {
    let nats = nats::connect(&config).await?;
    tracing::info!(worker = %nats.worker, "started");
    let config = Arc::new(config);
    shown.watch(&nats, &config, false);
    if until_provisioned(&nats, &config, &shutdown).await.is_none() {
        return Ok(());
    }
    shown.watch(&nats, &config, true);
    let running = |name: &str| shown.loops.running(name, &shutdown);
    let metrics = || Arc::clone(&shown.metrics);
    let mut deliveries = JoinSet::new();
    for receiver in config.receivers.clone() {
        let config = Arc::clone(&config);
        let running = running(&format!("deliver {}", receiver.name));
        let (nats, shutdown, metrics) = (nats.clone(), shutdown.clone(), metrics());
        let work = deliver::run(nats, config, receiver, shutdown, metrics);
        deliveries.spawn(with(running, work));
    }
    let (told, ..) = tokio::join!(
        all(deliveries, &shutdown),
        with(
            running("intake"),
            intake::run(
                nats.clone(),
                Arc::clone(&config),
                shutdown.clone(),
                metrics()
            )
        ),
        with(
            running("digest"),
            digest::run(
                nats.clone(),
                Arc::clone(&config),
                shutdown.clone(),
                metrics()
            )
        ),
        with(
            running("sweep"),
            sweep::run(nats.clone(), Arc::clone(&config), shutdown.clone())
        ),
    );
    told
}

/// A loop that is known to run.
async fn with<T>(running: Running, work: impl Future<Output = T>) -> T {
    let done = work.await;
    drop(running);
    done
}

/// The deliveries of every receiver. One that cannot be set up ends the others too: a person must see it.
async fn all(
    mut deliveries: JoinSet<Result<(), SetUpError>>,
    shutdown: &CancellationToken,
) -> Result<(), RunError> {
    let mut result = Ok(());
    while let Some(ended) = deliveries.join_next().await {
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                shutdown.cancel();
                result = Err(RunError::Receiver(error));
            }
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
    result
}

/// Creates or updates what is needed on NATS.
///
/// # Errors
/// What cannot be helped by trying again.
pub async fn provision(config: Config) -> Result<Provisioned, RunError> {
    let nats = nats::connect(&config).await?;
    let never = CancellationToken::new();
    Ok(until_provisioned(&nats, &config, &never)
        .await
        .unwrap_or_default())
}

/// NATS may be away, or its cluster without a leader yet: tried until it works. `None` if `shutdown` came first.
async fn until_provisioned(
    nats: &Nats,
    config: &Config,
    shutdown: &CancellationToken,
) -> Option<Provisioned> {
    const AGAIN: Duration = Duration::from_secs(1);
    let mut said = String::new();
    while !shutdown.is_cancelled() {
        match provision::provision(nats, &config.receivers, &config.routes).await {
            Ok(done) => {
                let (created, changed) = (done.created.join(","), done.changed.join(","));
                tracing::info!(
                    created,
                    changed,
                    kept = done.kept,
                    "streams and consumers are as they should be"
                );
                return Some(done);
            }
            Err(error) => {
                let text = error.to_string();
                if said != text {
                    tracing::warn!(
                        error = telemetry::chain(&error),
                        "cannot provision yet; trying again"
                    );
                    said = text;
                }
            }
        }
        let _ = tokio::time::timeout(AGAIN, shutdown.cancelled()).await;
    }
    None
}
