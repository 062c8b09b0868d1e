//! The double of the bus: what was captured or built is what a client reads.
//! It says nothing of the collector, which reads the real one too.

use std::time::Duration;

use pillarbox_e2e::bus::{Bus, Framing, SOCKET, frame};
use pillarbox_e2e::scratch::{SOCKET_PATH_LIMIT, Scratch};
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;

const JID: &str = "20261122130211654321";

/// A job's `new` and a `ret`.
fn two_events(framing: Framing) -> Vec<u8> {
    let new = json!({"jid": JID, "fun": "test.ping", "minions": ["web1"]});
    let ret = json!({"jid": JID, "fun": "test.ping", "id": "web1", "return": true, "retcode": 0});
    let new = frame(framing, &format!("salt/job/{JID}/new"), &new).unwrap();
    let ret = frame(framing, &format!("salt/job/{JID}/ret/web1"), &ret).unwrap();
    [new, ret].concat()
}

#[tokio::test]
async fn the_bus_plays_two_events_in_any_pieces() {
    let scratch = Scratch::new().unwrap();
    let bus = Bus::start(scratch.path()).unwrap();
    let socket = scratch.path().join(SOCKET);
    let mut first = UnixStream::connect(&socket).await.unwrap();
    let mut second = UnixStream::connect(&socket).await.unwrap();
    bus.connected(2).await.unwrap();
    for framing in [Framing::Bare, Framing::Prefixed] {
        let bytes = two_events(framing);
        for size in [bytes.len(), 1, 7] {
            bus.send_in_chunks(&bytes, size).await;
            for client in [&mut first, &mut second] {
                let mut heard = vec![0; bytes.len()];
                client.read_exact(&mut heard).await.unwrap();
                assert_eq!(heard, bytes);
            }
        }
    }
}

#[tokio::test]
async fn a_frame_is_what_salt_writes() {
    let event = frame(Framing::Bare, "a/tag", &json!({"a": 1})).unwrap();
    assert_eq!(
        event,
        b"\x82\xa4head\x80\xa4body\xc6\x00\x00\x00\x0ba/tag\n\n\x81\xa1a\x01"
    );
    let prefixed = frame(Framing::Prefixed, "a/tag", &json!({"a": 1})).unwrap();
    assert_eq!(prefixed, [b"\x00\x00\x00\x1c", event.as_slice()].concat());
}

#[tokio::test]
async fn a_stopped_bus_leaves_its_socket_and_comes_back() {
    let scratch = Scratch::new().unwrap();
    let mut bus = Bus::start(scratch.path()).unwrap();
    let socket = scratch.path().join(SOCKET);
    let mut client = UnixStream::connect(&socket).await.unwrap();
    bus.connected(1).await.unwrap();
    bus.cut(b"half a frame and more", 12).await;
    let mut heard = Vec::new();
    client.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"half a frame");

    bus.stop();
    assert!(socket.exists());
    pillarbox_e2e::wait::until(Duration::from_secs(5), "a refused connection", async || {
        UnixStream::connect(&socket).await.err()
    })
    .await
    .unwrap();
    bus.restart().unwrap();
    UnixStream::connect(&socket).await.unwrap();
    bus.connected(2).await.unwrap();
}

#[test]
fn scratch_paths_leave_room_for_a_socket() {
    let scratch = Scratch::new().unwrap();
    let longest = scratch
        .path()
        .join("web1/run/minion_event_0123456789_pull.ipc");
    assert!(longest.as_os_str().len() <= SOCKET_PATH_LIMIT);
    let path = scratch.path().to_path_buf();
    drop(scratch);
    assert!(!path.exists());
}
