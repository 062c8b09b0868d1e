//! With 20 000 open jobs a new job's digest is as quick as with one: `cargo bench -p pillarbox-e2e --bench open_jobs`.
//! It prints the ratio of the medians, both measured in this run; it fails if a digest does not come at all.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::{StreamExt, TryStreamExt, stream};
use pillarbox_e2e::nats::Nats;
use pillarbox_e2e::workers::Workers;
use pillarbox_e2e::{events, wait};
use pillarbox_proto::event::Outcome;
use pillarbox_proto::topology::Topology;

const OPEN: usize = 20_000;
const SAMPLES: usize = 30;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let nats = Nats::start().await?;
    let client = nats.client().await?;
    let jetstream = async_nats::jetstream::new(client.clone());
    let mut workers = Workers::start(1, &nats.url(), 1, &jetstream).await?;
    let mut said = client.subscribe("pillarbox.v1.main.deliver.>").await?;

    let few = medians(&jetstream, &mut said, 1_000_000).await?;
    println!("with no other open job:   median {few:?}");
    let opening = Instant::now();
    let publishing = stream::iter(0..OPEN).map(|n| {
        let event = events::new(&events::jid(n), &["a", "b"]);
        let jetstream = jetstream.clone();
        async move { events::publish(&jetstream, &event).await }
    });
    publishing
        .buffer_unordered(256)
        .try_for_each(|_| async { Ok(()) })
        .await?;
    let stream_name = Topology::default().open_jobs_name();
    let opened = || async {
        let stream = jetstream.get_stream(&stream_name).await.ok()?;
        (OPEN as u64 <= stream.cached_info().state.messages).then_some(())
    };
    wait::until(Duration::from_secs(300), "20 000 open jobs", opened).await?;
    println!("opened {OPEN} jobs in {:?}", opening.elapsed());
    let many = medians(&jetstream, &mut said, 2_000_000).await?;
    println!("with {OPEN} other open jobs: median {many:?}");
    println!("ratio {:.2}", many.as_secs_f64() / few.as_secs_f64());
    workers.all_run()?;
    Ok(())
}

/// The median time from a job's last return to its delivery on the queue.
async fn medians(
    jetstream: &async_nats::jetstream::Context,
    said: &mut async_nats::Subscriber,
    from: usize,
) -> anyhow::Result<Duration> {
    let mut times = Vec::new();
    for n in 0..SAMPLES {
        let jid = events::jid(from + n);
        events::publish(jetstream, &events::new(&jid, &["a"])).await?;
        events::publish(jetstream, &events::ret(&jid, "a", Outcome::Failed)).await?;
        let returned = Instant::now();
        tokio::time::timeout(Duration::from_secs(120), said.next())
            .await
            .context("no digest within two minutes")?;
        times.push(returned.elapsed());
    }
    times.sort();
    times.get(times.len() / 2).copied().context("no sample")
}
