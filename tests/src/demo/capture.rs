//! A captured bus stream as frames, each with the pause before it and the job that it starts.
//! It plays nothing, and reads no more of a frame than that.

use std::fmt;
use std::io::Cursor;
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use pillarbox_proto::salt::Fun;
use serde::Deserialize;
use serde::de::{Error, IgnoredAny, Visitor};

/// Nobody wants to watch a master that waits.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Whole frames in their order.
#[derive(Debug)]
pub(super) struct Capture {
    pub(super) frames: Vec<Frame>,
}

/// A frame, byte for byte.
#[derive(Debug, PartialEq)]
pub(super) struct Frame {
    pub(super) bytes: Vec<u8>,
    /// From the frame before, as recorded, and two seconds at most.
    pub(super) pause: Duration,
    /// The job that it announces.
    pub(super) starts: Option<Start>,
}

/// A job's announcement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) jid: String,
    pub(super) fun: String,
}

/// What is read of an event's data.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Data {
    #[serde(rename = "_stamp")]
    stamp: Option<String>,
    fun: Option<Fun>,
}

impl Capture {
    /// In either framing, told apart for each frame. What is no whole frame at the end was cut off by the recording.
    pub(super) fn read(bytes: &[u8]) -> anyhow::Result<Self> {
        let mut frames = Vec::new();
        let mut rest = bytes;
        let mut before = None;
        while let Some((frame, body, behind)) = first(rest) {
            let (tag, data) = event(body);
            let stamp = data.stamp.as_deref().and_then(moment);
            frames.push(Frame {
                bytes: frame.to_vec(),
                pause: pause(before, stamp),
                starts: start(tag, data.fun),
            });
            before = stamp.or(before);
            rest = behind;
        }
        anyhow::ensure!(!frames.is_empty(), "this is no captured bus stream");
        Ok(Self { frames })
    }

    /// The jobs that are about states, as the demo's routes are.
    pub(super) fn starts(&self) -> Vec<Start> {
        let starts = self.frames.iter().filter_map(|frame| frame.starts.clone());
        let mut starts: Vec<Start> = starts.filter(|it| it.fun.starts_with("state.")).collect();
        starts.dedup_by(|a, b| a.jid == b.jid);
        starts
    }
}

/// The first whole frame, its body, and what is behind it.
fn first(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let is_map = *bytes.first()? >= 0x80; // a length prefix begins with a smaller byte, or the frame had 2 GiB
    let prefix = if is_map { 0 } else { 4 };
    let map = bytes.get(prefix..)?;
    let mut reader = rmp_serde::Deserializer::new(Cursor::new(map));
    IgnoredAny::deserialize(&mut reader).ok()?;
    let end = prefix + usize::try_from(reader.position()).ok()?;
    let (frame, behind) = bytes.split_at_checked(end)?;
    let Envelope { body } = rmp_serde::from_slice(frame.get(prefix..)?).ok()?;
    Some((frame, body.0, behind))
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    body: Body<'a>,
}

/// Bytes: Salt's releases write them as binary or as a string.
struct Body<'a>(&'a [u8]);

impl<'de: 'a, 'a> Deserialize<'de> for Body<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl<'de> Visitor<'de> for Bytes {
            type Value = &'de [u8];
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
                Ok(bytes)
            }
            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(text.as_bytes())
            }
        }
        from.deserialize_bytes(Bytes).map(Body)
    }
}

/// Tag, and what can be read of the data: nothing where it is odd, for then it only needs no pause.
fn event(body: &[u8]) -> (&str, Data) {
    let blank = body.windows(2).position(|it| it == b"\n\n");
    let (tag, data) = body.split_at(blank.unwrap_or(body.len()));
    let data = data.get(2..).and_then(|it| rmp_serde::from_slice(it).ok());
    (
        std::str::from_utf8(tag).unwrap_or_default(),
        data.unwrap_or_default(),
    )
}

fn start(tag: &str, fun: Option<Fun>) -> Option<Start> {
    let jid = tag.strip_prefix("salt/job/")?.strip_suffix("/new")?;
    Some(Start {
        jid: jid.to_owned(),
        fun: fun?.to_string(),
    })
}

/// Older releases write no offset and mean UTC.
fn moment(stamp: &str) -> Option<Timestamp> {
    let plain = || {
        let civil: DateTime = stamp.parse().ok()?;
        Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
    };
    stamp.parse().ok().or_else(plain)
}

fn pause(before: Option<Timestamp>, stamp: Option<Timestamp>) -> Duration {
    let (Some(before), Some(stamp)) = (before, stamp) else {
        return Duration::ZERO;
    };
    let passed = Duration::try_from(stamp.duration_since(before));
    passed.unwrap_or_default().min(LONGEST_PAUSE)
}

/// The demo's own recording.
pub(super) fn own() -> anyhow::Result<Capture> {
    Capture::read(include_bytes!("../../captures/demo.bin")).context("the demo's own recording")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::Capture;
    use crate::bus::{Framing, frame};
    use crate::demo::jobs::JOBS;

    fn event(framing: Framing, tag: &str, stamp: &str) -> Vec<u8> {
        let data = json!({"fun": "state.apply", "_stamp": stamp});
        frame(framing, tag, &data).unwrap()
    }

    #[test]
    fn pauses_are_as_recorded_and_never_long() {
        let stream = [
            event(
                Framing::Bare,
                "salt/job/1/new",
                "2026-11-22T05:31:03.500000+00:00",
            ),
            event(
                Framing::Prefixed,
                "salt/job/1/ret/web1",
                "2026-11-22T05:31:04.000000",
            ),
            event(Framing::Bare, "salt/auth", "not a time"),
            event(
                Framing::Bare,
                "salt/job/2/new",
                "2026-11-22T05:31:59.000000+00:00",
            ),
            event(
                Framing::Bare,
                "salt/job/2/ret/web1",
                "2026-11-22T05:31:58.000000+00:00",
            ),
        ];
        let capture = Capture::read(&stream.concat()).unwrap();
        let pauses = capture.frames.iter().map(|it| it.pause);
        let expect = [0, 500, 0, 2000, 0].map(Duration::from_millis);
        assert_eq!(pauses.collect::<Vec<_>>(), expect);
        let played: Vec<_> = capture.frames.iter().map(|it| it.bytes.clone()).collect();
        assert_eq!(played, stream);
        let jids: Vec<_> = capture.starts().into_iter().map(|it| it.jid).collect();
        assert_eq!(jids, ["1", "2"]);
    }

    #[test]
    fn a_cut_end_is_not_played_and_no_frame_at_all_is_a_mistake() {
        let whole = event(
            Framing::Bare,
            "salt/job/1/new",
            "2026-11-22T05:31:03.500000+00:00",
        );
        let cut = [&whole[..], &whole[..20]].concat();
        assert_eq!(Capture::read(&cut).unwrap().frames.len(), 1);
        assert!(Capture::read(b"#!/bin/sh\n").is_err());
        assert!(Capture::read(b"").is_err());
    }

    #[test]
    fn the_own_recording_has_the_demos_jobs() {
        assert_eq!(super::own().unwrap().starts().len(), JOBS.len());
    }
}
