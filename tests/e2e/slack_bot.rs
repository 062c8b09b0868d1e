//! Slack as a bot: one message for a job, changed in place; what it has no room for in its thread; nothing twice.

use std::time::Duration;

use pillarbox_e2e::bus::Bus;
use pillarbox_e2e::play::{Job, Return};
use pillarbox_e2e::slack::{Fault, reader};
use pillarbox_e2e::stack::{Scenario, Stack};
use pillarbox_e2e::wait::until;

use crate::scenes::{scenario, titles};

const TRIED_AGAIN: &str = "not delivered; tried again";
const DEADLINE: Duration = Duration::from_secs(90);

const RECEIVERS: &str = r##"
  - name: ops-slack
    slack: { token_file: "{token}", channel: "#ops", api_url: "{api}" }
"##;

const ROUTES: &str = r#"
  - name: problems
    match: { outcome: [failed, missing] }
    receivers: [ops-slack]
    finish_after: 2s
"#;

fn as_a_bot() -> Scenario {
    scenario(ROUTES).receivers(RECEIVERS)
}

fn two_minions() -> Job {
    let job = Job::new(1, "state.apply").args(&["nginx"]);
    job.on("*", &["web1", "web2"])
}

fn failing(number: u32, comment: &str) -> Vec<u8> {
    let sls = format!("app{number}");
    let job = Job::new(number, "state.apply").args(&[&sls]);
    job.on("web1", &["web1"]).whole(Return::Failed(comment))
}

/// More than a message has room for.
fn long_comment() -> String {
    let lines: Vec<String> = (1..=60)
        .map(|n| format!("line {n} of the build log"))
        .collect();
    lines.join("\n")
}

fn methods(stack: &Stack<Bus>) -> Vec<String> {
    let requests = stack.slack.requests().into_iter();
    requests
        .filter_map(|request| request.method().map(str::to_owned))
        .collect()
}

#[tokio::test]
async fn a_late_failure_changes_the_message_in_place() {
    let mut stack = as_a_bot().on_bus().await.unwrap();
    let job = two_minions();
    stack.master.send(&job.new_event()).await;
    stack.master.send(&job.ret("web1", Return::Clean)).await;
    let told = stack.told(1).await.unwrap();
    assert!(told[0].starts_with("🟠 state.apply nginx on *: web2 did not answer\n"));
    stack.settled().await.unwrap();

    let failed = Return::Failed("E: Unable to locate package nginx-extras");
    stack.master.send(&job.ret("web2", failed)).await;
    until(DEADLINE, "the change", async || {
        (stack.slack.messages()[0].changes == 1).then_some(())
    })
    .await
    .unwrap();
    stack.settled().await.unwrap();
    assert_eq!(stack.told(1).await.unwrap(), [FAILED], "no second message");
    assert_eq!(methods(&stack), ["chat.postMessage", "chat.update"]);
    stack.finish().await.unwrap();
}

const FAILED: &str = "\
🔴 state.apply nginx on * failed on web2, 1 of 2: E: Unable to locate package nginx-extras
1 clean · alice via sudo on salt1.example.com (prod) · Sun 22 Nov 2026, 14:02:11–14:02:53 CET, 42s
pkg.installed nginx-extras (nginx.init) failed on web2 · new
    E: Unable to locate package nginx-extras
salt web2 state.apply nginx test=True
salt-run jobs.lookup_jid 20261122130211000001";

#[tokio::test]
async fn a_message_that_somebody_deleted_is_said_anew() {
    let mut stack = as_a_bot().global("follow_up: 1s").on_bus().await.unwrap();
    let job = two_minions();
    stack.master.send(&job.new_event()).await;
    stack.master.send(&job.ret("web1", Return::Clean)).await;
    stack.told(1).await.unwrap();
    stack.settled().await.unwrap();
    let first = stack.slack.messages().remove(0);
    stack.slack.delete(&first.ts);

    let failed = Return::Failed("E: Unable to locate package nginx-extras");
    stack.master.send(&job.ret("web2", failed)).await;
    let told = titles(&stack.told(1).await.unwrap());
    let anew = "🔴 update: state.apply nginx on * failed on web2, 1 of 2: E: Unable to locate package nginx-extras";
    assert_eq!(told, [anew]);
    stack.settled().await.unwrap();
    let called = [
        "chat.postMessage",
        "chat.delete",
        "chat.update",
        "chat.postMessage",
    ];
    assert_eq!(methods(&stack), called);
    assert_ne!(stack.slack.messages()[0].ts, first.ts);
    stack.finish().await.unwrap();
}

#[tokio::test]
async fn what_a_message_has_no_room_for_stands_in_its_thread_once() {
    let mut stack = as_a_bot().on_bus().await.unwrap();
    stack.master.send(&failing(1, &long_comment())).await;
    settled_with_thread(&mut stack).await;
    let message = stack.slack.messages().remove(0);
    let shown = reader::plain(&message.body);
    assert!(
        shown.contains("more lines above") && !shown.contains("line 1 of"),
        "{shown}"
    );
    let detail = reader::plain(&message.replies[0]);
    assert!(
        detail.starts_with("pkg.installed nginx-extras (nginx.init) failed · new\n"),
        "{detail}"
    );
    for n in [1, 30, 60] {
        assert!(
            detail.contains(&format!("    line {n} of the build log")),
            "{detail}"
        );
    }
    assert_eq!(methods(&stack), ["chat.postMessage", "chat.postMessage"]);
    stack.finish().await.unwrap();
}

/// What was said in the thread is not said again when the message changes; what is new is.
#[tokio::test]
async fn a_change_adds_to_the_thread_what_is_new() {
    let mut stack = as_a_bot().on_bus().await.unwrap();
    let (job, first) = (two_minions(), long_comment());
    let second = first.replace("build log", "boot log");
    stack.master.send(&job.new_event()).await;
    stack
        .master
        .send(&job.ret("web1", Return::Failed(&first)))
        .await;
    settled_with_thread(&mut stack).await;
    stack
        .master
        .send(&job.ret("web2", Return::Failed(&second)))
        .await;
    until(DEADLINE, "the second reply", async || {
        (stack.slack.messages()[0].replies.len() == 2).then_some(())
    })
    .await
    .unwrap();
    stack.settled().await.unwrap();
    let messages = stack.slack.messages();
    assert_eq!((messages.len(), messages[0].changes), (1, 1));
    let said: Vec<String> = messages[0].replies.iter().map(reader::plain).collect();
    assert_eq!(said.len(), 2, "{said:#?}");
    assert!(said[0].contains("build log") && !said[0].contains("boot log"));
    assert!(said[1].contains("boot log") && !said[1].contains("build log"));
    stack.finish().await.unwrap();
}

/// A thread that takes nothing costs the details, and never the message.
#[tokio::test]
async fn a_message_is_posted_once_whatever_its_thread_says() {
    let refused = "details were refused in the message's thread; the message is there";
    let stack = as_a_bot().announce(TRIED_AGAIN).announce(refused);
    let mut stack = stack.on_bus().await.unwrap();
    let no = |word: &str| Fault::Answer(200, format!(r#"{{"ok":false,"error":"{word}"}}"#));
    let yes = || {
        Fault::Answer(
            200,
            r#"{"ok":true,"channel":"C0OPS","ts":"1795356131.000001"}"#.into(),
        )
    };
    stack.slack.fail_with([
        yes(),
        no("service_unavailable"),
        no("restricted_action_thread_locked"),
    ]);
    stack.master.send(&failing(1, &long_comment())).await;
    stack.notifiers[0].says(refused).await.unwrap();
    stack.settled().await.unwrap();
    assert_eq!(methods(&stack), ["chat.postMessage"; 3]);
    let messages = stack.slack.messages();
    assert_eq!((messages.len(), messages[0].replies.len()), (1, 0));
    let ledger = stack.ledger().await.unwrap().concat();
    assert!(
        ledger.contains("restricted_action_thread_locked"),
        "{ledger}"
    );
    assert!(ledger.contains(r#""state":"delivered""#), "{ledger}");
    stack.finish().await.unwrap();
}

/// Killed between the message and its thread. The claim has to run out first, which takes a minute.
#[tokio::test]
async fn a_worker_killed_before_the_thread_leaves_one_message_and_one_thread() {
    let mut stack = as_a_bot().on_bus().await.unwrap();
    let yes = r#"{"ok":true,"channel":"C0OPS","ts":"1795356131.000001"}"#;
    stack
        .slack
        .fail_with([Fault::Answer(200, yes.into()), Fault::Hang]);
    stack.master.send(&failing(1, &long_comment())).await;
    until(DEADLINE, "the call for the thread", async || {
        (methods(&stack).len() == 2).then_some(())
    })
    .await
    .unwrap();
    stack.notifiers[0].kill_9().await.unwrap();
    let messages = stack.slack.messages();
    assert_eq!((messages.len(), messages[0].replies.len()), (1, 0));
    stack.notifiers[0].restart().await.unwrap();
    settled_with_thread(&mut stack).await;
    assert_eq!(methods(&stack), ["chat.postMessage"; 3]);
    stack.finish().await.unwrap();
}

#[tokio::test]
async fn a_rate_limit_in_the_header_or_in_the_body_is_not_undercut() {
    const PAUSE: Duration = Duration::from_secs(4);
    let mut stack = as_a_bot().on_bus().await.unwrap();
    let in_body = r#"{"ok":false,"error":"rate_limited","retry_after":4}"#;
    stack.slack.fail_with([
        Fault::RateLimited(PAUSE),
        Fault::Answer(200, in_body.into()),
    ]);
    stack
        .master
        .send(&failing(1, "No space left on device"))
        .await;
    stack.told(1).await.unwrap();
    stack.settled().await.unwrap();
    let requests = stack.slack.requests();
    assert_eq!(requests.len(), 3);
    for pair in requests.windows(2) {
        let waited = Duration::try_from(pair[1].at.duration_since(pair[0].at)).unwrap();
        assert!(
            waited >= PAUSE,
            "{waited:?} after a Retry-After of {PAUSE:?}"
        );
    }
    assert_eq!(stack.slack.messages().len(), 1);
    stack.finish().await.unwrap();
}

/// Somebody revokes the token, and installs the app again half a minute later.
#[tokio::test]
async fn a_revoked_token_rests_the_channel_and_loses_nothing() {
    let mut stack = as_a_bot().announce(TRIED_AGAIN).on_bus().await.unwrap();
    stack.slack.revoke(true);
    stack
        .master
        .send(&failing(1, "No space left on device"))
        .await;
    stack.notifiers[0].says(TRIED_AGAIN).await.unwrap();
    assert!(stack.notifiers[0].said().1.contains("token_revoked"));
    stack.slack.revoke(false);
    stack
        .master
        .send(&failing(2, "No space left on device"))
        .await;
    let told = titles(&stack.told(2).await.unwrap());
    let title = |n| format!("🔴 state.apply app{n} on web1 failed: No space left on device");
    assert_eq!(told, [title(1), title(2)]);
    stack.settled().await.unwrap();
    assert_eq!(stack.slack.messages().len(), 2);
    stack.finish().await.unwrap();
}

/// One message with one reply, and all work done.
async fn settled_with_thread(stack: &mut Stack<Bus>) {
    until(DEADLINE, "the thread", async || {
        let messages = stack.slack.messages();
        (messages.first()?.replies.len() == 1).then_some(())
    })
    .await
    .unwrap();
    stack.settled().await.unwrap();
    let messages = stack.slack.messages();
    assert_eq!((messages.len(), messages[0].replies.len()), (1, 1));
}
