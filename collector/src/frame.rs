//! Bytes of the event bus cut into frames: both framings, told apart per frame by the first byte (SALT.md §2).
//! It reads no socket and looks into no event: after an error the connection is good for nothing more.

pub(crate) mod scan;

use bytes::{Bytes, BytesMut};
use scan::{Reserved, Scan, Step, as_u64};

/// A bare frame is a map of two, `{"head": {}, "body": …}`; anything else is the first byte of a length.
const BARE: u8 = 0x82;
/// The length that 3006.26 and later put before each frame: big-endian.
const PREFIX: usize = 4;

/// One frame of the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The tag, an empty line, and the MessagePack map of the event.
    pub body: Bytes,
}

/// What makes a stream unreadable from here on. Each names the byte of the stream at which the frame began.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Announced, or already, longer than allowed.
    #[error("byte {at}: a frame of at least {length} bytes; {max} are allowed")]
    TooLong {
        /// Where the frame began.
        at: u64,
        /// How long it would be at least.
        length: u64,
        /// The limit.
        max: usize,
    },
    /// A length prefix that does not fit what follows it, or a byte that MessagePack does not know.
    #[error("byte {at}: no frame of the event bus")]
    NotAFrame {
        /// Where the frame began.
        at: u64,
    },
    /// Well-formed MessagePack, but no map with a `body` of bytes.
    #[error("byte {at}: a frame without a body")]
    NoBody {
        /// Where the frame began.
        at: u64,
    },
}

/// An incremental splitter: push what the socket gave, take frames until there is none.
///
/// It holds at most one unfinished frame of `max_frame` bytes and what was pushed last, allocates nothing by an
/// announced length, and looks at each byte once however small the pieces are.
#[derive(Debug)]
pub struct Frames {
    buffer: BytesMut,
    max_frame: usize,
    /// Of the buffer's first byte, in the stream.
    offset: u64,
    /// Bytes that the buffer must hold before it is worth another look.
    wanted: usize,
    scan: Scan,
    failed: Option<FrameError>,
}

impl Frames {
    /// A splitter for one connection.
    pub fn new(max_frame: usize) -> Frames {
        Frames {
            buffer: BytesMut::new(),
            max_frame,
            offset: 0,
            wanted: 1,
            scan: Scan::new(),
            failed: None,
        }
    }

    /// Adds what was read. After an error it is thrown away.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next whole frame, if there is one; not an iterator, since more may be pushed after `None`.
    #[expect(
        clippy::should_implement_trait,
        reason = "`None` is not the end: more may be pushed"
    )]
    pub fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.split().inspect_err(|error| {
            self.failed = Some(error.clone());
            self.buffer = BytesMut::new();
        })
    }

    /// No unfinished frame is held: a stream that ends here was not cut.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty() && self.failed.is_none()
    }

    /// Where in the stream the next frame begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    fn split(&mut self) -> Result<Option<Frame>, FrameError> {
        if self.buffer.len() < self.wanted {
            return Ok(None);
        }
        let prefix = match self.buffer.first() {
            None => return Ok(None),
            Some(&BARE) => 0,
            Some(_) => PREFIX,
        };
        match self.measure(prefix)? {
            Err(wanted) => {
                self.wanted = wanted;
                Ok(None)
            }
            Ok(length) => self.take(prefix, length).map(Some),
        }
    }

    /// The length of the frame with its prefix, or how many bytes must be there to say more.
    fn measure(&mut self, prefix: usize) -> Result<Result<usize, usize>, FrameError> {
        let at = self.offset;
        if prefix == 0 {
            return match self.scan.run(&self.buffer) {
                Err(Reserved) => Err(FrameError::NotAFrame { at }),
                Ok(Step::Done(length)) => self.allowed(as_u64(length)).map(Ok),
                Ok(Step::Wants(length)) => self.allowed(length).map(Err),
            };
        }
        let Some(announced) = self.buffer.first_chunk::<PREFIX>() else {
            return Ok(Err(PREFIX));
        };
        let announced = u32::from_be_bytes(*announced);
        let length = self.allowed(u64::from(announced))? + PREFIX;
        let Some(inside) = self.buffer.get(PREFIX..length) else {
            return Ok(Err(length));
        };
        match Scan::new().run(inside) {
            Ok(Step::Done(found)) if found + PREFIX == length => Ok(Ok(length)),
            _ => Err(FrameError::NotAFrame { at }),
        }
    }

    fn allowed(&self, length: u64) -> Result<usize, FrameError> {
        match usize::try_from(length) {
            Ok(fits) if fits <= self.max_frame => Ok(fits),
            _ => Err(FrameError::TooLong {
                at: self.offset,
                length,
                max: self.max_frame,
            }),
        }
    }

    fn take(&mut self, prefix: usize, length: usize) -> Result<Frame, FrameError> {
        let frame = self.buffer.split_to(length).freeze();
        let at = self.offset;
        self.offset += as_u64(length);
        self.wanted = 1;
        self.scan = Scan::new();
        let body = body(&frame.slice(prefix..)).ok_or(FrameError::NoBody { at })?;
        Ok(Frame { body })
    }
}

/// The `body` of `{"head": …, "body": …}`, as bytes or (msgpack before 1.0) as text.
fn body(frame: &Bytes) -> Option<Bytes> {
    let (pairs, mut rest) = scan::map(frame)?;
    for _ in 0..pairs {
        let (key, behind) = scan::first_value(rest)?;
        let (value, behind) = scan::first_value(behind)?;
        if scan::content(key) == Some(b"body") {
            return Some(frame.slice_ref(scan::content(value)?));
        }
        rest = behind;
    }
    None
}

#[cfg(test)]
mod tests;
