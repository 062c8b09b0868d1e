//! The three pages of both programs: they say why a program is not ready, and their numbers move with a job.
//! Whether a number is the right one to watch, README says.

use std::time::Duration;

use pillarbox_e2e::bus::Bus;
use pillarbox_e2e::pages::{self, Sample};
use pillarbox_e2e::play::{Job, Return};
use pillarbox_e2e::stack::Stack;
use pillarbox_e2e::wait;

use crate::scenes::scenario;

const ROUTES: &str = r#"
  - name: problems
    match: { outcome: [failed, changed, missing] }
    receivers: [ops-slack, ops-mail]
"#;

/// Waits until a page answers with this status: its body.
async fn answers(address: &str, path: &str, expect: u16) -> String {
    let what = format!("{path} to answer {expect}");
    wait::until(Duration::from_secs(30), &what, async || {
        let (status, _, body) = pages::get(address, path).await.ok()?;
        (status == expect).then_some(body)
    })
    .await
    .unwrap()
}

async fn prepared() -> Stack<Bus> {
    let shown = scenario(ROUTES).collector("http: 127.0.0.1:0");
    let shown = shown.global("http: 127.0.0.1:0");
    shown.prepared_on_bus().await.unwrap()
}

/// The collector's pages, and the notifier's.
async fn addresses(stack: &mut Stack<Bus>) -> (String, String) {
    let collector = pages::address(&mut stack.collector).await.unwrap();
    let notifier = pages::address(&mut stack.notifiers[0]).await.unwrap();
    (collector, notifier)
}

/// What `/readyz` says, as soon as it says something of this.
async fn reasons(address: &str, about: &str) -> String {
    let said = async || {
        let (status, _, body) = pages::get(address, "/readyz").await.ok()?;
        (status == 503 && body.contains(about)).then_some(body)
    };
    wait::until(Duration::from_secs(30), about, said)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_program_is_ready_when_it_can_work_and_says_why_not() {
    let mut stack = prepared().await;
    stack.announce("cannot reach NATS");
    stack.announce("cannot provision yet");
    stack.announce("waiting for the stream");
    stack.announce("NATS client says");
    stack.collector.restart().await.unwrap();
    stack.notifiers[0].restart().await.unwrap();
    let (collector, notifier) = addresses(&mut stack).await;
    for address in [&collector, &notifier] {
        assert_eq!(reasons(address, "NATS").await, "NATS is not connected\n");
    }
    assert_eq!(answers(&collector, "/healthz", 200).await, "ok\n");
    assert_eq!(answers(&notifier, "/healthz", 200).await, "ok\n");

    stack.notifiers[0].kill_9().await.unwrap();
    stack.nats.restart().await.unwrap();
    assert_eq!(reasons(&collector, "PILLARBOX_EVENTS").await, NO_STREAM);

    stack.notifiers[0].restart().await.unwrap();
    assert_eq!(answers(&collector, "/readyz", 200).await, "ok\n");
    stack.listens().await.unwrap();
    stack.finish().await.unwrap();
}

const NO_STREAM: &str = "\
the stream PILLARBOX_EVENTS does not exist: `pillarbox-notifier provision` or a running notifier creates it
";

#[tokio::test]
async fn numbers_move_with_a_job() {
    let mut stack = prepared().await;
    stack.start().await.unwrap();
    stack.listens().await.unwrap();
    let (collector, notifier) = addresses(&mut stack).await;
    answers(&collector, "/readyz", 200).await;
    answers(&notifier, "/readyz", 200).await;
    let before = value(
        &pages::metrics(&collector).await.unwrap(),
        "pillarbox_collector_published_total",
        &[],
    );
    assert_eq!(before, Some(0.0));

    let job = Job::new(1, "state.apply").on("web*", &["web1", "web2"]);
    stack.master.send(&job.whole(Return::Changed)).await;
    stack.told(1).await.unwrap();
    stack.mailed(1).await.unwrap();
    stack.settled().await.unwrap();

    let samples = pages::metrics(&collector).await.unwrap();
    let check = |name: &str, labels: &[(&str, &str)], expect: f64| {
        let name = format!("pillarbox_collector_{name}");
        assert_eq!(
            value(&samples, &name, labels),
            Some(expect),
            "{name} {labels:?}"
        );
    };
    check("frames_total", &[], 3.0);
    check("published_total", &[], 3.0);
    check(
        "job_events_total",
        &[("kind", "ret"), ("outcome", "changed")],
        2.0,
    );
    check("job_events_total", &[("kind", "new"), ("outcome", "")], 1.0);
    check("bus_connected", &[], 1.0);
    check("nats_connected", &[], 1.0);
    check("queue_limit_bytes", &[], 67_108_864.0);
    let heard = value(
        &samples,
        "pillarbox_collector_last_event_timestamp_seconds",
        &[],
    );
    assert!(heard.is_some_and(|at| at > 1.7e9), "{heard:?}");

    let samples = pages::metrics(&notifier).await.unwrap();
    let check = |name: &str, labels: &[(&str, &str)], expect: f64| {
        let name = format!("pillarbox_notifier_{name}");
        assert_eq!(
            value(&samples, &name, labels),
            Some(expect),
            "{name} {labels:?}"
        );
    };
    check("events_total", &[("result", "passed")], 3.0);
    check(
        "digests_total",
        &[("route", "problems"), ("decision", "said")],
        1.0,
    );
    for (receiver, transport) in [("ops-slack", "slack"), ("ops-mail", "email")] {
        let whom = [("receiver", receiver), ("transport", transport)];
        let delivered = [&whom[..], &[("result", "delivered")]].concat();
        check("attempts_total", &delivered, 1.0);
        check("attempt_duration_seconds_count", &whom, 1.0);
        check("delivery_age_seconds_count", &whom, 1.0);
        check("waiting_deliveries", &whom, 0.0);
        check("paused", &whom, 0.0);
    }
    check("nats_connected", &[], 1.0);
    let unbounded = ["minion", "jid", "job", "fun"];
    for sample in samples {
        assert!(
            !unbounded
                .iter()
                .any(|label| sample.labels.contains_key(*label)),
            "{sample:?}"
        );
    }
    stack.finish().await.unwrap();
}

fn value(samples: &[Sample], name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let labels = labels
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let labels = labels.collect();
    let found = samples
        .iter()
        .find(|it| it.name == name && it.labels == labels);
    found.map(|it| it.value)
}

#[tokio::test]
async fn an_address_that_is_taken_is_said_and_nothing_starts() {
    let mut stack = prepared().await;
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let config = stack.scratch().path().join("collector.yml");
    let text = std::fs::read_to_string(&config).unwrap();
    let text = text.replace("127.0.0.1:0", &address.to_string());
    std::fs::write(&config, text).unwrap();
    stack.collector.restart().await.unwrap();
    let what = "the collector to end";
    let ended = wait::until(Duration::from_secs(30), what, async || {
        stack.collector.still_runs().err()
    });
    ended.await.unwrap();
    let said = stack.collector.said().1;
    assert!(
        said.contains(&format!("cannot listen on {address}")),
        "{said}"
    );
}
