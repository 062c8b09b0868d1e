//! Pillarbox's collector: turns a Salt master's event bus into normalised job events on NATS JetStream.
//! It only reads: it never writes to the bus, never runs a Salt command, never makes the master wait, and its memory is bounded.
//!
//! # Layout, in the order an event travels
//!
//! - [`command`], [`config`], [`telemetry`], [`http`]: the edges.
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
//! - [`counts`]: what was done; [`metrics`]: the same for Prometheus; [`spans`]: the trace of each event.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

pub mod command;

pub mod config;

pub mod telemetry;

pub mod http;

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

pub mod counts;

pub mod metrics;

pub mod spans;

use bus::Heard;
use config::Config;
use counts::Counts;
use http::{Shown, Watched};
use mark::{Ears, Marks};
use normalize::Origin;
use outgoing::Outbox;
use pillarbox_telemetry::loops::Running;
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
    shown: &Shown,
) -> Result<Ended, ConnectError> {
    let counts = Arc::clone(&shown.counts);
    let budget = Budget::new(config.queue);
    let client = connect(&config).await?;
    let (frames, heard) = queue(&budget);
    let running = |name| shown.loops.running(name, &shutdown);
    let stages = stages(&config, &client, heard, &budget, &counts, running);
    let listening = running("bus");
    let minutes = tokio::spawn(minutes(Arc::clone(&counts), budget.clone()));
    let ears = Ears::default();
    shown.watch(Watched {
        client: client.clone(),
        stream: config.topology().events_name(),
        bus: config.bus.socket.to_string(),
        budget: budget.clone(),
        ears: ears.clone(),
    });
    let marks = Marks::new(&config, &client).keep(
        ears.clone(),
        budget.clone(),
        Arc::clone(&counts),
        shutdown.clone(),
    );
    let marks = tokio::spawn(marks);

    bus::listen(
        &config.bus,
        frames,
        Arc::clone(&counts),
        ears.clone(),
        shutdown.clone(),
    )
    .await;
    drop(listening);

    let ended = drain(stages, grace, &budget).await;
    last_mark(marks, &ears, &budget).await;
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
    running: impl Fn(&'static str) -> Running,
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
    let publishing = publish::events(to_events, to_publish, refused, box_);
    let burying = publish::letters(to_letters, to_bury);
    let reading = running("reading");
    [
        tokio::task::spawn_blocking(move || {
            let _reading = reading;
            reading::read(&origin, &outbox, heard, &Out { events, letters }, &counts);
        }),
        tokio::spawn(with(running("publish"), publishing)),
        tokio::spawn(with(running("letters"), burying)),
    ]
}

/// A stage that is known to run.
async fn with(running: Running, stage: impl Future<Output = ()>) {
    stage.await;
    drop(running);
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
