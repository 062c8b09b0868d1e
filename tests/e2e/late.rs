//! A minion that answers after its job was settled without it: the message is put right.

use pillarbox_e2e::play::{Job, Return};

use crate::scenes::scenario;

const ROUTES: &str = r#"
  - name: problems
    match: { outcome: [failed, missing] }
    receivers: [ops-slack]
    finish_after: 2s
"#;

#[tokio::test]
async fn a_late_failure_is_said_in_an_update() {
    let mut stack = scenario(ROUTES)
        .global("follow_up: 1s")
        .on_bus()
        .await
        .unwrap();
    let job = Job::new(1, "state.apply")
        .args(&["nginx"])
        .on("*", &["web1", "web2"]);
    stack.master.send(&job.new_event()).await;
    stack.master.send(&job.ret("web1", Return::Clean)).await;
    assert_eq!(stack.told(1).await.unwrap(), [FIRST]);
    stack.settled().await.unwrap();

    let failed = Return::Failed("E: Unable to locate package nginx-extras");
    stack.master.send(&job.ret("web2", failed)).await;
    assert_eq!(stack.told(2).await.unwrap(), [FIRST, FAILED]);
    stack.settled().await.unwrap();
    assert_eq!(stack.slack.posted().len(), 2);
    stack.finish().await.unwrap();
}

/// No route asks for what is clean: it is the job's check, a minute after its settling, that finds the return.
#[tokio::test]
async fn a_late_clean_return_is_said_in_an_update() {
    let mut stack = scenario(ROUTES)
        .global("follow_up: 1s")
        .on_bus()
        .await
        .unwrap();
    let job = Job::new(1, "state.apply")
        .args(&["nginx"])
        .on("*", &["web1", "web2"]);
    stack.master.send(&job.new_event()).await;
    stack.master.send(&job.ret("web1", Return::Clean)).await;
    assert_eq!(stack.told(1).await.unwrap(), [FIRST]);
    stack.settled().await.unwrap();

    stack.master.send(&job.ret("web2", Return::Clean)).await;
    assert_eq!(stack.told(2).await.unwrap(), [FIRST, CLEAN]);
    stack.settled().await.unwrap();
    assert_eq!(stack.slack.posted().len(), 2);
    stack.finish().await.unwrap();
}

const FIRST: &str = "\
🟠 state.apply nginx on *: web2 did not answer
1 clean · alice via sudo on salt1.example.com (prod) · Sun 22 Nov 2026, 14:02:11–14:02:53 CET, 42s
Did not answer: web2
salt web2 test.ping
salt-run jobs.lookup_jid 20261122130211000001";

const FAILED: &str = "\
🔴 update: state.apply nginx on * failed on web2, 1 of 2: E: Unable to locate package nginx-extras
1 clean · alice via sudo on salt1.example.com (prod) · Sun 22 Nov 2026, 14:02:11–14:02:53 CET, 42s
This replaces the earlier message about this job.
pkg.installed nginx-extras (nginx.init) failed on web2 · new
    E: Unable to locate package nginx-extras
salt web2 state.apply nginx test=True
salt-run jobs.lookup_jid 20261122130211000001";

const CLEAN: &str = "\
🟢 update: state.apply nginx on * is clean on all 2
alice via sudo on salt1.example.com (prod) · Sun 22 Nov 2026, 14:02:11–14:02:53 CET, 42s
This replaces the earlier message about this job.
salt-run jobs.lookup_jid 20261122130211000001";
