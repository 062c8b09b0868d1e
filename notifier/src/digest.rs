//! Loop 2: open job → look → read back → fold → speak → settle → verify.
//! It renders nothing and sends nothing; its core is in the modules below, and what it remembers is in JetStream.

pub mod fold;

pub mod completion;

pub mod faults;

pub mod findings;

mod text;

pub mod speak;

mod fault_book;

mod hints;

mod pace;

mod settle;

mod verify;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::kv::Store;
use async_nats::jetstream::{AckKind, Message};
use jiff::Timestamp;
use pillarbox_proto::event::{Event, What};
use pillarbox_proto::subject::{Token, id};
use pillarbox_proto::{topology, trace};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use self::completion::{Beat, Due, Progress, Waits, Window};
use self::fold::{Fold, Stored};
use self::hints::{Announced, Hints};
use self::settle::{Settled, Settlement};
use crate::config::Config;
use crate::elapsed::elapsed;
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::nats::Nats;
use crate::pull::{self, Durable};
use crate::read_back::{self, Look};
use crate::route::{self, Route};
use crate::spans::{FutureExt as _, because_of, digest, of_events};
use crate::telemetry;

/// Open jobs and checks worked on at once.
const AT_ONCE: usize = 32;
/// No open job is looked at more often.
const SOON: Duration = Duration::from_secs(1);
/// Something failed, or somebody else was quicker: look again.
const AGAIN: Duration = Duration::from_secs(2);
/// How often the number of open jobs is asked for.
const COUNT_EVERY: Duration = Duration::from_secs(2);

/// Why a job could not be worked on: always worth another look.
#[derive(Debug, thiserror::Error)]
enum DigestError {
    #[error(transparent)]
    Read(#[from] read_back::ReadError),
    #[error(transparent)]
    Queue(#[from] crate::outbox::OutboxError),
    #[error(transparent)]
    Ledger(#[from] crate::ledger::LedgerError),
    #[error("cannot read or write {what}")]
    Bucket {
        what: &'static str,
        #[source]
        source: async_nats::Error,
    },
}

fn bucket<E: Into<async_nats::Error>>(what: &'static str) -> impl FnOnce(E) -> DigestError {
    move |source| DigestError::Bucket {
        what,
        source: source.into(),
    }
}

/// What is to become of an open message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// It goes back, and comes again after this.
    Back(Duration),
    /// It is settled, and its check is queued.
    Done,
}

/// A job by its tokens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Name {
    cluster: Token,
    job: Token,
}

struct Digester {
    nats: Nats,
    config: Arc<Config>,
    hints: Hints,
    jobs: OnceCell<Store>,
    faults: OnceCell<Store>,
    ledger: OnceCell<Ledger>,
    metrics: Arc<Metrics>,
}

/// Takes open jobs and checks until `shutdown`.
pub async fn run(
    nats: Nats,
    config: Arc<Config>,
    shutdown: CancellationToken,
    metrics: Arc<Metrics>,
) {
    let durable = Durable {
        stream: nats.topology.open_jobs_name(),
        name: topology::open_name(&nats.group),
        at_once: AT_ONCE,
    };
    let digester = Arc::new(Digester {
        nats: nats.clone(),
        config,
        hints: Hints::default(),
        jobs: OnceCell::new(),
        faults: OnceCell::new(),
        ledger: OnceCell::new(),
        metrics,
    });
    let counting = tokio::spawn(count(Arc::clone(&digester), shutdown.clone()));
    pull::each(&nats, &durable, &shutdown, |message| {
        Arc::clone(&digester).take(message)
    })
    .await;
    let _ = counting.await;
}

/// Keeps the number of open jobs, which spaces the looks at idle ones.
async fn count(digester: Arc<Digester>, shutdown: CancellationToken) {
    let name = digester.nats.topology.open_jobs_name();
    while !shutdown.is_cancelled() {
        if let Ok(stream) = digester.nats.jetstream.get_stream(&name).await {
            let messages = stream.cached_info().state.messages;
            digester.hints.count(messages);
            digester.metrics.open_jobs(messages);
        }
        let _ = tokio::time::timeout(COUNT_EVERY, shutdown.cancelled()).await;
    }
}

impl Digester {
    async fn take(self: Arc<Self>, message: Message) {
        let tokens: Vec<&str> = message.subject.split('.').collect();
        let name = |cluster: &str, job: &str| {
            Some(Name {
                cluster: Token::parse(cluster)?,
                job: Token::parse(job)?,
            })
        };
        let (result, name) = match tokens.as_slice() {
            [_, _, _, "open", cluster, job] => match name(cluster, job) {
                Some(name) => (pull::kept(&message, self.open(&name, &message)).await, name),
                None => return discard(&message).await,
            },
            [_, _, _, "verify", cluster, job, _] => match name(cluster, job) {
                Some(name) => {
                    let check = self.verify(&name, &message);
                    (check.with_context(because_of(&message)).await, name)
                }
                None => return discard(&message).await,
            },
            _ => return discard(&message).await,
        };
        self.metrics.look(match &result {
            Ok(Next::Done) => "done",
            Ok(Next::Back(_)) => "waits",
            Err(_) => "failed",
        });
        let answer = match result {
            Ok(Next::Done) => message.double_ack().await,
            Ok(Next::Back(after)) => message.ack_with(AckKind::Nak(Some(after))).await,
            Err(error) => {
                tracing::warn!(salt.cluster = %name.cluster, salt.job = %name.job, error = telemetry::chain(&error), "could not work on a job; trying again");
                message.ack_with(AckKind::Nak(Some(AGAIN))).await
            }
        };
        if let Err(error) = answer {
            tracing::debug!(salt.job = %name.job, error = telemetry::chain(&*error), "could not acknowledge an open job; it comes back");
        }
    }

    /// A look at an open job.
    async fn open(&self, name: &Name, message: &Message) -> Result<Next, DigestError> {
        let open = message
            .info()
            .map(|info| info.stream_sequence)
            .unwrap_or_default();
        let (entry, revision) = self.entry(name).await?;
        let settlement = Settlement {
            name,
            open,
            entry,
            revision,
            parent: trace::extract(message.headers.as_ref()),
        };
        let look = self.look(name).await?;
        match look.last {
            None => {
                tracing::error!(salt.cluster = %name.cluster, salt.job = %name.job, "a job's events expired before anybody was told of them");
                self.settle(&settlement, Settled::as_before(&settlement.entry))
                    .await
            }
            // Nothing new: the same way out, so that no open message is ever acknowledged without a check.
            Some((last, _)) if last <= settlement.entry.settled_to => {
                self.settle(&settlement, Settled::as_before(&settlement.entry))
                    .await
            }
            Some(last) if id::is_run_job(name.job.as_str()) => {
                self.run_job(settlement, &look, last).await
            }
            Some(last) => self.job(settlement, &look, last).await,
        }
    }

    /// A look at its events: one question to the leader while nothing has come since the last one.
    async fn look(&self, name: &Name) -> Result<Look, DigestError> {
        let look = read_back::look(&self.nats, &name.cluster, &name.job, |events| {
            self.hints.last(name, events)
        })
        .await?;
        if let Some(last) = look.last {
            self.hints.looked(name, look.events(), last);
        }
        Ok(look)
    }

    /// A job with a jid: one digest of all its events.
    async fn job(
        &self,
        settlement: Settlement<'_>,
        look: &Look,
        (last, at): (u64, Timestamp),
    ) -> Result<Next, DigestError> {
        let name = settlement.name;
        let counted = self.counted(name, look, at).await?;
        // Counting takes two returns of one minion for two: it may call a job complete that the fold does not, never the reverse.
        let ready = |progress: &Progress, route: &Route| {
            progress.due(&self.waits(route), look.now) != Due::Waiting
        };
        if !self.finish_routes().any(|route| ready(&counted, route))
            || self.hints.fold_says_wait(name, last, look.now)
        {
            return Ok(Next::Back(self.delay(&counted, look.now)));
        }
        let events = read_back::whole(&self.nats, &name.cluster, &name.job, 1, last).await?;
        let spans = of_events(&events);
        let fold = Fold::of(events);
        self.metrics.fold();
        let exact = Progress::of(&fold, at);
        let told = self.finish_routes().any(|route| ready(&exact, route));
        let span = told.then(|| digest(&fold, settlement.parent, &spans));
        let span = span.unwrap_or_default();
        let told = self.tell(&settlement, &fold, look.now, 0, |route| {
            ready(&exact, route)
        });
        let settled = told.with_context(span.clone()).await?;
        if self.finish_routes().all(|route| ready(&exact, route)) {
            let settling = self.settle(&settlement, settled);
            return settling.with_context(span).await;
        }
        let due = look.now.checked_add(self.next_due(&exact, look.now));
        self.hints.folded(name, last, due.unwrap_or(look.now));
        Ok(Next::Back(self.delay(&exact, look.now)))
    }

    /// How far the job is by counting, without a fold. `at`: when its last event was stored.
    async fn counted(
        &self,
        name: &Name,
        look: &Look,
        at: Timestamp,
    ) -> Result<Progress, DigestError> {
        let announced = self.announced(name, look).await?;
        let first = match announced.expected {
            Some(_) => at,
            None => read_back::first_at(&self.nats, &name.cluster, &name.job, 1)
                .await?
                .unwrap_or(at),
        };
        Ok(Progress {
            expected: announced.expected,
            returned: look.returns,
            batch: announced.batch,
            ended: look.ends != 0,
            // A return that nobody announced may be a runner's: the fold knows.
            runner: announced.runner || (look.news == 0 && look.returns == 1),
            first,
            last: at,
        })
    }

    /// A job that minions start on their own: one digest a window.
    async fn run_job(
        &self,
        settlement: Settlement<'_>,
        look: &Look,
        (last, at): (u64, Timestamp),
    ) -> Result<Next, DigestError> {
        let Name { cluster, job } = settlement.name;
        let from = settlement.entry.settled_to + 1;
        let waits = Waits {
            finish_after: Duration::ZERO,
            quiet_after: self.config.quiet_after,
            gather: self.config.gather,
        };
        let first = read_back::first_at(&self.nats, cluster, job, from)
            .await?
            .unwrap_or(at);
        if elapsed(at, look.now) < waits.quiet_after && elapsed(first, look.now) < waits.gather {
            return Ok(Next::Back(SOON));
        }
        let events = read_back::whole(&self.nats, cluster, job, from, last).await?;
        let beats: Vec<Beat> = events.iter().map(|stored| self.beat(stored)).collect();
        match completion::window(&beats, &waits, look.now) {
            None => self.settle(&settlement, Settled::nothing(last)).await,
            Some(Window::Nothing { settle_to }) => {
                self.settle(&settlement, Settled::nothing(settle_to)).await
            }
            Some(Window::Open) => Ok(Next::Back(SOON)),
            Some(Window::Closed { first, last }) => {
                let inside = events
                    .into_iter()
                    .filter(|stored| first <= stored.sequence && stored.sequence <= last);
                let inside: Vec<Stored> = inside.collect();
                let window = settlement.entry.settled_to;
                let spans = of_events(&inside);
                let fold = Fold::of(inside);
                self.metrics.fold();
                let span = digest(&fold, settlement.parent, &spans);
                let told = self.tell(&settlement, &fold, look.now, window, |_| true);
                let settled = told.with_context(span.clone()).await?;
                let settling = self.settle(&settlement, settled);
                settling.with_context(span).await
            }
        }
    }

    fn beat(&self, stored: &Stored) -> Beat {
        let carried = route::opens(&self.config.routes, &stored.event);
        Beat {
            sequence: stored.sequence,
            at: stored.at,
            carried,
        }
    }

    /// Whom the `new`s expect: read from the leader once per `new`.
    async fn announced(&self, name: &Name, look: &Look) -> Result<Announced, DigestError> {
        if look.news == 0 {
            return Ok(Announced::default());
        }
        if let Some(announced) = self.hints.announced(name, look.news) {
            return Ok(announced);
        }
        let news: Vec<Event> = read_back::news(&self.nats, &name.cluster, &name.job).await?;
        let mut announced = Announced {
            runner: news.iter().any(|event| event.runner),
            ..Announced::default()
        };
        let mut minions = BTreeSet::new();
        for event in &news {
            if let What::New(new) = &event.what {
                announced.batch |= new.batch;
                minions.extend(&new.minions);
            }
        }
        announced.expected = (!minions.is_empty()).then_some(minions.len());
        self.hints.learn(name, look.news, announced);
        Ok(announced)
    }
}

/// A message that no Pillarbox wrote: it would come back for ever.
async fn discard(message: &Message) {
    tracing::error!(subject = %message.subject, "discarded a message on OPEN_JOBS that is none of ours");
    let _ = message.ack_with(AckKind::Term).await;
}
