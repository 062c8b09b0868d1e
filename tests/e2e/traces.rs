//! One job, one trace: from the master's bus to the Slack call and the mail, through both programs.
//! How a span is exported is the SDK's; that both protocols work is shown by using one in each program.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pillarbox_e2e::bus::{Bus, Framing, frame};
use pillarbox_e2e::play::{Job, Return, scheduled};
use pillarbox_e2e::slack::Fault;
use pillarbox_e2e::spans::{Seen, Spans};
use pillarbox_e2e::stack::{Scenario, Stack};
use pillarbox_e2e::wait;
use pillarbox_proto::trace::trace_id;
use serde_json::json;

use crate::scenes::scenario;

const ROUTES: &str = r#"
  - name: problems
    match: { outcome: [failed, changed, missing] }
    receivers: [ops-slack, ops-mail]
"#;

async fn stack_with(scenario: Scenario, spans: &Spans) -> Stack<Bus> {
    let mut stack = scenario.prepared_on_bus().await.unwrap();
    stack.collector.set(spans.over_grpc());
    for notifier in &mut stack.notifiers {
        notifier.set(spans.over_http());
    }
    stack.start().await.unwrap();
    stack.listens().await.unwrap();
    stack
}

/// Waits until so many spans of this name are there: all spans.
async fn spans_with(spans: &Spans, name: &str, count: usize) -> Vec<Seen> {
    let what = format!("{count} spans `{name}`");
    wait::until(Duration::from_secs(30), &what, async || {
        let seen = spans.seen();
        (named(&seen, name).len() >= count).then_some(seen)
    })
    .await
    .unwrap()
}

fn named<'a>(seen: &'a [Seen], name: &str) -> Vec<&'a Seen> {
    seen.iter().filter(|span| span.name == name).collect()
}

/// The names from a span up to its root.
fn way_up<'a>(seen: &'a [Seen], from: &'a Seen) -> Vec<&'a str> {
    let by_id: BTreeMap<&str, &Seen> = seen.iter().map(|it| (it.id.as_str(), it)).collect();
    let mut way = vec![from.name.as_str()];
    let mut at = from;
    while let Some(above) = by_id.get(at.parent.as_str()) {
        way.push(&above.name);
        at = above;
    }
    assert_eq!(at.parent, "", "a span above {} was never exported", at.name);
    way
}

#[tokio::test]
async fn a_job_is_one_trace_from_the_bus_to_slack_and_mail() {
    let spans = Spans::start().await.unwrap();
    let mut stack = stack_with(scenario(ROUTES), &spans).await;
    let job = Job::new(1, "state.apply").on("web*", &["web1", "web2"]);
    stack.master.send(&job.whole(Return::Changed)).await;
    stack.told(1).await.unwrap();
    stack.mailed(1).await.unwrap();
    stack.settled().await.unwrap();
    spans_with(&spans, "SMTP", 1).await;
    spans_with(&spans, "answer", 1).await;
    let seen = spans_with(&spans, "POST", 1).await;

    let traces: BTreeSet<&str> = seen.iter().map(|span| span.trace.as_str()).collect();
    let trace = trace_id("prod", job.jid());
    assert_eq!(traces, BTreeSet::from([trace.as_str()]));
    for call in ["POST", "SMTP"] {
        let calls = named(&seen, call);
        assert_eq!(calls.len(), 1, "{call}");
        let way = way_up(&seen, calls[0]);
        assert_eq!(
            way,
            [call, "deliver", "digest", "intake", "publish", "receive"]
        );
    }
    let asked = [
        "answer", "look-up", "digest", "intake", "publish", "receive",
    ];
    assert_eq!(way_up(&seen, named(&seen, "answer")[0]), asked);
    for (name, count) in [
        ("receive", 3),
        ("publish", 3),
        ("intake", 3),
        ("digest", 1),
        ("deliver", 2),
    ] {
        assert_eq!(named(&seen, name).len(), count, "{name}");
    }
    check_attributes(&seen, &job);
    stack.finish().await.unwrap();
}

fn check_attributes(seen: &[Seen], job: &Job) {
    for span in seen {
        let ours = ["receive", "publish", "answer"].contains(&span.name.as_str());
        let service = if ours {
            "pillarbox-collector"
        } else {
            "pillarbox-notifier"
        };
        assert_eq!(span.service, service, "{}", span.name);
        assert!(span.time.0 <= span.time.1, "{}", span.name);
        assert!(!span.failed, "{}", span.text);
    }
    for name in ["receive", "intake", "digest", "deliver"] {
        for span in named(seen, name) {
            let about = [
                "salt.cluster",
                "salt.job",
                "salt.jid",
                "salt.fun",
                "salt.master",
            ];
            let about = about.map(|key| span.attribute(key));
            let expect = [
                "prod",
                job.jid(),
                job.jid(),
                "state.apply",
                "salt1.example.com",
            ];
            assert_eq!(about, expect, "{name}");
        }
    }
    let minions = named(seen, "receive")
        .into_iter()
        .map(|it| it.attribute("salt.minion"));
    assert_eq!(
        minions.collect::<BTreeSet<_>>(),
        BTreeSet::from(["", "web1", "web2"])
    );
    let digest = named(seen, "digest")[0];
    let published: BTreeSet<&str> = named(seen, "publish")
        .iter()
        .map(|it| it.id.as_str())
        .collect();
    let linked: BTreeSet<&str> = digest.links.iter().map(|(_, span)| span.as_str()).collect();
    assert_eq!(
        linked, published,
        "a digest is linked to the events that it folds"
    );
    for span in named(seen, "deliver") {
        let said = [
            "pillarbox.route",
            "pillarbox.attempt",
            "pillarbox.version",
            "pillarbox.verdict",
        ];
        assert_eq!(
            said.map(|key| span.attribute(key)),
            ["problems", "1", "3", "done"]
        );
    }
    let post = named(seen, "POST")[0];
    assert_eq!(post.attribute("server.address"), "127.0.0.1");
    assert_eq!(post.attribute("http.response.status_code"), "200");
    assert_eq!(
        named(seen, "SMTP")[0].attribute("smtp.response.code"),
        "250"
    );
    assert_eq!(
        named(seen, "publish")[0].attribute("messaging.system"),
        "nats"
    );
}

#[tokio::test]
async fn scheduled_runs_are_the_trace_of_their_job() {
    let spans = Spans::start().await.unwrap();
    let quick = scenario(ROUTES).global("quiet_after: 2s");
    let mut stack = stack_with(quick, &spans).await;
    for (number, minion) in [(1, "web1"), (2, "web2")] {
        let ret = scheduled(number, minion, Return::Changed);
        stack.master.send(&ret).await;
    }
    stack.told(1).await.unwrap();
    stack.mailed(1).await.unwrap();
    stack.settled().await.unwrap();
    let events = stack.events(2).await.unwrap();
    let run = events[0].1["job"].as_str().unwrap();
    let seen = spans_with(&spans, "SMTP", 1).await;
    let traces: BTreeSet<&str> = seen.iter().map(|span| span.trace.as_str()).collect();
    assert!(run.starts_with("run-"), "{run}");
    assert_eq!(traces, BTreeSet::from([trace_id("prod", run).as_str()]));
    stack.finish().await.unwrap();
}

#[tokio::test]
async fn what_salt_itself_traces_is_linked_and_rides_beside_the_event() {
    let spans = Spans::start().await.unwrap();
    let mut stack = stack_with(scenario(ROUTES), &spans).await;
    let jid = "20261122130211000001";
    let (trace, span) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    let salts = format!("00-{trace}-{span}-01");
    let data = json!({
        "jid": jid, "tgt_type": "glob", "tgt": "*", "user": "root", "fun": "test.ping", "arg": [], "minions": [],
        "missing": [], "_stamp": "2026-11-22T13:02:11.116336+00:00", "traceparent": salts,
    });
    let event = frame(Framing::Bare, &format!("salt/job/{jid}/new"), &data).unwrap();
    stack.master.send(&event).await;
    let events = stack.events(1).await.unwrap();
    assert!(
        !events[0].1.to_string().contains(trace),
        "it is no part of the event"
    );
    let seen = spans_with(&spans, "receive", 1).await;
    let received = named(&seen, "receive")[0];
    assert_eq!(received.trace, trace_id("prod", jid));
    assert_eq!(received.links, [(trace.to_owned(), span.to_owned())]);
    let jetstream = async_nats::jetstream::new(stack.nats.client().await.unwrap());
    let stored = jetstream.get_stream("PILLARBOX_EVENTS").await.unwrap();
    let stored = stored.get_raw_message(1).await.unwrap();
    let header = stored.headers.get("Salt-Traceparent");
    assert_eq!(header.map(|value| value.as_str()), Some(salts.as_str()));
    stack.finish().await.unwrap();
}

#[tokio::test]
async fn failures_are_in_the_trace() {
    let spans = Spans::start().await.unwrap();
    let routes = scenario(ROUTES).announce("not delivered; tried again");
    let mut stack = stack_with(routes, &spans).await;
    stack
        .slack
        .fail_with([Fault::Answer(500, "trouble".to_owned())]);
    let job = Job::new(1, "state.apply").on("web*", &["web1"]);
    stack.master.send(&job.whole(Return::Changed)).await;
    stack.told(1).await.unwrap();
    stack.settled().await.unwrap();
    let seen = spans_with(&spans, "POST", 2).await;
    let posts = named(&seen, "POST");
    let statuses = posts
        .iter()
        .map(|it| it.attribute("http.response.status_code"));
    assert_eq!(statuses.collect::<Vec<_>>(), ["500", "200"]);
    let failed: Vec<bool> = posts.iter().map(|it| it.failed).collect();
    assert_eq!(failed, [true, false]);
    stack.finish().await.unwrap();
}

#[tokio::test]
async fn nobody_who_takes_spans_delays_nobody() {
    let spans = Spans::start().await.unwrap();
    let environment = spans.over_http();
    drop(spans); // from now on nobody listens there
    let quiet = scenario(ROUTES).announce("spans cannot be exported");
    let mut stack = quiet.prepared_on_bus().await.unwrap();
    stack.collector.set(environment.clone());
    stack.notifiers[0].set(environment);
    stack.start().await.unwrap();
    stack.listens().await.unwrap();
    let job = Job::new(1, "state.apply").on("web*", &["web1"]);
    stack.master.send(&job.whole(Return::Changed)).await;
    stack.told(1).await.unwrap();
    for program in [&mut stack.collector, &mut stack.notifiers[0]] {
        program.says("spans cannot be exported").await.unwrap();
        let said = program.said().1;
        assert_eq!(
            said.matches("spans cannot be exported").count(),
            1,
            "{said}"
        );
    }
    stack.finish().await.unwrap();
}
