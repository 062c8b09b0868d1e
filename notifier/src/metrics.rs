//! What a notifier counts, as Prometheus reads it.
//! It decides nothing; no label names a minion, a job or a function: routes and receivers are few, and a person wrote them.

use std::fmt;
use std::time::Duration;

use pillarbox_proto::work::{Decided, Decision};
use pillarbox_telemetry::spans;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, text};
use prometheus_client::metrics::TypedMetric as _;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::receiver::{Attempt, Receiver};
use crate::retry::Fate;

/// Names and values; the names are always the same ones.
type Labels = Vec<(&'static str, String)>;
type Counters = Family<Labels, Counter>;
type Gauges = Family<Labels, Gauge>;
type Histograms = Family<Labels, Histogram, fn() -> Histogram>;

/// Everything that is counted. Cheap to count in: one look at a map.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    events: Counters,
    open_jobs: Gauge,
    looks: Counters,
    folds: Counter,
    digests: Counters,
    attempts: Counters,
    attempt_duration: Histograms,
    delivery_age: Histograms,
    paused: Gauges,
    waiting: Gauges,
    dead: Counters,
    nats: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Metrics {
            registry: Registry::with_prefix("pillarbox_notifier"),
            events: Counters::default(),
            open_jobs: Gauge::default(),
            looks: Counters::default(),
            folds: Counter::default(),
            digests: Counters::default(),
            attempts: Counters::default(),
            attempt_duration: Histograms::new_with_constructor(attempt_buckets),
            delivery_age: Histograms::new_with_constructor(age_buckets),
            paused: Gauges::default(),
            waiting: Gauges::default(),
            dead: Counters::default(),
            nats: Gauge::default(),
        };
        metrics.register();
        metrics
    }
}

/// A call of the far side: some milliseconds, and at most the 40 s that a mail may take.
fn attempt_buckets() -> Histogram {
    Histogram::new([0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 40.0])
}

/// From at once to the day after which a delivery is given up.
fn age_buckets() -> Histogram {
    Histogram::new([
        0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 21_600.0, 86_400.0,
    ])
}

impl Metrics {
    fn register(&mut self) {
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        let to = &mut self.registry;
        to.register("build", "Which notifier this is", version);
        to.register("events", "Events taken from EVENTS by what became of them: passed (on to the routes), again (comes back after a failure), newer (waits for a newer notifier), unreadable (a dead letter)", self.events.clone());
        to.register("open_jobs", "Messages on OPEN_JOBS, of all workers and groups: jobs that are not settled yet, and checks of settled ones", self.open_jobs.clone());
        to.register("looks", "Looks at open jobs and checks by what they came to: waits (it comes back), done, failed (it comes back)", self.looks.clone());
        to.register(
            "folds",
            "Times that a job's events were read back and folded",
            self.folds.clone(),
        );
        to.register(
            "digests",
            "What routes decided about settled jobs: said or quiet",
            self.digests.clone(),
        );
        to.register("attempts", "Attempts at a receiver by what follows: delivered, retried, throttled (it asked for time), ambiguous (nobody knows whether it arrived), dead (given up)", self.attempts.clone());
        to.register_with_unit(
            "attempt_duration",
            "How long an attempt at a receiver took, from connecting to its answer",
            Unit::Seconds,
            self.attempt_duration.clone(),
        );
        to.register_with_unit("delivery_age", "How old a delivery was when its receiver had it: since the event was stored for a start, since the look that told it for a finished job", Unit::Seconds, self.delivery_age.clone());
        to.register(
            "paused",
            "1 while this worker found the receiver closed: it asked for time, or does not work",
            self.paused.clone(),
        );
        to.register("waiting_deliveries", "Deliveries that wait for the receiver or are in some worker's hands; every worker of the group says the same", self.waiting.clone());
        to.register(
            "dead_letters",
            "Messages given up, by receiver and reason; `intake` is an event that cannot be read",
            self.dead.clone(),
        );
        to.register(
            "nats_connected",
            "1 while NATS is connected",
            self.nats.clone(),
        );
        to.register_collector(Box::new(Spans));
    }

    /// The page.
    pub fn page(&self) -> Result<String, fmt::Error> {
        let mut page = String::new();
        text::encode(&mut page, &self.registry)?;
        Ok(page)
    }

    /// The loops begin, or begin again with another configuration: receivers may have gone.
    pub fn begin(&self) {
        self.paused.clear();
        self.waiting.clear();
    }

    /// An event was taken.
    pub fn event(&self, came_to: &'static str) {
        one(&self.events, vec![("result", came_to.into())]);
    }

    /// So many messages are on `OPEN_JOBS`.
    pub fn open_jobs(&self, count: u64) {
        self.open_jobs.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// An open job or a check was looked at.
    pub fn look(&self, came_to: &'static str) {
        one(&self.looks, vec![("result", came_to.into())]);
    }

    /// A job was folded.
    pub fn fold(&self) {
        self.folds.inc();
    }

    /// A job was settled, and this was decided.
    pub fn decided<'a>(&self, all: impl Iterator<Item = &'a Decided>) {
        for Decided {
            route, decision, ..
        } in all
        {
            let decision = match decision {
                Decision::Say { .. } => "said",
                Decision::Quiet { .. } => "quiet",
            };
            let labels = vec![("route", route.clone()), ("decision", decision.into())];
            one(&self.digests, labels);
        }
    }

    /// An attempt was made, and this follows.
    pub fn attempt(&self, receiver: &Receiver, attempt: &Attempt, fate: &Fate, took: Duration) {
        let mut labels = of(receiver);
        self.attempt_duration
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
        labels.push(("result", result(attempt, fate).into()));
        one(&self.attempts, labels);
    }

    /// A delivery arrived at this age.
    pub fn delivered(&self, receiver: &Receiver, age: Duration) {
        let age = age.as_secs_f64();
        self.delivery_age.get_or_create(&of(receiver)).observe(age);
    }

    /// A receiver was found open or closed.
    pub fn paused(&self, receiver: &Receiver, is: bool) {
        self.paused.get_or_create(&of(receiver)).set(is.into());
    }

    /// So many deliveries wait for a receiver.
    pub fn waiting(&self, receiver: &Receiver, count: u64) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.waiting.get_or_create(&of(receiver)).set(count);
    }

    /// A message was given up.
    pub fn dead(&self, receiver: &str, reason: &str) {
        let labels = vec![("receiver", receiver.into()), ("reason", reason.into())];
        one(&self.dead, labels);
    }

    /// Whether NATS is there.
    pub fn nats(&self, connected: bool) {
        self.nats.set(connected.into());
    }
}

fn one(counters: &Counters, labels: Labels) {
    counters.get_or_create(&labels).inc();
}

fn of(receiver: &Receiver) -> Labels {
    vec![
        ("receiver", receiver.name.clone()),
        ("transport", receiver.transport.name().to_owned()),
    ]
}

/// One word of a closed list, the same for every transport.
fn result(attempt: &Attempt, fate: &Fate) -> &'static str {
    match (fate, attempt) {
        (Fate::Done, _) => "delivered",
        (Fate::Next, _) => "part",
        (Fate::GiveUp { .. }, _) => "dead",
        (_, Attempt::Throttled { .. }) => "throttled",
        (_, Attempt::Ambiguous { .. }) => "ambiguous",
        (Fate::Again { .. } | Fate::Smaller, _) => "retried",
    }
}

/// What became of spans; nothing while traces are off.
#[derive(Debug)]
struct Spans;

impl Collector for Spans {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(counts) = spans::counts() else {
            return Ok(());
        };
        let help = "Spans by what became of them: sent, failed (the receiver did not take them), dropped (too many waited)";
        let mut family = to.encode_descriptor("spans", help, None, Counter::<u64>::TYPE)?;
        let all = [
            ("sent", counts.sent),
            ("failed", counts.failed),
            ("dropped", counts.dropped),
        ];
        for (result, count) in all {
            let count = ConstCounter::<u64>::new(count);
            count.encode(family.encode_family(&[("result", result)])?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receiver::tests::receipt;

    #[test]
    fn each_result_has_one_word() {
        let check = |attempt, fate, expect| assert_eq!(result(&attempt, &fate), expect);
        let again = || Fate::Again {
            after: Duration::ZERO,
            failures: 1,
        };
        let why = || "503".to_owned();
        check(Attempt::Delivered(receipt()), Fate::Done, "delivered");
        check(Attempt::Unreached { why: why() }, again(), "retried");
        check(Attempt::TooLarge { why: why() }, Fate::Smaller, "retried");
        let throttled = || Attempt::Throttled {
            retry_after: None,
            why: why(),
        };
        check(throttled(), again(), "throttled");
        check(throttled(), Fate::GiveUp { reason: "expired" }, "dead");
        check(Attempt::Ambiguous { why: why() }, again(), "ambiguous");
    }

    #[test]
    fn what_is_counted_is_on_the_page() {
        let metrics = Metrics::default();
        metrics.event("passed");
        metrics.open_jobs(3);
        metrics.look("done");
        metrics.fold();
        metrics.dead("ops", "refused");
        let quiet = Decided {
            route: "problems".into(),
            window: 0,
            decision: Decision::Quiet {
                reason: "calm".into(),
            },
        };
        metrics.decided(std::iter::once(&quiet));
        let page = metrics.page().unwrap();
        for line in [
            "pillarbox_notifier_events_total{result=\"passed\"} 1",
            "pillarbox_notifier_open_jobs 3",
            "pillarbox_notifier_looks_total{result=\"done\"} 1",
            "pillarbox_notifier_folds_total 1",
            "pillarbox_notifier_digests_total{route=\"problems\",decision=\"quiet\"} 1",
            "pillarbox_notifier_dead_letters_total{receiver=\"ops\",reason=\"refused\"} 1",
            "pillarbox_notifier_nats_connected 0",
            "# EOF",
        ] {
            assert!(
                page.lines().any(|it| it == line),
                "{line} is not in\n{page}"
            );
        }
    }
}
