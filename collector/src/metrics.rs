//! What the collector counts, as Prometheus reads it.
//! It counts nothing: [`crate::counts`] does. No label names a minion, a job or a function.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use pillarbox_telemetry::spans;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::counts::{Count, Counts, Named};

/// What is true at the moment, beside what was counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Now {
    /// Bytes that wait, and how many may; nothing before the loops run.
    pub queue: Option<(usize, usize)>,
    /// Before it, nothing that the bus carried is missing or waits.
    pub low_water: Option<Timestamp>,
    /// The connection to NATS stands.
    pub nats: bool,
}

/// The page.
pub fn page(counts: &Arc<Counts>, now: Now) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("pillarbox_collector");
    let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("build", "Which collector this is", version);
    let counts = Arc::clone(counts);
    registry.register_collector(Box::new(Scrape { counts, now }));
    let mut page = String::new();
    text::encode(&mut page, &registry)?;
    Ok(page)
}

#[derive(Debug)]
struct Scrape {
    counts: Arc<Counts>,
    now: Now,
}

impl Collector for Scrape {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        for (name, help, count) in counters(&self.counts) {
            one(&mut to, (name, help, None), &ConstCounter::new(count.get()))?;
        }
        for (name, help, label, named) in families(&self.counts) {
            by_name(&mut to, (name, help), label, named)?;
        }
        job_events(&mut to, &self.counts.events)?;
        #[expect(
            clippy::cast_precision_loss,
            reason = "a counter of seconds is a float"
        )]
        let gaps = ConstCounter::new(self.counts.gap_milliseconds.get() as f64 / 1000.0);
        let help = "How long the gaps were, all together";
        one(&mut to, ("gap", help, Some(Unit::Seconds)), &gaps)?;
        self.state(&mut to)?;
        spans_of(&mut to)
    }
}

impl Scrape {
    /// What is so just now.
    fn state(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let flag = |is: bool| ConstGauge::new(i64::from(is));
        let bus = &self.counts.bus;
        let help = "1 while the master's event bus is connected: at 0 jobs go unheard";
        one(to, ("bus_connected", help, None), &flag(bus.is_connected()))?;
        let help = "1 while NATS is connected: at 0 events wait in the queue";
        one(to, ("nats_connected", help, None), &flag(self.now.nats))?;
        let help = "When the last event of any kind was read from the bus, by the host's clock";
        time(to, ("last_event_timestamp", help), bus.last_heard())?;
        let help = "The low-water mark, by the host's clock: what the bus carried before it is stored, or was reported as missing";
        time(to, ("low_water_timestamp", help), self.now.low_water)?;
        let Some((used, limit)) = self.now.queue else {
            return Ok(());
        };
        let bytes = |n: usize| ConstGauge::new(i64::try_from(n).unwrap_or(i64::MAX));
        let help = "Memory of what waits for NATS";
        one(to, ("queue", help, Some(Unit::Bytes)), &bytes(used))?;
        let help = "As much memory may wait; what comes beyond it is dropped";
        one(to, ("queue_limit", help, Some(Unit::Bytes)), &bytes(limit))
    }
}

fn counters(counts: &Counts) -> [(&'static str, &'static str, &Count); 13] {
    [
        (
            "frames",
            "Events of any kind read from the bus, dropped ones included",
            &counts.heard,
        ),
        (
            "frames_dropped",
            "Events read and dropped because the queue was full: they are lost",
            &counts.dropped,
        ),
        (
            "frame_errors",
            "Connections to the bus dropped because its stream was damaged",
            &counts.frame_errors,
        ),
        (
            "bus_disconnects",
            "Times the bus went away after it had been there",
            &counts.disconnects,
        ),
        (
            "unreadable",
            "Job events that could not be read: each is a dead letter",
            &counts.unreadable,
        ),
        (
            "published",
            "Job events that JetStream acknowledged",
            &counts.published,
        ),
        (
            "publish_duplicates",
            "Events acknowledged as known already that this process never sent: it was restarted, or another collector reads the same bus",
            &counts.duplicates,
        ),
        (
            "publish_retries",
            "Events sent again because no acknowledgement came, or a refusal that may pass",
            &counts.retries,
        ),
        (
            "publish_refused",
            "Events that JetStream refused for themselves: each is a dead letter",
            &counts.refused,
        ),
        (
            "batches",
            "Atomic batches that JetStream stored",
            &counts.batches,
        ),
        (
            "batches_refused",
            "Atomic batches that were not stored, and published again one by one",
            &counts.batches_refused,
        ),
        (
            "lookup_problems",
            "What look-ups found in the job cache and could not read",
            &counts.lookup_problems,
        ),
        (
            "dead_letters",
            "Dead letters that JetStream acknowledged",
            &counts.dead,
        ),
    ]
}

fn families(counts: &Counts) -> [(&'static str, &'static str, &'static str, &Named); 4] {
    [
        (
            "noise",
            "Job events that nobody wants to hear about, by reason",
            "reason",
            &counts.noise,
        ),
        (
            "other_events",
            "Events that are about no job, by the kind of their tag",
            "tag",
            &counts.other,
        ),
        (
            "gaps",
            "Times in which events were not heard or not kept: unheard (the bus was away), dropped (the queue was full), stopped (no collector ran)",
            "cause",
            &counts.gaps,
        ),
        (
            "lookups",
            "Questions about jobs by what became of them: answered, unknown (the job cache has no such job), refused",
            "result",
            &counts.lookups,
        ),
    ]
}

fn one(
    to: &mut DescriptorEncoder<'_>,
    (name, help, unit): (&str, &str, Option<Unit>),
    metric: &impl EncodeMetric,
) -> fmt::Result {
    metric.encode(to.encode_descriptor(name, help, unit.as_ref(), metric.metric_type())?)
}

/// A moment, if it is known.
fn time(
    to: &mut DescriptorEncoder<'_>,
    (name, help): (&str, &str),
    at: Option<Timestamp>,
) -> fmt::Result {
    let Some(at) = at else { return Ok(()) };
    let seconds = at.as_duration().as_secs_f64();
    one(
        to,
        (name, help, Some(Unit::Seconds)),
        &ConstGauge::new(seconds),
    )
}

fn by_name(
    to: &mut DescriptorEncoder<'_>,
    (name, help): (&str, &str),
    label: &'static str,
    named: &Named,
) -> fmt::Result {
    let counter = |n| ConstCounter::<u64>::new(n);
    let mut family = to.encode_descriptor(name, help, None, counter(0).metric_type())?;
    for (value, count) in named.all() {
        counter(count).encode(family.encode_family(&[(label, value)])?)?;
    }
    Ok(())
}

/// `ret failed` is an event of the kind `ret` with the outcome `failed`.
fn job_events(to: &mut DescriptorEncoder<'_>, events: &Named) -> fmt::Result {
    let counter = |n| ConstCounter::<u64>::new(n);
    let help = "Job events read, by kind (new, ret, end, beat), and returns by outcome";
    let mut family = to.encode_descriptor("job_events", help, None, counter(0).metric_type())?;
    for (name, count) in events.all() {
        let (kind, outcome) = name.split_once(' ').unwrap_or((name, ""));
        let labels = [("kind", kind), ("outcome", outcome)];
        counter(count).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

/// Only where traces are on.
fn spans_of(to: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let Some(counts) = spans::counts() else {
        return Ok(());
    };
    let help = "Spans by what became of them: sent, failed (the receiver did not take them), dropped (too many waited)";
    let counter = |n| ConstCounter::<u64>::new(n);
    let mut family = to.encode_descriptor("spans", help, None, counter(0).metric_type())?;
    let results = [
        ("sent", counts.sent),
        ("failed", counts.failed),
        ("dropped", counts.dropped),
    ];
    for (result, count) in results {
        counter(count).encode(family.encode_family(&[("result", result)])?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_is_on_the_page() {
        let counts = Arc::new(Counts::default());
        counts.heard.add(3);
        counts.events.one("ret failed");
        counts.events.one("new");
        counts.noise.one("mine");
        let at = |second| Timestamp::from_second(second).unwrap();
        counts.gap("unheard", at(10), at(12));
        counts.bus.connected(true);
        counts.bus.heard(at(20));
        let now = Now {
            queue: Some((100, 4000)),
            low_water: Some(at(19)),
            nats: false,
        };
        let page = page(&counts, now).unwrap();
        let lines = [
            concat!(
                "pillarbox_collector_build_info{version=\"",
                env!("CARGO_PKG_VERSION"),
                "\"} 1"
            ),
            "pillarbox_collector_frames_total 3",
            "pillarbox_collector_job_events_total{kind=\"ret\",outcome=\"failed\"} 1",
            "pillarbox_collector_job_events_total{kind=\"new\",outcome=\"\"} 1",
            "pillarbox_collector_noise_total{reason=\"mine\"} 1",
            "pillarbox_collector_gaps_total{cause=\"unheard\"} 1",
            "pillarbox_collector_gap_seconds_total 2.0",
            "pillarbox_collector_bus_connected 1",
            "pillarbox_collector_nats_connected 0",
            "pillarbox_collector_last_event_timestamp_seconds 20.0",
            "pillarbox_collector_low_water_timestamp_seconds 19.0",
            "pillarbox_collector_queue_bytes 100",
            "pillarbox_collector_queue_limit_bytes 4000",
            "# EOF",
        ];
        for line in lines {
            assert!(
                page.lines().any(|it| it == line),
                "{line} is not in\n{page}"
            );
        }
    }
}
