//! What a template may name: plain words for what a notification says.
//! It chooses no words of a message; README's table lists every name here.

use jiff::tz::TimeZone;
use pillarbox_proto::delivery::{Notification, Start};
use pillarbox_proto::digest::{About, Digest, Finding, Job};
use serde::Serialize;

use super::super::letter::Letter;
use super::super::words::{self, Mark};
use super::super::{names, time};

/// What is known of a notification.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Facts<'a> {
    /// When a job starts.
    Start(Box<OfStart<'a>>),
    /// Of a digest.
    Digest(Box<OfDigest<'a>>),
}

/// What is known from the start.
#[derive(Serialize)]
pub(super) struct OfJob<'a> {
    cluster: &'a str,
    master: &'a str,
    job: &'a str,
    jid: &'a str,
    fun: String,
    args: String,
    command: &'a str,
    user: &'a str,
    target: String,
    target_type: &'a str,
    test: bool,
    schedule: &'a str,
    started: String,
    title: String,
    subject: String,
}

#[derive(Serialize)]
pub(super) struct OfStart<'a> {
    #[serde(flatten)]
    job: OfJob<'a>,
    counts: Expected,
}

#[derive(Serialize)]
struct Expected {
    expected: Count,
}

#[derive(Serialize)]
pub(super) struct OfDigest<'a> {
    #[serde(flatten)]
    job: OfJob<'a>,
    id: String,
    minions: Vec<&'a str>,
    outcome: &'static str,
    ended: String,
    counts: Counts,
    failures: Vec<State<'a>>,
    changes: Vec<State<'a>>,
    missing: Vec<&'a str>,
}

#[derive(Serialize)]
struct Counts {
    failed: u32,
    changed: u32,
    clean: u32,
    pending: u32,
    missing: u32,
    returned: u32,
    expected: Count,
}

/// A number, or that nobody knows it.
#[derive(Serialize)]
#[serde(untagged)]
enum Count {
    Known(u32),
    Unknown(&'static str),
}

impl From<Option<u32>> for Count {
    fn from(count: Option<u32>) -> Count {
        count.map_or(Count::Unknown("unknown"), Count::Known)
    }
}

/// A state that failed or changed; of what is no state, `comment` is all there is.
#[derive(Serialize)]
struct State<'a> {
    function: &'a str,
    id: &'a str,
    name: &'a str,
    sls: &'a str,
    comment: &'a str,
    output: &'a str,
    diff: &'a str,
    minions: Vec<&'a str>,
}

pub(super) fn of<'a>(notification: &'a Notification, zone: &TimeZone) -> Facts<'a> {
    let letter = Letter::new(notification, zone, false);
    match notification {
        Notification::Start(start) => Facts::Start(Box::new(of_start(start, letter, zone))),
        Notification::Digest(digest) => Facts::Digest(Box::new(of_digest(digest, letter, zone))),
    }
}

fn of_job<'a>(job: &'a Job, started: &str, letter: Letter, zone: &TimeZone) -> OfJob<'a> {
    let absent = |text: &'a Option<String>| text.as_deref().unwrap_or_default();
    OfJob {
        cluster: &job.cluster,
        master: &job.master,
        job: &job.job,
        jid: &job.jid.0,
        fun: job.fun.to_string(),
        args: job.args.join(" "),
        command: absent(&job.command),
        user: absent(&job.user),
        target: target(job),
        target_type: absent(&job.target_type),
        test: job.test,
        schedule: absent(&job.schedule),
        started: moment(started, zone),
        title: letter.title,
        subject: letter.subject,
    }
}

fn of_start<'a>(start: &'a Start, letter: Letter, zone: &TimeZone) -> OfStart<'a> {
    OfStart {
        job: of_job(&start.job, &start.started, letter, zone),
        counts: Expected {
            expected: start.minions.into(),
        },
    }
}

fn of_digest<'a>(digest: &'a Digest, letter: Letter, zone: &TimeZone) -> OfDigest<'a> {
    let minions = words::told(digest);
    let totals = &digest.totals;
    let id = match (&digest.of_return, minions.is_empty()) {
        (Some(minion), _) => minion.0.clone(),
        (None, true) => target(&digest.job),
        (None, false) => names::list(minions.iter().copied()),
    };
    OfDigest {
        job: of_job(&digest.job, &digest.started, letter, zone),
        id,
        minions,
        outcome: outcome(Mark::of(digest)),
        ended: digest
            .ended
            .as_deref()
            .map_or_else(String::new, |ended| moment(ended, zone)),
        counts: Counts {
            failed: totals.failed,
            changed: totals.changed,
            clean: totals.clean,
            pending: totals.pending,
            missing: totals.missing,
            returned: totals.returned,
            expected: totals.expected.into(),
        },
        failures: digest.failures.iter().map(state).collect(),
        changes: digest.changes.iter().map(state).collect(),
        missing: digest
            .missing
            .iter()
            .map(|missing| missing.standing.minion.0.as_str())
            .collect(),
    }
}

fn target(job: &Job) -> String {
    job.target
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default()
}

/// In a matcher's words.
fn outcome(mark: Mark) -> &'static str {
    match mark {
        Mark::Failed => "failed",
        Mark::Missing => "missing",
        Mark::Changed => "changed",
        Mark::Would => "pending",
        Mark::Clean => "clean",
    }
}

fn state(finding: &Finding) -> State<'_> {
    let state = match &finding.about {
        About::State(state) => Some(state),
        About::Start | About::Function | About::Report => None,
    };
    let minions = finding.minions.iter();
    State {
        function: state.map_or("", |state| &state.function),
        id: state.map_or("", |state| &state.id),
        name: state.map_or("", |state| &state.name),
        sls: state
            .and_then(|state| state.sls.as_deref())
            .unwrap_or_default(),
        comment: &finding.comment,
        output: &finding.output,
        diff: &finding.diff,
        minions: minions.map(|standing| standing.minion.0.as_str()).collect(),
    }
}

/// `2026-11-22 14:02:11 CET`; a fact that cannot be read is given as it is.
fn moment(at: &str, zone: &TimeZone) -> String {
    time::moment(at, zone).map_or_else(
        || at.to_owned(),
        |at| at.strftime("%Y-%m-%d %H:%M:%S %Z").to_string(),
    )
}
