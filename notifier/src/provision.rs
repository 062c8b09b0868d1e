//! Creating streams, buckets and consumers, and widening what the intake hears: the only place that does.
//! It never narrows a running group's filter: that would skip events for ever, and is a person's decision.

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::datetime::DateTime;
use async_nats::jetstream::consumer::{DeliverPolicy, FromConsumer, pull};
use async_nats::jetstream::context::{
    ConsumerInfoErrorKind, CreateStreamErrorKind, GetStreamErrorKind,
};
use async_nats::jetstream::stream::{Config, ConsumerCreateStrictErrorKind};
use pillarbox_proto::event::Outcome;
use pillarbox_proto::subject::{EventKind, event_filter};
use pillarbox_proto::topology;

use crate::matcher::Matcher;
use crate::nats::Nats;
use crate::read_back::subjects;
use crate::receiver::Receiver;
use crate::route::{Moment, Route};

/// A new group hears what was published this long before it: what came between the stream's creation and its own.
const HINDSIGHT: Duration = Duration::from_secs(600);

/// What could not be created.
#[derive(Debug, thiserror::Error)]
#[error("cannot provision {what}")]
pub struct ProvisionError {
    /// A stream or a consumer, by name.
    pub what: String,
    /// Why not.
    #[source]
    pub source: async_nats::Error,
}

fn error<E: Into<async_nats::Error>>(what: &str) -> impl FnOnce(E) -> ProvisionError {
    move |source| ProvisionError {
        what: what.to_owned(),
        source: source.into(),
    }
}

/// What was created or changed, and what was as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Provisioned {
    /// Names of what is new.
    pub created: Vec<String>,
    /// Names of what was changed.
    pub changed: Vec<String>,
    /// How many were as they should be.
    pub kept: usize,
}

/// Makes sure that everything exists that this group's workers need. Doing it again, or in two workers at once, is harmless.
pub async fn provision(
    nats: &Nats,
    receivers: &[Receiver],
    routes: &[Route],
) -> Result<Provisioned, ProvisionError> {
    let mut done = Provisioned::default();
    for stream in nats.topology.streams(&nats.group) {
        ensure_stream(nats, stream, &mut done).await?;
    }
    ensure_intake(
        nats,
        &stream(nats, &nats.topology.events_name()).await?,
        routes,
        &mut done,
    )
    .await?;
    let open_jobs = stream(nats, &nats.topology.open_jobs_name()).await?;
    ensure_consumer(&open_jobs, topology::open_consumer(&nats.group), &mut done).await?;
    let deliveries = stream(nats, &nats.topology.deliveries_name()).await?;
    for receiver in receivers {
        let consumer =
            topology::deliver_consumer(&nats.group, &receiver.name, receiver.transport.name());
        ensure_consumer(&deliveries, consumer, &mut done).await?;
    }
    Ok(done)
}

async fn stream(nats: &Nats, name: &str) -> Result<Stream, ProvisionError> {
    nats.jetstream
        .get_stream_no_info(name)
        .await
        .map_err(error(name))
}

async fn ensure_stream(
    nats: &Nats,
    wanted: Config,
    done: &mut Provisioned,
) -> Result<(), ProvisionError> {
    let name = wanted.name.clone();
    match nats.jetstream.get_stream(&name).await {
        Ok(existing) => {
            let existing = &existing.cached_info().config;
            let wanted = with_subjects_of(existing, wanted);
            if as_wanted(existing, &wanted) {
                done.kept += 1;
                return Ok(());
            }
            nats.jetstream
                .update_stream(&wanted)
                .await
                .map_err(error(&name))?;
            done.changed.push(name);
        }
        Err(missing) if not_found(&missing) => match nats.jetstream.create_stream(wanted).await {
            Ok(_) => done.created.push(name),
            // Another worker was quicker; what it created is compared at the next start.
            Err(taken) if is_taken(&taken) => done.kept += 1,
            Err(other) => return Err(error(&name)(other)),
        },
        Err(other) => return Err(error(&name)(other)),
    }
    Ok(())
}

/// Other groups' subjects stay.
fn with_subjects_of(existing: &Config, mut wanted: Config) -> Config {
    let all: BTreeSet<String> = existing
        .subjects
        .iter()
        .chain(&wanted.subjects)
        .cloned()
        .collect();
    wanted.subjects = all.into_iter().collect();
    wanted
}

fn is_taken(error: &async_nats::jetstream::context::CreateStreamError) -> bool {
    matches!(error.kind(), CreateStreamErrorKind::JetStream(e) if e.error_code().0 == 10058)
}

fn not_found(error: &async_nats::jetstream::context::GetStreamError) -> bool {
    matches!(error.kind(), GetStreamErrorKind::JetStream(e) if e.error_code().0 == 10059)
}

/// Only what Pillarbox decides is compared: a person may have set limits, a placement or a description of their own.
fn as_wanted(existing: &Config, wanted: &Config) -> bool {
    let subjects = |config: &Config| {
        config
            .subjects
            .iter()
            .cloned()
            .collect::<BTreeSet<String>>()
    };
    subjects(existing) == subjects(wanted)
        && existing.num_replicas == wanted.num_replicas
        && existing.duplicate_window >= wanted.duplicate_window
        && existing.allow_atomic_publish == wanted.allow_atomic_publish
        && existing.allow_direct == wanted.allow_direct
        && existing.discard == wanted.discard
        && existing.discard_new_per_subject == wanted.discard_new_per_subject
        && existing.max_messages_per_subject == wanted.max_messages_per_subject
}

type Stream = async_nats::jetstream::stream::Stream<()>;

async fn ensure_consumer(
    stream: &Stream,
    wanted: pull::Config,
    done: &mut Provisioned,
) -> Result<(), ProvisionError> {
    let name = wanted.durable_name.clone().unwrap_or_default();
    if existing(stream, &name).await?.is_some() {
        done.kept += 1;
        return Ok(());
    }
    match stream.create_consumer_strict(wanted).await {
        Ok(_) => done.created.push(name),
        // Another worker was quicker.
        Err(taken) if taken.kind() == ConsumerCreateStrictErrorKind::AlreadyExists => {
            done.kept += 1
        }
        Err(other) => return Err(error(&name)(other)),
    }
    Ok(())
}

async fn existing(stream: &Stream, name: &str) -> Result<Option<pull::Config>, ProvisionError> {
    match stream.consumer_info(name).await {
        Ok(info) => pull::Config::try_from_consumer_config(info.config)
            .map(Some)
            .map_err(error(name)),
        Err(missing) if missing.kind() == ConsumerInfoErrorKind::NotFound => Ok(None),
        Err(other) => Err(error(name)(other)),
    }
}

/// The intake's durable: created with what the routes can match, or widened to it.
async fn ensure_intake(
    nats: &Nats,
    stream: &Stream,
    routes: &[Route],
    done: &mut Provisioned,
) -> Result<(), ProvisionError> {
    let name = topology::intake_name(&nats.group);
    let wanted = filters(routes);
    let Some(config) = existing(stream, &name).await? else {
        let consumer = topology::intake_consumer(
            &nats.group,
            wanted,
            DeliverPolicy::ByStartTime {
                start_time: start_time(nats, HINDSIGHT).await.map_err(error(&name))?,
            },
        );
        return ensure_consumer(stream, consumer, done).await;
    };
    let one = (!config.filter_subject.is_empty()).then(|| config.filter_subject.clone());
    let heard: BTreeSet<String> = config.filter_subjects.iter().cloned().chain(one).collect();
    let wider = without_contained(heard.iter().cloned().chain(wanted).collect());
    if wider.iter().all(|filter| heard.contains(filter)) {
        done.kept += 1;
        return Ok(());
    }
    let config = pull::Config {
        filter_subject: String::new(),
        filter_subjects: wider,
        ..config
    };
    stream.update_consumer(config).await.map_err(error(&name))?;
    done.changed.push(name);
    Ok(())
}

/// So long ago, by the server's clock.
pub async fn start_time(nats: &Nats, ago: Duration) -> Result<DateTime, async_nats::Error> {
    let (now, _) = subjects(nats, &nats.topology.events_name(), "none").await?;
    let from = now.checked_sub(ago).unwrap_or(now).as_nanosecond();
    Ok(DateTime::from_unix_timestamp_nanos(from)?)
}

/// What the intake must hear for these routes, as subject filters that do not overlap (JetStream refuses those).
///
/// A route on `finish` also needs every `new` of its functions, so that a minion that never answers is noticed; one on
/// `return` reads the `new` when a return has come.
pub fn filters(routes: &[Route]) -> Vec<String> {
    let mut filters = BTreeSet::new();
    for route in routes {
        let news = route.on != Moment::Return;
        let wanted = Outcome::ALL
            .into_iter()
            .filter(|outcome| route.on != Moment::Start && route.may_want(*outcome));
        let wanted: Vec<Outcome> = wanted.collect();
        for fun in functions(&route.matchers.fun) {
            filters.extend(news.then(|| event_filter(EventKind::New, fun)));
            let rets = wanted.iter();
            filters.extend(rets.map(|outcome| event_filter(EventKind::Ret(*outcome), fun)));
        }
    }
    without_contained(filters)
}

/// The globs that a matcher's positive entries name; everything where it has none, or one that a subject cannot say.
fn functions(matcher: &Matcher) -> Vec<&str> {
    let positive = matcher
        .patterns()
        .iter()
        .filter(|pattern| !pattern.is_exclusion());
    let globs: Vec<&str> = positive
        .map(|pattern| pattern.positive_glob().unwrap_or("*"))
        .collect();
    if globs.is_empty() { vec!["*"] } else { globs }
}

/// Which of the wanted filters are carried by none that is heard.
pub fn not_heard(heard: &[String], wanted: Vec<String>) -> Vec<String> {
    let carried = |narrow: &String| {
        heard
            .iter()
            .any(|wide| wide == narrow || contains(wide, narrow))
    };
    wanted
        .into_iter()
        .filter(|narrow| !carried(narrow))
        .collect()
}

/// Whether one filter is a narrower form of another.
fn contains(wide: &str, narrow: &str) -> bool {
    wide != narrow
        && wide
            .strip_suffix('>')
            .is_some_and(|prefix| narrow.starts_with(prefix))
}

/// The filters without those that another one contains. All end in `>`, or in a literal function.
fn without_contained(filters: BTreeSet<String>) -> Vec<String> {
    let kept = filters
        .iter()
        .filter(|narrow| !filters.iter().any(|wide| contains(wide, narrow)));
    kept.cloned().collect()
}

#[cfg(test)]
mod tests;
