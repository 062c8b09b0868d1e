//! What Slack and mail servers refuse, and that nothing is lost by it: each message arrives once, or is a dead letter.

use std::time::Duration;

use pillarbox_e2e::mail::MailScript;
use pillarbox_e2e::play::{Job, Return};
use pillarbox_e2e::slack::Fault;
use pillarbox_e2e::stack::Scenario;
use pillarbox_proto::delivery::DeadLetter;

use crate::scenes::{scenario, titles};

const TRIED_AGAIN: &str = "not delivered; tried again";

fn failures(receivers: &str) -> Scenario {
    scenario(&format!(
        "  - name: failures\n    match: {{ outcome: failed }}\n    receivers: [{receivers}]\n"
    ))
}

fn failing(number: u32) -> Vec<u8> {
    let sls = format!("app{number}");
    let job = Job::new(number, "state.apply").args(&[&sls]);
    job.on("web1", &["web1"])
        .whole(Return::Failed("No space left on device"))
}

fn title(number: u32) -> String {
    format!("🔴 state.apply app{number} on web1 failed: No space left on device")
}

#[tokio::test]
async fn a_retry_after_is_not_undercut_by_any_message() {
    const PAUSE: Duration = Duration::from_secs(4);
    let mut stack = failures("ops-slack").on_bus().await.unwrap();
    stack.slack.fail_with([Fault::RateLimited(PAUSE)]);
    stack.master.send(&failing(1)).await;
    stack.notifiers[0]
        .says("the destination asks for time")
        .await
        .unwrap();
    stack.master.send(&failing(2)).await;
    let told = titles(&stack.told(2).await.unwrap());
    assert_eq!(told, [title(1), title(2)]);
    stack.settled().await.unwrap();
    let requests = stack.slack.requests();
    assert_eq!(requests.len(), 3, "{requests:#?}");
    for later in &requests[1..] {
        let waited = Duration::try_from(later.at.duration_since(requests[0].at)).unwrap();
        assert!(
            waited >= PAUSE,
            "{waited:?} after a Retry-After of {PAUSE:?}"
        );
    }
    stack.finish().await.unwrap();
}

#[tokio::test]
async fn a_server_error_is_tried_again_and_the_message_arrives_once() {
    let stack = failures("ops-slack").announce(TRIED_AGAIN);
    let mut stack = stack.on_bus().await.unwrap();
    stack
        .slack
        .fail_with([Fault::Answer(500, "rollup_error".to_owned())]);
    stack.master.send(&failing(1)).await;
    assert_eq!(titles(&stack.told(1).await.unwrap()), [title(1)]);
    stack.settled().await.unwrap();
    assert_eq!(
        (stack.slack.requests().len(), stack.slack.posted().len()),
        (2, 1)
    );
    stack.finish().await.unwrap();
}

/// The hook was deleted, and is made again half a minute later.
#[tokio::test]
async fn a_broken_hook_loses_nothing_and_mail_goes_on_meanwhile() {
    let stack = failures("ops-slack, ops-mail").announce(TRIED_AGAIN);
    let mut stack = stack.on_bus().await.unwrap();
    stack
        .slack
        .fail_with([Fault::Answer(404, "no_service".to_owned())]);
    stack.master.send(&failing(1)).await;
    stack.notifiers[0].says(TRIED_AGAIN).await.unwrap();
    stack.master.send(&failing(2)).await;
    let mails = stack.mailed(2).await.unwrap();
    assert!(
        mails[1].text.starts_with("state.apply app2 on web1 failed"),
        "{}",
        mails[1].text
    );
    assert_eq!(
        stack.slack.posted().len(),
        0,
        "Slack was tried again too early"
    );
    let told = titles(&stack.told(2).await.unwrap());
    assert_eq!(told, [title(1), title(2)]);
    stack.settled().await.unwrap();
    assert_eq!(
        (
            stack.slack.posted().len(),
            stack.mail.mails().unwrap().len()
        ),
        (2, 2)
    );
    stack.finish().await.unwrap();
}

const TWO: &str = r#"
  - name: ops-mail
    email: { smtp: "{smtp}", from: "Salt <salt@example.com>", to: [gone@example.com, ops@example.com] }
"#;

fn refusing(recipients: &[&str]) -> MailScript {
    let reply = "550 5.1.1 no such user";
    let rcpt = recipients
        .iter()
        .map(|to| ((*to).to_owned(), reply.to_owned()));
    MailScript {
        rcpt: rcpt.collect(),
        ..MailScript::default()
    }
}

#[tokio::test]
async fn a_recipient_who_is_refused_keeps_nothing_from_the_other() {
    let stack = failures("ops-mail").receivers(TWO);
    let stack = stack.announce("a recipient was refused; the others have the mail");
    let mut stack = stack.on_bus().await.unwrap();
    stack.mail.obey(&refusing(&["gone@example.com"])).unwrap();
    stack.master.send(&failing(1)).await;
    let mails = stack.mailed(1).await.unwrap();
    assert_eq!(mails[0].to, ["ops@example.com"]);
    stack.settled().await.unwrap();
    assert_eq!(stack.mail.mails().unwrap().len(), 1);
    assert_eq!(stack.mail.attempts(), ["accept"]);
    stack.finish().await.unwrap();
}

#[tokio::test]
async fn what_is_refused_for_good_is_a_dead_letter_that_can_be_read() {
    let stack = failures("ops-mail").receivers(TWO);
    let stack = stack.announce("a delivery was given up: it is a dead letter");
    let mut stack = stack.on_bus().await.unwrap();
    let all = refusing(&["gone@example.com", "ops@example.com"]);
    stack.mail.obey(&all).unwrap();
    stack.master.send(&failing(1)).await;
    let letters = stack.dead_letters(1).await.unwrap();
    stack.settled().await.unwrap();
    let [(subject, letter)] = letters.as_slice() else {
        panic!("{letters:#?}")
    };
    assert_eq!(subject, "pillarbox.v1.dead.main.ops-mail.refused");
    let letter: DeadLetter = serde_json::from_value(letter.clone()).unwrap();
    assert_eq!((letter.reason.as_str(), letter.attempts), ("refused", 1));
    assert_eq!(letter.delivery.key.job, "20261122130211000001");
    assert!(letter.error.contains("550"), "{}", letter.error);

    // What comes after it is not held up.
    stack.mail.obey(&MailScript::default()).unwrap();
    stack.master.send(&failing(2)).await;
    let mails = stack.mailed(1).await.unwrap();
    assert!(mails[0].text.starts_with("state.apply app2 on web1 failed"));
    stack.finish().await.unwrap();
}
