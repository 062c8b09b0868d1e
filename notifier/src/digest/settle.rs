//! Settling: what was decided becomes deliveries, faults, the job's entry and a check, in this order, before the last ack.
//! It decides nothing; killed at any line, doing it again says the same.

use async_nats::jetstream::kv::{Store, UpdateErrorKind};
use bytes::Bytes;
use jiff::Timestamp;
use pillarbox_proto::delivery::{Delivery, Notification};
use pillarbox_proto::subject::DeliveryKey;
use pillarbox_proto::topology::Bucket;
use pillarbox_proto::trace::Parent;
use pillarbox_proto::wire;
use pillarbox_proto::work::{Decided, Decision, JobEntry, VerifyItem};

use super::fold::Fold;
use super::speak::{self, Share};
use super::{AGAIN, DigestError, Digester, Name, Next, bucket};
use crate::ledger::Ledger;
use crate::nats::Nats;
use crate::route::{Moment, Route};
use crate::{lookup, outbox, spans};

/// Decisions that an entry keeps.
const KEPT: usize = 16;
/// Reading `JOBS` or writing it.
const JOBS: &str = "JOBS";

/// An open message, and the job's entry as it was before the fold.
#[derive(Debug)]
pub(super) struct Settlement<'a> {
    pub(super) name: &'a Name,
    /// Stream sequence of the open message.
    pub(super) open: u64,
    pub(super) entry: JobEntry,
    /// The revision that the entry was read at; 0 if there is none.
    pub(super) revision: u64,
    /// The span that opened the job.
    pub(super) parent: Option<Parent>,
}

/// What is to be written when all routes have been served.
#[derive(Debug, Default)]
pub(super) struct Settled {
    to: u64,
    decisions: Vec<Decided>,
    /// Minions had not answered.
    awaiting: bool,
}

impl Settled {
    /// As far as this, and nothing was said.
    pub(super) fn nothing(to: u64) -> Settled {
        Settled {
            to,
            ..Settled::default()
        }
    }

    /// As far as it was, and who was awaited then still is: a worker may have ended between its entry and its check.
    pub(super) fn as_before(entry: &JobEntry) -> Settled {
        Settled {
            awaiting: entry.awaiting,
            ..Settled::nothing(entry.settled_to)
        }
    }
}

/// A bucket. Its stream has no direct get, so that every read is the leader's.
async fn store(nats: &Nats, which: Bucket) -> Result<Store, async_nats::Error> {
    Ok(nats
        .jetstream
        .get_key_value(nats.topology.bucket_name(which))
        .await?)
}

/// Writes an entry on the revision that was read; `false` if somebody else was quicker.
pub(super) async fn write<T: serde::Serialize>(
    store: &Store,
    key: &str,
    entry: &T,
    revision: u64,
) -> Result<bool, async_nats::Error> {
    let body: Bytes = wire::encode_entry(entry)?;
    match store.update(key, body, revision).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => Ok(false),
        Err(error) => Err(error.into()),
    }
}

impl Digester {
    /// The job's entry and its revision.
    pub(super) async fn entry(&self, name: &Name) -> Result<(JobEntry, u64), DigestError> {
        let key = self.nats.group.job_key(&name.cluster, &name.job);
        let found = self.jobs().await?.entry(key).await.map_err(bucket(JOBS))?;
        let Some(found) = found else {
            return Ok((JobEntry::default(), 0));
        };
        let entry = if found.value.is_empty() {
            JobEntry::default()
        } else {
            wire::decode_entry(&found.value).map_err(bucket(JOBS))?
        };
        Ok((entry, found.revision))
    }

    pub(super) async fn jobs(&self) -> Result<&Store, DigestError> {
        let open = || async { store(&self.nats, Bucket::Jobs).await.map_err(bucket(JOBS)) };
        self.jobs.get_or_try_init(open).await
    }

    pub(super) async fn fault_store(&self) -> Result<&Store, DigestError> {
        let open = || async {
            store(&self.nats, Bucket::Faults)
                .await
                .map_err(bucket("FAULTS"))
        };
        self.faults.get_or_try_init(open).await
    }

    /// Makes what the fold says: deliveries of the routes that are ready, then the faults.
    pub(super) async fn tell(
        &self,
        settlement: &Settlement<'_>,
        fold: &Fold,
        now: Timestamp,
        window: u64,
        ready: impl Fn(&Route) -> bool,
    ) -> Result<Settled, DigestError> {
        let (to, _) = fold.last().unwrap_or_default();
        let faults = self.faults(settlement.name, fold).await?;
        let shares = |fold| speak::shares(&self.config.routes, Moment::Finish, fold, &faults);
        let heard = shares(fold);
        let told = speak::told_of(heard.iter().filter(|share| ready(share.route)));
        let cluster = &settlement.name.cluster;
        let enriched = lookup::enriched(&self.nats, cluster, fold, &told).await;
        let (fold, shares) = match &enriched {
            Some(fold) => (fold, shares(fold)),
            None => (fold, heard),
        };
        for share in shares.iter().filter(|share| ready(share.route)) {
            self.deliver(settlement, share, to, now).await?;
        }
        let complete = shares.iter().all(|share| ready(share.route));
        if complete {
            self.keep_faults(settlement.name, fold, &shares, now)
                .await?;
        }
        let decided = |share: &Share<'_>| Decided {
            route: share.route.name.clone(),
            window,
            decision: share.decision.clone(),
        };
        Ok(Settled {
            to,
            decisions: shares.iter().map(decided).collect(),
            awaiting: !fold.missing().is_empty(),
        })
    }

    async fn deliver(
        &self,
        settlement: &Settlement<'_>,
        share: &Share<'_>,
        version: u64,
        now: Timestamp,
    ) -> Result<(), DigestError> {
        let digest = &share.digest;
        let run_job = pillarbox_proto::subject::id::is_run_job(settlement.name.job.as_str());
        let moment = if run_job {
            format!("digest:{}", settlement.entry.settled_to)
        } else {
            "digest".to_owned()
        };
        for (receiver, transport) in self.config.transports_of(share.route) {
            let key = DeliveryKey {
                cluster: digest.job.cluster.clone(),
                job: digest.job.job.clone(),
                route: share.route.name.clone(),
                receiver: receiver.to_owned(),
                transport: transport.to_owned(),
                moment: moment.clone(),
            };
            let quiet = matches!(share.decision, Decision::Quiet { .. });
            if quiet && !self.told_before(&key).await? {
                continue;
            }
            let delivery = Delivery {
                key,
                version,
                created: now.to_string(),
                notification: Notification::Digest(Box::new(digest.clone())),
            };
            outbox::deliver(&self.nats, &delivery).await?;
        }
        Ok(())
    }

    /// Whether somebody was told of the job under this key, or is about to be: what was told is put right.
    async fn told_before(&self, key: &DeliveryKey) -> Result<bool, DigestError> {
        // Asked in the order in which a delivery goes: it is in the ledger before it leaves the queue.
        if outbox::waits(&self.nats, key).await? {
            return Ok(true);
        }
        let ledger = self
            .ledger
            .get_or_try_init(|| Ledger::open(&self.nats))
            .await?;
        let entry = ledger.read(key).await?.entry;
        Ok(entry.is_some_and(|entry| entry.version > 0))
    }

    /// The entry of `JOBS`, then the check; the caller's acknowledgement is last.
    pub(super) async fn settle(
        &self,
        settlement: &Settlement<'_>,
        settled: Settled,
    ) -> Result<Next, DigestError> {
        let name = settlement.name;
        if settlement.entry.settled_to < settled.to {
            let jobs = self.jobs().await?;
            let decided = settled.decisions.len();
            let entry = JobEntry {
                settled_to: settled.to,
                config: self.config.hash.clone(),
                decisions: decisions(&settlement.entry.decisions, settled.decisions),
                awaiting: settled.awaiting,
            };
            let key = self.nats.group.job_key(&name.cluster, &name.job);
            if !write(jobs, &key, &entry, settlement.revision)
                .await
                .map_err(bucket(JOBS))?
            {
                return Ok(Next::Back(AGAIN)); // another worker settled it meanwhile: look again
            }
            self.metrics
                .decided(entry.decisions.iter().rev().take(decided));
            log(name, &entry);
        }
        let item = VerifyItem {
            cluster: name.cluster.to_string(),
            job: name.job.to_string(),
            open: settlement.open,
            settled_to: settled.to,
            awaiting: settled.awaiting,
        };
        outbox::verify(&self.nats, &name.cluster, &name.job, &item).await?;
        self.hints.forget(name);
        Ok(Next::Done)
    }
}

/// A later decision about the same route and window replaces the earlier one.
fn decisions(before: &[Decided], now: Vec<Decided>) -> Vec<Decided> {
    let replaced = |old: &&Decided| {
        !now.iter()
            .any(|new| new.route == old.route && new.window == old.window)
    };
    let mut all: Vec<Decided> = before.iter().filter(replaced).cloned().collect();
    all.extend(now);
    let surplus = all.len().saturating_sub(KEPT);
    all.drain(..surplus);
    all
}

fn log(name: &Name, entry: &JobEntry) {
    let said: Vec<&str> = entry
        .decisions
        .iter()
        .filter(|decided| matches!(decided.decision, Decision::Say { .. }))
        .map(|decided| decided.route.as_str())
        .collect();
    tracing::info!(salt.cluster = %name.cluster, salt.job = %name.job, settled_to = entry.settled_to, said = said.join(","), trace_id = spans::trace_id(), "settled a job");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet(route: &str, window: u64, reason: &str) -> Decided {
        Decided {
            route: route.into(),
            window,
            decision: Decision::Quiet {
                reason: reason.into(),
            },
        }
    }

    #[test]
    fn decisions_replace_their_own_and_are_bounded() {
        let before = [quiet("a", 0, "old"), quiet("b", 0, "kept")];
        let after = decisions(&before, vec![quiet("a", 0, "new")]);
        assert_eq!(after, [quiet("b", 0, "kept"), quiet("a", 0, "new")]);
        let many: Vec<Decided> = (0..40).map(|window| quiet("a", window, "")).collect();
        assert_eq!(decisions(&many, vec![]).len(), KEPT);
        assert_eq!(
            decisions(&many, vec![])
                .last()
                .map(|decided| decided.window),
            Some(39)
        );
    }
}
