//! The master's event bus: connect, read at once, reconnect for ever.
//! It understands no event, sends nothing, and never makes the master wait: what does not fit into the queue is dropped, and said.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::{TcpStream, UnixStream};
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::clock;
use crate::config::{Bus, Socket, size};
use crate::counts::Counts;
use crate::frame::{Frame, FrameError, Frames};
use crate::gap::{Cause, Gap, Gaps};
use crate::mark::Ears;
use crate::queue::{NotTaken, Writer};

/// Bytes read at a time: more than a kernel keeps for one reader of a Unix socket (about 100 kB, SALT.md §3).
const READ: usize = 256 * 1024;
/// While the bus is silent: how often to note that nothing is missing yet, and whether a full queue has room again.
const LOOK: Duration = Duration::from_secs(1);

/// A frame and the host's time when it was read.
#[derive(Debug)]
pub struct Heard {
    /// The frame.
    pub frame: Frame,
    /// When.
    pub at: Timestamp,
}

/// Why a connection ended; every one of these is followed by another connection.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("the master closed it")]
    Closed,
    #[error("the master closed it inside an event")]
    Cut,
    #[error("the stream is damaged: {0}")]
    Damaged(#[from] FrameError),
    #[error("cannot read: {0}")]
    Read(#[from] io::Error),
    #[error("the collector stops")]
    Stopped,
}

/// Reads the bus into the queue until shutdown; then what the kernel holds already, which nobody else would read.
pub async fn listen(
    bus: &Bus,
    queue: Writer<Heard>,
    counts: Arc<Counts>,
    ears: Ears,
    shutdown: CancellationToken,
) {
    let mut ear = Ear {
        bus,
        queue,
        counts,
        ears,
        shutdown,
        gaps: Gaps::default(),
        heard: clock::now(),
    };
    ear.listen().await;
    for gap in ear.gaps.stopped(clock::now()) {
        ear.report(&gap);
    }
}

struct Ear<'a> {
    bus: &'a Bus,
    queue: Writer<Heard>,
    counts: Arc<Counts>,
    ears: Ears,
    shutdown: CancellationToken,
    gaps: Gaps,
    /// The last moment at which everything that the bus had carried was read.
    heard: Timestamp,
}

impl Ear<'_> {
    async fn listen(&mut self) {
        let mut backoff = Backoff::default();
        let mut said: Option<io::ErrorKind> = None;
        while !self.shutdown.is_cancelled() {
            match Stream::connect(&self.bus.socket).await {
                Ok(stream) => {
                    said = None;
                    let before = self.counts.heard.get();
                    self.connection(stream).await;
                    if self.counts.heard.get() > before {
                        backoff.reset();
                    }
                }
                Err(error) => {
                    if said.replace(error.kind()) != Some(error.kind()) {
                        self.cannot_connect(&error);
                    }
                }
            }
            let wait = backoff.next(clock::chance());
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.shutdown.cancelled() => {}
            }
        }
    }

    /// One connection, from its first byte to its end.
    async fn connection(&mut self, stream: Stream) {
        let bus = &self.bus.socket;
        tracing::info!(%bus, "reading the master's event bus at {bus}");
        let now = clock::now();
        self.ears.connected(now);
        self.counts.bus.connected(true);
        if let Some(gap) = self.gaps.connected(now) {
            self.report(&gap);
        }
        self.heard = now;
        let ended = match self.read(&stream).await {
            Ok(never) => match never {},
            Err(ended) => ended,
        };
        self.counts.bus.connected(false);
        match &ended {
            Ended::Stopped => return,
            Ended::Damaged(_) => self.counts.frame_errors.one(),
            Ended::Closed | Ended::Cut | Ended::Read(_) => {}
        }
        self.counts.disconnects.one();
        self.gaps.disconnected(self.heard);
        tracing::warn!(%bus, "the connection to the master's event bus ended: {ended}; connecting again");
    }

    async fn read(&mut self, stream: &Stream) -> Result<std::convert::Infallible, Ended> {
        let mut frames = Frames::new(self.bus.max_frame);
        let mut buffer = vec![0; READ];
        loop {
            match stream.try_read(&mut buffer) {
                Ok(0) if frames.is_empty() => return Err(Ended::Closed),
                Ok(0) => return Err(Ended::Cut),
                Ok(n) => {
                    frames.push(buffer.get(..n).unwrap_or_default());
                    self.take(&mut frames)?;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.wait(stream).await?;
                }
                Err(error) => return Err(error.into()),
            }
            tokio::task::yield_now().await;
        }
    }

    /// Waits for the next bytes; the socket is empty.
    ///
    /// A master closes a reader that was stopped for a while (SALT.md §3). What was lost then was lost after the socket
    /// was last seen empty, so that moment is where a gap begins; readiness is asked before the timer for the same reason.
    async fn wait(&mut self, stream: &Stream) -> Result<(), Ended> {
        loop {
            self.heard = clock::now();
            self.look_for_room();
            if !self.gaps.open() {
                self.ears.complete(self.heard);
            }
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return Err(Ended::Stopped),
                ready = stream.readable() => return Ok(ready?),
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Puts every whole frame into the queue, or counts it as dropped.
    fn take(&mut self, frames: &mut Frames) -> Result<(), Ended> {
        let at = clock::now();
        while let Some(frame) = frames.next()? {
            self.counts.heard.one();
            self.counts.bus.heard(at);
            let bytes = frame.body.len();
            match self.queue.offer(Heard { frame, at }, bytes) {
                Ok(()) => self.look_for_room(),
                Err(NotTaken::Full) => self.drop_frame(at, bytes),
                Err(NotTaken::Closed) => {
                    self.shutdown.cancel(); // nobody reads the queue: go down rather than hear for nothing
                    return Err(Ended::Stopped);
                }
            }
        }
        Ok(())
    }

    fn drop_frame(&mut self, at: Timestamp, bytes: usize) {
        self.counts.dropped.one();
        if self.gaps.dropped(at, bytes) {
            let limit = size::show(self.queue.budget().limit());
            tracing::warn!(
                "the queue of {limit} is full: events are being dropped until NATS takes what waits"
            );
        }
    }

    fn look_for_room(&mut self) {
        let budget = self.queue.budget();
        if let Some(gap) = self.gaps.room(budget.used(), budget.limit()) {
            self.report(&gap);
        }
    }

    fn report(&self, gap: &Gap) {
        let Gap { cause, from, to } = gap;
        self.counts.gap(cause.as_str(), *from, *to);
        match cause {
            Cause::Unheard => tracing::warn!(
                gap.from = %from, gap.to = %to,
                "what the master fired between {from} and {to} was not heard: its event bus was away"
            ),
            Cause::Dropped { frames, bytes } => tracing::error!(
                gap.from = %from, gap.to = %to, gap.frames = frames, gap.bytes = bytes,
                "{frames} events read between {from} and {to} were dropped: the queue was full"
            ),
        }
    }

    fn cannot_connect(&self, error: &io::Error) {
        let bus = &self.bus.socket;
        let kind = error.kind();
        let why = if kind == io::ErrorKind::PermissionDenied {
            self.permission()
        } else if matches!(
            kind,
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
        ) {
            "is the master running? Trying again until it is".to_owned()
        } else {
            "trying again".to_owned()
        };
        tracing::warn!(%bus, "cannot connect to the master's event bus at {bus}: {error}; {why}");
    }

    /// SALT.md §2: the socket is 0600 on 3006 and 0660 on 3007 and 3008; its directory must be traversable as well.
    fn permission(&self) -> String {
        let user = &self.bus.user;
        format!(
            "run the collector as root or as the master's user ({user}); \
             on Salt 3007 and 3008 a member of that user's group may read it too"
        )
    }
}

/// A connection to the bus, of either kind.
enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Stream {
    async fn connect(socket: &Socket) -> io::Result<Stream> {
        Ok(match socket {
            Socket::Unix(path) => Stream::Unix(UnixStream::connect(path).await?),
            Socket::Tcp(address) => Stream::Tcp(TcpStream::connect(address).await?),
        })
    }

    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Unix(stream) => stream.try_read(buffer),
            Stream::Tcp(stream) => stream.try_read(buffer),
        }
    }

    async fn readable(&self) -> io::Result<()> {
        match self {
            Stream::Unix(stream) => stream.readable().await,
            Stream::Tcp(stream) => stream.readable().await,
        }
    }
}

#[cfg(test)]
mod tests;
