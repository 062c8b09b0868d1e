//! A worker that ends between a job's entry and its check: whoever finds the job next still awaits who had not answered.
//! The moment is made by hand here; `chaos` meets it by chance.

use std::time::Duration;

use async_nats::jetstream::{self, stream::Stream};
use pillarbox_e2e::chaos::capture::Capture;
use pillarbox_e2e::stack::Scenario;
use pillarbox_e2e::wait;
use pillarbox_proto::topology::Topology;
use pillarbox_proto::wire;
use pillarbox_proto::work::{OpenItem, VerifyItem};

const ROUTES: &str = r#"
  - name: missing
    match: { fun: "state.*", outcome: missing }
    receivers: [ops-slack]
    finish_after: 1s
"#;
const SOON: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_check_lost_with_its_worker_is_queued_again_and_awaits_the_same() {
    let capture = Capture::demo().unwrap();
    let jid = capture.jobs.last().unwrap();
    let scenario = Scenario::new(ROUTES).announce("waiting for the stream");
    let mut stack = scenario.on_bus().await.unwrap();
    for frame in capture.of(jid) {
        stack.master.send(&frame.bytes).await;
    }
    let jetstream = jetstream::new(stack.nats.client().await.unwrap());
    let name = Topology::default().open_jobs_name();
    let open = format!("pillarbox.v1.main.open.prod.{jid}");
    let settled = wait::until(SOON, "a settled job with a check", async || {
        let queue = jetstream.get_stream(&name).await.ok()?;
        let check = check(&queue, jid).await?;
        let gone = queue.get_last_raw_message_by_subject(&open).await.is_err();
        gone.then_some((queue, check))
    });
    let (queue, (sequence, first)) = settled.await.unwrap();
    assert!(first.awaiting);

    stack.notifiers[0].kill_9().await.unwrap();
    queue.delete_message(sequence).await.unwrap();
    let item = OpenItem {
        cluster: first.cluster,
        job: first.job,
        event: first.settled_to,
    };
    let (headers, body) = wire::encode(&item).unwrap();
    let published = jetstream.publish_with_headers(open, headers, body).await;
    published.unwrap().await.unwrap();
    stack.notifiers[0].restart().await.unwrap();

    let again = wait::until(SOON, "the check again", async || check(&queue, jid).await);
    let (_, again) = again.await.unwrap();
    assert!(again.awaiting, "{again:?}");
    assert_eq!(stack.slack.posted().len(), 1);
    stack.finish().await.unwrap();
}

/// The job's check, and its stream sequence.
async fn check(queue: &Stream, jid: &str) -> Option<(u64, VerifyItem)> {
    let subject = format!("pillarbox.v1.main.verify.prod.{jid}.*");
    let found = queue.get_last_raw_message_by_subject(&subject).await.ok()?;
    let item = wire::decode(Some(&found.headers), &found.payload).ok()?;
    Some((found.sequence, item))
}
