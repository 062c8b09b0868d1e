//! The core of `decode`: bytes of a bus to frames to judged and redacted events to JSON: `cargo bench --workspace --bench decode`.
//! It reads no file and no socket while it measures. Beside events and megabytes a second it prints how many times longer
//! each part takes than copying the same bytes and looking at each once, in the same run: that ratio hardly depends on the machine.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

use std::hint::black_box;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;
use pillarbox_collector::command::decode::decode;
use pillarbox_collector::frame::Frames;
use pillarbox_collector::normalize::{Origin, Reading, normalize};

const VERSIONS: [&str; 3] = ["3006.30", "3007.17", "3008.5"];
/// Every capture so often in a round.
const REPEATED: usize = 10;
const ROUNDS: usize = 31;
/// Bytes that a socket gives at once.
const CHUNK: usize = 64 * 1024;
const MAX_FRAME: usize = 16 << 20;

fn main() -> anyhow::Result<()> {
    let bytes = captures()?;
    let origin = Origin {
        cluster: "prod".to_owned(),
        master: "salt1".to_owned(),
    };
    let (frames, events) = (frames(&bytes), normalized(&origin, &bytes));
    let whole = whole(&origin, &bytes)?;
    ensure!(events == whole, "{events} events, and {whole} printed");
    println!(
        "{} captures, {REPEATED} times each: {} bytes, {frames} frames, {events} job events; medians of {ROUNDS} rounds",
        VERSIONS.len(),
        bytes.len()
    );
    // The parts in turn, round after round: what disturbs the machine disturbs all of them.
    let mut times = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        times[0].push(taken(|| copied_and_seen(&bytes)));
        times[1].push(taken(|| self::frames(&bytes)));
        times[2].push(taken(|| normalized(&origin, &bytes)));
        times[3].push(taken(|| self::whole(&origin, &bytes)));
    }
    let [copy, split, judged, printed] = times.map(median);
    let line = |what: &str, time: Duration| {
        let seconds = time.as_secs_f64();
        println!(
            "{what:<27} {:>9.0} events/s {:>8.1} MB/s {:>7.1} times the copy",
            events as f64 / seconds,
            bytes.len() as f64 / 1e6 / seconds,
            seconds / copy.as_secs_f64()
        );
    };
    line("copied, each byte seen once", copy);
    line("frames", split);
    line("frames, events", judged);
    line("frames, events, JSON", printed);
    Ok(())
}

fn captures() -> io::Result<Vec<u8>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    let mut bytes = Vec::new();
    for version in VERSIONS {
        let capture = std::fs::read(dir.join(format!("{version}.bin")))?;
        bytes.extend(capture.repeat(REPEATED));
    }
    Ok(bytes)
}

fn taken<T>(work: impl FnOnce() -> T) -> Duration {
    let began = Instant::now();
    black_box(work());
    began.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// The least that can be done with bytes of which none may be overlooked.
fn copied_and_seen(bytes: &[u8]) -> u64 {
    let mut buffer = Vec::with_capacity(CHUNK);
    let mut sum = 0_u64;
    for chunk in bytes.chunks(CHUNK) {
        buffer.clear();
        buffer.extend_from_slice(black_box(chunk));
        sum += buffer.iter().map(|byte| u64::from(*byte)).sum::<u64>();
    }
    sum
}

fn frames(bytes: &[u8]) -> usize {
    each_frame(bytes, |_| 1)
}

fn normalized(origin: &Origin, bytes: &[u8]) -> usize {
    each_frame(bytes, |body| match normalize(origin, body, None) {
        Reading::Event(_) | Reading::Noise { .. } | Reading::Beat { .. } => 1,
        Reading::Other(_) | Reading::Unreadable(_) => 0,
    })
}

fn each_frame(bytes: &[u8], mut count: impl FnMut(&[u8]) -> usize) -> usize {
    let mut frames = Frames::new(MAX_FRAME);
    let mut counted = 0;
    for chunk in bytes.chunks(CHUNK) {
        frames.push(chunk);
        while let Ok(Some(frame)) = frames.next() {
            counted += count(&frame.body);
        }
    }
    counted
}

/// All that the command does, into nowhere.
fn whole(origin: &Origin, bytes: &[u8]) -> anyhow::Result<usize> {
    let tally = decode(origin, bytes, io::sink(), io::sink())?;
    ensure!(
        tally.unreadable == 0 && !tally.broken,
        "the captures cannot be read: {tally:?}"
    );
    Ok(usize::try_from(tally.events)?)
}
