//! Every job event of the captured buses against its golden: a table of all, and whole events of distinct shapes.
//! It tests no single rule: each module does that itself.
//!
//! `UPDATE_EXPECT=1` rewrites the goldens; the difference is read before it is committed.

#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use pillarbox_collector::command::decode::decode;
use pillarbox_collector::frame::{Frame, Frames};
use pillarbox_collector::normalize::{Origin, Reading, normalize};
use pillarbox_proto::event::{Event, What};

const VERSIONS: [&str; 3] = ["3006.30", "3007.17", "3008.5"];

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn capture(version: &str) -> Vec<u8> {
    fs::read(tests().join(format!("captures/{version}.bin"))).unwrap()
}

fn origin() -> Origin {
    Origin {
        cluster: "lab".into(),
        master: "salt1".into(),
    }
}

fn expect_file(path: &Path, found: &str) {
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(path, found).unwrap();
    }
    let expect = fs::read_to_string(path).unwrap_or_default();
    for (n, (found, expect)) in found.lines().zip(expect.lines()).enumerate() {
        assert_eq!(found, expect, "{}:{}", path.display(), n + 1);
    }
    assert_eq!(
        found.lines().count(),
        expect.lines().count(),
        "{}",
        path.display()
    );
}

fn frames(bytes: &[u8], piece: usize) -> Vec<Frame> {
    let mut splitter = Frames::new(1 << 20);
    let mut frames = Vec::new();
    for piece in bytes.chunks(piece) {
        splitter.push(piece);
        while let Some(frame) = splitter.next().unwrap() {
            frames.push(frame);
        }
    }
    assert!(splitter.is_empty());
    frames
}

fn tag(frame: &Frame) -> String {
    let end = frame
        .body
        .windows(2)
        .position(|two| two == b"\n\n")
        .unwrap();
    String::from_utf8(frame.body[..end].to_vec()).unwrap()
}

/// The event that `decode` prints.
fn event(frame: &Frame) -> Option<Event> {
    match normalize(&origin(), &frame.body, None) {
        Reading::Event(event) | Reading::Noise { event, .. } | Reading::Beat { ret: event, .. } => {
            Some(*event)
        }
        Reading::Other(_) => None,
        Reading::Unreadable(unreadable) => panic!("{unreadable:?}"),
    }
}

#[test]
fn every_job_event_is_judged_as_the_table_says() {
    let mut table = "version\ttag\tkind\toutcome\n".to_owned();
    for version in VERSIONS {
        for frame in frames(&capture(version), usize::MAX) {
            let Some(event) = event(&frame) else { continue };
            let outcome = match &event.what {
                What::Ret(ret) => ret.outcome.as_str(),
                What::New(_) | What::End(_) | What::Beat(_) => "-",
            };
            writeln!(
                table,
                "{version}\t{}\t{}\t{outcome}",
                tag(&frame),
                event.kind()
            )
            .unwrap();
        }
    }
    expect_file(&tests().join("captures.tsv"), &table);
}

#[test]
fn whole_events_are_as_wanted() {
    let check = |name: &str, version: &str, wanted: &str| {
        let frame = frames(&capture(version), usize::MAX)
            .into_iter()
            .find(|frame| tag(frame) == wanted);
        let event = match normalize(
            &origin(),
            &frame.unwrap().body,
            Some("2026-11-22T02:00:00Z"),
        ) {
            Reading::Event(event) => event,
            Reading::Beat { beat, .. } => beat,
            other => panic!("{wanted}: {other:?}"),
        };
        let json = serde_json::to_string_pretty(&event).unwrap() + "\n";
        expect_file(&tests().join(format!("golden/{name}.json")), &json);
    };
    let v = "3008.5";
    check(
        "new_list_with_a_ghost",
        v,
        "salt/job/20261122012257824143/new",
    );
    check(
        "new_keyword_arguments",
        v,
        "salt/job/20261122012323928210/new",
    );
    check(
        "changed_with_a_pillar",
        v,
        "salt/job/20261122012426539116/ret/3008-m1",
    );
    check("test_mode", v, "salt/job/20261122012429140002/ret/3008-m1");
    check("failed", v, "salt/job/20261122012432185068/ret/3008-m1");
    check(
        "requisites_failed",
        v,
        "salt/job/20261122012435416760/ret/3008-m1",
    );
    check(
        "render_error",
        v,
        "salt/job/20261122012438687565/ret/3008-m1",
    );
    check(
        "odd_changes",
        v,
        "salt/job/20261122012546300465/ret/3008-m1",
    );
    check(
        "trimmed_by_salt",
        v,
        "salt/job/20261122012653358734/ret/3008-m1",
    );
    check(
        "command_failed",
        v,
        "salt/job/20261122012313261737/ret/3008-m1",
    );
    check(
        "several_functions",
        v,
        "salt/job/20261122012337063682/ret/3008-m1",
    );
    check("salt_call", v, "salt/job/20261122012737809550/ret/3008-m1");
    check("schedule", v, "salt/job/20261122012743138774/ret/3008-m1");
    check("still_runs", v, "salt/job/20261122012606448282/ret/3008-m2");
    check("runner_new", v, "salt/run/20261122012714865078/new");
    check("orchestration", v, "salt/run/20261122012714865078/ret");
    check("runner_unknown", v, "salt/run/20261122012722971113/ret");
    check("batch_new", v, "salt/batch/20261122012659627547/new");
    check(
        "batch_complete",
        v,
        "salt/batch/20261122012659627547/complete",
    );
    check(
        "salt_3006",
        "3006.30",
        "salt/job/20261122012427320827/ret/3006-m1",
    );
}

#[test]
fn single_bytes_give_the_same_frames() {
    for version in VERSIONS {
        let bytes = capture(version);
        assert_eq!(frames(&bytes, 1), frames(&bytes, usize::MAX), "{version}");
    }
}

/// Hands out one byte at a time.
struct Drip<'a>(&'a [u8]);

impl std::io::Read for Drip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let take = self.0.len().min(1);
        let (now, later) = self.0.split_at(take);
        buffer[..take].copy_from_slice(now);
        self.0 = later;
        Ok(take)
    }
}

#[test]
fn decode_prints_the_same_however_the_bytes_come() {
    for version in VERSIONS {
        let bytes = capture(version);
        let (mut whole, mut dripped) = (Vec::new(), Vec::new());
        let tally = decode(&origin(), &bytes[..], &mut whole, Vec::new()).unwrap();
        assert_eq!(
            decode(&origin(), Drip(&bytes), &mut dripped, Vec::new()).unwrap(),
            tally
        );
        assert!(whole == dripped, "{version}");
        for line in std::str::from_utf8(&whole).unwrap().lines() {
            let event: Event = serde_json::from_str(line).unwrap();
            assert_eq!(
                serde_json::to_string(&event).unwrap(),
                line,
                "the contract reads it back"
            );
        }
    }
}

#[test]
fn decode_says_what_is_damaged_and_where() {
    let bytes = capture("3006.30");
    let said = |bytes: &[u8]| {
        let (mut out, mut report) = (Vec::new(), Vec::new());
        let tally = decode(&origin(), bytes, &mut out, &mut report).unwrap();
        assert!(tally.broken);
        (
            String::from_utf8(report)
                .unwrap()
                .lines()
                .next()
                .unwrap()
                .to_owned(),
            tally.events,
        )
    };
    let (cut, before) = said(&bytes[..bytes.len() - 1]);
    assert!(
        cut.starts_with("cut: the stream ends within the frame that begins at byte 25"),
        "{cut}"
    );
    assert_eq!(before, 296, "the last frame is no job's");
    let (damage, events) = said(&[&bytes[..], b"\xff\xff\xff\xffjunk", &bytes[..]].concat());
    let expect = format!(
        "damaged: byte {}: a frame of at least 4294967295 bytes; 67108864 are allowed",
        bytes.len()
    );
    assert_eq!((damage, events), (expect, 296));
}
