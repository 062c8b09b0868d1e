//! A message for each return (`on: return`), in a route's own words: what the second of the two posts that this project comes from did.
//! What each matcher matches is told in tables beside the matchers.

use pillarbox_e2e::play::{Job, Return, scheduled};
use pillarbox_e2e::stack::Stack;
use serde_json::json;

use crate::captured;
use crate::scenes::{scenario, titles, unix};

const LOST: Return<'_> = Return::Failed("No space left on device");

const POST: &str = r#"
  - name: highstate-alerts
    on: return
    match: { fun: "state.*", outcome: [failed, changed] }
    subject: "Salt master: minion failure or changes: id: {{ id }} jid: {{ jid }}"
    receivers: [ops-mail]
"#;

/// `state.apply failing` on two minions, and `state.apply nochange` in batches of one.
const FAILED_JID: &str = "20261122012432185068";
const CLEAN_JID: &str = "20261122012659627547";

/// Subject and text of each mail, sorted: those of one job arrive in any order.
async fn mailed<M>(stack: &mut Stack<M>, count: usize) -> Vec<(String, String)> {
    stack.mailed(count).await.unwrap();
    stack.settled().await.unwrap();
    let mails = stack.mail.mails().unwrap();
    assert_eq!(mails.len(), count);
    let mut read: Vec<(String, String)> = mails
        .iter()
        .map(|mail| (mail.subject.clone(), unix(&mail.text)))
        .collect();
    read.sort();
    read
}

/// Two minions on which three states failed, as a real master fired it; and one of whose returns the filter takes none.
#[tokio::test]
async fn captured_returns_are_a_mail_each_with_the_posts_subject() {
    let mut stack = scenario(POST).on_bus().await.unwrap();
    for jid in [FAILED_JID, CLEAN_JID] {
        for frame in captured::frames_of("3008.5", jid) {
            stack.master.send(&frame).await;
        }
    }
    stack.events(9).await.unwrap();
    let mails = mailed(&mut stack, 2).await;
    for ((subject, text), minion) in mails.iter().zip(["3008-m1", "3008-m2"]) {
        assert_eq!(
            *subject,
            format!("Salt master: minion failure or changes: id: {minion} jid: {FAILED_JID}")
        );
        assert_eq!(*text, CAPTURED.replace("MINION", minion));
    }
    stack.finish().await.unwrap();
}

#[tokio::test]
async fn what_changed_is_told_and_what_is_clean_is_not() {
    let mut stack = scenario(POST).on_bus().await.unwrap();
    let job = Job::new(1, "state.apply")
        .args(&["nginx"])
        .on("*", &["web1", "web2", "web3", "web4"]);
    stack.master.send(&job.new_event()).await;
    for (minion, states) in [
        ("web1", Return::Changed),
        ("web2", Return::Clean),
        ("web3", Return::Pending),
    ] {
        stack.master.send(&job.ret(minion, states)).await;
    }
    // Fired twice, as a second collector of the same bus would: said once.
    stack.master.send(&job.ret("web1", Return::Changed)).await;
    stack.events(4).await.unwrap();
    let mails = mailed(&mut stack, 1).await;
    let subject = "Salt master: minion failure or changes: id: web1 jid: 20261122130211000001";
    assert_eq!(mails, [(subject.to_owned(), CHANGED.to_owned())]);
    stack.finish().await.unwrap();
}

/// A return does not say who ran its job, on whom: the job's `new` does. A run that nobody announced has its own jid.
#[tokio::test]
async fn a_return_is_told_with_what_its_job_says() {
    let routes = r#"
  - name: alices
    on: return
    match: { user: alice, target: "web*", outcome: failed }
    receivers: [ops-slack]
  - name: scheduled
    on: return
    match: { schedule: hourly, outcome: failed }
    receivers: [ops-slack]
"#;
    let mut stack = scenario(routes).on_bus().await.unwrap();
    for (number, target) in [(1, "web*"), (2, "db*")] {
        let job = Job::new(number, "state.apply").on(target, &["web1", "web2"]);
        stack.master.send(&job.whole(LOST)).await;
    }
    for (number, minion) in [(3, "web1"), (4, "web2")] {
        stack.master.send(&scheduled(number, minion, LOST)).await;
    }
    stack.events(8).await.unwrap();
    let told = stack.told(4).await.unwrap();
    stack.settled().await.unwrap();
    assert_eq!(stack.slack.posted().len(), 4);
    let said = [
        "🔴 scheduled state.apply base (hourly) on web1 failed: No space left on device",
        "🔴 scheduled state.apply base (hourly) on web2 failed: No space left on device",
        "🔴 state.apply on web1 failed: No space left on device",
        "🔴 state.apply on web2 failed: No space left on device",
    ];
    assert_eq!(titles(&told), said);
    let of_alice = told
        .iter()
        .find(|text| text.starts_with("🔴 state.apply on web1"));
    assert_eq!(of_alice.unwrap(), OF_ALICE);
    stack.finish().await.unwrap();
}

/// Routes of one moment compete with each other, and with no others.
#[tokio::test]
async fn returns_go_on_only_past_a_route_that_continues() {
    let routes = r#"
  - name: every-job
    match: { outcome: failed }
    receivers: [ops-slack]
    title: "job {{ jid }} on {{ minions | join(', ') }}"
  - name: every-failure
    on: return
    match: { outcome: failed }
    receivers: [ops-slack]
    continue: true
    title: "every {{ id }}"
  - name: web
    on: return
    match: { minion: "web*" }
    receivers: [ops-slack]
    title: "web {{ id }}"
  - name: the-rest
    on: return
    receivers: [ops-slack]
    title: "rest {{ id }}"
"#;
    let mut stack = scenario(routes).on_bus().await.unwrap();
    let job = Job::new(1, "state.apply").on("*", &["db1", "web1", "web2"]);
    stack.master.send(&job.new_event()).await;
    for (minion, states) in [("db1", LOST), ("web1", LOST), ("web2", Return::Clean)] {
        stack.master.send(&job.ret(minion, states)).await;
    }
    let told = stack.told(6).await.unwrap();
    stack.settled().await.unwrap();
    assert_eq!(stack.slack.posted().len(), 6);
    let said = [
        "🔴 every db1",
        "🔴 every web1",
        "🔴 job 20261122130211000001 on db1, web1",
        "🔴 rest db1",
        "🔴 web web1",
        "🟢 web web2",
    ];
    assert_eq!(titles(&told), said);
    stack.finish().await.unwrap();
}

/// Two states failed on one minion: each team hears of its own, and nobody of both.
#[tokio::test]
async fn a_route_hears_of_the_states_that_it_names_and_the_next_of_the_others() {
    let routes = r#"
  - name: web
    match: { sls: "nginx*", outcome: failed }
    receivers: [ops-slack]
  - name: everybody-else
    match: { outcome: failed }
    receivers: [ops-mail]
    template: |
      {% for state in failures %}
      {{ state.sls }}: {{ state.id }} on {{ state.minions | join(" ") }}: {{ state.comment }}
      {% endfor %}
"#;
    let mut stack = scenario(routes).on_bus().await.unwrap();
    let job = Job::new(1, "state.apply").on("web1", &["web1"]);
    let state = |id: &str, sls: &str, comment: &str, run: u8| {
        json!({
            "name": id, "changes": {}, "result": false, "comment": comment, "__sls__": sls, "__run_num__": run,
            "start_time": "13:02:12.068662", "duration": 2.5, "__id__": id,
        })
    };
    let returned = json!({
        "pkg_|-nginx_|-nginx_|-installed": state("nginx", "nginx.init", "E: Unable to locate package", 0),
        "service_|-postgresql_|-postgresql_|-running": state("postgresql", "db", "It did <not> start", 1),
    });
    stack.master.send(&job.new_event()).await;
    stack.master.send(&job.ret_of("web1", &returned, 2)).await;
    let told = stack.told(1).await.unwrap();
    let mails = mailed(&mut stack, 1).await;
    let web = "🔴 state.apply on web1 failed: E: Unable to locate package";
    assert_eq!(titles(&told), [web]);
    assert!(!told[0].contains("postgresql"), "{}", told[0]);
    assert_eq!(mails[0].1, EVERYBODY_ELSE);
    let html = &stack.mail.mails().unwrap()[0].html;
    assert!(
        html.contains("It did &lt;not&gt; start") && !html.contains("nginx"),
        "{html}"
    );
    stack.finish().await.unwrap();
}

/// A template that fails on a job of another kind says it in the built-in words, and once in the log.
#[tokio::test]
async fn a_template_that_fails_costs_no_message() {
    let routes = r#"
  - name: all
    on: return
    match: { outcome: failed }
    receivers: [ops-mail]
    subject: "{{ (failures[0].sls | split('.'))[1] }} on {{ id }}"
    title: "{{ id }}"
"#;
    let warning = "a template could not be filled in";
    let mut stack = scenario(routes).announce(warning).on_bus().await.unwrap();
    let job = Job::new(1, "state.apply").on("*", &["web1", "web2"]);
    let could_not_start =
        json!(["Rendering SLS 'base:site' failed: mapping values are not allowed here"]);
    stack.master.send(&job.new_event()).await;
    stack.master.send(&job.ret("web1", LOST)).await;
    stack
        .master
        .send(&job.ret_of("web2", &could_not_start, 1))
        .await;
    let mails = mailed(&mut stack, 2).await;
    let subjects: Vec<&str> = mails.iter().map(|(subject, _)| subject.as_str()).collect();
    let built_in = "Salt: state.apply on web2 failed - job 20261122130211000001 (prod)";
    assert_eq!(subjects, [built_in, "init on web1"]);
    assert_eq!(mails[0].1.lines().next(), Some("web2"));
    stack.finish().await.unwrap();
}

const CAPTURED: &str = "\
state.apply fail on MINION failed: Failure!, and 2 more errors

  who       root on salt1.example.com (prod)
  command   salt '*' state.apply fail
  when      Sun 22 Nov 2026, 02:24:32–02:24:33 CET, 1s

1. test.fail_without_changes broken (fail, id broken service) failed
       Failure!

2. test.fail_with_changes half done (fail) failed
       Failure!
   changed before it failed
       testing: Unchanged -> Something pretended to change

3. cmd.run echo out line 1; echo out line 2; echo err line >&2; exit 3 (fail,
   id bad command) failed
       err line
       out line 1
       out line 2
   changed before it failed
       retcode: 3

Next:
  salt MINION state.apply fail test=True
  salt-run jobs.lookup_jid 20261122012432185068
";

const CHANGED: &str = "\
state.apply nginx on web1 changed file.managed /etc/motd

  who       alice via sudo on salt1.example.com (prod)
  command   salt '*' state.apply nginx
  when      Sun 22 Nov 2026, 14:02:11–14:02:53 CET, 42s

Changed:
  file.managed /etc/motd (nginx.init)
    File /etc/motd updated
       -a
       +b

Next:
  salt-run jobs.lookup_jid 20261122130211000001
";

const OF_ALICE: &str = "\
🔴 state.apply on web1 failed: No space left on device
alice via sudo on salt1.example.com (prod) · Sun 22 Nov 2026, 14:02:11–14:02:53 CET, 42s
pkg.installed nginx-extras (nginx.init) failed
    No space left on device
salt web1 state.apply test=True
salt-run jobs.lookup_jid 20261122130211000001";

const EVERYBODY_ELSE: &str = "\
state.apply on web1 failed: It did <not> start

db: postgresql on web1: It did <not> start
";
