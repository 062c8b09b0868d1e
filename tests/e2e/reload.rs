//! SIGHUP: a good file is taken while the work goes on, and a bad one is not; nothing is lost or said twice by it.
//! What each kind of mistake is said like, the configurations' own tests know.

use nix::sys::signal::Signal;
use pillarbox_e2e::bus::Bus;
use pillarbox_e2e::play::Job;
use pillarbox_e2e::stack::Stack;

use crate::scenes::{scenario, titles};

const TAKEN: &str = "took the new configuration: ";
const AUDIT: &str =
    "  - name: audit\n    on: start\n    match: { fun: state.apply }\n    receivers: [ops-slack]\n";

fn job(number: u32, fun: &str) -> Vec<u8> {
    let sls = format!("app{number:03}");
    Job::new(number, fun)
        .args(&[&sls])
        .on("web1", &["web1"])
        .new_event()
}

fn title(number: u32, fun: &str) -> String {
    format!("salt web1 {fun} app{number:03}")
}

async fn told_exactly(stack: &mut Stack<Bus>, expected: &[String]) {
    assert_eq!(titles(&stack.told(expected.len()).await.unwrap()), expected);
    stack.settled().await.unwrap();
    assert_eq!(stack.slack.posted().len(), expected.len());
}

#[tokio::test]
async fn a_new_route_takes_effect_and_nothing_is_lost_or_doubled_meanwhile() {
    const BEFORE: u32 = 40;
    const ALL: u32 = 80;
    let mut stack = scenario(AUDIT).on_bus().await.unwrap();
    let mut expected = Vec::new();
    for number in 1..=ALL {
        stack.master.send(&job(number, "state.apply")).await;
        expected.push(title(number, "state.apply"));
        if number == BEFORE {
            let more = format!(
                "{AUDIT}{}",
                AUDIT
                    .replace("audit", "more")
                    .replace("state.apply", "cmd.run")
            );
            stack.rewrite_notifiers(AUDIT, &more).unwrap();
            stack.notifiers[0].signal(Signal::SIGHUP);
        }
        if number == BEFORE + 1 {
            stack
                .rewrite_notifiers("Europe/Berlin", "Europe/Paris")
                .unwrap();
            stack.notifiers[0].signal(Signal::SIGHUP); // while the first may be in the making
        }
    }
    stack.notifiers[0].says("timezone").await.unwrap();
    stack.master.send(&job(ALL + 1, "cmd.run")).await;
    expected.push(title(ALL + 1, "cmd.run"));
    expected.sort();
    told_exactly(&mut stack, &expected).await;
    stack.finish().await.unwrap();
}

#[tokio::test]
async fn a_broken_file_is_said_mistake_by_mistake_and_the_old_one_stays() {
    let stack = scenario(AUDIT)
        .announce("notifier.yml:")
        .announce("kept the configuration");
    let mut stack = stack.on_bus().await.unwrap();
    stack.rewrite_notifiers("on: start", "onn: start").unwrap();
    stack
        .rewrite_notifiers("receivers: [ops-slack]", "receivers: [ops-slak]")
        .unwrap();
    stack.notifiers[0].signal(Signal::SIGHUP);
    let notifier = &mut stack.notifiers[0];
    notifier
        .says("kept the configuration that is in force")
        .await
        .unwrap();
    for mistake in [
        "a route has no key `onn`; did you mean `on`?",
        "there is no receiver `ops-slak`; did you mean `ops-slack`?",
    ] {
        notifier.says(mistake).await.unwrap();
    }
    stack.master.send(&job(1, "state.apply")).await;
    told_exactly(&mut stack, &[title(1, "state.apply")]).await;

    // Mended, and otherwise as it was: nothing happens.
    stack.rewrite_notifiers("onn: start", "on: start").unwrap();
    stack.rewrite_notifiers("ops-slak]", "ops-slack]").unwrap();
    stack.notifiers[0].signal(Signal::SIGHUP);
    stack.notifiers[0]
        .says("the configuration is as it was")
        .await
        .unwrap();
    assert!(!stack.notifiers[0].said().1.contains(TAKEN));
    stack.finish().await.unwrap();
}

#[tokio::test]
async fn a_rotated_secret_is_used_from_then_on() {
    let mut stack = scenario(AUDIT).on_bus().await.unwrap();
    stack.master.send(&job(1, "state.apply")).await;
    stack.told(1).await.unwrap();
    let rotated = stack.slack.webhook_url().replace("B00000000", "B00000001");
    stack.scratch().file("webhook", &rotated).unwrap();
    stack.notifiers[0].signal(Signal::SIGHUP);
    let said_so = format!(
        "{TAKEN}the secret in {}/webhook",
        stack.scratch().path().display()
    );
    stack.notifiers[0].says(&said_so).await.unwrap();
    stack.master.send(&job(2, "state.apply")).await;
    told_exactly(
        &mut stack,
        &[title(1, "state.apply"), title(2, "state.apply")],
    )
    .await;
    let paths: Vec<String> = stack
        .slack
        .requests()
        .into_iter()
        .map(|it| it.path)
        .collect();
    assert!(
        paths[0].contains("B00000000") && paths[1].contains("B00000001"),
        "{paths:?}"
    );
    assert!(
        !stack.notifiers[0].said().1.contains("B0000000"),
        "a secret in the log"
    );
    stack.finish().await.unwrap();
}

#[tokio::test]
async fn a_collector_that_takes_a_new_file_misses_nothing_on_the_bus() {
    const ALL: u32 = 300;
    let stack = scenario(AUDIT).collector("queue: 64MiB");
    // Said when the two that read the same bus for a moment publish the same event at the same time.
    let stack = stack.announce("events already that this collector never sent");
    let mut stack = stack.on_bus().await.unwrap();
    for number in 1..=ALL {
        stack.master.send(&job(number, "test.ping")).await;
        if number == ALL / 3 {
            stack.rewrite_collector("64MiB", "32MiB").unwrap();
            stack.collector.signal(Signal::SIGHUP);
        }
        if number == 2 * ALL / 3 {
            stack.master.connected(2).await.unwrap();
        }
    }
    let taken = format!("{TAKEN}queue");
    stack.collector.says(&taken).await.unwrap();
    let all = usize::try_from(ALL).unwrap();
    assert_eq!(stack.events(ALL.into()).await.unwrap().len(), all);
    stack.collector.signal(Signal::SIGHUP);
    let as_it_was = "the configuration is as it was";
    stack.collector.says(as_it_was).await.unwrap();
    assert_eq!(stack.events(ALL.into()).await.unwrap().len(), all);
    assert_eq!(stack.master.connections(), 2);
    assert!(!stack.collector.said().1.contains("was not heard"));
    stack.finish().await.unwrap();
}

#[tokio::test]
async fn a_collector_keeps_its_file_when_the_new_one_is_broken() {
    let stack = scenario(AUDIT).announce("collector.yml:");
    let mut stack = stack
        .announce("kept the configuration")
        .on_bus()
        .await
        .unwrap();
    stack
        .rewrite_collector("cluster: prod", "cluser: !prod")
        .unwrap();
    stack.collector.signal(Signal::SIGHUP);
    let collector = &mut stack.collector;
    let kept = "kept the configuration that is in force";
    collector.says(kept).await.unwrap();
    for mistake in ["did you mean `cluster`?", "YAML reads `!prod` as a tag"] {
        collector.says(mistake).await.unwrap();
    }
    stack.master.send(&job(1, "state.apply")).await;
    told_exactly(&mut stack, &[title(1, "state.apply")]).await;
    stack.finish().await.unwrap();
}

/// What the master fired meanwhile waits in memory, and goes by the connection that the mended login opens.
#[tokio::test]
async fn a_collector_publishes_what_it_held_while_its_login_was_refused() {
    let stack = scenario(AUDIT).nats_password("right");
    let stack = stack.announce("NATS does not let the collector in");
    let mut stack = stack.prepared_on_bus().await.unwrap();
    stack.nats.restart().await.unwrap();
    stack.notifiers[0].restart().await.unwrap();
    let provisioned = "streams and consumers are as they should be";
    stack.notifiers[0].says(provisioned).await.unwrap();
    let login = stack.scratch().file("nats-password", "wrong").unwrap();
    stack.collector.restart().await.unwrap();
    let refused = "NATS does not let the collector in";
    stack.collector.says(refused).await.unwrap();
    stack.master.connected(1).await.unwrap();
    stack.master.send(&job(1, "state.apply")).await;

    std::fs::write(&login, "right").unwrap();
    stack.collector.signal(Signal::SIGHUP);
    stack.collector.says("connected to NATS").await.unwrap();
    told_exactly(&mut stack, &[title(1, "state.apply")]).await;
    stack.finish().await.unwrap();
}
