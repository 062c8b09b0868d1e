//! `decode`: a captured bus stream on standard input, one JSON event a line on standard output.
//! It connects to nothing and publishes nothing; the same bytes in give the same bytes out.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::process::ExitCode;

use pillarbox_proto::event::Event;

use crate::frame::{FrameError, Frames};
use crate::normalize::{Origin, Reading, Unreadable, normalize};

/// Longest frame: an event is one frame, and Salt's own limit is 1 MiB unless raised.
const MAX_FRAME: usize = 64 * 1024 * 1024;
/// Read at once.
const CHUNK: usize = 64 * 1024;

/// Print the job events of a captured bus stream, one JSON line each.
///
/// Reads what `master_event_pub.ipc` sent from standard input, in either framing. Every event of a job is printed, also
/// those that `run` drops as noise; everything else on the bus is counted on standard error. Exits with 1 if an event
/// could not be read or the stream is damaged or cut.
#[derive(Debug, clap::Args)]
pub struct Decode {
    /// Name of the cluster in the events
    #[arg(long, default_value = "salt")]
    cluster: String,
    /// Id of the master in the events
    #[arg(long, default_value = "salt")]
    master: String,
}

/// Why decoding stopped.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The input.
    #[error("cannot read standard input: {0}")]
    Read(#[source] io::Error),
    /// The output; a closed pipe is no error.
    #[error("cannot write: {0}")]
    Write(#[source] io::Error),
}

impl Decode {
    /// Decodes standard input to its end.
    pub fn run(self) -> Result<ExitCode, DecodeError> {
        let origin = Origin {
            cluster: self.cluster,
            master: self.master,
        };
        let out = io::BufWriter::new(io::stdout().lock());
        match decode(&origin, io::stdin().lock(), out, io::stderr().lock()) {
            Ok(tally) if tally.is_whole() => Ok(ExitCode::SUCCESS),
            Ok(_) => Ok(ExitCode::FAILURE),
            Err(DecodeError::Write(error)) if error.kind() == ErrorKind::BrokenPipe => {
                Ok(ExitCode::SUCCESS)
            }
            Err(error) => Err(error),
        }
    }
}

/// What was seen.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Frames.
    pub frames: u64,
    /// Events printed, noise among them.
    pub events: u64,
    /// Noise by reason.
    pub noise: BTreeMap<&'static str, u64>,
    /// Everything else by kind of tag.
    pub other: BTreeMap<&'static str, u64>,
    /// Job events that could not be read.
    pub unreadable: u64,
    /// The stream is damaged, or was cut within a frame.
    pub broken: bool,
}

impl Tally {
    fn is_whole(&self) -> bool {
        self.unreadable == 0 && !self.broken
    }
}

/// Decodes a stream. Lines are flushed whenever the input pauses.
pub fn decode(
    origin: &Origin,
    mut input: impl Read,
    mut out: impl Write,
    mut report: impl Write,
) -> Result<Tally, DecodeError> {
    let mut frames = Frames::new(MAX_FRAME);
    let mut tally = Tally::default();
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = match input.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(DecodeError::Read(error)),
        };
        frames.push(chunk.get(..length).unwrap_or_default());
        let drained = drain(origin, &mut frames, &mut tally, &mut out, &mut report);
        if let Some(damage) = drained.map_err(DecodeError::Write)? {
            writeln!(report, "damaged: {damage}").map_err(DecodeError::Write)?;
            tally.broken = true;
            break;
        }
        out.flush().map_err(DecodeError::Write)?;
    }
    out.flush().map_err(DecodeError::Write)?;
    if !tally.broken && !frames.is_empty() {
        let at = frames.offset();
        writeln!(
            report,
            "cut: the stream ends within the frame that begins at byte {at}"
        )
        .map_err(DecodeError::Write)?;
        tally.broken = true;
    }
    summary(&tally, &mut report).map_err(DecodeError::Write)?;
    Ok(tally)
}

/// Takes every whole frame; says so if there can be no more.
fn drain(
    origin: &Origin,
    frames: &mut Frames,
    tally: &mut Tally,
    out: &mut impl Write,
    report: &mut impl Write,
) -> io::Result<Option<FrameError>> {
    loop {
        let frame = match frames.next() {
            Ok(Some(frame)) => frame,
            Ok(None) => return Ok(None),
            Err(error) => return Ok(Some(error)),
        };
        tally.frames += 1;
        match normalize(origin, &frame.body, None) {
            Reading::Event(event) => print(&event, tally, out)?,
            Reading::Beat { ret, .. } => {
                *tally.noise.entry("find-job").or_default() += 1;
                print(&ret, tally, out)?;
            }
            Reading::Noise { reason, event } => {
                *tally.noise.entry(reason.as_str()).or_default() += 1;
                print(&event, tally, out)?;
            }
            Reading::Other(tag) => *tally.other.entry(tag.as_str()).or_default() += 1,
            Reading::Unreadable(unreadable) => {
                tally.unreadable += 1;
                complain(&unreadable, report)?;
            }
        }
    }
}

fn print(event: &Event, tally: &mut Tally, out: &mut impl Write) -> io::Result<()> {
    tally.events += 1;
    serde_json::to_writer(&mut *out, event)?;
    out.write_all(b"\n")
}

fn complain(unreadable: &Unreadable, report: &mut impl Write) -> io::Result<()> {
    let Unreadable {
        tag,
        length,
        sha256,
        error,
    } = unreadable;
    writeln!(
        report,
        "unreadable: tag {tag:?}, {length} bytes, sha256 {sha256}: {error}"
    )
}

fn summary(tally: &Tally, report: &mut impl Write) -> io::Result<()> {
    let list = |counts: &BTreeMap<&str, u64>| {
        let total: u64 = counts.values().sum();
        let names: Vec<String> = counts
            .iter()
            .map(|(name, n)| format!("{name} {n}"))
            .collect();
        if names.is_empty() {
            "0".to_owned()
        } else {
            format!("{total} ({})", names.join(", "))
        }
    };
    writeln!(report, "frames: {}", tally.frames)?;
    writeln!(
        report,
        "job events: {}, of these noise: {}",
        tally.events,
        list(&tally.noise)
    )?;
    writeln!(report, "other events: {}", list(&tally.other))?;
    writeln!(report, "unreadable: {}", tally.unreadable)
}
