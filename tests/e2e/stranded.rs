//! A message that its queue holds and hands out to nobody is queued anew.
//! A server that is killed while it recovers leaves some so; here a consumer is led past one by its filter.

use std::time::Duration;

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::consumer::pull::Config;
use futures_util::StreamExt as _;
use pillarbox_e2e::stack::Scenario;
use pillarbox_e2e::wait::until;
use pillarbox_proto::delivery::Delivery;
use pillarbox_proto::subject::Group;
use pillarbox_proto::topology::{Topology, deliver_name};
use pillarbox_proto::wire;

const ROUTES: &str = "  - name: audit\n    on: start\n    receivers: [ops-slack]\n";
const START: &[u8] = include_bytes!("../../proto/tests/wire/1/delivery_start.json");
const PAST: &str = "pillarbox.v1.main.deliver.ops-slack.slack.past";
const GRACE: Duration = Duration::from_secs(15);

fn start() -> Delivery {
    let mut delivery: Delivery = serde_json::from_slice(START).unwrap();
    delivery.key.receiver = "ops-slack".into();
    delivery.key.transport = "slack".into();
    delivery
}

#[tokio::test]
async fn a_delivery_that_nobody_is_handed_arrives() {
    let mut stack = Scenario::new(ROUTES)
        .announce("hand out to nobody")
        .on_bus()
        .await
        .unwrap();
    stack.notifiers[0].terminate(GRACE).await.unwrap();
    let jetstream = async_nats::jetstream::new(stack.nats.client().await.unwrap());
    let (group, topology) = (Group::new("main").unwrap(), Topology::default());
    let stream = topology.deliveries_name();
    let deliveries = jetstream.get_stream(&stream).await.unwrap();
    let name = deliver_name(&group, "ops-slack", "slack");
    let mut consumer: PullConsumer = deliveries.get_consumer(&name).await.unwrap();
    let usual = pulled(&name, consumer.info().await.unwrap());
    let led = Config {
        filter_subject: PAST.to_owned(),
        ..usual.clone()
    };
    let led = deliveries.update_consumer(led).await.unwrap();

    let (headers, body) = wire::encode(&start()).unwrap();
    let subject = group.deliver(&start().key);
    let sent = jetstream.publish_with_headers(subject, headers, body).await;
    sent.unwrap().await.unwrap();
    jetstream
        .publish(PAST, "".into())
        .await
        .unwrap()
        .await
        .unwrap();
    let past = led
        .batch()
        .max_messages(1)
        .messages()
        .await
        .unwrap()
        .next()
        .await;
    past.unwrap().unwrap().double_ack().await.unwrap();
    deliveries.update_consumer(usual).await.unwrap();

    stack.notifiers[0].restart().await.unwrap();
    let freed = async || {
        stack.notifiers[0]
            .said()
            .1
            .contains("hand out to nobody")
            .then_some(())
    };
    until(
        Duration::from_secs(150),
        "the message to be queued anew",
        freed,
    )
    .await
    .unwrap();
    stack.told(1).await.unwrap();
    stack.settled().await.unwrap();
    assert_eq!(stack.slack.posted().len(), 1);
    stack.finish().await.unwrap();
}

/// A consumer's configuration, as a pull consumer's.
fn pulled(name: &str, info: &async_nats::jetstream::consumer::Info) -> Config {
    let all = &info.config;
    Config {
        durable_name: Some(name.to_owned()),
        filter_subject: all.filter_subject.clone(),
        ack_policy: all.ack_policy,
        ack_wait: all.ack_wait,
        max_deliver: all.max_deliver,
        max_ack_pending: all.max_ack_pending,
        max_waiting: all.max_waiting,
        deliver_policy: all.deliver_policy,
        ..Config::default()
    }
}
