//! The bus against a real Unix socket, which plays the master.
//! No Salt and no NATS: what arrives in the queue, and what is counted, is all there is to see.

use std::path::PathBuf;

use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixListener;
use tokio::task::JoinHandle;

use super::*;
use crate::queue::{Budget, Held, Reader, queue};

const PATIENCE: Duration = Duration::from_secs(10);

/// A master's socket, a collector that reads it, and its queue.
struct Stage {
    path: PathBuf,
    listener: UnixListener,
    queue: Reader<Heard>,
    counts: Arc<Counts>,
    shutdown: CancellationToken,
    ear: JoinHandle<()>,
}

impl Stage {
    async fn new(name: &str, queue_bytes: usize) -> Stage {
        let path = std::env::temp_dir().join(format!("pbx-{name}-{}.ipc", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let bus = Bus {
            socket: Socket::Unix(path.clone()),
            max_frame: 1 << 20,
            user: "root".into(),
        };
        let counts = Arc::new(Counts::default());
        let shutdown = CancellationToken::new();
        let (writer, queue) = queue(&Budget::new(queue_bytes));
        let listener = UnixListener::bind(&path).unwrap();
        let (c, s) = (Arc::clone(&counts), shutdown.clone());
        let ear = tokio::spawn(async move { listen(&bus, writer, c, Ears::default(), s).await });
        Stage {
            path,
            listener,
            queue,
            counts,
            shutdown,
            ear,
        }
    }

    async fn accept(&self) -> UnixStream {
        let accepted = tokio::time::timeout(PATIENCE, self.listener.accept()).await;
        accepted.expect("the collector connects").unwrap().0
    }

    async fn next(&mut self) -> Held<Heard> {
        let next = tokio::time::timeout(PATIENCE, self.queue.recv()).await;
        next.expect("a frame").expect("an open queue")
    }

    async fn hears(&mut self, body: &str) {
        assert_eq!(self.next().await.item.frame.body, body.as_bytes());
    }

    async fn stop(self) -> Arc<Counts> {
        self.shutdown.cancel();
        let ended = tokio::time::timeout(PATIENCE, self.ear).await;
        ended.expect("it stops").unwrap();
        let _ = std::fs::remove_file(self.path);
        self.counts
    }
}

/// As 3007 and 3008 write it (SALT.md §2).
fn frame(body: &str) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [
        b"\x82\xa4head\x80\xa4body\xc5",
        &length[..],
        body.as_bytes(),
    ]
    .concat()
}

/// As 3006.26 and later write it.
fn prefixed(body: &str) -> Vec<u8> {
    let frame = frame(body);
    let length = u32::try_from(frame.len()).unwrap().to_be_bytes();
    [&length[..], &frame].concat()
}

#[tokio::test]
async fn bytes_that_come_one_by_one_are_whole_events() {
    let mut stage = Stage::new("bytes", 1 << 20).await;
    let mut master = stage.accept().await;
    for byte in [frame("salt/a\n\n\u{80}"), prefixed("salt/b\n\nx")].concat() {
        master.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    stage.hears("salt/a\n\n\u{80}").await;
    stage.hears("salt/b\n\nx").await;
    let counts = stage.stop().await;
    assert_eq!((counts.heard.get(), counts.gaps.total()), (2, 0));
}

#[tokio::test]
async fn an_end_inside_an_event_is_a_gap_and_the_next_connection_works() {
    let mut stage = Stage::new("cut", 1 << 20).await;
    let mut master = stage.accept().await;
    let whole = frame("salt/second");
    master.write_all(&frame("salt/first")).await.unwrap();
    master.write_all(&whole[..whole.len() - 3]).await.unwrap();
    drop(master);
    stage.hears("salt/first").await;
    let mut master = stage.accept().await;
    master.write_all(&frame("salt/third")).await.unwrap();
    stage.hears("salt/third").await;
    let counts = stage.stop().await;
    assert_eq!((counts.disconnects.get(), counts.gaps.total()), (1, 1));
    assert_eq!(
        counts.frame_errors.get(),
        0,
        "the master was cut off, nothing is damaged"
    );
}

#[tokio::test]
async fn damage_drops_the_connection_and_the_next_works() {
    let mut stage = Stage::new("damage", 1 << 20).await;
    let damages: [&[u8]; 3] = [
        b"\xff\xff\xff\xff and then 4 GB",
        b"\x00\x00\x00\x00\x00\x00",
        b"\x82\xa4head\x80\xa4bodx\xc4\x01x",
    ];
    for (n, damage) in damages.into_iter().enumerate() {
        let mut master = stage.accept().await;
        let before = format!("salt/before/{n}");
        let bytes = [&frame(&before)[..], damage, &[0u8; 64]].concat();
        master.write_all(&bytes).await.unwrap();
        stage.hears(&before).await;
    }
    let mut master = stage.accept().await;
    master.write_all(&frame("salt/after")).await.unwrap();
    stage.hears("salt/after").await;
    let counts = stage.stop().await;
    assert_eq!((counts.frame_errors.get(), counts.gaps.total()), (3, 3));
}

#[tokio::test]
async fn a_full_queue_drops_and_goes_on_reading() {
    let mut stage = Stage::new("full", 20_000).await;
    let mut master = stage.accept().await;
    let large = "x".repeat(4000);
    for _ in 0..50 {
        // the queue takes four; a master that had to wait for the others would stand still here
        let wrote = tokio::time::timeout(PATIENCE, master.write_all(&frame(&large))).await;
        wrote.expect("the master never waits").unwrap();
    }
    master.write_all(&frame("last")).await.unwrap();
    let counts = Arc::clone(&stage.counts);
    let until = tokio::time::Instant::now() + PATIENCE;
    while counts.heard.get() < 51 && tokio::time::Instant::now() < until {
        tokio::task::yield_now().await;
    }
    assert_eq!((counts.heard.get(), counts.dropped.get()), (51, 46));
    assert_eq!(counts.gaps.total(), 0, "it is still open");
    for _ in 0..4 {
        assert_eq!(stage.next().await.item.frame.body.len(), 4000);
    }
    stage.hears("last").await;
    master.write_all(&frame("again")).await.unwrap();
    stage.hears("again").await;
    let counts = stage.stop().await;
    assert_eq!((counts.gaps.total(), counts.dropped.get()), (1, 46));
}

#[tokio::test]
async fn a_master_that_is_not_there_yet_is_waited_for() {
    let stage = Stage::new("later", 1 << 20).await;
    let path = stage.path.clone();
    stage.stop().await;
    let bus = Bus {
        socket: Socket::Unix(path.clone()),
        max_frame: 1 << 20,
        user: "root".into(),
    };
    let (writer, mut queue) = queue(&Budget::new(1 << 20));
    let counts = Arc::new(Counts::default());
    let shutdown = CancellationToken::new();
    let (c, s) = (Arc::clone(&counts), shutdown.clone());
    let ear = tokio::spawn(async move { listen(&bus, writer, c, Ears::default(), s).await });
    assert!(
        tokio::time::timeout(Duration::from_millis(50), queue.recv())
            .await
            .is_err()
    );
    let listener = UnixListener::bind(&path).unwrap();
    let (mut master, _) = tokio::time::timeout(PATIENCE, listener.accept())
        .await
        .unwrap()
        .unwrap();
    master.write_all(&frame("salt/first")).await.unwrap();
    assert!(queue.recv().await.is_some());
    shutdown.cancel();
    ear.await.unwrap();
    assert_eq!(counts.gaps.total(), 0, "the first connection is no gap");
    let _ = std::fs::remove_file(path);
}
