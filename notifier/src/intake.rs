//! Loop 1: events become deliveries at once (`on: start`, `on: return`), or a job that is open.
//! It folds nothing and renders nothing; JetStream's refusal of a second open message is its only lock.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::{AckKind, Message};
use jiff::Timestamp;
use pillarbox_proto::delivery::{DeadEvent, Delivery, Notification, Start};
use pillarbox_proto::digest::{Digest, Job};
use pillarbox_proto::event::{Event, What};
use pillarbox_proto::salt::MinionId;
use pillarbox_proto::subject::{self, DeliveryKey, EventSubject, Token, id};
use pillarbox_proto::work::OpenItem;
use pillarbox_proto::{topology, wire};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::digest::fold::{self, Fold, Stored};
use crate::digest::speak::{self, Faults, Share};
use crate::lookup;
use crate::metrics::Metrics;
use crate::nats::Nats;
use crate::outbox::{self, OutboxError};
use crate::pull::{self, Durable};
use crate::read_back::{self, ReadError, timestamp};
use crate::route::{self, Moment, Route};
use crate::spans::{self, FutureExt as _};
use crate::telemetry;

/// Events worked on at once.
const AT_ONCE: usize = 32;
/// An event that could not be worked on comes back after this.
const AGAIN: Duration = Duration::from_secs(1);
/// An event of a newer format waits for a newer worker.
const NEWER_AGAIN: Duration = Duration::from_secs(60);

/// Takes events until `shutdown`.
pub async fn run(
    nats: Nats,
    config: Arc<Config>,
    shutdown: CancellationToken,
    metrics: Arc<Metrics>,
) {
    let durable = Durable {
        stream: nats.topology.events_name(),
        name: topology::intake_name(&nats.group),
        at_once: AT_ONCE,
    };
    pull::each(&nats, &durable, &shutdown, |message| {
        let (nats, config, metrics) = (nats.clone(), Arc::clone(&config), Arc::clone(&metrics));
        async move {
            let came_to = take(nats, config, message, &metrics).await;
            metrics.event(came_to);
        }
    })
    .await;
}

/// One event: published on, then acknowledged. Doing it again is recognised by the subjects it publishes to. What came of it.
async fn take(
    nats: Nats,
    config: Arc<Config>,
    message: Message,
    metrics: &Metrics,
) -> &'static str {
    let (ack, came_to) = match wire::decode::<Event>(message.headers.as_ref(), &message.payload) {
        Ok(event) => match pass_on(&nats, &config, &message, &event)
            .with_context(spans::intake(&event, &message))
            .await
        {
            Ok(()) => (AckKind::Ack, "passed"),
            Err(error) => {
                tracing::warn!(salt.cluster = event.cluster, salt.job = event.job, salt.jid = %event.jid, error = telemetry::chain(&error), "could not pass an event on; trying again");
                match error {
                    IntakeError::Subject => (AckKind::Nak(Some(NEWER_AGAIN)), "newer"),
                    IntakeError::Read(_) | IntakeError::Queue(_) => {
                        (AckKind::Nak(Some(AGAIN)), "again")
                    }
                }
            }
        },
        Err(wire::DecodeError::Newer(format)) => {
            tracing::warn!(subject = %message.subject, format, "left an event of a newer format in the stream: upgrade this worker");
            (AckKind::Nak(Some(NEWER_AGAIN)), "newer")
        }
        Err(error) => match bury(&nats, &message, &error.to_string()).await {
            Ok(()) => {
                metrics.dead("intake", "unreadable");
                (AckKind::Ack, "unreadable")
            }
            Err(_) => (AckKind::Nak(Some(AGAIN)), "again"),
        },
    };
    if let Err(error) = message.ack_with(ack).await {
        tracing::debug!(
            error = telemetry::chain(&*error),
            "could not acknowledge an event; it comes back"
        );
    }
    came_to
}

/// Why an event could not be passed on: always worth another try.
#[derive(Debug, thiserror::Error)]
enum IntakeError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Queue(#[from] OutboxError),
    /// Nobody of ours publishes there, or a newer collector does: it is left for a worker that knows it.
    #[error("the subject is none that this worker knows")]
    Subject,
}

async fn pass_on(
    nats: &Nats,
    config: &Config,
    message: &Message,
    event: &Event,
) -> Result<(), IntakeError> {
    // The cluster is who the subject says: a collector may write no other's.
    let Some(subject) = EventSubject::parse(&message.subject) else {
        return Err(IntakeError::Subject);
    };
    let (stored, sequence) = match message.info() {
        Ok(info) => (timestamp(info.published), info.stream_sequence),
        Err(_) => (Timestamp::UNIX_EPOCH, 0),
    };
    for delivery in at_once(nats, config, &subject, event, stored, sequence).await? {
        outbox::deliver(nats, &delivery).await?;
    }
    if route::opens(&config.routes, event) {
        let item = OpenItem {
            cluster: subject.cluster.to_string(),
            job: subject.job.to_string(),
            event: sequence,
        };
        outbox::open(nats, &subject.cluster, &subject.job, &item).await?;
    }
    Ok(())
}

/// What is said of an event before its job is over.
async fn at_once(
    nats: &Nats,
    config: &Config,
    subject: &EventSubject,
    event: &Event,
    stored: Timestamp,
    sequence: u64,
) -> Result<Vec<Delivery>, IntakeError> {
    let EventSubject { cluster, job, .. } = subject;
    match &event.what {
        What::New(_) if route::any_start(&config.routes) => {
            // Events are worked on side by side: of several `new`s of one job each must say the same, whichever is quicker.
            let first = read_back::first_new(nats, cluster, job).await?;
            Ok(starts(config, first.as_ref().unwrap_or(event), stored))
        }
        What::Ret(ret) if route::returns(&config.routes, event, ret) => {
            let announced = !id::is_run_job(job.as_str());
            let new = match announced {
                true => read_back::first_new(nats, cluster, job).await?,
                false => None,
            };
            let returned = Stored {
                sequence,
                at: stored,
                event: event.clone(),
                context: None,
            };
            let fold = of_one(new, returned, &ret.minion);
            let heard = returns(config, &fold);
            let told = speak::told_of(heard.iter());
            let enriched = lookup::enriched(nats, cluster, &fold, &told).await;
            let shares = match &enriched {
                Some(fold) => returns(config, fold),
                None => heard,
            };
            Ok(said(config, shares, event, &ret.minion, stored))
        }
        What::New(_) | What::Ret(_) | What::End(_) | What::Beat(_) => Ok(Vec::new()),
    }
}

/// The deliveries of `on: start` routes for a job's first `new`. For all its parts and chunks the key is the same: it is said once.
fn starts(config: &Config, event: &Event, stored: Timestamp) -> Vec<Delivery> {
    let What::New(new) = &event.what else {
        return Vec::new();
    };
    let job = fold::job_of(event, new);
    let start = Start {
        started: event.stamp.clone(),
        minions: (!event.runner).then(|| new.of()),
        no_key: u32::try_from(new.missing.len()).unwrap_or(u32::MAX),
        recovered: event.recovered,
        job,
    };
    let taken = route::starts(&config.routes, &start.job);
    let told = |route: &&Route| {
        let notification = Notification::Start(Box::new(start.clone()));
        deliveries(config, route, &start.job, "start", stored, notification)
    };
    taken.iter().flat_map(told).collect()
}

/// A return, and the job's `new` as if it had been aimed at this minion alone.
fn of_one(new: Option<Event>, returned: Stored, minion: &MinionId) -> Fold {
    let new = new.map(|event| Stored {
        sequence: 0,
        at: returned.at,
        event: for_one(event, minion),
        context: None,
    });
    Fold::of(new.into_iter().chain([returned]))
}

/// What `on: return` routes make of it. What the minion's earlier runs came to is not asked: only jobs that an `on: finish`
/// route tells leave that behind.
fn returns<'a>(config: &'a Config, fold: &Fold) -> Vec<Share<'a>> {
    speak::shares(&config.routes, Moment::Return, fold, &Faults::new())
}

/// The deliveries of those that speak. Taken again, a return has the same keys, and is said once.
fn said(
    config: &Config,
    shares: Vec<Share<'_>>,
    event: &Event,
    minion: &MinionId,
    stored: Timestamp,
) -> Vec<Delivery> {
    let moment = format!("return:{minion}:{}", event.jid);
    let said = shares.into_iter().filter(Share::speaks);
    said.flat_map(|share| {
        let digest = Digest {
            of_return: Some(minion.clone()),
            ..share.digest
        };
        let job = digest.job.clone();
        let notification = Notification::Digest(Box::new(digest));
        deliveries(config, share.route, &job, &moment, stored, notification)
    })
    .collect()
}

/// The job's `new`, as if it had been aimed at this minion alone: nobody else is counted or missed.
fn for_one(mut event: Event, minion: &MinionId) -> Event {
    if let What::New(new) = &mut event.what
        && !event.runner
    {
        new.minions = vec![minion.clone()];
        new.missing = Vec::new();
    }
    event
}

/// One for each receiver of the route.
fn deliveries(
    config: &Config,
    route: &Route,
    job: &Job,
    moment: &str,
    stored: Timestamp,
    notification: Notification,
) -> Vec<Delivery> {
    let delivery = |(receiver, transport): (&str, &str)| Delivery {
        key: DeliveryKey {
            cluster: job.cluster.clone(),
            job: job.job.clone(),
            route: route.name.clone(),
            receiver: receiver.to_owned(),
            transport: transport.to_owned(),
            moment: moment.to_owned(),
        },
        version: 1,
        created: stored.to_string(),
        notification: notification.clone(),
    };
    config.transports_of(route).map(delivery).collect()
}

/// An event that nobody will ever read: kept as a dead letter without its bytes, which may hold secrets.
async fn bury(nats: &Nats, message: &Message, error: &str) -> Result<(), async_nats::Error> {
    tracing::error!(subject = %message.subject, error, "an event cannot be read; kept as a dead letter");
    let cluster = EventSubject::parse(&message.subject)
        .map_or_else(|| Token::new("unknown"), |subject| subject.cluster);
    let dead = DeadEvent {
        cluster: cluster.to_string(),
        master: String::new(),
        tag: message.subject.to_string(),
        length: message.payload.len().try_into().unwrap_or(u64::MAX),
        sha256: subject::sha256_hex(&message.payload),
        error: error.to_owned(),
        at: message
            .info()
            .map(|info| timestamp(info.published).to_string())
            .unwrap_or_default(),
    };
    let (mut headers, body) = wire::encode(&dead)?;
    headers.insert(async_nats::header::NATS_MESSAGE_ID, dead.sha256.as_str());
    let subject = nats.group.dead("intake", "unreadable");
    nats.jetstream
        .publish_with_headers(subject, headers, body)
        .await?
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests;
