//! One message per job: 3008's batch, which fires several `new` under one jid, and a schedule, where every minion has a
//! jid of its own.

use std::time::Duration;

use pillarbox_e2e::play::{Job, Return, scheduled};
use pillarbox_e2e::wait;

use crate::captured;
use crate::scenes::{scenario, titles, unix};

const ROUTES: &str = r#"
  - name: audit
    on: start
    receivers: [ops-slack]
  - name: problems
    match: { outcome: [failed, changed, missing] }
    receivers: [ops-slack, ops-mail]
"#;

#[tokio::test]
async fn a_batch_is_one_start_and_one_digest() {
    let mut stack = scenario(ROUTES).on_bus().await.unwrap();
    let minions = ["web1", "web2", "web3"];
    let job = Job::new(1, "state.apply")
        .args(&["nginx"])
        .on("web*", &minions);
    stack.master.send(&job.batch_new()).await;
    for minion in minions {
        let chunk = job.clone().on_list(&[minion]);
        stack.master.send(&chunk.new_event()).await;
        let states = if minion == "web2" {
            Return::Failed("E: Unable to locate package nginx-extras")
        } else {
            Return::Clean
        };
        stack.master.send(&chunk.ret(minion, states)).await;
    }
    stack.events(7).await.unwrap();
    let start = stack.told(1).await.unwrap();
    let early = wait::never(Duration::from_secs(3), async || {
        (stack.slack.posted().len() > 1)
            .then(|| "a digest before the batch was complete".to_owned())
    });
    early.await.unwrap();
    stack.master.send(&job.batch_complete(&[])).await;
    let told = stack.told(2).await.unwrap();
    let mails = stack.mailed(1).await.unwrap();
    stack.settled().await.unwrap();
    assert_eq!(start, [BATCH_START]);
    assert_eq!(told[1], BATCH_DIGEST);
    assert_eq!(mails[0].subject, BATCH_SUBJECT);
    assert_eq!(unix(&mails[0].text), BATCH_MAIL);
    assert_eq!(
        (
            stack.slack.posted().len(),
            stack.mail.mails().unwrap().len()
        ),
        (2, 1)
    );
    stack.finish().await.unwrap();
}

#[tokio::test]
async fn a_captured_batch_is_one_start_and_one_digest() {
    let mut stack = scenario(ROUTES).on_bus().await.unwrap();
    let jid = "20261122012659627547";
    let frames = captured::frames_of("3008.5", jid);
    let frames: Vec<Vec<u8>> = frames
        .into_iter()
        .map(|frame| captured::failing(frame, "ret/3008-m2"))
        .collect();
    for frame in frames {
        stack.master.send(&frame).await;
    }
    let told = stack.told(2).await.unwrap();
    stack.mailed(1).await.unwrap();
    stack.events(6).await.unwrap();
    stack.settled().await.unwrap();
    assert_eq!(told, [CAPTURED_START, CAPTURED_DIGEST]);
    assert_eq!(
        (
            stack.slack.posted().len(),
            stack.mail.mails().unwrap().len()
        ),
        (2, 1)
    );
    stack.finish().await.unwrap();
}

/// Side by side, so that a chunk's `new` may be worked on before the batch's own.
#[tokio::test]
async fn a_start_names_the_batch_and_not_its_first_chunk() {
    let routes = "  - name: audit\n    on: start\n    receivers: [ops-slack]\n";
    let mut stack = scenario(routes).on_bus().await.unwrap();
    let minions = ["web1", "web2", "web3"];
    let mut events = Vec::new();
    for number in 1..=10 {
        let job = Job::new(number, "test.ping").on("web*", &minions);
        events.extend(job.batch_new());
        for minion in minions {
            events.extend(job.clone().on_list(&[minion]).new_event());
        }
    }
    stack.master.send(&events).await;
    stack.events(40).await.unwrap();
    let told = stack.told(10).await.unwrap();
    stack.settled().await.unwrap();
    assert_eq!(titles(&told), vec!["salt 'web*' test.ping"; 10]);
    assert_eq!(stack.slack.posted().len(), 10);
    stack.finish().await.unwrap();
}

#[tokio::test]
async fn a_schedule_on_20_minions_is_one_digest() {
    let routes = scenario(ROUTES)
        .global("quiet_after: 3s")
        .global("gather: 30s");
    let mut stack = routes.on_bus().await.unwrap();
    for number in 1..=20 {
        let states = match number {
            3 | 7 | 11 => Return::Failed("No space left on device"),
            12 => Return::Changed,
            _ => Return::Clean,
        };
        let ret = scheduled(number, &format!("web{number:02}"), states);
        stack.master.send(&ret).await;
    }
    stack.events(20).await.unwrap();
    let told = stack.told(1).await.unwrap();
    let mails = stack.mailed(1).await.unwrap();
    stack.settled().await.unwrap();
    assert_eq!(told, [SCHEDULE_DIGEST]);
    assert_eq!(mails[0].subject, SCHEDULE_SUBJECT);
    assert_eq!(unix(&mails[0].text), SCHEDULE_MAIL);
    assert_eq!(
        (
            stack.slack.posted().len(),
            stack.mail.mails().unwrap().len()
        ),
        (1, 1)
    );
    stack.finish().await.unwrap();
}

const BATCH_START: &str = "\
salt 'web*' state.apply nginx
alice via sudo on salt1.example.com (prod) · 3 minions · Sun 22 Nov 2026, 14:02:11 CET · job 20261122130211000001";

const BATCH_DIGEST: &str = "\
🔴 state.apply nginx on web* failed on web2, 1 of 3: E: Unable to locate package nginx-extras
2 clean · alice via sudo on salt1.example.com (prod) · Sun 22 Nov 2026, 14:02:11–14:02:53 CET, 42s
pkg.installed nginx-extras (nginx.init) failed on web2 · new
    E: Unable to locate package nginx-extras
salt web2 state.apply nginx test=True
salt-run jobs.lookup_jid 20261122130211000001";

const BATCH_SUBJECT: &str =
    "Salt: state.apply nginx on web* failed - job 20261122130211000001 (prod)";

const BATCH_MAIL: &str = "\
state.apply nginx on web* failed on web2, 1 of 3: E: Unable to locate package
nginx-extras

  failed          1   web2
  clean           2

  who       alice via sudo on salt1.example.com (prod)
  command   salt 'web*' state.apply nginx
  when      Sun 22 Nov 2026, 14:02:11–14:02:53 CET, 42s

1. pkg.installed nginx-extras (nginx.init) failed on web2 · new
       E: Unable to locate package nginx-extras

Next:
  salt web2 state.apply nginx test=True
  salt-run jobs.lookup_jid 20261122130211000001
";

const CAPTURED_START: &str = "\
salt '*' state.apply nochange
root on salt1.example.com (prod) · 2 minions · Sun 22 Nov 2026, 02:26:59 CET · job 20261122012659627547";

const CAPTURED_DIGEST: &str = "\
🔴 state.apply nochange on * failed on 3008-m2, 1 of 2: Success!, and 1 more error
1 clean · root on salt1.example.com (prod) · Sun 22 Nov 2026, 02:26:59–02:27:01 CET, 2s
test.nop nothing to do (nochange) failed on 3008-m2 · new
    Success!
test.succeed_without_changes foo (nochange, id ok without change) failed on 3008-m2 · new
    Success!
salt 3008-m2 state.apply nochange test=True
salt-run jobs.lookup_jid 20261122012659627547";

const SCHEDULE_DIGEST: &str = "\
🔴 scheduled state.apply base (hourly) failed on 3 of 20 heard: No space left on device
1 changed · 16 clean · the minions' own schedule, heard by salt1.example.com (prod) · Sun 22 Nov 2026, 14:02:53 CET
pkg.installed nginx-extras (nginx.init) failed on web03, web07, web11 · new
    No space left on device
Changed on 1: file.managed /etc/motd (web12)
salt -L web03,web07,web11 state.apply base test=True
20 heard: Salt announces no targets for runs that minions start, so silence cannot be told from absence";

const SCHEDULE_SUBJECT: &str =
    "Salt: scheduled state.apply base (hourly) failed - 2026-11-22 14:02 (prod)";

const SCHEDULE_MAIL: &str = "\
scheduled state.apply base (hourly) failed on 3 of 20 heard: No space left on
device

  failed           3   web03, web07, web11
  changed          1
  clean           16

  who       the minions' own schedule, heard by salt1.example.com (prod)
  when      Sun 22 Nov 2026, 14:02:53 CET

1. pkg.installed nginx-extras (nginx.init) failed on web03, web07, web11 · new
       No space left on device

Changed on 1:
  file.managed /etc/motd (web12)
    nginx.init: File /etc/motd updated
       -a
       +b

Next:
  salt -L web03,web07,web11 state.apply base test=True

20 heard: Salt announces no targets for runs that minions start, so silence
cannot be told from absence
";
