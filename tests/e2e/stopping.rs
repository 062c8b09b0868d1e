//! SIGTERM and Ctrl-C in the middle of deliveries: a good end, and what was left is delivered by whoever is there next.

use std::time::Duration;

use futures_util::TryStreamExt;
use nix::sys::signal::Signal;
use pillarbox_e2e::bus::Bus;
use pillarbox_e2e::mail::MailScript;
use pillarbox_e2e::pages;
use pillarbox_e2e::play::{Job, Return};
use pillarbox_e2e::stack::Stack;
use pillarbox_e2e::wait::until;
use pillarbox_proto::delivery::{LedgerEntry, LedgerState};
use pillarbox_proto::subject::Group;
use pillarbox_proto::topology::{Bucket, Topology, intake_name};
use pillarbox_proto::wire;

use crate::scenes::{scenario, titles};

const JOBS: u32 = 20;
const GRACE: Duration = Duration::from_secs(15);

#[tokio::test]
async fn a_notifier_that_is_told_to_stop_leaves_nothing_undone() {
    let routes = "  - name: failures\n    match: { outcome: failed }\n    receivers: [ops-slack]\n";
    let mut stack = scenario(routes).notifiers(2).on_bus().await.unwrap();
    stack.slack.answer_after(Duration::from_millis(700));
    let mut expected = Vec::new();
    for number in 1..=JOBS {
        let sls = format!("app{number:02}");
        let job = Job::new(number, "state.apply")
            .args(&[&sls])
            .on("web1", &["web1"]);
        stack
            .master
            .send(&job.whole(Return::Failed("No space left on device")))
            .await;
        expected.push(format!(
            "🔴 state.apply {sls} on web1 failed: No space left on device"
        ));
    }
    stack.told(1).await.unwrap();
    stack.notifiers[0].terminate(GRACE).await.unwrap();
    let after_term = stack.slack.posted().len();
    stack.notifiers[1].interrupt(GRACE).await.unwrap();
    let after_both = stack.slack.posted().len();
    assert!(
        after_both < expected.len(),
        "all was delivered before the last one stopped: {after_term}, {after_both}"
    );
    stack.notifiers[0].restart().await.unwrap();
    assert_eq!(titles(&stack.told(expected.len()).await.unwrap()), expected);
    stack.settled().await.unwrap();
    assert_eq!(stack.slack.posted().len(), expected.len());
    stack.finish().await.unwrap();
}

const ROUTE: &str =
    "  - name: failures\n    match: { outcome: failed }\n    receivers: [ops-slack, ops-mail]\n";

fn failing(number: u32) -> Vec<u8> {
    let sls = format!("app{number:03}");
    let job = Job::new(number, "state.apply").args(&[&sls]);
    job.on("web1", &["web1"])
        .whole(Return::Failed("No space left on device"))
}

/// Every entry of the ledger.
async fn ledger(stack: &Stack<Bus>) -> Vec<LedgerEntry> {
    let jetstream = async_nats::jetstream::new(stack.nats.client().await.unwrap());
    let bucket = Topology::default().bucket_name(Bucket::Ledger);
    let bucket = jetstream.get_key_value(bucket).await.unwrap();
    let keys: Vec<String> = bucket.keys().await.unwrap().try_collect().await.unwrap();
    let mut entries = Vec::new();
    for key in keys {
        let entry = bucket.get(key).await.unwrap().unwrap();
        entries.push(wire::decode_entry(&entry).unwrap());
    }
    entries
}

/// Slack and the mail server have the message, and do not answer yet.
async fn in_the_middle_of_a_delivery(stack: &mut Stack<Bus>) {
    let held = MailScript {
        data: vec!["accept-hold".to_owned()],
        ..MailScript::default()
    };
    stack.mail.obey(&held).unwrap();
    stack.slack.hold();
    stack.master.send(&failing(1)).await;
    let sent = async || {
        let both = stack.slack.requests().len() == 1 && stack.mail.attempts().len() == 1;
        both.then_some(())
    };
    until(GRACE * 2, "both to be sent", sent).await.unwrap();
}

#[tokio::test]
async fn a_delivery_that_has_begun_is_ended_and_recorded() {
    let mut stack = scenario(ROUTE).on_bus().await.unwrap();
    in_the_middle_of_a_delivery(&mut stack).await;
    stack.notifiers[0].signal(Signal::SIGTERM);
    let stopping = "stopping: finishing what is in hand";
    stack.notifiers[0].says(stopping).await.unwrap();
    stack.slack.release();
    stack.mail.release().unwrap();
    assert_eq!(stack.notifiers[0].end(GRACE).await.unwrap(), Some(0));

    // Before anybody else could have helped: it is said once each, recorded, and acknowledged.
    stack.settled().await.unwrap();
    assert_eq!(stack.slack.posted().len(), 1);
    assert_eq!(stack.mail.mails().unwrap().len(), 1);
    let entries = ledger(&stack).await;
    let states: Vec<&LedgerState> = entries.iter().map(|entry| &entry.state).collect();
    assert_eq!(states, [&LedgerState::Delivered, &LedgerState::Delivered]);
    stack.finish().await.unwrap();
}

/// What was sent and not recorded is in doubt until the lease of a minute is over; then the next worker sends it again.
#[tokio::test]
async fn when_the_grace_is_over_it_says_so_and_another_worker_finishes() {
    let stack = scenario(ROUTE).option("--grace=1s");
    let stack = stack.announce("stopped before everything in hand was finished");
    let mut stack = stack.on_bus().await.unwrap();
    in_the_middle_of_a_delivery(&mut stack).await;
    stack.notifiers[0].signal(Signal::SIGTERM);
    assert_eq!(stack.notifiers[0].end(GRACE).await.unwrap(), Some(1));
    let said = stack.notifiers[0].said().1;
    assert!(said.contains("the grace period is over"), "{said}");
    stack.slack.release();
    stack.mail.release().unwrap();
    stack.notifiers[0].restart().await.unwrap();
    stack.told(2).await.unwrap();
    stack.mailed(2).await.unwrap();
    stack.settled().await.unwrap();
    let entries = ledger(&stack).await;
    let in_doubt = |it: &LedgerEntry| matches!(it.state, LedgerState::Ambiguous { .. });
    assert!(
        entries.iter().all(in_doubt) && entries.len() == 2,
        "{entries:#?}"
    );
    stack.finish().await.unwrap();
}

/// A worker that is told to stop keeps nothing that it has not begun: it would come back only after 30 s.
#[tokio::test]
async fn what_was_not_begun_goes_to_another_worker_at_once() {
    const FLOOD: u32 = 200;
    let audit = "  - name: audit\n    on: start\n    receivers: [ops-slack]\n";
    let mut stack = scenario(audit).notifiers(2).on_bus().await.unwrap();
    for number in 1..=FLOOD {
        let job = Job::new(number, "test.ping").on("web1", &["web1"]);
        stack.master.send(&job.new_event()).await;
        if number == FLOOD / 2 {
            stack.told(1).await.unwrap();
            stack.notifiers[0].signal(Signal::SIGTERM);
        }
    }
    assert_eq!(stack.notifiers[0].end(GRACE).await.unwrap(), Some(0));
    let jetstream = async_nats::jetstream::new(stack.nats.client().await.unwrap());
    let (topology, group) = (Topology::default(), Group::new("main").unwrap());
    let (events, intake) = (topology.events_name(), intake_name(&group));
    stack.events(FLOOD.into()).await.unwrap();
    let all_passed_on = async || {
        let stream = jetstream.get_stream(&events).await.ok()?;
        let info = stream.consumer_info(&intake).await.ok()?;
        (info.num_pending == 0 && info.num_ack_pending == 0).then_some(())
    };
    let what = "the other worker to have passed every event on";
    until(GRACE, what, all_passed_on).await.unwrap();
    let told = stack.told(usize::try_from(FLOOD).unwrap()).await;
    told.unwrap();
    stack.settled().await.unwrap();
    let flood = usize::try_from(FLOOD).unwrap();
    assert_eq!(stack.slack.posted().len(), flood);
    stack.finish().await.unwrap();
}

/// A collector alone with what it has read, and NATS away.
async fn holding(count: u32) -> Stack<Bus> {
    let stack = scenario(ROUTE)
        .announce("the connection to NATS is lost")
        .announce("the NATS client says")
        .announce("told to stop again")
        .announce("does not acknowledge")
        .collector("http: 127.0.0.1:0");
    let mut stack = stack.on_bus().await.unwrap();
    stack.notifiers[0].terminate(GRACE).await.unwrap();
    stack.nats.kill_9().await.unwrap();
    let lost = "the connection to NATS is lost";
    stack.collector.says(lost).await.unwrap();
    for number in 1..=count {
        let job = Job::new(number, "test.ping").on("web1", &["web1"]);
        stack.master.send(&job.new_event()).await;
    }
    let pages = pages::address(&mut stack.collector).await.unwrap();
    let read = async || {
        let samples = pages::metrics(&pages).await.ok()?;
        let frames = samples
            .iter()
            .filter(|sample| sample.name == "pillarbox_collector_frames_total");
        let frames: f64 = frames.map(|sample| sample.value).sum();
        (frames >= f64::from(count)).then_some(())
    };
    until(GRACE, "the collector to have read all", read)
        .await
        .unwrap();
    stack.collector.signal(Signal::SIGTERM);
    let told = "told to stop: publishing what was read";
    stack.collector.says(told).await.unwrap();
    stack
}

#[tokio::test]
async fn a_collector_publishes_what_it_has_read_before_it_ends() {
    const HELD: u32 = 50;
    let mut stack = holding(HELD).await;
    stack.nats.restart().await.unwrap();
    assert_eq!(stack.collector.end(GRACE).await.unwrap(), Some(0));
    let events = stack.events(HELD.into()).await.unwrap();
    assert_eq!(events.len(), usize::try_from(HELD).unwrap());
    stack.finish().await.unwrap();
}

#[tokio::test]
async fn a_second_signal_ends_a_collector_at_once() {
    let mut stack = holding(1).await;
    stack.collector.signal(Signal::SIGTERM);
    let at_once = Duration::from_secs(5); // the grace period is 10 s
    assert_eq!(stack.collector.end(at_once).await.unwrap(), Some(1));
    let said = stack.collector.said().1;
    assert!(said.contains("stopping at once"), "{said}");
    stack.finish().await.unwrap();
}
