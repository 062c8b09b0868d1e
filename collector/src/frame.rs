//! STAND-IN for the core's frames: just enough to compile and try the shell.
//! Not to be merged: the core's file wins.

use bytes::{Buf as _, Bytes, BytesMut};

/// Bytes of a connection that are no whole frame yet.
#[derive(Debug)]
pub struct Frames {
    max_frame: usize,
    buffer: BytesMut,
}

/// One frame's body.
#[derive(Debug)]
pub struct Frame {
    /// Tag, two newlines, payload.
    pub body: Bytes,
}

/// Damage.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Longer than any event can be.
    #[error("a frame of {0} bytes is longer than {1} allow")]
    TooLong(usize, usize),
    /// Not Salt's.
    #[error("not a frame: begins with {0:#04x}")]
    Garbage(u8),
}

const HEAD: &[u8] = b"\x82\xa4head\x80\xa4body";

impl Frames {
    /// Empty.
    pub fn new(max_frame: usize) -> Self {
        Frames {
            max_frame,
            buffer: BytesMut::new(),
        }
    }

    /// More bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame.
    #[expect(clippy::should_implement_trait, reason = "stand-in")]
    pub fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        let Some(&first) = self.buffer.first() else {
            return Ok(None);
        };
        let prefix = if first == 0x82 { 0 } else { 4 };
        if prefix == 4 {
            let Some(length) = self.buffer.first_chunk::<4>() else {
                return Ok(None);
            };
            let length = u32::from_be_bytes(*length) as usize;
            if length > self.max_frame {
                return Err(FrameError::TooLong(length, self.max_frame));
            }
        }
        let at = prefix + HEAD.len();
        let Some(head) = self.buffer.get(prefix..at) else {
            return Ok(None);
        };
        if head != HEAD {
            return Err(FrameError::Garbage(first));
        }
        let wide = match self.buffer.get(at) {
            None => return Ok(None),
            Some(0xc4) => 1,
            Some(0xc5) => 2,
            Some(0xc6) => 4,
            Some(&other) => return Err(FrameError::Garbage(other)),
        };
        let Some(length) = self.buffer.get(at + 1..at + 1 + wide) else {
            return Ok(None);
        };
        let length = length.iter().fold(0usize, |n, b| n << 8 | usize::from(*b));
        if length > self.max_frame {
            return Err(FrameError::TooLong(length, self.max_frame));
        }
        let start = at + 1 + wide;
        if self.buffer.len() < start + length {
            return Ok(None);
        }
        self.buffer.advance(start);
        Ok(Some(Frame {
            body: self.buffer.split_to(length).freeze(),
        }))
    }

    /// Nothing half read.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }
}
