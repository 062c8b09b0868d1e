//! What one delivery costs in synced writes, and deliveries per second, on one server with `sync_interval: always`.
//! `cargo bench --workspace --bench delivery_cost`; it prints figures and fails only if deliveries do not come.
//!
//! Events are published before a worker starts, so that everything measured is the notifier's own. The rate is taken without
//! strace, the count with it, in two passes over the same number of jobs; both stand beside a bare work queue (publish, take,
//! acknowledge: two synced writes, no ledger) on the same server in the same run. What is to be expected, step by step:
//!
//! | step | start | digest | where |
//! |---|---|---|---|
//! | the job is opened | | 1 | `OPEN_JOBS` |
//! | the delivery is published | 1 | 1 | `DELIVERIES` |
//! | a fault, for each minion that failed or is missing (here one) | | 1 | `FAULTS` |
//! | the job is settled | | 1 | `JOBS` |
//! | the check is queued | | 1 | `OPEN_JOBS` |
//! | the open message is acknowledged, and deleted by that | | 1 | `OPEN_JOBS` |
//! | the check is acknowledged, and deleted by that | | 1 | `OPEN_JOBS` |
//! | the ledger's claim, before the attempt | 1 | 1 | `LEDGER` |
//! | the ledger's end state, after it | 1 | 1 | `LEDGER` |
//! | the delivery is acknowledged, and deleted by that | 1 | 1 | `DELIVERIES` |
//! | **all** | **4** | **10** | |
//!
//! Beside these stand the states of consumers: nats-server writes each when it changes, many changes at once, in the
//! background and two synced writes a time. Nobody waits for them, and the slower the deliveries the more there are. The
//! counts are the same in every run. The rates are not: the bare queue waits for the disk, a delivery for round trips as well.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use async_nats::jetstream;
use async_nats::jetstream::consumer::{self, PullConsumer};
use futures_util::{StreamExt, TryStreamExt, stream};
use pillarbox_e2e::nats::Nats;
use pillarbox_e2e::programs::{self, Program};
use pillarbox_e2e::scratch::Scratch;
use pillarbox_e2e::slack::Slack;
use pillarbox_e2e::synced::{Counting, Synced, What};
use pillarbox_e2e::{events, process, wait};
use pillarbox_proto::event::Outcome;
use pillarbox_proto::subject::Group;
use pillarbox_proto::topology::{Topology, intake_name};

/// Jobs of a pass.
const JOBS: usize = 300;
/// Publishes at once.
const AT_ONCE: usize = 32;
const PATIENCE: Duration = Duration::from_secs(300);
const GRACE: Duration = Duration::from_secs(20);

/// When the jobs are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Start,
    Finish,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    println!("{JOBS} jobs a pass; one worker, one nats-server with sync_interval: always");
    println!("one Slack webhook, to which a worker makes one attempt at a time");
    for moment in [Moment::Start, Moment::Finish] {
        let rig = Rig::new(moment).await?;
        rig.publish(0).await?;
        let before = rig.bare_queue("BARE_BEFORE").await?;
        rig.deliver().await?;
        let rate = rig.rate()?;
        let bare = f64::midpoint(before, rig.bare_queue("BARE_AFTER").await?); // a machine's load may change meanwhile
        println!("\n{moment:?}: {rate:.1} deliveries/s");
        println!("  {:.2} of a bare work queue's {bare:.1}/s", rate / bare);
        rig.publish(JOBS).await?;
        let counting = rig.counting().await?;
        rig.deliver().await?;
        report("delivery", &counting.detach().await?);
        let counting = rig.counting().await?;
        rig.bare_queue("BARE_COUNTED").await?;
        report("message of the bare queue", &counting.detach().await?);
    }
    Ok(())
}

/// Synced writes per item, by stream: those that somebody waits for, and those of consumers.
fn report(item: &str, synced: &Synced) {
    let per = |n: u64| n as f64 / JOBS as f64;
    let sum = |what: What| {
        let of = synced.iter().filter(|((_, kind), _)| *kind == what);
        per(of.map(|(_, n)| n).sum())
    };
    println!(
        "  synced writes per {item}: {:.2} of messages, {:.2} of consumers' states, {:.2} of others",
        sum(What::Messages),
        sum(What::Consumers),
        sum(What::Other)
    );
    for ((stream, what), n) in synced {
        println!("    {:>5.2}  {stream} {what:?}", per(*n));
    }
}

/// A server, a double of Slack and what a worker needs; the worker itself runs only during a pass.
struct Rig {
    moment: Moment,
    nats: Nats,
    slack: Slack,
    scratch: Scratch,
    notifier: PathBuf,
    config: PathBuf,
    jetstream: jetstream::Context,
}

impl Rig {
    /// With everything provisioned, so that what is published next is heard.
    async fn new(moment: Moment) -> anyhow::Result<Self> {
        let (programs, nats, slack, scratch) = (
            programs::built().await?,
            Nats::start().await?,
            Slack::start().await?,
            Scratch::new()?,
        );
        let hook = scratch.file("hook", &slack.webhook_url())?;
        let config = format!(
            "nats: {{ url: \"{}\" }}\nreceivers:\n  - name: r\n    slack: {{ webhook_url_file: \"{}\" }}\nroutes:\n  - {{ name: all, on: {}, receivers: r }}\n",
            nats.url(),
            hook.display(),
            match moment {
                Moment::Start => "start",
                Moment::Finish => "finish",
            },
        );
        let config = scratch.file("notifier.yml", &config)?;
        let mut provision = Command::new(&programs.notifier);
        provision.arg("provision").arg("--config").arg(&config);
        let log = scratch.path().join("provision.log");
        process::run("provision", &mut provision, &log, |_| {}).await?;
        let jetstream = jetstream::new(nats.client().await?);
        Ok(Self {
            moment,
            nats,
            slack,
            scratch,
            notifier: programs.notifier,
            config,
            jetstream,
        })
    }

    async fn counting(&self) -> anyhow::Result<Counting> {
        let pid = self.nats.id().context("nats-server does not run")?;
        Counting::attach(pid, &self.scratch).await
    }

    /// Jobs of one minion each: those that are told at their end have failed on it.
    async fn publish(&self, from: usize) -> anyhow::Result<()> {
        let jobs = stream::iter(from..from + JOBS).map(|n| async move {
            let jid = events::jid(n);
            events::publish(&self.jetstream, &events::new(&jid, &["a"])).await?;
            if self.moment == Moment::Finish {
                let failed = events::ret(&jid, "a", Outcome::Failed);
                events::publish(&self.jetstream, &failed).await?;
            }
            anyhow::Ok(())
        });
        jobs.buffer_unordered(AT_ONCE).try_collect().await
    }

    /// Runs a worker until it has nothing left to do.
    async fn deliver(&self) -> anyhow::Result<()> {
        let before = self.slack.posted().len();
        let log = self.scratch.path().join("notifier.log");
        let mut worker = Program::start("notifier", &self.notifier, &self.config, &log)?;
        let done = wait::until(PATIENCE, "the deliveries", async || {
            match worker.still_runs() {
                Err(ended) => Some(Err(ended)),
                Ok(()) => self.idle().await.then_some(Ok(())),
            }
        });
        done.await??;
        worker.terminate(GRACE).await?;
        let posted = self.slack.posted().len() - before;
        ensure!(posted == JOBS, "{posted} messages for {JOBS} jobs");
        Ok(())
    }

    /// In the order in which an event travels: what is empty here gets nothing from before it.
    async fn idle(&self) -> bool {
        let topology = Topology::default();
        self.heard(&topology).await == Some(true)
            && self.empty(topology.open_jobs_name()).await == Some(true)
            && self.empty(topology.deliveries_name()).await == Some(true)
    }

    async fn heard(&self, topology: &Topology) -> Option<bool> {
        let intake = intake_name(&Group::new("main")?);
        let events = topology.events_name();
        let intake = self.jetstream.get_consumer_from_stream(intake, events);
        let intake: PullConsumer = intake.await.ok()?;
        let info = intake.cached_info();
        Some(info.num_pending == 0 && info.num_ack_pending == 0)
    }

    async fn empty(&self, stream: String) -> Option<bool> {
        let stream = self.jetstream.get_stream(stream).await.ok()?;
        Some(stream.cached_info().state.messages == 0)
    }

    /// Messages a second that Slack got in the last pass, from the first to the last.
    fn rate(&self) -> anyhow::Result<f64> {
        let posted = self.slack.requests();
        let mut last = posted.iter().rev().take(JOBS).map(|request| request.at);
        let (end, begin) = (last.next(), last.next_back());
        let taken = end
            .context("no message")?
            .duration_since(begin.context("one message")?);
        Ok((JOBS - 1) as f64 / taken.as_secs_f64())
    }

    /// Publishing, and beside it taking and acknowledging one after the other, as a worker does with a webhook's deliveries.
    async fn bare_queue(&self, name: &str) -> anyhow::Result<f64> {
        let (stream, queue) = self.queue(name).await?;
        let began = Instant::now();
        let publishing = stream::iter(0..JOBS).map(|n| async move {
            let body = "x".repeat(1000).into();
            let ack = self.jetstream.publish(format!("{name}.{n}"), body).await?;
            ack.await?;
            anyhow::Ok(())
        });
        let publishing = publishing.buffer_unordered(AT_ONCE).try_collect::<()>();
        let taking = async {
            let mut messages = queue.messages().await?.take(JOBS);
            while let Some(message) = messages.next().await {
                let acknowledged = message?.double_ack().await;
                acknowledged.map_err(anyhow::Error::from_boxed)?;
            }
            anyhow::Ok(())
        };
        tokio::try_join!(publishing, taking)?;
        let rate = JOBS as f64 / began.elapsed().as_secs_f64();
        self.jetstream.delete_stream(stream).await?;
        Ok(rate)
    }

    async fn queue(&self, name: &str) -> anyhow::Result<(String, PullConsumer)> {
        let stream = stream_config(name);
        let stream = self.jetstream.create_stream(stream).await?;
        let config = consumer::pull::Config {
            durable_name: Some("taker".to_owned()),
            max_ack_pending: -1,
            ..consumer::pull::Config::default()
        };
        Ok((name.to_owned(), stream.create_consumer(config).await?))
    }
}

/// As `DELIVERIES` is.
fn stream_config(name: &str) -> jetstream::stream::Config {
    jetstream::stream::Config {
        name: name.to_owned(),
        subjects: vec![format!("{name}.>")],
        retention: jetstream::stream::RetentionPolicy::WorkQueue,
        max_messages_per_subject: 1,
        discard: jetstream::stream::DiscardPolicy::Old,
        ..jetstream::stream::Config::default()
    }
}
