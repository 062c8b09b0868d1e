//! Both programs reconnect to everything by themselves, in any start order.
//! What is said meanwhile is announced: a person is to know that something was away.

use jiff::Timestamp;
use pillarbox_e2e::bus::SOCKET;
use pillarbox_e2e::play::{Job, Return};
use pillarbox_e2e::stack::Scenario;

use crate::scenes::{scenario, titles};

const LOST: Return<'_> = Return::Failed("No space left on device");
const COLLECTOR_LOST_NATS: &str = "the connection to NATS is lost: what Salt fires is held";
const BUS_ENDED: &str = "the connection to the master's event bus ended: the master closed it";
const UNHEARD: &str = "was not heard: its event bus was away";

fn failures() -> Scenario {
    let routes = r#"
  - name: failures
    match: { outcome: failed }
    receivers: [ops-slack]
"#;
    scenario(routes)
}

fn failing(number: u32) -> Vec<u8> {
    let fun = format!("state.apply_{number}");
    let job = Job::new(number, "state.apply").args(&[&fun]);
    job.on("web1", &["web1"]).whole(LOST)
}

fn title(number: u32) -> String {
    format!("🔴 state.apply state.apply_{number} on web1 failed: No space left on device")
}

/// Nobody is there for anybody: the collector comes first, then the notifier, the master, NATS.
#[tokio::test]
async fn the_programs_wait_for_nats_and_the_collector_for_its_master() {
    let stack = failures()
        .announce("cannot connect to the master's event bus")
        .announce("the NATS client says")
        .announce("cannot reach NATS; trying again")
        .announce("cannot provision yet; trying again")
        .announce("waiting for the stream");
    let mut stack = stack.prepared_on_bus().await.unwrap();
    stack.master.stop();
    std::fs::remove_file(stack.master.sock_dir().join(SOCKET)).unwrap();
    stack.collector.restart().await.unwrap();
    let says = "is the master running? Trying again until it is";
    stack.collector.says(says).await.unwrap();
    stack.notifiers[0].restart().await.unwrap();
    stack.notifiers[0].says("cannot reach NATS").await.unwrap();
    stack.master.restart().unwrap();
    stack.master.connected(1).await.unwrap();
    stack.master.send(&failing(1)).await;
    stack.nats.restart().await.unwrap();
    assert_eq!(titles(&stack.told(1).await.unwrap()), [title(1)]);
    stack.settled().await.unwrap();
    stack.finish().await.unwrap();
}

/// The other order: NATS and the collector are there before any notifier has made a stream.
#[tokio::test]
async fn the_collector_holds_events_until_a_notifier_has_made_the_streams() {
    let stack = failures().announce("waiting for the stream PILLARBOX_EVENTS");
    let mut stack = stack.prepared_on_bus().await.unwrap();
    stack.nats.restart().await.unwrap();
    stack.collector.restart().await.unwrap();
    stack.master.connected(1).await.unwrap();
    stack.master.send(&failing(1)).await;
    let says = "waiting for the stream PILLARBOX_EVENTS";
    stack.collector.says(says).await.unwrap();
    stack.notifiers[0].restart().await.unwrap();
    assert_eq!(titles(&stack.told(1).await.unwrap()), [title(1)]);
    stack.settled().await.unwrap();
    stack.finish().await.unwrap();
}

#[tokio::test]
async fn nats_may_go_and_come_back() {
    let stack = failures()
        .announce(COLLECTOR_LOST_NATS)
        .announce("the connection to NATS is lost; trying again")
        .announce("the NATS client says")
        .announce("cannot reach NATS; trying again")
        .announce("no answer from NATS; trying again until there is one")
        .announce("cannot take messages; trying again")
        .announce("could not work on a job; trying again")
        .announce("does not acknowledge; sending again until it does");
    let mut stack = stack.on_bus().await.unwrap();
    stack.master.send(&failing(1)).await;
    assert_eq!(titles(&stack.told(1).await.unwrap()), [title(1)]);
    stack.nats.kill_9().await.unwrap();
    stack.collector.says(COLLECTOR_LOST_NATS).await.unwrap();
    stack.master.send(&failing(2)).await;
    stack.nats.restart().await.unwrap();
    assert_eq!(titles(&stack.told(2).await.unwrap()), [title(1), title(2)]);
    stack.master.send(&failing(3)).await;
    let told = titles(&stack.told(3).await.unwrap());
    assert_eq!(told, [title(1), title(2), title(3)]);
    stack.settled().await.unwrap();
    assert_eq!(stack.slack.posted().len(), 3);
    stack.finish().await.unwrap();
}

#[tokio::test]
async fn the_time_in_which_a_master_was_away_is_said() {
    let stack = failures()
        .announce(BUS_ENDED)
        .announce("cannot connect to the master's event bus")
        .announce(UNHEARD);
    let mut stack = stack.on_bus().await.unwrap();
    stack.master.send(&failing(1)).await;
    stack.told(1).await.unwrap();
    let stopped = now();
    stack.master.stop();
    stack.collector.says(BUS_ENDED).await.unwrap();
    stack.master.send(&failing(2)).await; // nobody hears it
    let restarted = now();
    stack.master.restart().unwrap();
    stack.master.connected(2).await.unwrap();
    stack.collector.says(UNHEARD).await.unwrap();
    stack.master.send(&failing(3)).await;
    let told = titles(&stack.told(2).await.unwrap());
    assert_eq!(told, [title(1), title(3)]);
    stack.settled().await.unwrap();

    let log = stack.collector.said().1;
    let gaps: Vec<serde_json::Value> = log
        .lines()
        .filter(|line| line.contains(UNHEARD))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let [gap] = gaps.as_slice() else {
        panic!("not one gap: {log}")
    };
    let bound = |key: &str| gap[key].as_str().unwrap().parse().unwrap();
    let (from, to): (Timestamp, Timestamp) = (bound("gap.from"), bound("gap.to"));
    assert!(
        from <= stopped && restarted <= to,
        "{stopped} to {restarted} is not within {gap}"
    );
    stack.finish().await.unwrap();
}

#[expect(
    clippy::disallowed_methods,
    reason = "the outside world: what the collector says of time is held against the clock"
)]
fn now() -> Timestamp {
    Timestamp::now()
}
