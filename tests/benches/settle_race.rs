//! The race of settling, forced: a second return lands while its job is being settled, on three servers with three replicas.
//! `cargo bench -p pillarbox-e2e --bench settle_race`; it fails if one of 1 000 jobs forgets a return.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures_util::StreamExt;
use pillarbox_e2e::nats::NatsCluster;
use pillarbox_e2e::workers::Workers;
use pillarbox_e2e::{events, wait};
use pillarbox_proto::delivery::Delivery;
use pillarbox_proto::event::Outcome;
use pillarbox_proto::subject::{Group, Token};
use pillarbox_proto::topology::{Bucket, Topology};
use pillarbox_proto::wire;
use pillarbox_proto::work::JobEntry;

const JOBS: usize = 1_000;
const AT_ONCE: usize = 20;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cluster = NatsCluster::start().await?;
    let server = cluster.servers.first().context("no server")?;
    let client = server.client().await?;
    let jetstream = async_nats::jetstream::new(client.clone());
    let mut workers = Workers::start(2, &cluster.url(), 3, &jetstream).await?;

    let second = Arc::new(AtomicUsize::new(0));
    let mut deliveries = client.subscribe("pillarbox.v1.main.deliver.>").await?;
    client.flush().await?;
    let racing = {
        let (jetstream, second) = (jetstream.clone(), Arc::clone(&second));
        tokio::spawn(async move {
            let mut last: HashMap<String, u64> = HashMap::new();
            while last.len() < JOBS {
                let message = deliveries.next().await.context("the subscription ended")?;
                let delivery: Delivery = wire::decode(message.headers.as_ref(), &message.payload)?;
                if last.contains_key(&delivery.key.job) {
                    continue; // the later version
                }
                // The worker has folded, and is between its first delivery and its last acknowledgement.
                let jid = pillarbox_proto::salt::Jid(delivery.key.job.clone());
                let sequence =
                    events::publish(&jetstream, &events::ret(&jid, "b", Outcome::Failed)).await?;
                last.insert(delivery.key.job, sequence);
                second.fetch_add(1, Ordering::Relaxed);
            }
            anyhow::Ok(last)
        })
    };
    for n in 0..JOBS {
        let jid = events::jid(n);
        events::publish(&jetstream, &events::new(&jid, &["a"])).await?;
        events::publish(&jetstream, &events::ret(&jid, "a", Outcome::Failed)).await?;
        let close = || async { (n < second.load(Ordering::Relaxed) + AT_ONCE).then_some(()) };
        wait::until(Duration::from_secs(120), "the second returns", close).await?;
    }
    let last = tokio::time::timeout(Duration::from_secs(120), racing).await???;
    let (forgotten, reopened) = judge(&jetstream, &last).await?;
    println!(
        "{JOBS} races forced: {forgotten} forgotten, {reopened} told again in a later version"
    );
    if forgotten != 0 {
        bail!("{forgotten} returns were forgotten");
    }
    workers.all_run()?;
    Ok(())
}

/// Waits until every job is settled beyond its second return: how many are not within a minute, and how many needed a later version.
async fn judge(
    jetstream: &async_nats::jetstream::Context,
    last: &HashMap<String, u64>,
) -> anyhow::Result<(usize, usize)> {
    let topology = Topology::default();
    let jobs = jetstream
        .get_key_value(topology.bucket_name(Bucket::Jobs))
        .await?;
    let group = Group::new("main").context("no group")?;
    let mut forgotten = 0;
    let mut reopened = 0;
    for (job, sequence) in last {
        let key = group.job_key(&Token::new("prod"), &Token::new(job));
        let settled = || async {
            let entry = jobs.entry(&key).await.ok()??;
            let settled: JobEntry = wire::decode_entry(&entry.value).ok()?;
            (*sequence <= settled.settled_to).then_some(entry.revision)
        };
        match wait::until(Duration::from_secs(60), "the second return", settled).await {
            Ok(_) => reopened += 1,
            Err(_) => forgotten += 1,
        }
    }
    Ok((forgotten, reopened))
}
