//! A collector that is killed: the next one says what was not heard meanwhile, and between which times.
//! Finding it again in the job cache is not part of it.

use std::time::Duration;

use jiff::Timestamp;
use pillarbox_e2e::stack::Scenario;
use pillarbox_e2e::wait::until;
use pillarbox_proto::mark::CollectorEntry;
use pillarbox_proto::subject::collector_key;
use pillarbox_proto::topology::{Bucket, Topology};
use pillarbox_proto::wire;
use serde_json::Value;

const ROUTES: &str = "  - name: all\n    match: { outcome: failed }\n    receivers: [ops-slack]\n";
const SOON: Duration = Duration::from_secs(30);
const UNHEARD: &str = "no collector was running";

#[tokio::test]
async fn the_next_collector_names_the_gap() {
    let mut stack = Scenario::new(ROUTES)
        .announce(UNHEARD)
        .announce("waiting for the stream")
        .on_bus()
        .await
        .unwrap();
    let jetstream = async_nats::jetstream::new(stack.nats.client().await.unwrap());
    let mark = async || {
        let bucket = jetstream
            .get_key_value(Topology::default().bucket_name(Bucket::Collectors))
            .await
            .ok()?;
        let entry = bucket
            .get(collector_key("prod", "salt1.example.com"))
            .await
            .ok()??;
        wire::decode_entry::<CollectorEntry>(&entry).ok()
    };
    let mark: Timestamp = until(SOON, "a low-water mark", mark)
        .await
        .unwrap()
        .low_water
        .parse()
        .unwrap();

    stack.collector.kill_9().await.unwrap();
    stack.collector.restart().await.unwrap();
    let said = async || {
        stack
            .collector
            .said()
            .1
            .lines()
            .find(|line| line.contains(UNHEARD))
            .map(str::to_owned)
    };
    let line: Value = serde_json::from_str(&until(SOON, "the gap", said).await.unwrap()).unwrap();

    let bound = |name: &str| line[name].as_str().unwrap().parse::<Timestamp>().unwrap();
    assert!(mark <= bound("gap.from"), "the mark only grows: {line}");
    assert!(bound("gap.from") < bound("gap.to"), "{line}");
    stack.finish().await.unwrap();
}
