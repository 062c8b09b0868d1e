//! A shift: the collector's work under one configuration, from the bus to NATS.
//! It reads no file and hears no signal; when one shift follows another, the library's `run` decides.

use std::sync::Arc;
use std::time::Duration;

use pillarbox_telemetry::loops::Running;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::bus::{self, Heard};
use crate::config::Config;
use crate::counts::Counts;
use crate::http::{Shown, Watched};
use crate::lookup::{self, Desk};
use crate::mark::{Ears, Marks};
use crate::outgoing::Outbox;
use crate::publish::connect::{ConnectError, connect};
use crate::publish::recent::Recent;
use crate::publish::{self, Kind, Newest, Publisher};
use crate::queue::{Budget, Reader, queue};
use crate::reading::{self, Out};

/// How long the last low-water mark may take to be written.
const LAST_MARK: Duration = Duration::from_secs(2);

/// What all shifts of a process have in common.
#[derive(Debug)]
pub struct Common {
    /// The one bound of memory.
    pub budget: Budget,
    /// What was done.
    pub counts: Arc<Counts>,
    /// What is shown of it.
    pub shown: Arc<Shown>,
    /// What was sent.
    pub recent: Recent,
    /// By whose connection to send what an old shift cannot.
    pub newest: watch::Sender<Option<Newest>>,
}

impl Common {
    /// With so many bytes for what waits.
    pub fn new(queue: usize, shown: &Arc<Shown>) -> Common {
        Common {
            budget: Budget::new(queue),
            counts: Arc::clone(&shown.counts),
            shown: Arc::clone(shown),
            recent: Recent::default(),
            newest: watch::Sender::new(None),
        }
    }
}

/// A shift at work. Dropped, it reads no more, and publishes what it has read.
pub struct Shift {
    /// What it works under.
    pub config: Config,
    ears: Ears,
    marks: JoinHandle<Option<Marks>>,
    lookups: JoinHandle<()>,
    end: CancellationToken,
    _at_the_latest: DropGuard,
}

impl Shift {
    /// Begins to work; its task in `shifts` ends when all that it read is published, with whether all went well.
    ///
    /// # Errors
    /// When the client of NATS cannot be made.
    pub async fn begin(
        config: Config,
        common: &Common,
        follows: bool,
        shutdown: &CancellationToken,
        shifts: &mut JoinSet<bool>,
    ) -> Result<Shift, ConnectError> {
        let client = connect(&config).await?;
        common.newest.send_replace(Some(Newest {
            topology: config.topology(),
            client: client.clone(),
        }));
        let (frames, heard) = queue(&common.budget);
        let (ears, end) = (Ears::default(), shutdown.child_token());
        let running = |name| common.shown.loops.running(name, &end);
        let stages = stages(&config, &client, heard, common, running);
        let at_the_bus = running("bus");
        let marks = Marks::new(&config, &client, follows);
        let marks = marks.keep(
            ears.clone(),
            common.budget.clone(),
            Arc::clone(&common.counts),
            end.clone(),
        );
        let marks = tokio::spawn(marks);
        common.shown.watch(watched(&config, &client, &ears, common));
        let desk = Desk::new(&config, client, Arc::clone(&common.counts));
        let lookups = tokio::spawn(lookup::serve(desk, end.clone()));
        let (bus, counts) = (config.bus.clone(), Arc::clone(&common.counts));
        let (listening, until) = (ears.clone(), end.clone());
        shifts.spawn(async move {
            bus::listen(&bus, frames, counts, listening, until).await;
            drop(at_the_bus);
            through(stages).await
        });
        Ok(Shift {
            config,
            ears,
            marks,
            lookups,
            _at_the_latest: end.clone().drop_guard(),
            end,
        })
    }

    /// Waits until it hears the bus.
    pub async fn hears(&self) {
        self.ears.connection().await;
    }

    /// Waits until it reads no more: it was told so, or nobody takes what it reads.
    pub async fn ended(&self) {
        self.end.cancelled().await;
    }

    /// Ends what is beside the events. What was drained counts as heard: the next collector reports no more than what it truly
    /// missed.
    pub async fn close(self, budget: &Budget) {
        let _ = self.lookups.await; // it ends by itself, soon after the shift
        if let Ok(Some(mut marks)) = self.marks.await {
            let _ = tokio::time::timeout(LAST_MARK, marks.write(&self.ears, budget)).await;
        }
    }
}

/// Waits until every stage has ended; false if one failed.
async fn through(stages: [JoinHandle<()>; 3]) -> bool {
    let mut well = true;
    for stage in stages {
        well &= stage.await.is_ok();
    }
    well
}

/// Everything behind the bus. Each stage ends when the queue before it has: the reading, the events, the letters.
fn stages(
    config: &Config,
    client: &async_nats::Client,
    heard: Reader<Heard>,
    common: &Common,
    running: impl Fn(&'static str) -> Running,
) -> [JoinHandle<()>; 3] {
    let origin = config.origin();
    let topology = config.topology();
    let outbox = Outbox::new(origin.clone(), &topology);
    let (events, to_publish) = queue(&common.budget);
    let (letters, to_bury) = queue(&common.budget);
    let publisher = |kind| Publisher::new(client, &topology, kind, common);
    let (to_events, to_letters) = (publisher(Kind::Events), publisher(Kind::Letters));
    let (refused, box_, counts) = (letters.clone(), outbox.clone(), Arc::clone(&common.counts));
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

/// What `/readyz` asks about.
fn watched(config: &Config, client: &async_nats::Client, ears: &Ears, common: &Common) -> Watched {
    Watched {
        client: client.clone(),
        stream: config.topology().events_name(),
        bus: config.bus.socket.to_string(),
        budget: common.budget.clone(),
        ears: ears.clone(),
    }
}
