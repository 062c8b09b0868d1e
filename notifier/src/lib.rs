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

pub mod shift;

pub mod pull;

pub mod read_back;

pub mod outbox;

pub mod intake;

pub mod elapsed;

pub mod lookup;

pub mod digest;

pub mod sweep;

pub mod stranded;

pub mod deliver;

pub mod ledger;

pub mod render;

pub mod receiver;

pub mod retry;

use std::sync::Arc;

use config::Config;
use http::Shown;
use provision::Provisioned;
use receiver::SetUpError;
use shift::Shift;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
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

/// Works until `shutdown`, then finishes what is in hand. Whenever `configs` changes, a new shift begins under the new one.
///
/// The old shift goes on until everything is there that the new one needs on NATS, and finishes what it has in hand beside
/// it: they are to each other as two workers are.
///
/// # Errors
/// What cannot be helped by trying again.
pub async fn run(
    mut configs: watch::Receiver<Config>,
    shutdown: CancellationToken,
    shown: &Arc<Shown>,
) -> Result<(), RunError> {
    let config = configs.borrow_and_update().clone();
    let first = Shift::prepare(config, None).await?;
    first.show(shown, false);
    let mut coming = Some(first);
    let mut at_work: Option<Shift> = None;
    let mut relieved = shutdown.child_token();
    let mut shifts = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            Some(ended) = shifts.join_next() => of_a_shift(ended),
            Ok(()) = configs.changed() => {
                let config = configs.borrow_and_update().clone();
                if let Some(shift) = following(config, at_work.as_ref(), coming.is_none()).await {
                    coming = Some(shift);
                }
            }
            Some(mut shift) = provisioned(&mut coming, &shutdown) => {
                relieved.cancel();
                relieved = shutdown.child_token();
                say_begun(&shift, at_work.as_ref());
                shift.show(shown, true);
                shifts.spawn(shift.work(relieved.clone(), Arc::clone(shown)));
                at_work = Some(shift);
            }
        }
    }
    while let Some(ended) = shifts.join_next().await {
        of_a_shift(ended);
    }
    Ok(())
}

/// The shift under a new configuration, unless it is the one that is in force, or cannot be worked under.
async fn following(config: Config, at_work: Option<&Shift>, in_force: bool) -> Option<Shift> {
    if in_force && at_work.is_some_and(|now| config.changes_since(&now.config).is_empty()) {
        tracing::info!("the configuration is as it was");
        return None;
    }
    match Shift::prepare(config, at_work).await {
        Ok(shift) => Some(shift),
        Err(error) => {
            let error = telemetry::chain(&error);
            tracing::error!(
                error,
                "cannot work under the new configuration; kept the one before"
            );
            None
        }
    }
}

/// The coming shift, once everything is there that it needs.
async fn provisioned(coming: &mut Option<Shift>, shutdown: &CancellationToken) -> Option<Shift> {
    coming.as_ref()?.provision(shutdown).await?;
    coming.take()
}

fn say_begun(shift: &Shift, before: Option<&Shift>) {
    let worker = shift.worker();
    match before {
        None => tracing::info!(worker, "started"),
        Some(before) => {
            let changes = shift.config.changes_since(&before.config).join(", ");
            tracing::info!(worker, "took the new configuration: {changes}");
        }
    }
}

/// A shift that breaks off is a mistake of ours, and ends the program: whatever starts it again goes on.
fn of_a_shift(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}

/// Creates or updates what is needed on NATS.
///
/// # Errors
/// What cannot be helped by trying again.
pub async fn provision(config: Config) -> Result<Provisioned, RunError> {
    let shift = Shift::prepare(config, None).await?;
    let never = CancellationToken::new();
    Ok(shift.provision(&never).await.unwrap_or_default())
}
