//! SIGTERM and Ctrl-C in the middle of deliveries: a good end, and what was left is delivered by whoever is there next.

use std::time::Duration;

use pillarbox_e2e::play::{Job, Return};

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
