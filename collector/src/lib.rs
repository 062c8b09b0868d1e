//! Pillarbox's collector: turns a Salt master's event bus into normalised job events on NATS JetStream.
//! It only reads: it never writes to the bus, never runs a Salt command, never makes the master wait, and its memory is bounded.
//!
//! # Layout, in the order an event travels
//!
//! - [`command`], [`config`], [`telemetry`], [`http`]: the edges.
//! - [`shift`]: all that follows, under one configuration.
//! - [`bus`] (shell): connect, read at once, reconnect; [`gap`] (core): what was missed meanwhile.
//! - [`frame`] (core): bytes become frames.
//! - [`queue`](mod@queue): what waits, bounded in bytes.
//! - [`reading`]: frames become messages, by way of the core:
//!   - [`tag`]: what a frame announces;
//!   - [`normalize`]: a frame to an event, or the reason it is none;
//!   - [`outcome`]: the judge;
//!   - [`redact`]: secrets out.
//! - [`outgoing`] (core): an event, or a dead letter, as a message.
//! - [`publish`] (shell): messages to JetStream, until each is acknowledged.
//! - [`mark`] (shell): how far the bus was heard, for the next collector.
//! - [`job_cache`] (shell): what the master keeps of a job; [`lookup`] (shell): whoever asks for it.
//! - [`counts`]: what was done; [`metrics`]: the same for Prometheus; [`spans`]: the trace of each event.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

pub mod command;

pub mod config;

pub mod telemetry;

pub mod http;

mod backoff;

mod clock;

pub mod shift;

pub mod bus;

pub mod gap;

pub mod frame;

pub mod queue;

pub mod reading;

pub mod tag;

pub mod normalize;

pub mod outcome;

pub mod redact;

pub mod outgoing;

pub mod publish;

pub mod mark;

pub mod job_cache;

pub mod lookup;

pub mod counts;

pub mod metrics;

pub mod spans;

use config::Config;
use counts::Counts;
use http::Shown;
use publish::connect::ConnectError;
use queue::Budget;
use shift::{Common, Shift};

/// How often the counts are logged.
const MINUTE: Duration = Duration::from_secs(60);

/// For how long a shift and the next read the same bus, so that nothing falls between them: what the master had begun to
/// write to the old one comes meanwhile. What both read is recognised by its id.
const OVERLAP: Duration = Duration::from_secs(1);

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Everything that was read is published.
    Drained,
    /// The grace period was over, or a part of the collector failed: so many events are not published.
    Left(usize),
}

/// Reads the bus and publishes until shutdown; then stops reading, and publishes what was read for at most `grace`.
///
/// Whenever `configs` changes, a new shift begins under the new one, and the old one ends when the new one hears the bus.
///
/// # Errors
/// When a client of NATS cannot be made.
pub async fn run(
    mut configs: watch::Receiver<Config>,
    grace: Duration,
    shutdown: CancellationToken,
    shown: &Arc<Shown>,
) -> Result<Ended, ConnectError> {
    let config = configs.borrow_and_update().clone();
    let common = Common::new(config.queue, shown);
    let minutes = tokio::spawn(minutes(Arc::clone(&common.counts), common.budget.clone()));
    let mut shifts = JoinSet::new();
    let mut on = Shift::begin(config, &common, false, &shutdown, &mut shifts).await?;
    let mut coming: Option<Shift> = None;
    loop {
        tokio::select! {
            () = on.ended() => break,
            Ok(()) = configs.changed() => {
                let config = configs.borrow_and_update().clone();
                let changes = config.changes_since(&coming.as_ref().unwrap_or(&on).config);
                if changes.is_empty() {
                    tracing::info!("the configuration is as it was");
                    continue;
                }
                match Shift::begin(config, &common, true, &shutdown, &mut shifts).await {
                    Ok(shift) => {
                        tracing::info!("took the new configuration: {}", changes.join(", "));
                        coming = Some(shift); // one that has not come to hear yet ends here
                    }
                    Err(error) => tracing::error!("cannot work under the new configuration: {error}; kept the one before"),
                }
            }
            Some(next) = hears(&mut coming) => {
                common.budget.resize(next.config.queue);
                on = next; // and the one before ends
            }
        }
    }
    shutdown.cancel();
    let ended = drain(shifts, grace, &common.budget).await;
    on.close(&common.budget).await;
    minutes.abort();
    common.counts.log(common.budget.used());
    Ok(ended)
}

/// The coming shift, as soon as it has heard the bus for a while.
async fn hears(coming: &mut Option<Shift>) -> Option<Shift> {
    coming.as_ref()?.hears().await;
    tokio::time::sleep(OVERLAP).await;
    coming.take()
}

/// Waits until every shift is through with what it has.
async fn drain(mut shifts: JoinSet<bool>, grace: Duration, budget: &Budget) -> Ended {
    let all = async {
        let mut well = true;
        while let Some(ended) = shifts.join_next().await {
            well &= ended.unwrap_or(false);
        }
        well
    };
    let (left, why) = match tokio::time::timeout(grace, all).await {
        Ok(true) => return Ended::Drained,
        Ok(false) => (budget.items(), "a part of the collector failed"),
        Err(_) => (budget.items(), "the grace period is over"),
    };
    tracing::error!(
        left,
        "stopping although {left} events are not published: {why}"
    );
    Ended::Left(left)
}

/// One line a minute, if anything happened.
async fn minutes(counts: Arc<Counts>, budget: Budget) {
    let mut minute = tokio::time::interval_at(Instant::now() + MINUTE, MINUTE);
    minute.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut said = counts.moved();
    loop {
        minute.tick().await;
        let moved = counts.moved();
        if moved != said {
            counts.log(budget.used());
            said = moved;
        }
    }
}
