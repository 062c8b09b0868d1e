//! Bytes of the event bus cut into frames: both framings, told apart per frame by the first byte (SALT.md §2).
//! It reads no socket and looks into no event: after an error the connection is good for nothing more.

mod scan;

use bytes::{Bytes, BytesMut};
use rmp::Marker;

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
    let Marker::FixMap(pairs) = Marker::from_u8(*frame.first()?) else {
        return None;
    };
    let mut at = 1;
    for _ in 0..pairs {
        let key = next_value(frame, &mut at)?;
        let value = next_value(frame, &mut at)?;
        if content(&key).is_some_and(|name| name == "body") {
            return content(&value);
        }
    }
    None
}

fn next_value(frame: &Bytes, at: &mut usize) -> Option<Bytes> {
    match Scan::new().run(frame.get(*at..)?) {
        Ok(Step::Done(length)) => {
            let value = frame.slice(*at..*at + length);
            *at += length;
            Some(value)
        }
        _ => None,
    }
}

/// What a text or some bytes hold.
fn content(value: &Bytes) -> Option<Bytes> {
    let marker = Marker::from_u8(*value.first()?);
    let head = if matches!(marker, Marker::FixStr(_)) {
        1
    } else if matches!(marker, Marker::Str8 | Marker::Bin8) {
        2
    } else if matches!(marker, Marker::Str16 | Marker::Bin16) {
        3
    } else if matches!(marker, Marker::Str32 | Marker::Bin32) {
        5
    } else {
        return None;
    };
    Some(value.slice(head..))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `{"head": {}, "body": …}` with the body as bytes.
    fn bare(body: &[u8]) -> Vec<u8> {
        let mut frame = b"\x82\xa4head\x80\xa4body\xc6".to_vec();
        frame.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
        frame.extend(body);
        frame
    }

    fn prefixed(body: &[u8]) -> Vec<u8> {
        let inside = bare(body);
        let mut frame = u32::try_from(inside.len()).unwrap().to_be_bytes().to_vec();
        frame.extend(inside);
        frame
    }

    /// Everything that comes of some pieces: bodies, and how it ended.
    fn split(
        max: usize,
        pieces: impl IntoIterator<Item = Vec<u8>>,
    ) -> (Vec<Bytes>, Option<FrameError>, bool) {
        let mut frames = Frames::new(max);
        let mut bodies = Vec::new();
        for piece in pieces {
            frames.push(&piece);
            loop {
                match frames.next() {
                    Ok(Some(frame)) => bodies.push(frame.body),
                    Ok(None) => break,
                    Err(error) => return (bodies, Some(error), frames.is_empty()),
                }
            }
        }
        (bodies, None, frames.is_empty())
    }

    #[test]
    fn both_framings_may_follow_each_other() {
        let stream = [bare(b"one"), prefixed(b"two"), bare(b""), prefixed(b"four")].concat();
        let (bodies, error, empty) = split(100, [stream]);
        assert_eq!(bodies, [&b"one"[..], b"two", b"", b"four"]);
        assert_eq!((error, empty), (None, true));
    }

    #[test]
    fn a_body_may_be_text_and_a_head_may_be_full() {
        let (bodies, ..) = split(
            100,
            [b"\x82\xa4head\x81\xa1a\x93\x01\xc0\xd4\x05x\xa4body\xa3one".to_vec()],
        );
        assert_eq!(bodies, [&b"one"[..]]);
    }

    #[test]
    fn what_is_no_frame_ends_the_connection() {
        let check = |stream: &[u8], expect: &str| {
            let (_, error, empty) = split(1 << 20, [bare(b"ok"), stream.to_vec()]);
            assert_eq!(error.unwrap().to_string(), expect);
            assert!(!empty);
        };
        let at = bare(b"ok").len();
        check(
            b"GET / HTTP/1.1\r\n",
            &format!("byte {at}: a frame of at least 1195725856 bytes; 1048576 are allowed"),
        );
        check(
            b"\xff\xff\xff\xff",
            &format!("byte {at}: a frame of at least 4294967295 bytes; 1048576 are allowed"),
        );
        check(
            b"\x82\xa4head\x80\xa4body\xc6\xff\xff\xff\xff",
            &format!("byte {at}: a frame of at least 4294967312 bytes; 1048576 are allowed"),
        );
        check(
            b"\x82\xa4head\xdd\xff\xff\xff\xff",
            &format!("byte {at}: a frame of at least 4294967308 bytes; 1048576 are allowed"),
        );
        check(
            b"\x82\xc1",
            &format!("byte {at}: no frame of the event bus"),
        );
        check(
            b"\0\0\0\0",
            &format!("byte {at}: no frame of the event bus"),
        );
        check(
            b"\0\0\0\x02\x01\x01",
            &format!("byte {at}: no frame of the event bus"),
        );
        check(
            b"\0\0\0\x02\xa1a",
            &format!("byte {at}: a frame without a body"),
        );
        check(
            b"\x82\xa4head\x80\xa4body\x07",
            &format!("byte {at}: a frame without a body"),
        );
    }

    #[test]
    fn an_error_stays_and_holds_nothing() {
        let mut frames = Frames::new(10);
        frames.push(b"\xff\xff\xff\xff");
        let error = frames.next().unwrap_err();
        frames.push(&[0; 1000]);
        assert_eq!(frames.next().unwrap_err(), error);
        assert!(frames.buffer.capacity() < 100);
    }

    #[test]
    fn a_cut_frame_is_noticed() {
        let stream = prefixed(b"whole");
        for cut in 1..stream.len() {
            let (bodies, error, empty) = split(100, [stream[..cut].to_vec()]);
            assert_eq!((bodies.len(), error, empty), (0, None, false), "{cut}");
        }
    }

    #[test]
    fn single_bytes_take_linear_time() {
        let mut frames = Frames::new(1 << 24);
        let items: Vec<u8> = [
            b"\x82\xa4head\xdd\x00\x03\x0d\x40".to_vec(),
            vec![0xc0; 200_000],
        ]
        .concat();
        for byte in &items {
            frames.push(std::slice::from_ref(byte));
            assert_eq!(frames.next(), Ok(None));
        }
        assert!(frames.wanted >= items.len());
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_frames(
            bodies in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..300)), 0..8),
            piece in 1usize..64,
        ) {
            let stream: Vec<u8> = bodies
                .iter()
                .flat_map(|(with, body)| if *with { prefixed(body) } else { bare(body) })
                .collect();
            let (found, error, empty) = split(1000, stream.chunks(piece).map(<[u8]>::to_vec));
            prop_assert_eq!((error, empty), (None, true));
            let expect: Vec<_> = bodies.into_iter().map(|(_, body)| Bytes::from(body)).collect();
            prop_assert_eq!(found, expect);
        }

        #[test]
        fn any_bytes_are_survived_in_bounded_memory(
            start in prop::sample::select(vec![&b""[..], b"\x82", b"\x82\xa4head", b"\0\0\0\x10", b"\x82\xa4body\xc4"]),
            noise in prop::collection::vec(any::<u8>(), 0..2000),
            piece in 1usize..64,
        ) {
            let stream = [start, &noise].concat();
            let whole = split(256, [stream.clone()]);
            let mut frames = Frames::new(256);
            let mut bodies = Vec::new();
            let mut failed = None;
            'stream: for piece in stream.chunks(piece) {
                frames.push(piece);
                prop_assert!(frames.buffer.len() <= 256 + PREFIX + 64, "held {}", frames.buffer.len());
                loop {
                    match frames.next() {
                        Ok(Some(frame)) => bodies.push(frame.body),
                        Ok(None) => break,
                        Err(error) => { failed = Some(error); break 'stream; }
                    }
                }
            }
            prop_assert_eq!(bodies, whole.0);
            prop_assert_eq!(failed.is_some(), whole.1.is_some());
        }
    }
}
