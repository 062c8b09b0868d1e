//! The real Salt: a master and a minion start, and the bus carries what they do.
//! It is the proof that the lab is real, not a test of the collector.

use std::time::Duration;

use pillarbox_e2e::bus::SOCKET;
use pillarbox_e2e::salt::Salt;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;

#[tokio::test]
async fn a_real_job_is_seen_on_the_bus() {
    let salt = Salt::start(&["web1"]).await.unwrap();
    let mut bus = UnixStream::connect(salt.sock_dir().join(SOCKET))
        .await
        .unwrap();
    let ran = salt.run(&["*", "test.ping"]).await.unwrap();
    let jid = ran.jid.unwrap();
    assert!(ran.output.contains("web1:\n    True"), "{}", ran.output);
    let wanted = [
        format!("salt/job/{jid}/new\n\n"),
        format!("salt/job/{jid}/ret/web1\n\n"),
    ];
    let mut heard = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), async {
        while !wanted.iter().all(|tag| contains(&heard, tag)) {
            assert_ne!(bus.read_buf(&mut heard).await.unwrap(), 0, "the bus ended");
        }
    });
    read.await.unwrap();
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}
