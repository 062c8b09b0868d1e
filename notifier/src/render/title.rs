//! The first line of a message: what happened, where and why, within the 80 characters that a phone shows.
//! It lists nothing beyond three names and explains nothing: the rest of the letter does.

use jiff::tz::TimeZone;
use pillarbox_proto::digest::{About, Digest, Finding, Still};

use super::excerpt::clip;
use super::words::{self, Mark};
use super::{names, time, why};

/// Longest title, with its reason.
const TITLE_CHARS: usize = 220;
/// Of the 80 characters, those for what was run and on whom: the verdict must fit behind them.
const RUN_ON_CHARS: usize = 54;
const TARGET_CHARS: usize = 24;

/// The title of a digest.
pub(crate) fn title(digest: &Digest, zone: &TimeZone) -> String {
    let title = match Mark::of(digest) {
        Mark::Failed => failed(digest, zone),
        Mark::Missing if words::is_unheard(digest) => unheard(digest),
        Mark::Missing => missing(digest),
        Mark::Changed => changed(digest, "changed", digest.totals.changed),
        Mark::Would => changed(digest, "would change", digest.totals.pending),
        Mark::Clean => clean(digest),
    };
    clip(&title, TITLE_CHARS)
}

/// Only one minion, or none: nothing is counted.
pub(crate) fn is_sole(digest: &Digest) -> bool {
    let totals = &digest.totals;
    digest.job.runner
        || digest.of_return.is_some()
        || totals.expected.unwrap_or(totals.returned) <= 1
}

/// `state.apply nginx on roles:web`; of a job on one minion, that minion.
fn run_on(digest: &Digest, run: &str) -> String {
    match whereabouts(digest) {
        Some(place) => {
            let on = format!(" on {}", clip(&place, TARGET_CHARS));
            format!(
                "{}{on}",
                short(run, RUN_ON_CHARS.saturating_sub(on.chars().count()))
            )
        }
        None => short(run, RUN_ON_CHARS),
    }
}

/// A command cut short; a quote that was cut open is closed.
fn short(run: &str, max: usize) -> String {
    let mut cut = clip(run, max);
    if cut.ends_with('…') && cut.matches('\'').count() % 2 == 1 {
        cut.push('\'');
    }
    cut
}

fn whereabouts(digest: &Digest) -> Option<String> {
    if digest.job.runner {
        return None;
    }
    if let Some(minion) = &digest.of_return {
        return Some(names::list([minion.0.as_str()]));
    }
    let told = digest
        .failures
        .iter()
        .chain(&digest.changes)
        .flat_map(|finding| &finding.minions);
    let mut told = told.chain(digest.missing.iter().map(|missing| &missing.standing));
    match told.next() {
        Some(only) if is_sole(digest) => Some(names::list([only.minion.0.as_str()])),
        _ => words::target(&digest.job),
    }
}

/// ` on 3 of 120`, ` on web03, 1 of 120`, ` on 312 of 3 988 heard`; nothing where there is only one.
fn scope(digest: &Digest, count: u32, minions: &[&str]) -> String {
    if is_sole(digest) {
        return String::new();
    }
    let of = of(digest);
    match (count, minions) {
        (1, [only]) => format!(" on {}, 1 {of}", names::list([*only])),
        _ => format!(" on {} {of}", names::number(count as usize)),
    }
}

fn of(digest: &Digest) -> String {
    match digest.totals.expected {
        Some(expected) => format!("of {}", names::number(expected as usize)),
        None => format!(
            "of {} heard",
            names::number(digest.totals.returned as usize)
        ),
    }
}

fn failed(digest: &Digest, zone: &TimeZone) -> String {
    let minions = words::minions_of(&digest.failures);
    let scope = scope(digest, digest.totals.failed.max(1), &minions);
    let starts = |finding: &Finding| finding.about == About::Start;
    let (run, verdict) = match still(&digest.failures) {
        // Since when says more than which schedule it was.
        Some(still) => (
            words::run(&digest.job),
            format!(" still failing{scope}{}", since(still, digest, zone)),
        ),
        None if !digest.failures.is_empty() && digest.failures.iter().all(starts) => (
            words::run_scheduled(&digest.job),
            format!(" could not start{scope}"),
        ),
        None => (
            words::run_scheduled(&digest.job),
            format!(" failed{scope}{}", step(digest)),
        ),
    };
    format!(
        "{}{verdict}{}",
        run_on(digest, &run),
        reason(digest, &minions)
    )
}

/// The step of an orchestration that failed: ` at restart-web`.
fn step(digest: &Digest) -> String {
    match digest.failures.first().map(|finding| &finding.about) {
        Some(About::State(state)) if digest.job.runner => format!(" at {}", words::acted_on(state)),
        _ => String::new(),
    }
}

/// `: E: Unable to locate package nginx-extras`, and how many errors more.
fn reason(digest: &Digest, failed: &[&str]) -> String {
    let Some((first, others)) = digest.failures.split_first() else {
        return String::new();
    };
    let why = clip(&why::why(first), 120);
    let mut text = if why.is_empty() {
        String::new()
    } else {
        format!(": {why}")
    };
    let failed = failed.len().max(digest.totals.failed as usize);
    if first.minions.len() < failed && !is_sole(digest) {
        text.push_str(&format!(" (on {})", names::number(first.minions.len())));
    }
    if !others.is_empty() {
        text.push_str(&format!(
            ", and {}",
            names::plural(others.len(), "more error")
        ));
    }
    text
}

/// The oldest row, and whether the others are as old; if every minion in every finding has one.
fn still(findings: &[Finding]) -> Option<(&Still, bool)> {
    let standings = || findings.iter().flat_map(|finding| &finding.minions);
    let rows = || standings().filter_map(|standing| standing.still.as_ref());
    let oldest = rows().min_by_key(|still| &still.since)?;
    let all = standings().all(|standing| standing.still.is_some());
    all.then(|| (oldest, rows().all(|still| still.since == oldest.since)))
}

/// ` since Thu 19 Nov (81 runs)`
fn since((still, alike): (&Still, bool), digest: &Digest, zone: &TimeZone) -> String {
    let started = time::moment(&digest.started, zone);
    let runs = names::plural(still.count as usize, "run");
    let longest = if alike { " " } else { ", the longest " };
    match time::since(&still.since, started.as_ref(), zone) {
        // The day is enough here: the finding has the hour.
        Some(at) => {
            let day = at.rsplit_once(' ').map_or(at.as_str(), |(day, _)| day);
            format!("{longest}since {day} ({runs})")
        }
        None => format!("{longest}for {runs}"),
    }
}

fn unheard(digest: &Digest) -> String {
    let run = run_on(digest, &words::run_scheduled(&digest.job));
    match digest.totals.expected {
        Some(0) => format!("{run}: no minion matched"),
        Some(_) | None => format!("{run}: nothing heard so far"),
    }
}

fn missing(digest: &Digest) -> String {
    let whole = words::run_scheduled(&digest.job);
    let of_these = digest
        .missing
        .iter()
        .map(|missing| missing.standing.minion.0.as_str());
    let (told, listed) = (digest.missing.len(), names::list(of_these));
    let missing = told.max(digest.totals.missing as usize);
    let running = told > 0 && digest.missing.iter().all(|missing| missing.running);
    let run = if is_sole(digest) && told == 1 {
        short(&whole, RUN_ON_CHARS) // the minion's name follows
    } else {
        run_on(digest, &whole)
    };
    if told == 1 && missing == 1 {
        let said = if running {
            "still runs it, no answer yet"
        } else {
            "did not answer"
        };
        return format!("{run}: {listed} {said}");
    }
    let count = names::number(missing);
    let verdict = match digest.totals.expected {
        Some(expected) if expected as usize == missing && !running => {
            format!("none of {count} answered")
        }
        _ if running => format!("{count} {} have not answered yet", of(digest)),
        _ => format!("{count} {} did not answer", of(digest)),
    };
    match told {
        0 => format!("{run}: {verdict}"),
        _ if told < missing => format!("{run}: {verdict}, among them {listed}"),
        _ => format!("{run}: {verdict}: {listed}"),
    }
}

/// `changed 118 of 120: user.present deploy`
fn changed(digest: &Digest, verb: &str, count: u32) -> String {
    let run = run_on(digest, &words::run_scheduled(&digest.job));
    let what = digest.changes.first().map(|finding| match &finding.about {
        About::State(state) => words::state(state),
        About::Start | About::Function | About::Report => why::why(finding),
    });
    let more = match digest.changes.len() {
        0 | 1 => String::new(),
        several => format!(" and {} more", names::number(several - 1)),
    };
    match what.filter(|what| !what.is_empty()) {
        Some(what) if is_sole(digest) => format!("{run} {verb} {what}{more}"),
        None if is_sole(digest) => format!("{run} {verb} something"),
        Some(what) => format!(
            "{run} {verb} {} {}: {what}{more}",
            names::number(count as usize),
            of(digest)
        ),
        None => format!(
            "{run} {verb} {} {}",
            names::number(count as usize),
            of(digest)
        ),
    }
}

fn clean(digest: &Digest) -> String {
    let (job, totals) = (&digest.job, &digest.totals);
    let run = run_on(digest, &words::run_scheduled(job));
    let states = !job.runner && job.fun.names().iter().all(|fun| fun.starts_with("state."));
    let verdict = if states { "is clean" } else { "succeeded" };
    let count = names::number(totals.clean as usize);
    match totals.expected {
        _ if is_sole(digest) => format!("{run} {verdict}"),
        Some(expected) if expected == totals.clean => format!("{run} {verdict} on all {count}"),
        _ => format!("{run} {verdict} on {count} {}", of(digest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_quote_is_closed() {
        assert_eq!(
            short("cmd.run 'systemctl restart nginx'", 20),
            "cmd.run 'systemctl…'"
        );
        assert_eq!(short("cmd.run 'id'", 20), "cmd.run 'id'");
    }
}
