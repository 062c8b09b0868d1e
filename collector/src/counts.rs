//! What the collector has done since it started, as plain numbers.
//! It shows nothing: a line each minute says what they are, and [`crate::metrics`] shows them to Prometheus.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};

use jiff::Timestamp;
use pillarbox_proto::event::{Event, What};

/// One number that only grows.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// One more.
    pub fn one(&self) {
        self.add(1);
    }

    /// Some more.
    pub fn add(&self, n: usize) {
        let n = u64::try_from(n).unwrap_or(u64::MAX);
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// How many by now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Numbers by name, for what is rare or whose names are not known beforehand.
#[derive(Debug, Default)]
pub struct Named(Mutex<BTreeMap<&'static str, u64>>);

impl Named {
    /// One more of this name.
    pub fn one(&self, name: &'static str) {
        let mut map = self.0.lock().unwrap_or_else(|e| e.into_inner());
        *map.entry(name).or_default() += 1;
    }

    /// Each with its name, in order.
    pub fn all(&self) -> Vec<(&'static str, u64)> {
        let map = self.0.lock().unwrap_or_else(|e| e.into_inner());
        map.iter().map(|(name, count)| (*name, *count)).collect()
    }

    /// All of them together.
    pub fn total(&self) -> u64 {
        let map = self.0.lock().unwrap_or_else(|e| e.into_inner());
        map.values().sum()
    }
}

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let map = self.0.lock().unwrap_or_else(|e| e.into_inner());
        for (n, (name, count)) in map.iter().enumerate() {
            let comma = if n == 0 { "" } else { ", " };
            write!(f, "{comma}{name} {count}")?;
        }
        Ok(())
    }
}

/// What the bus is doing just now.
#[derive(Debug, Default)]
pub struct Bus {
    /// While one shift follows another, two.
    connections: AtomicUsize,
    /// Milliseconds since 1970; 0 for never.
    heard: AtomicI64,
}

impl Bus {
    /// It came, or went.
    pub fn connected(&self, is: bool) {
        if is {
            self.connections.fetch_add(1, Ordering::Relaxed);
        } else {
            self.connections.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Whether it is there.
    pub fn is_connected(&self) -> bool {
        self.connections.load(Ordering::Relaxed) != 0
    }

    /// A frame was read.
    pub fn heard(&self, at: Timestamp) {
        self.heard.store(at.as_millisecond(), Ordering::Relaxed);
    }

    /// When the last frame was read, by the host's clock.
    pub fn last_heard(&self) -> Option<Timestamp> {
        let at = self.heard.load(Ordering::Relaxed);
        (at != 0).then(|| Timestamp::from_millisecond(at).ok())?
    }
}

/// Everything that is counted.
#[derive(Debug, Default)]
pub struct Counts {
    /// Frames read from the bus, dropped ones included.
    pub heard: Count,
    /// Job events read, by kind and outcome: `new`, `ret failed`, …
    pub events: Named,
    /// Job events that nobody wants, by reason.
    pub noise: Named,
    /// Events with other tags, by kind of tag.
    pub other: Named,
    /// Job events that could not be read.
    pub unreadable: Count,
    /// Connections dropped because of damage in the stream.
    pub frame_errors: Count,
    /// Times the bus was away after it had been there.
    pub disconnects: Count,
    /// Gaps by cause, by now closed.
    pub gaps: Named,
    /// How long they were, all together, in milliseconds.
    pub gap_milliseconds: Count,
    /// Frames dropped because the queue was full.
    pub dropped: Count,
    /// Events that JetStream acknowledged.
    pub published: Count,
    /// Acknowledged as known already, though this process had never sent them.
    pub duplicates: Count,
    /// Publishes sent again.
    pub retries: Count,
    /// Atomic batches that JetStream stored.
    pub batches: Count,
    /// Atomic batches that were not stored; their events were published again one by one.
    pub batches_refused: Count,
    /// Events that JetStream refused for themselves: they became dead letters.
    pub refused: Count,
    /// Dead letters that JetStream acknowledged.
    pub dead: Count,
    /// Look-ups by what became of them: `answered`, `unknown`, `refused`.
    pub lookups: Named,
    /// What look-ups found in the job cache and could not read.
    pub lookup_problems: Count,
    /// The bus.
    pub bus: Bus,
}

impl Counts {
    /// A job event by its kind, and a return by its outcome.
    pub fn event(&self, event: &Event) {
        match &event.what {
            What::Ret(ret) => self.events.one(match ret.outcome.as_str() {
                "failed" => "ret failed",
                "changed" => "ret changed",
                "pending" => "ret pending",
                _ => "ret clean",
            }),
            What::New(_) | What::End(_) | What::Beat(_) => self.events.one(event.kind()),
        }
    }

    /// A gap that is closed.
    pub fn gap(&self, cause: &'static str, from: Timestamp, to: Timestamp) {
        self.gaps.one(cause);
        let milliseconds = to.as_millisecond() - from.as_millisecond();
        self.gap_milliseconds
            .add(usize::try_from(milliseconds).unwrap_or_default());
    }

    /// What the minute's line is about; it is not said again while nothing of this moves.
    pub fn moved(&self) -> [u64; 7] {
        [
            self.heard.get(),
            self.published.get(),
            self.dead.get(),
            self.retries.get(),
            self.gaps.total(),
            self.frame_errors.get(),
            self.lookups.total(),
        ]
    }

    /// One line that reads alone; every number since the start.
    pub fn log(&self, waiting: usize) {
        let (heard, published) = (self.heard.get(), self.published.get());
        let events = self.events.total();
        tracing::info!(
            heard,
            events,
            published,
            waiting_bytes = waiting,
            by_kind = %self.events,
            noise = self.noise.total(),
            noise_by_reason = %self.noise,
            other = self.other.total(),
            unreadable = self.unreadable.get(),
            dead_letters = self.dead.get(),
            frame_errors = self.frame_errors.get(),
            disconnects = self.disconnects.get(),
            gaps = self.gaps.total(),
            dropped = self.dropped.get(),
            duplicates = self.duplicates.get(),
            retries = self.retries.get(),
            batches = self.batches.get(),
            lookups = %self.lookups,
            lookup_problems = self.lookup_problems.get(),
            batches_refused = self.batches_refused.get(),
            "heard {heard} bus events since the start, {events} of them job events; {published} are published"
        );
    }
}
