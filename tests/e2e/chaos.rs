//! `kill -9` at seeded moments loses no message, and says none twice but where the ledger says that nobody can know.
//! A collector that was killed misses what the master says meanwhile; that it closes the gap is not promised here.

use std::time::Duration;

use pillarbox_e2e::bus::Bus;
use pillarbox_e2e::chaos::capture::{Capture, Frame};
use pillarbox_e2e::chaos::plan::Plan;
use pillarbox_e2e::chaos::{AGAIN, Chaos, Sum};
use pillarbox_e2e::stack::Scenario;
use pillarbox_e2e::wait;

const SEEDS: u64 = 20;
const STARTS: &str = r#"
  - name: audit
    on: start
    match: { fun: "state.*" }
    receivers: [ops-slack]
"#;
const MESSAGE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn twenty_seeded_kills_lose_nothing_and_say_nothing_twice() {
    let chaos = Chaos::prepare().await.unwrap();
    let one = std::env::var(AGAIN).ok().map(|seed| seed.parse().unwrap());
    let seeds = one.map_or(1..=SEEDS, |seed| seed..=seed);
    let sum = chaos.seeds(seeds, |_| ()).await.unwrap();
    let Sum { outcomes } = &sum;
    let wrong: Vec<&str> = outcomes
        .iter()
        .filter_map(|it| it.wrong.as_deref())
        .collect();
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), sum.line());
}

#[tokio::test]
async fn nats_away_while_the_master_speaks_loses_nothing() {
    let chaos = Chaos::prepare().await.unwrap();
    let plan = Plan::without_nats(chaos.frames());
    let outcome = chaos.play(0, &plan).await.unwrap();
    assert_eq!(outcome.wrong, None);
    let verdict = outcome.verdict;
    assert_eq!(
        (verdict.updates, verdict.in_doubt),
        (0, 0),
        "every message comes once: {verdict:?}"
    );
}

#[tokio::test]
async fn a_killed_collector_misses_what_is_said_meanwhile_and_goes_on() {
    let capture = Capture::demo().unwrap();
    let [heard, missed, heard_again, _] = &capture.jobs[..] else {
        panic!("four jobs");
    };
    // Said if the first collector lived long enough to write its mark.
    let scenario = Scenario::new(STARTS).announce("no collector was running");
    let mut stack = scenario
        .announce("waiting for the stream")
        .on_bus()
        .await
        .unwrap();
    let started = async |slack: &pillarbox_e2e::slack::Slack, jid: &str| {
        let about = || slack.posted().iter().any(|it| it.to_string().contains(jid));
        let what = format!("the start of {jid}");
        wait::until(MESSAGE, &what, async || about().then_some(())).await
    };
    play(&stack.master, &capture.of(heard)).await;
    started(&stack.slack, heard).await.unwrap();

    stack.collector.kill_9().await.unwrap();
    play(&stack.master, &capture.of(missed)).await;
    stack.collector.restart().await.unwrap();
    stack.master.connected(2).await.unwrap();

    play(&stack.master, &capture.of(heard_again)).await;
    started(&stack.slack, heard_again).await.unwrap();
    assert_eq!(stack.slack.posted().len(), 2, "nothing was made up");
    stack.finish().await.unwrap();
}

async fn play(bus: &Bus, frames: &[Frame]) {
    for frame in frames {
        bus.send(&frame.bytes).await;
    }
}
