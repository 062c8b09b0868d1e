//! A message before its layout: every sentence in reading order, news first, nothing healthy by name.
//! It knows neither Slack nor mail: both say exactly what stands here, as far as they have room.

use jiff::tz::TimeZone;
use pillarbox_proto::delivery::{Notification, Start};
use pillarbox_proto::digest::{About, Digest, Job};
use pillarbox_proto::salt::MinionId;
use pillarbox_proto::subject::id;

use super::excerpt::{self, Room, clip, line};
use super::section::{self, Rows};
use super::template::Words;
use super::words::{self, Count, Mark};
use super::{names, next, time, title};

/// Findings made ready; beyond, they are counted.
const FINDINGS: usize = 50;
/// Notes shown.
const NOTES: usize = 10;
/// A state slower than this is worth a line.
const SLOW_MS: f64 = 30_000.0;

/// A message in words.
#[derive(Debug, Clone, Default, PartialEq)]
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
    /// The job's id, where no command below names it.
    pub(crate) job: Option<String>,
    /// The command as typed, where the title is not it.
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
    /// The route's own text: with it, nothing below the title is said but what must be known before.
    pub(crate) body: Option<String>,
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
    /// What a state changed before it failed, for where there is much room: cleaned and not yet cut; may be empty.
    pub(crate) diff: String,
}

impl Section {
    /// Its text, with what is cut said.
    pub(crate) fn cut(&self, room: Room) -> String {
        if self.keep_head {
            excerpt::head(&self.text, room)
        } else {
            excerpt::tail(&self.text, room)
        }
    }
}

impl Letter {
    /// The words of a notification. `follow_up`: an earlier version was said, and could not be changed.
    pub(crate) fn new(notification: &Notification, zone: &TimeZone, follow_up: bool) -> Letter {
        match notification {
            Notification::Start(start) => of_start(start, zone),
            Notification::Digest(digest) => of_digest(digest, zone, follow_up),
        }
    }

    /// With a route's own words in the place of ours.
    pub(crate) fn worded(self, words: &Words, follow_up: bool) -> Letter {
        let title = words.title.as_ref().map(|title| updated(title, follow_up));
        let mut letter = Letter {
            subject: words.subject.clone().unwrap_or(self.subject),
            title: title.unwrap_or(self.title),
            ..self
        };
        if words.body.is_some() {
            letter = Letter {
                body: words.body.clone(),
                mark: letter.mark,
                subject: letter.subject,
                title: letter.title,
                first: letter.first,
                numbers: letter.numbers,
                origin: letter.origin,
                when: letter.when,
                ..Letter::default()
            };
        }
        letter
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
    let mut numbers = Vec::from_iter(
        start
            .minions
            .map(|count| names::plural(count as usize, "minion")),
    );
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
        .then(|| "Found in the job cache after a gap: it may be over by now.".to_owned());
    Letter {
        subject: subject(job, None, "started", &start.started, zone),
        title: command(job).unwrap_or_else(|| words::run(job)),
        numbers,
        origin: words::origin(job),
        when: time::range(&start.started, None, zone),
        job: Some(line(&job.jid.0, 40)),
        notes: recovered.into_iter().collect(),
        ..Letter::default()
    }
}

fn updated(title: &str, follow_up: bool) -> String {
    let update = if follow_up { "update: " } else { "" };
    format!("{update}{title}")
}

fn of_digest(digest: &Digest, zone: &TimeZone, follow_up: bool) -> Letter {
    let (job, mark) = (&digest.job, Mark::of(digest));
    let rows = Rows::new(digest, zone);
    let title = title::title(digest, zone);
    let failures = digest.failures.iter().take(FINDINGS);
    let changes = digest.changes.iter().take(FINDINGS);
    Letter {
        mark: Some(mark),
        subject: subject(
            job,
            digest.of_return.as_ref(),
            mark.word(),
            &digest.started,
            zone,
        ),
        title: updated(&title, follow_up),
        numbers: numbers(digest, mark),
        origin: words::origin(job),
        when: time::range(&digest.started, digest.ended.as_deref(), zone),
        job: None,
        command: command(job),
        counts: counts(digest, &rows),
        first: first(digest, follow_up),
        findings: failures
            .map(|finding| section::failure(finding, digest, &rows))
            .collect(),
        more_findings: digest.failures.len().saturating_sub(FINDINGS),
        missing: section::missing(&digest.missing, &rows),
        changes_title: changes_title(digest),
        changes: changes
            .map(|finding| section::change(finding, digest))
            .collect(),
        more_changes: digest.changes.len().saturating_sub(FINDINGS),
        next: next::commands(digest),
        notes: notes(digest, &rows),
        body: None,
    }
}

fn command(job: &Job) -> Option<String> {
    let command = job.command.as_ref().map(|command| line(command, 1000));
    command.filter(|command| !command.is_empty())
}

/// `Salt: state.apply nginx on roles:web failed - job 20261122130211654321 (prod)`: no count, no name, no reason, which change.
///
/// Of one return alone, its minion is the name that does not change.
fn subject(
    job: &Job,
    of_return: Option<&MinionId>,
    word: &str,
    started: &str,
    zone: &TimeZone,
) -> String {
    let on = |target: String| format!(" on {}", clip(&target, 40));
    let minion = of_return.map(|minion| line(&minion.0, 80));
    let target = minion.or_else(|| words::target(job)).map(on);
    let run = clip(&words::run_scheduled(job), 60);
    format!(
        "Salt: {run}{} {word} - {}",
        target.unwrap_or_default(),
        reference(job, of_return.is_some(), started, zone)
    )
}

/// What tells this job from others. Runs that share one subject have no jid in common: the day and hour they began.
fn reference(job: &Job, one_return: bool, started: &str, zone: &TimeZone) -> String {
    let cluster = line(&job.cluster, 60);
    match time::moment(started, zone) {
        Some(at) if id::is_run_job(&job.job) && !one_return => {
            format!("{} ({cluster})", at.strftime("%Y-%m-%d %H:%M"))
        }
        _ => format!("job {} ({cluster})", line(&job.jid.0, 40)),
    }
}

/// Every number, with those who did not answer as they are told below.
fn counts(digest: &Digest, rows: &Rows<'_>) -> Vec<Count> {
    if title::is_sole(digest) {
        return Vec::new();
    }
    let mut counts = words::counts(digest);
    let missing = section::missing(&digest.missing, rows);
    let told: Vec<String> = missing
        .iter()
        .filter_map(|line| line.get(1..).map(plain))
        .collect();
    for count in &mut counts {
        if count.label == words::MISSING && !told.is_empty() {
            count.names = Some(told.join("; "));
        }
    }
    counts
}

/// The numbers behind the title, all but the one that it has; and that nothing was done, where nothing was.
fn numbers(digest: &Digest, mark: Mark) -> Vec<String> {
    let sole = title::is_sole(digest);
    let counts = if sole {
        Vec::new()
    } else {
        words::counts(digest)
    };
    let others = counts.iter().filter(|count| count.label != mark.counted());
    let mut numbers: Vec<String> = others
        .map(|count| format!("{} {}", names::number(count.number as usize), count.label))
        .collect();
    let starts = |about: &About| *about == About::Start;
    if !digest.failures.is_empty() && digest.failures.iter().all(|finding| starts(&finding.about)) {
        let there = if sole {
            "nothing was run"
        } else {
            "nothing was run there"
        };
        numbers.push(there.to_owned());
    } else if words::is_dry(digest) {
        numbers.push("test mode, nothing was changed".to_owned());
    }
    numbers
}

fn first(digest: &Digest, follow_up: bool) -> Vec<String> {
    let update = follow_up.then(|| "This replaces the earlier message about this job.".to_owned());
    let halted = digest.halted.as_ref();
    let halted = halted.map(|why| format!("The batch stopped early: {}", line(why, 300)));
    update.into_iter().chain(halted).collect()
}

fn changes_title(digest: &Digest) -> String {
    let (verb, count) = if words::is_dry(digest) {
        ("Would change", digest.totals.pending)
    } else {
        ("Changed", digest.totals.changed)
    };
    if title::is_sole(digest) || count == 0 {
        verb.to_owned()
    } else {
        format!("{verb} on {}", names::number(count as usize))
    }
}

fn notes(digest: &Digest, rows: &Rows<'_>) -> Vec<String> {
    let mut notes = section::since_clean(&digest.since_clean, rows);
    if !digest.no_key.is_empty() {
        let verb = if digest.no_key.len() == 1 {
            "has"
        } else {
            "have"
        };
        let listed = names::list(digest.no_key.iter().map(|minion| minion.0.as_str()));
        notes.push(format!("{listed} {verb} no key on the master"));
    }
    let unannounced = digest.totals.expected.is_none() && digest.job.target.is_none();
    if unannounced && !digest.job.runner && digest.of_return.is_none() {
        let heard = names::number(digest.totals.returned as usize);
        notes.push(format!(
            "{heard} heard: Salt announces no targets for runs that minions start, so silence cannot be told from absence"
        ));
    }
    notes.extend(slowest(digest));
    let said = digest
        .notes
        .iter()
        .chain(&digest.look_up)
        .map(|note| line(note, 300));
    let said = said.filter(|note| !note.is_empty()).take(NOTES);
    notes.extend(said);
    notes
}

/// `slowest: pkg.installed base packages took 5m 12s on web044`
fn slowest(digest: &Digest) -> Option<String> {
    let slow = digest
        .slowest
        .first()
        .filter(|slow| slow.duration_ms >= SLOW_MS)?;
    #[allow(
        clippy::cast_possible_truncation,
        reason = "a float saturates, and nothing runs for 2^63 seconds"
    )]
    let took = time::duration((slow.duration_ms / 1000.0) as i64);
    let place = if title::is_sole(digest) {
        String::new()
    } else {
        format!(" on {}", names::list([slow.minion.0.as_str()]))
    };
    Some(format!(
        "slowest: {} took {took}{place}",
        words::state(&slow.state)
    ))
}
