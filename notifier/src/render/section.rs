//! What failed, what changed, who did not answer: each finding as a heading, its text and what follows from it.
//! It decides no order and cuts no text: the letter and its layouts do.

use std::collections::BTreeMap;

use jiff::Zoned;
use jiff::tz::TimeZone;
use pillarbox_proto::digest::{
    About, Digest, Finding, Missing, SinceClean, Standing, State, Still,
};

use super::excerpt::{clean, clip, line};
use super::letter::{Piece, Section};
use super::{names, time, title, why, words};

/// Held-back states by name; of one minion alone nearly all.
const HELD_BACK: usize = 5;
const HELD_BACK_ON_ONE: usize = 30;
/// Lines about failures that are over.
const OVER: usize = 5;

/// Rows of failures in words: since when, and how many.
pub(crate) struct Rows<'a> {
    started: Option<Zoned>,
    zone: &'a TimeZone,
}

impl Rows<'_> {
    /// Told of this job, in this zone.
    pub(crate) fn new<'a>(digest: &Digest, zone: &'a TimeZone) -> Rows<'a> {
        Rows {
            started: time::moment(&digest.started, zone),
            zone,
        }
    }

    /// ` since Thu 19 Nov 03:00 (81 runs)`; of rows that differ, the longest.
    pub(crate) fn since(&self, rows: &[&Still]) -> String {
        let Some(oldest) = rows.iter().min_by_key(|still| &still.since) else {
            return String::new();
        };
        let longest = if rows.iter().all(|still| still.since == oldest.since) {
            ""
        } else {
            ", the longest"
        };
        let runs = names::plural(oldest.count as usize, "run");
        match time::since(&oldest.since, self.started.as_ref(), self.zone) {
            Some(at) => format!("{longest} since {at} ({runs})"),
            None => format!("{longest} for {runs}"),
        }
    }

    /// `new`, or since when it has been so.
    fn standing(&self, standings: &[Standing]) -> String {
        let (old, fresh): (Vec<&Standing>, Vec<&Standing>) = standings
            .iter()
            .partition(|standing| standing.still.is_some());
        let rows: Vec<&Still> = old
            .iter()
            .filter_map(|standing| standing.still.as_ref())
            .collect();
        match (old.as_slice(), fresh.len()) {
            ([], _) => "new".to_owned(),
            (_, 0) => format!("still so{}", self.since(&rows)),
            (old, fresh) => {
                let listed = names::list(old.iter().map(|standing| standing.minion.0.as_str()));
                format!(
                    "new on {}, still so on {listed}{}",
                    names::number(fresh),
                    self.since(&rows)
                )
            }
        }
    }
}

/// A failure: what failed where, and whether that is new; what it said; what it held back.
pub(crate) fn failure(finding: &Finding, digest: &Digest, rows: &Rows<'_>) -> Section {
    let place = if title::is_sole(digest) {
        String::new()
    } else {
        format!(" on {}", words::listed(&finding.minions))
    };
    let (strong, plain) = (|text: &str| Piece::Strong(text.to_owned()), Piece::Plain);
    let mut heading = match &finding.about {
        About::State(state) => vec![
            Piece::Strong(line(&state.function, 60)),
            plain(" ".to_owned()),
            Piece::Code(words::acted_on(state)),
            plain(format!("{} failed{place}", found_in(state))),
        ],
        About::Start => vec![strong("could not start"), plain(place)],
        About::Function => vec![
            Piece::Strong(clip(&words::run(&digest.job), 120)),
            plain(format!(" failed{place}")),
        ],
        About::Report => vec![
            strong("Salt reports a failure"),
            plain(format!("{place}, and no state failed")),
        ],
    };
    // Of one return alone nobody asked what came before it.
    if digest.of_return.is_none() {
        heading.push(plain(format!(" · {}", rows.standing(&finding.minions))));
    }
    Section {
        heading,
        text: said(finding),
        keep_head: finding.about == About::Start,
        after: held_back(finding, title::is_sole(digest)),
        diff: clean(&finding.diff),
    }
}

/// ` (nginx.init, id nginx config)`
fn found_in(state: &State) -> String {
    match origin(state).as_str() {
        "" => String::new(),
        origin => format!(" ({origin})"),
    }
}

/// `nginx.init, id nginx config`: the SLS, and the id where the name is not it.
fn origin(state: &State) -> String {
    let id = line(&state.id, 80);
    let id = (words::acted_on(state) != id).then(|| format!("id {id}"));
    let sls = state.sls.as_ref().map(|sls| line(sls, 80));
    let parts: Vec<String> = sls.into_iter().chain(id).collect();
    parts.join(", ")
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

fn held_back(finding: &Finding, sole: bool) -> String {
    let most = if sole { HELD_BACK_ON_ONE } else { HELD_BACK };
    let count = finding.held_back.len();
    if count == 0 {
        return String::new();
    }
    let shown = finding.held_back.iter().take(most).map(words::state);
    let shown = shown.collect::<Vec<_>>().join(", ");
    let more = match count.saturating_sub(most) {
        0 => String::new(),
        more => format!(" and {} more", names::number(more)),
    };
    format!(
        "held back {}: {shown}{more}",
        names::plural(count, "more state")
    )
}

/// A change: what changed where; what it said of itself, and its diff. Of several minions' one stands for all.
pub(crate) fn change(finding: &Finding, digest: &Digest) -> Section {
    let mut heading = match &finding.about {
        About::State(state) => vec![
            Piece::Plain(format!("{} ", line(&state.function, 60))),
            Piece::Code(words::acted_on(state)),
        ],
        About::Start | About::Function | About::Report => {
            vec![Piece::Plain(clip(&why::why(finding), 120))]
        }
    };
    let (comment, sole) = (line(&finding.comment, 300), title::is_sole(digest));
    let place = match (&finding.about, sole) {
        (About::State(state), true) => found_in(state),
        (_, true) => String::new(),
        (_, false) => format!(" ({})", words::listed(&finding.minions)),
    };
    heading.push(Piece::Plain(place));
    let origin = match &finding.about {
        About::State(state) if !sole => origin(state),
        About::State(_) | About::Start | About::Function | About::Report => String::new(),
    };
    let said = [origin, comment]
        .into_iter()
        .filter(|part| !part.is_empty());
    Section {
        heading,
        text: clean(&finding.diff),
        keep_head: true,
        after: said.collect::<Vec<_>>().join(": "),
        diff: String::new(),
    }
}

/// Who did not answer, a line each for those just gone, those long gone and those at work. A label, then the names.
pub(crate) fn missing(missing: &[Missing], rows: &Rows<'_>) -> Vec<Vec<Piece>> {
    let (running, silent): (Vec<&Missing>, Vec<&Missing>) =
        missing.iter().partition(|missing| missing.running);
    let (long, new): (Vec<&Missing>, Vec<&Missing>) = silent
        .into_iter()
        .partition(|missing| missing.standing.still.is_some());
    let stills: Vec<&Still> = long
        .iter()
        .filter_map(|missing| missing.standing.still.as_ref())
        .collect();
    let long_since = format!(" · still missing{}", rows.since(&stills));
    let groups = [
        ("Did not answer: ", new, ""),
        ("Did not answer: ", long, long_since.as_str()),
        ("No answer yet: ", running, " · the job still runs there"),
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
pub(crate) fn since_clean(over: &[SinceClean], rows: &Rows<'_>) -> Vec<String> {
    let mut by_time: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for one in over {
        let at = time::since(&one.failed, rows.started.as_ref(), rows.zone);
        let at = at.unwrap_or_else(|| line(&one.failed.0, 40));
        by_time.entry(at).or_default().push(&one.minion.0);
    }
    let told = by_time.iter().take(OVER).map(|(at, minions)| {
        format!(
            "{} failed at {at}, clean since",
            names::list(minions.iter().copied())
        )
    });
    let mut told: Vec<String> = told.collect();
    let rest: usize = by_time.values().skip(OVER).map(Vec::len).sum();
    if rest > 0 {
        told.push(format!("{} more failures are over", names::number(rest)));
    }
    told
}
