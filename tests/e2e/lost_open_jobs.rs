//! A lost `OPEN_JOBS` heals: the next worker to start finds the job whose events nobody was told of.
//! How a job is told otherwise is other tests' business.

use std::time::Duration;

use pillarbox_e2e::events;
use pillarbox_e2e::stack::Scenario;
use pillarbox_e2e::wait::until;
use pillarbox_proto::event::Outcome;
use pillarbox_proto::topology::Topology;

const ROUTES: &str = "  - name: all\n    match: { outcome: failed }\n    receivers: [ops-slack]\n";
const SOON: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_job_is_told_although_its_open_message_is_gone() {
    let mut stack = Scenario::new(ROUTES)
        .announce("was OPEN_JOBS lost")
        .announce("waiting for the stream")
        .on_bus()
        .await
        .unwrap();
    let jetstream = async_nats::jetstream::new(stack.nats.client().await.unwrap());
    let topology = Topology::default();
    let open_jobs = async || jetstream.get_stream(topology.open_jobs_name()).await.ok();
    let open_jobs = until(SOON, "OPEN_JOBS", open_jobs).await.unwrap();

    let jid = events::jid(1);
    events::publish(&jetstream, &events::new(&jid, &["web1"]))
        .await
        .unwrap();
    let opened = async || (open_jobs.get_info().await.ok()?.state.messages == 1).then_some(());
    until(SOON, "an open job", opened).await.unwrap();

    stack.notifiers[0].kill_9().await.unwrap();
    open_jobs.purge().await.unwrap();
    events::publish(&jetstream, &events::ret(&jid, "web1", Outcome::Clean))
        .await
        .unwrap();
    stack.notifiers[0].restart().await.unwrap();
    let healed = async || {
        stack.notifiers[0]
            .said()
            .1
            .contains("settled a job")
            .then_some(())
    };
    until(SOON, "the job to be settled", healed).await.unwrap();
    stack.finish().await.unwrap();
}
