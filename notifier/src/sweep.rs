//! The sweep: at start and hourly, jobs with events beyond what was told of them are opened, should `OPEN_JOBS` have been lost.
//! It tells nobody anything: an open job is looked at like any other.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_nats::datetime::DateTime;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::stream::Stream;
use futures_util::StreamExt;
use pillarbox_proto::subject::{EventSubject, Token};
use pillarbox_proto::topology::{Bucket, intake_name};
use pillarbox_proto::wire;
use pillarbox_proto::work::{JobEntry, OpenItem};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::nats::Nats;
use crate::outbox::{self, Queued};
use crate::provision::{filters, start_time};
use crate::route::Moment;
use crate::telemetry::chain;

const HOURLY: Duration = Duration::from_secs(3600);
/// A sweep that NATS broke off is begun again.
const AGAIN: Duration = Duration::from_secs(30);
/// Headers asked for at once.
const BATCH: usize = 500;

/// A job, and the last of its events that some route could speak about.
type Newest = HashMap<(Token, Token), u64>;

/// Sweeps at start and hourly until `shutdown`.
pub async fn run(nats: Nats, config: Arc<Config>, shutdown: CancellationToken) {
    loop {
        let wait = match sweep(&nats, &config).await {
            Ok(0) => HOURLY,
            Ok(opened) => {
                tracing::warn!(
                    opened,
                    "opened jobs whose events nobody had been told of: was OPEN_JOBS lost?"
                );
                HOURLY
            }
            Err(error) => {
                tracing::debug!(error = chain(&*error), "a sweep broke off; beginning again");
                AGAIN
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// How many jobs it opened.
async fn sweep(nats: &Nats, config: &Config) -> Result<usize, async_nats::Error> {
    let jobs = nats
        .jetstream
        .get_key_value(nats.topology.bucket_name(Bucket::Jobs))
        .await?;
    let intake = Intake::of(nats).await?;
    let mut opened = 0;
    for ((cluster, job), event) in newest(nats, config, intake.since).await? {
        if intake.passed_on < event {
            continue; // it has not come to the intake yet
        }
        let entry = jobs.get(nats.group.job_key(&cluster, &job)).await?;
        let entry: JobEntry = match entry {
            Some(entry) if !entry.is_empty() => wire::decode_entry(&entry)?,
            _ => JobEntry::default(),
        };
        if event <= entry.settled_to {
            continue;
        }
        let item = OpenItem {
            cluster: cluster.to_string(),
            job: job.to_string(),
            event,
        };
        opened += usize::from(outbox::open(nats, &cluster, &job, &item).await? == Queued::Now);
    }
    Ok(opened)
}

/// The group's intake: what it was to hear, and how far it is.
struct Intake {
    /// It hears what was stored since then.
    since: DateTime,
    /// As far as this sequence it has passed every event on.
    passed_on: u64,
}

impl Intake {
    async fn of(nats: &Nats) -> Result<Intake, async_nats::Error> {
        let stream = events(nats).await?;
        let info = stream.consumer_info(intake_name(&nats.group)).await?;
        let since = if let DeliverPolicy::ByStartTime { start_time } = info.config.deliver_policy {
            start_time
        } else {
            info.created
        };
        Ok(Intake {
            since,
            passed_on: info.ack_floor.stream_sequence,
        })
    }
}

async fn events(nats: &Nats) -> Result<Stream<()>, async_nats::Error> {
    Ok(nats
        .jetstream
        .get_stream_no_info(nats.topology.events_name())
        .await?)
}

/// The jobs of the last 3 × `finish_after`, and since the group began to hear.
async fn newest(
    nats: &Nats,
    config: &Config,
    since: DateTime,
) -> Result<Newest, async_nats::Error> {
    let finish: Vec<_> = config
        .routes
        .iter()
        .filter(|route| route.on == Moment::Finish)
        .cloned()
        .collect();
    let Some(longest) = finish.iter().map(|route| route.finish_after).max() else {
        return Ok(Newest::new());
    };
    let consumer = pull::Config {
        filter_subjects: filters(&finish),
        deliver_policy: DeliverPolicy::ByStartTime {
            start_time: start_time(nats, longest * 3).await?.max(since),
        },
        ack_policy: AckPolicy::None,
        headers_only: true,
        inactive_threshold: AGAIN,
        memory_storage: true,
        num_replicas: 1,
        ..pull::Config::default()
    };
    let consumer = events(nats).await?.create_consumer(consumer).await?;
    let mut newest = Newest::new();
    loop {
        let mut batch = consumer.fetch().max_messages(BATCH).messages().await?;
        let mut any = false;
        while let Some(message) = batch.next().await {
            let message = message?;
            any = true;
            if let (Some(subject), Ok(info)) =
                (EventSubject::parse(&message.subject), message.info())
            {
                newest.insert((subject.cluster, subject.job), info.stream_sequence);
            }
        }
        if !any {
            return Ok(newest);
        }
    }
}
