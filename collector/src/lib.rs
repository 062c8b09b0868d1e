//! Pillarbox's collector: turns a Salt master's event bus into normalised job events on NATS JetStream.
//! It only reads: it never writes to the bus, never runs a Salt command, never makes the master wait, and its memory is bounded.
//!
//! # Layout, in the order an event travels
//!
//! - [`command`], [`config`], [`telemetry`]: the edges.
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
//! - [`counts`]: what was done.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

pub mod command;

pub mod config;

pub mod telemetry;

mod backoff;

mod clock;

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

use bus::Heard;
use config::Config;
use counts::Counts;
use mark::{Ears, Marks};
use normalize::Origin;
use outgoing::Outbox;
use publish::connect::{ConnectError, connect};
use publish::{Kind, Publisher};
use queue::{Budget, Reader, queue};
use reading::Out;

/// How often the counts are logged.
const MINUTE: Duration = Duration::from_secs(60);

/// How long the last low-water mark may take to be written.
const LAST_MARK: Duration = Duration::from_secs(2);

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Everything that was read is published.
    Drained,
    /// The grace period was over, or a part of the collector failed: so many events are not published.
    Left(usize),
}

/// Reads the bus and publishes until shutdown; then stops reading, and publishes what was read for at most `grace`.
pub async fn run(
    config: Config,
    grace: Duration,
    shutdown: CancellationToken,
) -> Result<Ended, ConnectError> {
    let counts = Arc::new(Counts::default());
    let budget = Budget::new(config.queue);
    let client = connect(&config).await?;
    let (frames, heard) = queue(&budget);
    let stages = stages(&config, &client, heard, &budget, &counts);
    let minutes = tokio::spawn(minutes(Arc::clone(&counts), budget.clone()));
    let ears = Ears::default();
    let marks = Marks::new(&config, &client).keep(ears.clone(), budget.clone(), shutdown.clone());
    let marks = tokio::spawn(marks);
    let desk = lookup::Desk::new(&config, client, Arc::clone(&counts));
    let lookups = tokio::spawn(lookup::serve(desk, shutdown.clone()));

    bus::listen(
        &config.bus,
        frames,
        Arc::clone(&counts),
        ears.clone(),
        shutdown,
    )
    .await;

    let ended = drain(stages, grace, &budget).await;
    last_mark(marks, &ears, &budget).await;
    let _ = lookups.await; // it ends by itself, soon after the shutdown
    minutes.abort();
    counts.log(budget.used());
    Ok(ended)
}

/// What was drained counts as heard: the next collector reports no more than what it truly missed.
async fn last_mark(marks: JoinHandle<Option<Marks>>, ears: &Ears, budget: &Budget) {
    if let Ok(Some(mut marks)) = marks.await {
        let _ = tokio::time::timeout(LAST_MARK, marks.write(ears, budget)).await;
    }
}

/// Everything behind the bus. Each stage ends when the queue before it has: the reading, the events, the letters.
fn stages(
    config: &Config,
    client: &async_nats::Client,
    heard: Reader<Heard>,
    budget: &Budget,
    counts: &Arc<Counts>,
) -> [JoinHandle<()>; 3] {
    let origin = Origin {
        cluster: config.cluster.clone(),
        master: config.master.clone(),
    };
    let topology = config.topology();
    let outbox = Outbox::new(origin.clone(), &topology);
    let (events, to_publish) = queue(budget);
    let (letters, to_bury) = queue(budget);
    let publisher = |stream, kind| Publisher::new(client, stream, kind, counts);
    let to_events = publisher(topology.events_name(), Kind::Events);
    let to_letters = publisher(topology.dead_letters_name(), Kind::Letters);
    let (refused, box_, counts) = (letters.clone(), outbox.clone(), Arc::clone(counts));
    [
        tokio::task::spawn_blocking(move || {
            reading::read(&origin, &outbox, heard, &Out { events, letters }, &counts);
        }),
        tokio::spawn(publish::events(to_events, to_publish, refused, box_)),
        tokio::spawn(publish::letters(to_letters, to_bury)),
    ]
}

/// Waits until every stage is through with what it has.
async fn drain(stages: [JoinHandle<()>; 3], grace: Duration, budget: &Budget) -> Ended {
    let all = async {
        let mut failed = false;
        for stage in stages {
            failed |= stage.await.is_err();
        }
        failed
    };
    let (left, why) = match tokio::time::timeout(grace, all).await {
        Ok(false) => return Ended::Drained,
        Ok(true) => (budget.items(), "a part of the collector failed"),
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
