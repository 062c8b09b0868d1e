//! The real server: it starts, keeps what was acknowledged over `kill -9`, and three of them replicate.
//! It says nothing of our streams.

use async_nats::jetstream::{self, stream::Config};
use pillarbox_e2e::nats::{Nats, NatsCluster};

async fn three_messages(client: async_nats::Client, replicas: usize) -> jetstream::stream::Stream {
    let jetstream = jetstream::new(client);
    let subjects = vec!["kept.>".to_owned()];
    let config = Config {
        name: "KEPT".to_owned(),
        subjects,
        num_replicas: replicas,
        ..Config::default()
    };
    let stream = jetstream.create_stream(config).await.unwrap();
    for number in 0..3 {
        let ack = jetstream
            .publish(format!("kept.{number}"), "x".into())
            .await
            .unwrap();
        ack.await.unwrap();
    }
    stream
}

#[tokio::test]
async fn a_killed_server_keeps_port_and_store() {
    let mut nats = Nats::start().await.unwrap();
    let url = nats.url();
    three_messages(nats.client().await.unwrap(), 1).await;
    nats.kill_9().await.unwrap();
    nats.restart().await.unwrap();
    assert_eq!(nats.url(), url);
    let jetstream = jetstream::new(nats.client().await.unwrap());
    let mut stream = jetstream.get_stream("KEPT").await.unwrap();
    assert_eq!(stream.info().await.unwrap().state.messages, 3);
}

#[tokio::test]
async fn three_servers_replicate() {
    let mut cluster = NatsCluster::start().await.unwrap();
    let client = cluster.servers[0].client().await.unwrap();
    let mut stream = three_messages(client, 3).await;
    let info = stream.info().await.unwrap().clone();
    assert_eq!(info.cluster.unwrap().replicas.len(), 2);
    assert_eq!(info.state.messages, 3);
    cluster.servers[2].kill_9().await.unwrap();
    cluster.servers[2].restart().await.unwrap();
}
