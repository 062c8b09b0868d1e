//! Moments and matchers: who is told of what, and when. Each scenario is a table of jobs beside what is said of them.

use pillarbox_e2e::play::{Job, Return};

use crate::scenes::{scenario, titles};

const LOST: Return<'_> = Return::Failed("No space left on device");

#[tokio::test]
async fn on_start_says_what_is_run_unless_the_target_is_excluded() {
    let routes = r#"
  - name: audit-commands
    on: start
    match: { fun: [cmd.run, "state.*"], target: "!saltmaster" }
    receivers: [ops-slack]
"#;
    // Function, target, and what is said.
    let table = [
        ("cmd.run", "web*", Some("salt 'web*' cmd.run")),
        ("cmd.run", "saltmaster", None),
        ("cmd.run", "saltmaster2", Some("salt saltmaster2 cmd.run")),
        ("state.apply", "saltmaster", None),
        ("state.highstate", "*", Some("salt '*' state.highstate")),
        ("test.ping", "*", None),
        ("cmd.run_all", "*", None),
    ];
    let mut stack = scenario(routes).on_bus().await.unwrap();
    for (number, (fun, target, _)) in (1..).zip(table) {
        let job = Job::new(number, fun).on(target, &["web1"]);
        stack.master.send(&job.new_event()).await;
    }
    stack.events(7).await.unwrap();
    stack.settled().await.unwrap();
    let mut said: Vec<&str> = table.iter().filter_map(|(_, _, said)| *said).collect();
    said.sort_unstable();
    assert_eq!(titles(&stack.told(3).await.unwrap()), said);
    stack.finish().await.unwrap();
}

#[tokio::test]
async fn each_outcome_is_told_to_the_route_that_asks_for_it() {
    let routes = r#"
  - name: failed
    match: { fun: state.apply, outcome: failed }
    receivers: [ops-slack]
  - name: several
    match: { fun: state.highstate, outcome: [changed, pending] }
    receivers: [ops-slack]
  - name: not-clean
    match: { fun: state.sls, outcome: "!clean" }
    receivers: [ops-slack]
  - name: clean
    match: { fun: state.single, outcome: clean }
    receivers: [ops-slack]
  - name: all
    match: { fun: state.top }
    receivers: [ops-slack]
"#;
    let outcomes = [LOST, Return::Changed, Return::Pending, Return::Clean];
    // Function, and for each outcome in their order whether it is told.
    let table = [
        ("state.apply", [true, false, false, false]),
        ("state.highstate", [false, true, true, false]),
        ("state.sls", [true, true, true, false]),
        ("state.single", [false, false, false, true]),
        ("state.top", [true, true, true, true]),
        ("state.low", [false, false, false, false]),
    ];
    let mut stack = scenario(routes).on_bus().await.unwrap();
    let mut expected = Vec::new();
    let mut number = 0;
    for (fun, told) in table {
        for (states, told) in outcomes.into_iter().zip(told) {
            number += 1;
            let job = Job::new(number, fun).on("web1", &["web1"]);
            stack.master.send(&job.whole(states)).await;
            expected.extend(told.then(|| title(fun, states)));
        }
    }
    stack.events(2 * u64::from(number)).await.unwrap();
    stack.settled().await.unwrap();
    expected.sort();
    assert_eq!(titles(&stack.told(1).await.unwrap()), expected);
    stack.finish().await.unwrap();
}

fn title(fun: &str, states: Return<'_>) -> String {
    match states {
        Return::Failed(why) => format!("🔴 {fun} on web1 failed: {why}"),
        Return::Changed => format!("🟡 {fun} on web1 changed file.managed /etc/motd"),
        Return::Pending => format!("🔵 {fun} on web1 would change file.managed /etc/motd"),
        Return::Clean => format!("🟢 {fun} on web1 is clean"),
    }
}

#[tokio::test]
async fn a_route_for_some_minions_names_only_those() {
    let routes = r#"
  - name: web
    match: { minion: ["web*", "!web9"], outcome: [failed, missing] }
    receivers: [ops-slack]
    finish_after: 3s
"#;
    let mut stack = scenario(routes).on_bus().await.unwrap();
    let job = Job::new(1, "state.apply").on("*", &["db1", "db2", "web1", "web2", "web3", "web9"]);
    stack.master.send(&job.new_event()).await;
    for (minion, states) in [
        ("db1", LOST),
        ("web1", LOST),
        ("web2", Return::Clean),
        ("web9", LOST),
    ] {
        stack.master.send(&job.ret(minion, states)).await;
    }
    let told = stack.told(1).await.unwrap();
    stack.settled().await.unwrap();
    assert_eq!(stack.slack.posted().len(), 1);
    assert_eq!(told, [ONLY_WEB]);
    stack.finish().await.unwrap();
}

#[tokio::test]
async fn minions_go_on_down_the_list_only_past_a_route_that_continues() {
    let routes = r#"
  - name: everything-broken
    match: { outcome: failed }
    receivers: [ops-mail]
    continue: true
  - name: web
    match: { minion: "web*", outcome: [failed, changed] }
    receivers: [ops-slack]
  - name: the-rest
    match: { outcome: [failed, changed] }
    receivers: [ops-slack]
"#;
    let mut stack = scenario(routes).on_bus().await.unwrap();
    let job = Job::new(1, "state.apply").on("*", &["db1", "db2", "web1", "web2"]);
    stack.master.send(&job.new_event()).await;
    for (minion, states) in [
        ("db1", LOST),
        ("db2", Return::Clean),
        ("web1", LOST),
        ("web2", Return::Changed),
    ] {
        stack.master.send(&job.ret(minion, states)).await;
    }
    stack.events(5).await.unwrap();
    stack.settled().await.unwrap();
    let mut told = stack.told(2).await.unwrap();
    let mails = stack.mailed(1).await.unwrap();
    told.sort();
    assert_eq!(told, [THE_REST, WEB]);
    let first = mails[0].text.lines().next();
    let whole = "state.apply on * failed on 2 of 4: No space left on device";
    assert_eq!(first, Some(whole));
    assert_eq!((told.len(), mails.len()), (2, 1));
    stack.finish().await.unwrap();
}

const ONLY_WEB: &str = "\
🔴 state.apply on * failed on web1, 1 of 3: No space left on device
1 did not answer · 1 clean · alice via sudo on salt1.example.com (prod) · Sun 22 Nov 2026, 14:02:11–14:02:53 CET, 42s
pkg.installed nginx-extras (nginx.init) failed on web1 · new
    No space left on device
Did not answer: web3
salt web1 state.apply test=True
salt web3 test.ping
salt-run jobs.lookup_jid 20261122130211000001";

const THE_REST: &str = "\
🔴 state.apply on * failed on 2 of 4: No space left on device (on 1)
1 changed · 1 clean · alice via sudo on salt1.example.com (prod) · Sun 22 Nov 2026, 14:02:11–14:02:53 CET, 42s
pkg.installed nginx-extras (nginx.init) failed on db1 · new
    No space left on device
salt db1 state.apply test=True
salt-run jobs.lookup_jid 20261122130211000001";

const WEB: &str = "\
🔴 state.apply on * failed on web1, 1 of 2: No space left on device
1 changed · alice via sudo on salt1.example.com (prod) · Sun 22 Nov 2026, 14:02:11–14:02:53 CET, 42s
pkg.installed nginx-extras (nginx.init) failed on web1 · new
    No space left on device
Changed on 1: file.managed /etc/motd (web2)
salt web1 state.apply test=True
salt-run jobs.lookup_jid 20261122130211000001";
