//! The double of a master's event bus: a Unix socket that plays bytes as `master_event_pub.ipc` would.
//! Like Salt's own it has no memory: what is sent while nobody is connected is gone.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;
use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream};
use tokio_util::task::AbortOnDropHandle;

use crate::scratch::SOCKET_PATH_LIMIT;
use crate::wait;

/// The file name of the socket in Salt's `sock_dir`.
pub const SOCKET: &str = "master_event_pub.ipc";

/// The two ways in which Salt's releases put events on the socket (3006.26 and later 3006: prefixed; all others: bare).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// A stream of MessagePack maps.
    Bare,
    /// Each map is preceded by its length, 4 bytes, big-endian.
    Prefixed,
}

/// A socket with any number of clients that all hear the same.
#[derive(Debug)]
pub struct Bus {
    dir: PathBuf,
    clients: Arc<Mutex<Clients>>,
    accept: Option<AbortOnDropHandle<()>>,
}

#[derive(Debug, Default)]
struct Clients {
    connected: Vec<UnixStream>,
    ever: usize,
}

impl Bus {
    /// Listens in `sock_dir`, which exists.
    ///
    /// # Errors
    /// When the path is too long for a socket or cannot be bound.
    pub fn start(sock_dir: &Path) -> anyhow::Result<Self> {
        let mut bus = Self {
            dir: sock_dir.to_path_buf(),
            clients: Arc::default(),
            accept: None,
        };
        bus.restart()?;
        Ok(bus)
    }

    /// Listens again after [`stop`](Self::stop), as a restarted master does: on a new socket of the same name.
    ///
    /// # Errors
    /// When the socket cannot be bound.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        let path = self.dir.join(SOCKET);
        anyhow::ensure!(
            path.as_os_str().len() <= SOCKET_PATH_LIMIT,
            "{} is longer than the {SOCKET_PATH_LIMIT} bytes that Unix allows for a socket",
            path.display()
        );
        self.stop();
        let _was_not_there = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path)
            .with_context(|| format!("cannot listen on {}", path.display()))?;
        let clients = Arc::clone(&self.clients);
        self.accept = Some(AbortOnDropHandle::new(tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut clients = clients.lock().unwrap_or_else(PoisonError::into_inner);
                clients.connected.push(stream);
                clients.ever += 1;
            }
        })));
        Ok(())
    }

    /// Ends as a master does: clients see the end at once, and the file of the socket stays behind.
    pub fn stop(&mut self) {
        self.accept = None;
        self.hang_up();
    }

    /// Closes every connection and goes on listening.
    pub fn hang_up(&self) {
        self.locked().connected.clear();
    }

    /// What goes into a collector's `salt: { sock_dir: … }`.
    #[must_use]
    pub fn sock_dir(&self) -> &Path {
        &self.dir
    }

    /// Where a master would keep its jobs. It is not there unless a scenario lays one out.
    #[must_use]
    pub fn cachedir(&self) -> PathBuf {
        self.dir.join("cache")
    }

    /// How many connections there have been since the start.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.locked().ever
    }

    /// Waits until there have been `count` connections since the start.
    ///
    /// # Errors
    /// When they do not come within 30 s.
    pub async fn connected(&self, count: usize) -> anyhow::Result<()> {
        let what = format!("connection {count} to the bus");
        wait::until(Duration::from_secs(60), &what, async || {
            (self.connections() >= count).then_some(())
        })
        .await
    }

    /// Plays bytes to everybody who is connected now. Who has gone is forgotten.
    pub async fn send(&self, bytes: &[u8]) {
        self.send_in_chunks(bytes, bytes.len().max(1)).await;
    }

    /// Plays bytes in writes of `size` each, which may end anywhere in a frame.
    pub async fn send_in_chunks(&self, bytes: &[u8], size: usize) {
        let clients = std::mem::take(&mut self.locked().connected);
        let mut kept = Vec::new();
        for mut client in clients {
            let mut alive = true;
            for chunk in bytes.chunks(size) {
                alive = alive && client.write_all(chunk).await.is_ok();
                tokio::task::yield_now().await;
            }
            if alive {
                kept.push(client);
            }
        }
        self.locked().connected.append(&mut kept);
    }

    /// Plays the first `count` bytes and closes every connection: a reader that was too slow sees this.
    pub async fn cut(&self, bytes: &[u8], count: usize) {
        self.send(bytes.get(..count).unwrap_or(bytes)).await;
        self.hang_up();
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Clients> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One event as Salt frames it: a map of an empty `head` and a `body` of tag, blank line and MessagePack.
///
/// # Errors
/// When `data` cannot be written as MessagePack, or is longer than 4 GiB.
pub fn frame(framing: Framing, tag: &str, data: &impl Serialize) -> anyhow::Result<Vec<u8>> {
    let mut body = tag.as_bytes().to_vec();
    body.extend_from_slice(b"\n\n");
    body.extend(rmp_serde::to_vec_named(data)?);
    let mut map = vec![0x82];
    map.extend_from_slice(b"\xa4head\x80\xa4body\xc6");
    map.extend_from_slice(&u32::try_from(body.len())?.to_be_bytes());
    map.extend(body);
    Ok(match framing {
        Framing::Bare => map,
        Framing::Prefixed => [&u32::try_from(map.len())?.to_be_bytes()[..], &map].concat(),
    })
}
