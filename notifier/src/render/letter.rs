//! A message before its layout: every sentence in reading order, news first, nothing healthy by name.
//! It knows neither Slack nor mail: both say exactly what stands here, as far as they have room.

use jiff::Zoned;
use jiff::tz::TimeZone;
use pillarbox_proto::delivery::{Notification, Start};
use pillarbox_proto::digest::{About, Digest, Finding, Missing, SinceClean, Standing, Still};
use pillarbox_proto::subject::id;

use super::excerpt::{clean, clip, line};
use super::words::{self, Count, Mark};
use super::{names, next, time, title, why};

/// Findings made ready; beyond, they are counted.
const FINDINGS: usize = 20;
/// Held-back states by name.
const HELD_BACK: usize = 5;
/// A state slower than this is worth a line.
const SLOW_MS: f64 = 30_000.0;

/// A message in words.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Letter {
    /// The state; none for a start.
    pub(crate) mark: Option<Mark>,
    /// The subject of a mail: constant while the outcome is.
    pub(crate) subject: String,
    /// The first line.
    pub(crate) title: String,
    /// Numbers that the title does not have, and what they mean.
    pub(crate) numbers: Vec<String>,
    /// Who, where, when.
    pub(crate) origin: String,
    /// When, with date and zone.
    pub(crate) when: String,
    /// The command as typed.
    pub(crate) command: Option<String>,
    /// Every number, with names.
    pub(crate) counts: Vec<Count>,
    /// What must be known before the findings: an update, a batch that stopped.
    pub(crate) first: Vec<String>,
    /// What failed.
    pub(crate) findings: Vec<Section>,
    /// Findings beyond those.
    pub(crate) more_findings: usize,
    /// Who did not answer.
    pub(crate) missing: Vec<Vec<Piece>>,
    /// `Changed on 12`
    pub(crate) changes_title: String,
    /// What changed.
    pub(crate) changes: Vec<Section>,
    /// Changes beyond those.
    pub(crate) more_changes: usize,
    /// Commands that can be pasted.
    pub(crate) next: Vec<String>,
    /// Quiet lines at the end.
    pub(crate) notes: Vec<String>,
}

/// A part of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// As it is.
    Plain(String),
    /// Stands out.
    Strong(String),
    /// Typed, or to be typed.
    Code(String),
}

/// A heading, a text in the program's own words, and a line below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    /// The heading.
    pub(crate) heading: Vec<Piece>,
    /// Cleaned and not yet cut; may be empty.
    pub(crate) text: String,
    /// Of a long text, the beginning is worth more than the end.
    pub(crate) keep_head: bool,
    /// What else belongs to it; may be empty.
    pub(crate) after: String,
}

impl Letter {
    /// The words of a notification. `follow_up`: an earlier version was said, and could not be changed.
    pub(crate) fn new(notification: &Notification, zone: &TimeZone, follow_up: bool) -> Letter {
        match notification {
            Notification::Start(start) => of_start(start, zone),
            Notification::Digest(digest) => of_digest(digest, zone, follow_up),
        }
    }
}

/// The words of a line, without its looks.
pub(crate) fn plain(pieces: &[Piece]) -> String {
    let text = |piece: &Piece| match piece {
        Piece::Plain(text) | Piece::Strong(text) | Piece::Code(text) => text.clone(),
    };
    pieces.iter().map(text).collect()
}

fn of_start(start: &Start, zone: &TimeZone) -> Letter {
    let job = &start.job;
    let command = job.command.as_ref().map(|command| line(command, 1000));
    let mut numbers: Vec<String> = start
        .minions
        .map(|count| names::plural(count as usize, "minion"))
        .into_iter()
        .collect();
    match start.no_key {
        0 => {}
        1 => numbers.push("1 listed target has no key on the master".to_owned()),
        several => numbers.push(format!(
            "{} listed targets have no key on the master",
            names::number(several as usize)
        )),
    }
    let recovered = start
        .recovered
        .then(|| "Found in the master's job cache after a gap: it may be over by now.".to_owned());
    let run = words::run(job);
    Letter {
        mark: None,
        subject: subject(
            &run,
            words::target(job),
            "started",
            &reference(job, &start.started, zone),
        ),
        title: command.clone().unwrap_or(run),
        numbers,
        origin: words::origin(job),
        when: time::range(&start.started, None, zone),
        command,
        counts: Vec::new(),
        first: Vec::new(),
        findings: Vec::new(),
        more_findings: 0,
        missing: Vec::new(),
        changes_title: String::new(),
        changes: Vec::new(),
        more_changes: 0,
        next: Vec::new(),
        notes: recovered.into_iter().collect(),
    }
}

fn of_digest(digest: &Digest, zone: &TimeZone, follow_up: bool) -> Letter {
    let (job, mark) = (&digest.job, Mark::of(digest));
    let telling = Telling {
        started: time::moment(&digest.started, zone),
        zone,
    };
    let title = title::title(digest, zone);
    let diffs = digest.failures.is_empty();
    Letter {
        mark: Some(mark),
        subject: subject(
            &words::run_scheduled(job),
            words::target(job),
            mark.word(),
            &reference(job, &digest.started, zone),
        ),
        title: if follow_up {
            format!("update: {title}")
        } else {
            title
        },
        numbers: numbers(digest, mark),
        origin: words::origin(job),
        when: time::range(&digest.started, digest.ended.as_deref(), zone),
        command: job.command.as_ref().map(|command| line(command, 1000)),
        counts: if title::is_sole(digest) {
            Vec::new()
        } else {
            words::counts(digest)
        },
        first: first(digest, follow_up),
        findings: digest
            .failures
            .iter()
            .take(FINDINGS)
            .map(|finding| telling.failure(finding, digest))
            .collect(),
        more_findings: digest.failures.len().saturating_sub(FINDINGS),
        missing: telling.missing(&digest.missing),
        changes_title: changes_title(digest),
        changes: digest
            .changes
            .iter()
            .take(FINDINGS)
            .map(|finding| change(finding, diffs, title::is_sole(digest)))
            .collect(),
        more_changes: digest.changes.len().saturating_sub(FINDINGS),
        next: next::commands(digest),
        notes: notes(digest, &telling),
    }
}

/// `Salt: state.apply nginx on roles:web failed - job 20261122130211654321 (prod)`: no count, no name, no reason, which change.
fn subject(run: &str, target: Option<String>, word: &str, reference: &str) -> String {
    let target = target
        .map(|target| format!(" on {}", clip(&target, 40)))
        .unwrap_or_default();
    format!("Salt: {}{target} {word} - {reference}", clip(run, 60))
}

/// What tells this job from others. Runs that share one subject have no jid in common: the day and hour they began.
fn reference(job: &pillarbox_proto::digest::Job, started: &str, zone: &TimeZone) -> String {
    let cluster = line(&job.cluster, 60);
    match time::moment(started, zone) {
        Some(at) if id::is_run_job(&job.job) => {
            format!("{} ({cluster})", at.strftime("%Y-%m-%d %H:%M"))
        }
        _ => format!("job {} ({cluster})", line(&job.jid.0, 40)),
    }
}

/// The numbers behind the title: all but the one that it has.
fn numbers(digest: &Digest, mark: Mark) -> Vec<String> {
    let in_title = match mark {
        Mark::Failed => "failed",
        Mark::Missing => "did not answer",
        Mark::Changed => "changed",
        Mark::Would => "would change",
        Mark::Clean => "clean",
    };
    let mut numbers = Vec::new();
    if !title::is_sole(digest) {
        let others = words::counts(digest)
            .into_iter()
            .filter(|count| count.label != in_title);
        numbers.extend(
            others.map(|count| format!("{} {}", names::number(count.number as usize), count.label)),
        );
    }
    let failed = words::minions_of(&digest.failures).len();
    let starts = digest
        .failures
        .iter()
        .filter(|finding| finding.about == About::Start);
    if failed > 0 && starts.clone().count() == digest.failures.len() {
        numbers.push(
            if failed == 1 && title::is_sole(digest) {
                "nothing was run"
            } else {
                "nothing was run there"
            }
            .to_owned(),
        );
    }
    if digest.job.test && digest.totals.changed == 0 && starts.count() == 0 {
        numbers.push("test mode, nothing was changed".to_owned());
    }
    numbers
}

fn first(digest: &Digest, follow_up: bool) -> Vec<String> {
    let update = follow_up.then(|| "This replaces the earlier message about this job.".to_owned());
    let halted = digest
        .halted
        .as_ref()
        .map(|why| format!("The batch stopped early: {}", line(why, 300)));
    update.into_iter().chain(halted).collect()
}

fn changes_title(digest: &Digest) -> String {
    let totals = &digest.totals;
    let (verb, count) = if digest.job.test && totals.changed == 0 {
        ("Would change", totals.pending)
    } else {
        ("Changed", totals.changed)
    };
    if title::is_sole(digest) || count == 0 {
        verb.to_owned()
    } else {
        format!("{verb} on {}", names::number(count as usize))
    }
}

/// What the lines about rows of failures need.
struct Telling<'a> {
    started: Option<Zoned>,
    zone: &'a TimeZone,
}

impl Telling<'_> {
    fn failure(&self, finding: &Finding, digest: &Digest) -> Section {
        let place = if digest.job.runner {
            String::new()
        } else {
            format!(" on {}", words::listed(&finding.minions))
        };
        let heading = match &finding.about {
            About::State(state) => {
                let id = (words::acted_on(state) != line(&state.id, 80))
                    .then(|| format!("id {}", line(&state.id, 80)));
                let origin: Vec<String> = state
                    .sls
                    .as_ref()
                    .map(|sls| line(sls, 80))
                    .into_iter()
                    .chain(id)
                    .collect();
                let origin = if origin.is_empty() {
                    String::new()
                } else {
                    format!(" ({})", origin.join(", "))
                };
                vec![
                    Piece::Strong(format!("{} ", line(&state.function, 60))),
                    Piece::Code(words::acted_on(state)),
                    Piece::Plain(format!("{origin} failed{place}")),
                ]
            }
            About::Start => vec![
                Piece::Strong("could not start".to_owned()),
                Piece::Plain(place),
            ],
            About::Function => vec![
                Piece::Strong(clip(&words::run(&digest.job), 120)),
                Piece::Plain(format!(" failed{place}")),
            ],
            About::Report => vec![
                Piece::Strong("reported as failed".to_owned()),
                Piece::Plain(format!("{place}, and no state failed")),
            ],
        };
        let row = self.row(&finding.minions);
        Section {
            heading: heading
                .into_iter()
                .chain([Piece::Plain(format!(" · {row}"))])
                .collect(),
            text: said(finding),
            keep_head: finding.about == About::Start,
            after: held_back(finding),
        }
    }

    /// `new`, or since when it has been so.
    fn row(&self, standings: &[Standing]) -> String {
        let (old, fresh): (Vec<&Standing>, Vec<&Standing>) = standings
            .iter()
            .partition(|standing| standing.still.is_some());
        let oldest = old
            .iter()
            .filter_map(|standing| standing.still.as_ref())
            .min_by_key(|still| &still.since);
        match (oldest, fresh.len()) {
            (None, _) => "new".to_owned(),
            (Some(still), 0) => format!("still so {}", self.since(still)),
            (Some(still), count) => {
                let old = names::list(old.iter().map(|standing| standing.minion.0.as_str()));
                format!(
                    "new on {}, still so on {old} {}",
                    names::number(count),
                    self.since(still)
                )
            }
        }
    }

    /// `since Thu 19 Nov 03:00 (81 runs)`
    fn since(&self, still: &Still) -> String {
        let runs = names::plural(still.count as usize, "run");
        match time::since(&still.since, self.started.as_ref(), self.zone) {
            Some(at) => format!("since {at} ({runs})"),
            None => format!("for {runs}"),
        }
    }

    /// Who did not answer, one line each for those at work, those long gone and those just gone.
    fn missing(&self, missing: &[Missing]) -> Vec<Vec<Piece>> {
        let (running, silent): (Vec<&Missing>, Vec<&Missing>) =
            missing.iter().partition(|missing| missing.running);
        let (long, new): (Vec<&Missing>, Vec<&Missing>) = silent
            .into_iter()
            .partition(|missing| missing.standing.still.is_some());
        let oldest = long
            .iter()
            .filter_map(|missing| missing.standing.still.as_ref())
            .min_by_key(|still| &still.since);
        let long_since = oldest
            .map(|still| format!(" · still missing {}", self.since(still)))
            .unwrap_or_default();
        let groups = [
            ("Did not answer: ", new, String::new()),
            ("Did not answer: ", long, long_since),
            (
                "No answer yet: ",
                running,
                " · the job still runs there".to_owned(),
            ),
        ];
        let told = groups
            .into_iter()
            .filter(|(_, minions, _)| !minions.is_empty());
        told.map(|(label, minions, after)| {
            let listed = names::list(
                minions
                    .iter()
                    .map(|missing| missing.standing.minion.0.as_str()),
            );
            vec![
                Piece::Strong(label.to_owned()),
                Piece::Plain(format!("{listed}{after}")),
            ]
        })
        .collect()
    }

    /// `web03 failed at 03:00, clean since`
    fn since_clean(&self, over: &[SinceClean]) -> Vec<String> {
        let mut by_time: std::collections::BTreeMap<String, Vec<&str>> =
            std::collections::BTreeMap::new();
        for one in over {
            let at = time::since(&one.failed, self.started.as_ref(), self.zone)
                .unwrap_or_else(|| line(&one.failed.0, 40));
            by_time.entry(at).or_default().push(&one.minion.0);
        }
        let told = by_time.iter().map(|(at, minions)| {
            format!(
                "{} failed at {at}, clean since",
                names::list(minions.iter().copied())
            )
        });
        told.collect()
    }
}

/// Comment and output of a failure, less what says nothing.
fn said(finding: &Finding) -> String {
    let (comment, output) = (clean(&finding.comment), clean(&finding.output));
    let output = output.trim_matches('\n').trim_end();
    match (why::is_bare_command(&comment), output.is_empty()) {
        (true, false) => output.to_owned(),
        (false, false) if !comment.contains(output) => format!("{}\n{output}", comment.trim_end()),
        _ => comment.trim_end().to_owned(),
    }
}

fn held_back(finding: &Finding) -> String {
    let count = finding.held_back.len();
    if count == 0 {
        return String::new();
    }
    let mut shown: Vec<String> = finding
        .held_back
        .iter()
        .take(HELD_BACK)
        .map(words::state)
        .collect();
    if count > HELD_BACK {
        shown.push(format!("and {} more", names::number(count - HELD_BACK)));
    }
    format!(
        "held back {}: {}",
        names::plural(count, "more state"),
        shown.join(", ")
    )
}

fn change(finding: &Finding, diffs: bool, sole: bool) -> Section {
    let mut heading = match &finding.about {
        About::State(state) => vec![
            Piece::Plain(format!("{} ", line(&state.function, 60))),
            Piece::Code(words::acted_on(state)),
        ],
        About::Start | About::Function | About::Report => {
            vec![Piece::Plain(clip(&why::why(finding), 120))]
        }
    };
    if !sole {
        heading.push(Piece::Plain(format!(
            " ({})",
            words::listed(&finding.minions)
        )));
    }
    Section {
        heading,
        text: if diffs {
            clean(&finding.diff)
        } else {
            String::new()
        },
        keep_head: true,
        after: String::new(),
    }
}

fn notes(digest: &Digest, telling: &Telling<'_>) -> Vec<String> {
    let mut notes = telling.since_clean(&digest.since_clean);
    if !digest.no_key.is_empty() {
        let verb = if digest.no_key.len() == 1 {
            "has"
        } else {
            "have"
        };
        let listed = names::list(digest.no_key.iter().map(|minion| minion.0.as_str()));
        notes.push(format!("{listed} {verb} no key on the master"));
    }
    if digest.totals.expected.is_none() && !digest.job.runner && digest.job.target.is_none() {
        let heard = names::number(digest.totals.returned as usize);
        notes.push(format!("{heard} heard: Salt announces no targets for runs that minions start, so silence cannot be told from absence"));
    }
    if let Some(slow) = digest
        .slowest
        .first()
        .filter(|slow| slow.duration_ms >= SLOW_MS)
    {
        #[allow(
            clippy::cast_possible_truncation,
            reason = "a float saturates; nothing runs for 2^63 seconds"
        )]
        let took = time::duration((slow.duration_ms / 1000.0) as i64);
        notes.push(format!(
            "slowest: {} took {took} on {}",
            words::state(&slow.state),
            names::list([slow.minion.0.as_str()])
        ));
    }
    notes.extend(digest.notes.iter().take(10).map(|note| line(note, 300)));
    notes
}
