//! Two collectors of one master, and two of two: what both hear is one job where it is one, and two where it is two.
//! The masters are played; real ones are `several_masters.rs`.

use pillarbox_e2e::bus::Bus;
use pillarbox_e2e::play::{Job, Return, scheduled};
use pillarbox_e2e::stack::Stack;

use crate::scenes::{scenario, titles};

const ROUTES: &str = r#"
  - name: audit
    on: start
    receivers: [ops-slack]
  - name: failures
    match: { outcome: failed }
    receivers: [ops-slack]
"#;
const FULL: Return<'_> = Return::Failed("No space left on device");
/// What a collector says now and then of what another one has published.
const KNOWN: &str = "another collector reads the same bus";
const NOT_HEARD: &str = "was not heard";

#[tokio::test]
async fn equal_jids_of_two_clusters_are_two_jobs() {
    let mut stack = scenario(ROUTES).on_bus().await.unwrap();
    let dir = stack.scratch().dir("lab").unwrap();
    let lab = Bus::start(&dir).unwrap();
    let of_lab = ("salt2.example.com", "lab");
    let collector = stack.another_collector("collector-lab", of_lab, &lab).await;
    let mut collector = collector.unwrap();
    collector.restart().await.unwrap();
    lab.connected(1).await.unwrap();
    stack.beside.push(collector);

    // One command, one jid, one minion's name; it fails on one of the two.
    let job = Job::new(1, "state.apply")
        .args(&["app"])
        .on("web1", &["web1"]);
    let (failed, clean) = (job.whole(FULL), job.whole(Return::Clean));
    tokio::join!(stack.master.send(&failed), lab.send(&clean));
    stack.told(3).await.unwrap();
    stack.events(4).await.unwrap();
    stack.settled().await.unwrap();
    assert_eq!(
        places(&stack),
        ["failed on prod", "started on lab", "started on prod",]
    );

    // And on both: the failure of one is not that of the other.
    let job = Job::new(2, "state.apply")
        .args(&["app"])
        .on("web1", &["web1"]);
    let failed = job.whole(FULL);
    tokio::join!(stack.master.send(&failed), lab.send(&failed));
    stack.told(7).await.unwrap();
    stack.settled().await.unwrap();
    assert_eq!(
        places(&stack),
        [
            "failed on lab",
            "failed on prod",
            "failed on prod",
            "started on lab",
            "started on lab",
            "started on prod",
            "started on prod",
        ]
    );
    stack.finish().await.unwrap();
}

/// What each message is about, and of which cluster: each names the master too.
fn places(stack: &Stack<Bus>) -> Vec<String> {
    let place = |message: serde_json::Value| {
        let message = message.to_string();
        let what = if message.contains("Started:") {
            "started"
        } else {
            "failed"
        };
        let prod = message.contains("salt1.example.com (prod)");
        let lab = message.contains("salt2.example.com (lab)");
        assert!(prod != lab, "{message}");
        format!("{what} on {}", if prod { "prod" } else { "lab" })
    };
    let mut places: Vec<String> = stack.slack.posted().into_iter().map(place).collect();
    places.sort();
    places
}

#[tokio::test]
async fn what_two_masters_of_one_cluster_both_hear_is_told_once() {
    let routes = "  - name: failures\n    match: { outcome: failed }\n    receivers: [ops-slack]\n";
    let scenario = scenario(routes).announce(KNOWN).global("quiet_after: 2s");
    let mut stack = scenario.on_bus().await.unwrap();
    let dir = stack.scratch().dir("second").unwrap();
    let second = Bus::start(&dir).unwrap();
    let of_second = ("salt2.example.com", "prod");
    let collector = stack.another_collector("collector-2", of_second, &second);
    let mut collector = collector.await.unwrap();
    collector.restart().await.unwrap();
    second.connected(1).await.unwrap();
    stack.beside.push(collector);

    // Each runs a job of its own, and a minion of both returns to both what its schedule ran.
    let job = |number, sls| {
        let job = Job::new(number, "state.apply").args(&[sls]);
        job.on("web1", &["web1"]).whole(FULL)
    };
    let both = scheduled(3, "web1", FULL);
    let (one, other) = (job(1, "app"), job(2, "db"));
    stack.master.send(&[one, both.clone()].concat()).await;
    second.send(&[other, both].concat()).await;
    let told = stack.told(3).await.unwrap();
    stack.settled().await.unwrap();
    assert_eq!(stack.events(5).await.unwrap().len(), 5);
    assert_eq!(stack.slack.posted().len(), 3, "{told:#?}");
    let of = |what: &str| {
        let told: Vec<_> = told.iter().filter(|text| text.contains(what)).collect();
        assert_eq!(told.len(), 1, "{what}: {told:#?}");
        told[0].clone()
    };
    assert!(of("state.apply app on web1").contains("salt1.example.com (prod)"));
    assert!(of("state.apply db on web1").contains("salt2.example.com (prod)"));
    of("hourly");
    stack.finish().await.unwrap();
}

#[tokio::test]
async fn two_collectors_of_one_master_say_nothing_twice_and_one_of_them_is_enough() {
    let routes = "  - name: failures\n    match: { outcome: failed }\n    receivers: [ops-slack]\n";
    let mut stack = scenario(routes).announce(KNOWN).on_bus().await.unwrap();
    let same = ("salt1.example.com", "prod");
    let twin = stack.another_collector("collector-2", same, &stack.master);
    let mut twin = twin.await.unwrap();
    twin.restart().await.unwrap();
    stack.master.connected(2).await.unwrap();
    stack.beside.push(twin);

    play(&mut stack, 1..=10).await;
    stack.collector.kill_9().await.unwrap();
    play(&mut stack, 11..=20).await;

    // The one that comes back missed nothing: the other heard it.
    stack.collector.restart().await.unwrap();
    stack
        .collector
        .says("another collector of this master heard")
        .await
        .unwrap();
    play(&mut stack, 21..=30).await;
    let logs = [stack.collector.said().1, stack.beside[0].said().1];
    assert!(!logs.iter().any(|log| log.contains(NOT_HEARD)), "{logs:?}");
    stack.finish().await.unwrap();
}

/// Jobs that both hear: in EVENTS once, and told once.
async fn play(stack: &mut Stack<Bus>, numbers: std::ops::RangeInclusive<u32>) {
    let last = *numbers.end();
    for number in numbers {
        let sls = format!("app{number:02}");
        let job = Job::new(number, "state.apply").args(&[&sls]);
        let job = job.on("web1", &["web1"]);
        stack.master.send(&job.whole(FULL)).await;
    }
    let title =
        |number| format!("🔴 state.apply app{number:02} on web1 failed: No space left on device");
    let expected: Vec<String> = (1..=last).map(title).collect();
    let told = stack.told(expected.len()).await.unwrap();
    stack.settled().await.unwrap();
    assert_eq!(titles(&told), expected);
    assert_eq!(stack.slack.posted().len(), expected.len());
    let events = stack.events(2 * u64::from(last)).await.unwrap();
    assert_eq!(
        events.len(),
        2 * expected.len(),
        "an event was stored twice"
    );
}
