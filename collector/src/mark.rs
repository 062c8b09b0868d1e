//! The low-water mark: the host's time before which everything that the bus carried is stored, or was reported as missing.
//! It closes no gap; a collector that starts says from it what was not heard while none was running.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::kv::Store;
use jiff::Timestamp;
use pillarbox_proto::mark::CollectorEntry;
use pillarbox_proto::subject::collector_key;
use pillarbox_proto::topology::Bucket;
use pillarbox_proto::wire;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::counts::Counts;
use crate::queue::Budget;

/// How often the mark is written while it moves: a killed collector's gap begins so much too early at most.
const EVERY: Duration = Duration::from_secs(10);
/// Another collector that runs has written its mark by then.
const ANOTHER: Duration = Duration::from_secs(EVERY.as_secs() + 2);
/// How often NATS is asked again while it is away.
const AGAIN: Duration = Duration::from_secs(1);
/// How often it is looked whether the bus is connected.
const LOOK: Duration = Duration::from_millis(50);
/// No time yet.
const NEVER: i64 = i64::MIN;

/// What the bus has said of itself. Clones share it.
#[derive(Debug, Clone)]
pub struct Ears(Arc<Times>);

#[derive(Debug)]
struct Times {
    connected: AtomicI64,
    complete: AtomicI64,
}

impl Default for Ears {
    fn default() -> Self {
        Ears(Arc::new(Times {
            connected: AtomicI64::new(NEVER),
            complete: AtomicI64::new(NEVER),
        }))
    }
}

impl Ears {
    /// The bus was connected. Only the first time counts: later ones end gaps that the bus itself reports.
    pub fn connected(&self, now: Timestamp) {
        let _ = self.0.connected.compare_exchange(
            NEVER,
            now.as_microsecond(),
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
    }

    /// Everything that the bus had carried by now is read, and nothing of it was dropped.
    pub fn complete(&self, now: Timestamp) {
        self.0
            .complete
            .store(now.as_microsecond(), Ordering::Relaxed);
    }

    /// When the bus was first connected: waits for it.
    pub async fn connection(&self) -> Timestamp {
        loop {
            if let Some(connected) = self.first_connected() {
                return connected;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn first_connected(&self) -> Option<Timestamp> {
        time(self.0.connected.load(Ordering::Relaxed))
    }

    /// The mark, if what was read by then is settled: what waits may be older than it.
    pub fn mark(&self, budget: &Budget) -> Option<Timestamp> {
        let complete = time(self.0.complete.load(Ordering::Acquire))?;
        (budget.items() == 0).then_some(complete)
    }
}

fn time(microseconds: i64) -> Option<Timestamp> {
    (microseconds != NEVER)
        .then(|| Timestamp::from_microsecond(microseconds).ok())
        .flatten()
}

/// This collector's entry in `COLLECTORS`.
#[derive(Debug)]
pub struct Marks {
    jetstream: jetstream::Context,
    bucket: String,
    entry: CollectorEntry,
    follows: bool,
}

/// Why the entry could not be read or written: NATS is away, or the bucket does not exist yet.
#[derive(Debug, thiserror::Error)]
#[error("COLLECTORS is out of reach: {0}")]
struct Away(#[source] async_nats::Error);

fn away<E: Into<async_nats::Error>>(error: E) -> Away {
    Away(error.into())
}

impl Marks {
    /// Of the master that the configuration names. One that `follows` another in the same process has nothing to report.
    pub fn new(config: &Config, client: &async_nats::Client, follows: bool) -> Marks {
        Marks {
            follows,
            jetstream: jetstream::new(client.clone()),
            bucket: config.topology().bucket_name(Bucket::Collectors),
            entry: CollectorEntry {
                cluster: config.cluster.clone(),
                master: config.master.clone(),
                low_water: String::new(),
            },
        }
    }

    /// Says what was not heard since the last collector of this master stopped; then keeps the mark until `shutdown`.
    ///
    /// `None` if it could not say so before `shutdown`: the old mark must stand.
    pub async fn keep(
        mut self,
        ears: Ears,
        budget: Budget,
        counts: Arc<Counts>,
        shutdown: CancellationToken,
    ) -> Option<Marks> {
        let started = async {
            if self.follows {
                return;
            }
            let before = self.before().await;
            let connected = ears.connection().await;
            if let Some(from) = before.filter(|from| *from < connected) {
                if self.passes(connected).await {
                    tracing::info!(
                        "nothing was missed: another collector of this master heard what it fired before {connected}"
                    );
                } else {
                    report(from, connected, &counts);
                }
            }
        };
        let cancelled = shutdown.cancelled();
        tokio::select! {
            () = started => {}
            () = cancelled => return None,
        }
        while !shutdown.is_cancelled() {
            self.write(&ears, &budget).await;
            let _ = tokio::time::timeout(EVERY, shutdown.cancelled()).await;
        }
        Some(self)
    }

    /// Writes the mark if it has moved. A failure is no harm: the next collector reports a gap that begins too early.
    pub async fn write(&mut self, ears: &Ears, budget: &Budget) {
        let Some(mark) = ears.mark(budget).map(|mark| mark.to_string()) else {
            return;
        };
        if mark == self.entry.low_water {
            return;
        }
        let before = std::mem::replace(&mut self.entry.low_water, mark);
        if let Err(error) = self.put().await {
            self.entry.low_water = before;
            tracing::debug!("the low-water mark was not written: {error}");
        }
    }

    async fn put(&self) -> Result<(), Away> {
        let body = wire::encode_entry(&self.entry).map_err(away)?;
        self.store()
            .await?
            .put(self.key(), body)
            .await
            .map_err(away)?;
        Ok(())
    }

    fn key(&self) -> String {
        collector_key(&self.entry.cluster, &self.entry.master)
    }

    async fn store(&self) -> Result<Store, Away> {
        self.jetstream
            .get_key_value(&self.bucket)
            .await
            .map_err(away)
    }

    /// The mark that the last collector left. Asked until NATS answers: nothing may be called a first start by mistake.
    async fn before(&self) -> Option<Timestamp> {
        loop {
            match self.read().await {
                Ok(mark) => return mark,
                Err(error) => tracing::debug!("{error}; asking again"),
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Whether somebody else moves the mark past this moment: another collector of this master runs, and hears all of it.
    ///
    /// This one does not write meanwhile, so its own mark is never taken for another's.
    async fn passes(&self, connected: Timestamp) -> bool {
        let passed = async {
            while !matches!(self.read().await, Ok(Some(mark)) if mark >= connected) {
                tokio::time::sleep(AGAIN).await;
            }
        };
        tokio::time::timeout(ANOTHER, passed).await.is_ok()
    }

    async fn read(&self) -> Result<Option<Timestamp>, Away> {
        let Some(body) = self.store().await?.get(self.key()).await.map_err(away)? else {
            return Ok(None);
        };
        let entry: CollectorEntry = wire::decode_entry(&body).map_err(away)?;
        entry.low_water.parse().map(Some).map_err(away)
    }
}

fn report(from: Timestamp, to: Timestamp, counts: &Counts) {
    counts.gap("stopped", from, to);
    tracing::warn!(
        gap.from = %from, gap.to = %to,
        "what the master fired between {from} and {to} was not heard: no collector was running"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::queue;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_mark_waits_for_what_is_not_stored() {
        let (ears, budget) = (Ears::default(), Budget::new(10_000));
        let (writer, mut reader) = queue::<()>(&budget);
        assert_eq!(ears.mark(&budget), None, "nothing was heard yet");
        ears.complete(at(5));
        assert_eq!(ears.mark(&budget), Some(at(5)));
        writer.offer((), 1).unwrap();
        ears.complete(at(6));
        assert_eq!(ears.mark(&budget), None);
        drop(reader.try_recv().unwrap());
        assert_eq!(ears.mark(&budget), Some(at(6)));
    }

    #[test]
    fn only_the_first_connection_counts() {
        let ears = Ears::default();
        ears.connected(at(3));
        ears.connected(at(9));
        assert_eq!(ears.first_connected(), Some(at(3)));
    }
}
