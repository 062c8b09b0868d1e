//! What a master's bus carried during the demo, frame by frame, and the jobs in it.
//! It plays nothing, and reads no more of a frame than its tag and its length.

use anyhow::{Context, bail};

/// Recorded by `cargo demo --exit --record FILE`.
const DEMO: &[u8] = include_bytes!("../../captures/demo.bin");
/// What stands before the body of a frame: a map of two, `head`, which is empty, and `body`.
const BEFORE_BODY: &[u8] = b"\x82\xa4head\x80\xa4body";

/// An event as it went over the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its tag.
    pub tag: String,
    /// The whole frame.
    pub bytes: Vec<u8>,
}

/// A recorded run.
#[derive(Clone, Debug)]
pub struct Capture {
    /// Every frame, in order.
    pub frames: Vec<Frame>,
    /// The ids of the jobs that people are told of; in the last one a minion does not answer.
    pub jobs: Vec<String>,
    /// How many events of these jobs there are.
    pub events: usize,
}

impl Capture {
    /// The demo's run.
    ///
    /// # Errors
    /// When the file is no stream of bare frames.
    pub fn demo() -> anyhow::Result<Self> {
        let frames = frames(DEMO)?;
        let started = |frame: &Frame| {
            let jid = frame
                .tag
                .strip_prefix("salt/job/")?
                .strip_suffix("/new")?
                .to_owned();
            contains(&frame.bytes, b"state.apply").then_some(jid)
        };
        let jobs: Vec<String> = frames.iter().filter_map(started).collect();
        let of_a_job = |frame: &&Frame| {
            let of = |jid: &String| {
                let rest = frame.tag.strip_prefix(&format!("salt/job/{jid}/"));
                rest.is_some_and(|rest| rest == "new" || rest.starts_with("ret/"))
            };
            jobs.iter().any(of)
        };
        let events = frames.iter().filter(of_a_job).count();
        Ok(Self {
            frames,
            jobs,
            events,
        })
    }

    /// The frames of one job, and nothing between them.
    #[must_use]
    pub fn of(&self, jid: &str) -> Vec<Frame> {
        let of = |frame: &&Frame| frame.tag.contains(jid);
        self.frames.iter().filter(of).cloned().collect()
    }
}

fn frames(mut rest: &[u8]) -> anyhow::Result<Vec<Frame>> {
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let (start, end) = body(rest)?;
        let (frame, behind) = rest.split_at_checked(end).context("a cut frame")?;
        let text = String::from_utf8_lossy(frame.get(start..).unwrap_or_default()).into_owned();
        let (tag, _) = text.split_once("\n\n").context("a frame without a tag")?;
        frames.push(Frame {
            tag: tag.to_owned(),
            bytes: frame.to_vec(),
        });
        rest = behind;
    }
    Ok(frames)
}

/// Where the body of the frame that begins here begins and ends.
fn body(bytes: &[u8]) -> anyhow::Result<(usize, usize)> {
    let body = bytes
        .strip_prefix(BEFORE_BODY)
        .context("not a bare frame")?;
    let (marker, body) = body.split_first().context("a cut frame")?;
    let width = match marker {
        0xc4 => 1,
        0xc5 => 2,
        0xc6 => 4,
        other => bail!("a body of MessagePack type {other:#x}"),
    };
    let size = body.get(..width).context("a cut frame")?;
    let size = size
        .iter()
        .fold(0, |size, byte| size << 8 | usize::from(*byte));
    let start = BEFORE_BODY.len() + 1 + width;
    Ok((start, start + size))
}

fn contains(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::Capture;

    #[test]
    fn the_demo_has_four_jobs_and_one_return_is_missing() {
        let capture = Capture::demo().unwrap();
        assert_eq!((capture.jobs.len(), capture.events), (4, 11));
        let tags: Vec<_> = capture
            .of(&capture.jobs[3])
            .into_iter()
            .map(|frame| frame.tag)
            .collect();
        let jid = &capture.jobs[3];
        let expect = ["new", "publish", "ret/web1"].map(|it| format!("salt/job/{jid}/{it}"));
        assert_eq!(tags, expect);
    }
}
