//! Reading and writing `FAULTS`: the rows of failures that a job goes on, and that it leaves behind.
//! What a row is, the core says (`faults.rs`).

use std::collections::{BTreeMap, BTreeSet};

use async_nats::jetstream::kv::Store;
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use pillarbox_proto::salt::{Jid, MinionId};
use pillarbox_proto::topology::Bucket;
use pillarbox_proto::wire;
use pillarbox_proto::work::{Decision, FaultEntry, FaultResult, Said};

use super::fold::Fold;
use super::speak::{Faults, Share};
use super::{DigestError, Digester, Name, bucket, faults, settle};
use crate::read_back::subjects;

const FAULTS: &str = "FAULTS";
/// Entries read or written at once.
const AT_ONCE: usize = 16;

impl Digester {
    /// The entries of this job's minions: one filtered question to the leader, then those that exist.
    pub(super) async fn faults(&self, name: &Name, fold: &Fold) -> Result<Faults, DigestError> {
        let Some(run) = fold.run() else {
            return Ok(Faults::new());
        };
        let nats = &self.nats;
        let bucket_name = nats.topology.bucket_name(Bucket::Faults);
        let filter = format!(
            "$KV.{bucket_name}.{}",
            nats.group.fault_filter(&name.cluster, run)
        );
        let stream_name = format!("KV_{bucket_name}");
        let (_, existing) = subjects(nats, &stream_name, &filter)
            .await
            .map_err(bucket(FAULTS))?;
        if existing.is_empty() {
            return Ok(Faults::new());
        }
        let store = self.fault_store().await?;
        let mut known = Vec::new();
        for minion in minions(fold) {
            let key = nats.group.fault_key(&name.cluster, run, &minion);
            if existing.contains_key(&format!("$KV.{bucket_name}.{key}")) {
                known.push((minion, key));
            }
        }
        let read = stream::iter(known).map(|(minion, key)| entry_of(store.clone(), minion, key));
        read.buffer_unordered(AT_ONCE).try_collect().await
    }

    /// Writes what became of each minion, and what was said of it. By jid: folding again, late or out of order, writes the same.
    pub(super) async fn keep_faults(
        &self,
        name: &Name,
        fold: &Fold,
        shares: &[Share<'_>],
        now: Timestamp,
    ) -> Result<(), DigestError> {
        let (Some(run), Some(job)) = (fold.run(), fold.job()) else {
            return Ok(());
        };
        let store = self.fault_store().await?;
        let before = self.faults(name, fold).await?;
        let results = results(fold, &job.jid);
        let mut updates = Vec::new();
        for (minion, runs) in results {
            if before.contains_key(&minion)
                || runs.iter().any(|(_, result)| *result != FaultResult::Good)
            {
                let key = self.nats.group.fault_key(&name.cluster, run, &minion);
                updates.push(Update {
                    key,
                    said: said_routes(&minion, shares),
                    runs,
                });
            }
        }
        let writes = stream::iter(updates).map(|update| write(store.clone(), update, now));
        writes.buffer_unordered(AT_ONCE).try_collect::<()>().await
    }
}

fn minions(fold: &Fold) -> BTreeSet<MinionId> {
    let returned = fold.newest().map(|(minion, _)| minion);
    returned.chain(fold.missing()).cloned().collect()
}

/// Each minion's runs in this fold: of a job with a jid one, of a window its own.
fn results(fold: &Fold, jid: &Jid) -> BTreeMap<MinionId, Vec<(Jid, FaultResult)>> {
    let mut results: BTreeMap<MinionId, Vec<(Jid, FaultResult)>> = BTreeMap::new();
    for (minion, returned) in fold.all_returns() {
        let result = FaultResult::from(returned.body.outcome);
        results
            .entry(minion.clone())
            .or_default()
            .push((returned.jid.clone(), result));
    }
    for minion in fold.missing() {
        results
            .entry(minion.clone())
            .or_default()
            .push((jid.clone(), FaultResult::Missing));
    }
    results
}

/// The routes that tell of this minion's failure or silence.
fn said_routes(minion: &MinionId, shares: &[Share<'_>]) -> Vec<String> {
    let tells = |share: &&Share<'_>| {
        let digest = &share.digest;
        let standings = digest.failures.iter().flat_map(|finding| &finding.minions);
        let mut all = standings.chain(digest.missing.iter().map(|missing| &missing.standing));
        matches!(share.decision, Decision::Say { .. })
            && all.any(|standing| standing.minion == *minion)
    };
    shares
        .iter()
        .filter(tells)
        .map(|share| share.route.name.clone())
        .collect()
}

async fn read(store: &Store, key: &str) -> Result<(FaultEntry, u64), DigestError> {
    let Some(found) = store.entry(key).await.map_err(bucket(FAULTS))? else {
        return Ok((FaultEntry::default(), 0));
    };
    let entry = if found.value.is_empty() {
        FaultEntry::default()
    } else {
        wire::decode_entry(&found.value).map_err(bucket(FAULTS))?
    };
    Ok((entry, found.revision))
}

async fn entry_of(
    store: Store,
    minion: MinionId,
    key: String,
) -> Result<(MinionId, FaultEntry), DigestError> {
    Ok((minion, read(&store, &key).await?.0))
}

/// What one minion's entry is to learn.
struct Update {
    key: String,
    runs: Vec<(Jid, FaultResult)>,
    /// Routes that tell of it.
    said: Vec<String>,
}

async fn write(store: Store, update: Update, now: Timestamp) -> Result<(), DigestError> {
    let Update { key, runs, said } = update;
    loop {
        let (before, revision) = read(&store, &key).await?;
        let mut after = runs.iter().fold(before.clone(), |entry, (jid, result)| {
            faults::upsert(&entry, jid, *result)
        });
        if let Some((jid, _)) = runs
            .iter()
            .rev()
            .find(|(_, result)| *result != FaultResult::Good)
        {
            for route in said
                .iter()
                .filter(|route| before.said.get(*route).is_none_or(|said| said.jid < *jid))
            {
                after.said.insert(
                    route.clone(),
                    Said {
                        jid: jid.clone(),
                        at: now.to_string(),
                    },
                );
            }
        }
        if after == before
            || settle::write(&store, &key, &after, revision)
                .await
                .map_err(bucket(FAULTS))?
        {
            return Ok(());
        }
    }
}
