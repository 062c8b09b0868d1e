//! The phrases that every message shares: what was run, by whom, where, how it came out, and in which numbers.
//! It lays nothing out; a phrase is plain text of one line, cleaned, and not yet escaped.

use pillarbox_proto::digest::{Digest, Finding, Job, Standing, State};
use pillarbox_proto::salt::{Target, quote};

use super::excerpt::{clip, line};
use super::names;

/// What is counted of those who did not answer.
pub(crate) const MISSING: &str = "did not answer";

/// How a job came out, for those it is told to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Something failed.
    Failed,
    /// Nothing failed, and somebody did not answer.
    Missing,
    /// Something changed.
    Changed,
    /// Test mode: something would change.
    Would,
    /// Nothing to tell of.
    Clean,
}

impl Mark {
    /// Of a digest: by its findings, which are those of the route, and where it has none by its totals.
    pub(crate) fn of(digest: &Digest) -> Mark {
        let totals = &digest.totals;
        let changed = if is_dry(digest) {
            Mark::Would
        } else {
            Mark::Changed
        };
        match digest {
            _ if !digest.failures.is_empty() => Mark::Failed,
            _ if !digest.missing.is_empty() => Mark::Missing,
            _ if !digest.changes.is_empty() => changed,
            _ if totals.failed > 0 => Mark::Failed,
            _ if totals.missing > 0 => Mark::Missing,
            _ if totals.changed > 0 || totals.pending > 0 => changed,
            _ if is_unheard(digest) => Mark::Missing,
            _ => Mark::Clean,
        }
    }

    /// The state in words, for a subject.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Mark::Failed => "failed",
            Mark::Missing => "incomplete",
            Mark::Changed => "changed",
            Mark::Would => "would change things",
            Mark::Clean => "clean",
        }
    }

    /// The number that a title with this mark has.
    pub(crate) fn counted(self) -> &'static str {
        match self {
            Mark::Failed => "failed",
            Mark::Missing => MISSING,
            Mark::Changed => "changed",
            Mark::Would => "would change",
            Mark::Clean => "clean",
        }
    }

    /// Slack's name of its circle, and the circle.
    pub(crate) fn circle(self) -> (&'static str, char) {
        match self {
            Mark::Failed => ("red_circle", '🔴'),
            Mark::Missing => ("large_orange_circle", '🟠'),
            Mark::Changed => ("large_yellow_circle", '🟡'),
            Mark::Would => ("large_blue_circle", '🔵'),
            Mark::Clean => ("large_green_circle", '🟢'),
        }
    }
}

/// No minion said anything, and none was named as missing: nothing matched, or nothing has come yet.
pub(crate) fn is_unheard(digest: &Digest) -> bool {
    digest.totals.returned == 0 && digest.totals.missing == 0 && !digest.job.runner
}

/// Nothing was changed, since it ran in test mode: the job asked for it, or the minions are set so.
pub(crate) fn is_dry(digest: &Digest) -> bool {
    digest.totals.changed == 0 && (digest.job.test || digest.totals.pending > 0)
}

/// What was run, as its function's people call it: `state.apply nginx`, `orchestration deploy.rolling`, `runner cache.grains`.
pub(crate) fn run(job: &Job) -> String {
    let mut args = job
        .args
        .iter()
        .map(String::as_str)
        .filter(|arg| !is_internal(arg));
    let fun = job.fun.to_string();
    let fun = fun.strip_prefix("runner.").unwrap_or(&fun);
    let first = match (job.runner, fun) {
        (true, "state.orchestrate" | "state.orch" | "state.sls") => {
            let name = args.next().unwrap_or_default();
            format!(
                "orchestration {}",
                name.strip_prefix("mods=").unwrap_or(name)
            )
        }
        (true, _) => format!("runner {fun}"),
        (false, "") => "a function without a name".to_owned(),
        (false, _) => line(fun, 200),
    };
    let words = std::iter::once(first).chain(args.map(quote_for_people));
    line(&words.collect::<Vec<_>>().join(" "), 400)
}

/// Keywords that Salt adds to an orchestration itself.
fn is_internal(arg: &str) -> bool {
    arg.starts_with("orchestration_jid=") || arg.starts_with("__pub_") || arg == "saltenv=base"
}

/// Quoted only where a word would fall apart: `cmd.run 'systemctl restart nginx'`, but `G@dc:lab`, `web*`.
fn quote_for_people(word: &str) -> String {
    if word.is_empty() || word.contains(char::is_whitespace) || word.contains(['\'', '"']) {
        quote(word)
    } else {
        word.to_owned()
    }
}

/// The same with the schedule that started it: `scheduled state.highstate (hourly)`.
pub(crate) fn run_scheduled(job: &Job) -> String {
    match &job.schedule {
        Some(name) if !name.is_empty() => format!("scheduled {} ({})", run(job), line(name, 30)),
        Some(_) => format!("scheduled {}", run(job)),
        None => run(job),
    }
}

/// Whom it was aimed at: the expression, or the listed minions folded. Nothing for runners and scheduled runs.
pub(crate) fn target(job: &Job) -> Option<String> {
    match job.target.as_ref()? {
        Target::Expression(expression) if expression.is_empty() => None,
        Target::Expression(expression) => Some(line(expression, 80)),
        Target::Minions(minions) if minions.len() > 3 => {
            Some(names::plural(minions.len(), "listed minion"))
        }
        Target::Minions(minions) => Some(names::list(minions.iter().map(String::as_str))),
    }
}

/// `salt1 (prod)`
pub(crate) fn place(job: &Job) -> String {
    let (master, cluster) = (line(&job.master, 60), line(&job.cluster, 60));
    if master == cluster || cluster.is_empty() {
        master
    } else {
        format!("{master} ({cluster})")
    }
}

/// `alice via sudo on salt1 (prod)`; who nobody named is said so.
pub(crate) fn origin(job: &Job) -> String {
    let place = place(job);
    match job.user.as_deref() {
        Some(user) if !user.is_empty() => {
            let user = line(user, 60);
            match user.strip_prefix("sudo_") {
                Some(name) => format!("{name} via sudo on {place}"),
                None => format!("{user} on {place}"),
            }
        }
        _ if job.schedule.is_some() => format!("the minions' own schedule, heard by {place}"),
        _ if job.target.is_none() && !job.runner => {
            format!("the minion itself, heard by {place}")
        }
        _ => format!("by whom is not known, on {place}"),
    }
}

/// One number of a job: `did not answer`, 1, `web88`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Count {
    /// What it counts.
    pub(crate) label: &'static str,
    /// How many minions.
    pub(crate) number: u32,
    /// Which, where they are told.
    pub(crate) names: Option<String>,
}

/// The job in numbers, worst first, zeros left out.
pub(crate) fn counts(digest: &Digest) -> Vec<Count> {
    let totals = &digest.totals;
    let failed = minions_of(&digest.failures);
    let missing: Vec<&str> = digest
        .missing
        .iter()
        .map(|m| m.standing.minion.0.as_str())
        .collect();
    let names =
        |minions: &[&str]| (!minions.is_empty()).then(|| names::list(minions.iter().copied()));
    let count = |label, number, names| Count {
        label,
        number,
        names,
    };
    let all = [
        count("failed", totals.failed, names(&failed)),
        count(MISSING, totals.missing, names(&missing)),
        count("would change", totals.pending, None),
        count("changed", totals.changed, None),
        count("clean", totals.clean, None),
    ];
    all.into_iter().filter(|count| count.number > 0).collect()
}

/// Every minion in some findings, once.
pub(crate) fn minions_of(findings: &[Finding]) -> Vec<&str> {
    let all = findings.iter().flat_map(|finding| &finding.minions);
    let once: std::collections::BTreeSet<&str> =
        all.map(|standing| standing.minion.0.as_str()).collect();
    once.into_iter().collect()
}

/// Every minion that a digest names, once.
pub(crate) fn told(digest: &Digest) -> Vec<&str> {
    let findings = digest.failures.iter().chain(&digest.changes);
    let standings = findings.flat_map(|finding| &finding.minions);
    let missing = digest.missing.iter().map(|missing| &missing.standing);
    let named = standings.chain(missing).map(|standing| &standing.minion);
    let once: std::collections::BTreeSet<&str> = named
        .chain(&digest.of_return)
        .map(|minion| minion.0.as_str())
        .collect();
    once.into_iter().collect()
}

/// The minions of one finding, folded.
pub(crate) fn listed(minions: &[Standing]) -> String {
    names::list(minions.iter().map(|standing| standing.minion.0.as_str()))
}

/// What a state acted on, in a word or two: its name; its id where the name is a whole script.
pub(crate) fn acted_on(state: &State) -> String {
    let script = state.name.trim().contains('\n') || state.name.chars().count() > 60;
    let name = if script || state.name.is_empty() || state.function.starts_with("salt.") {
        &state.id
    } else {
        &state.name
    };
    line(name, 80)
}

/// `pkg.installed nginx-extras`
pub(crate) fn state(state: &State) -> String {
    clip(
        &format!("{} {}", line(&state.function, 60), acted_on(state)),
        120,
    )
}

#[cfg(test)]
mod tests {
    use pillarbox_proto::salt::{Fun, Jid};

    use super::*;

    fn job(fun: &str, args: &[&str]) -> Job {
        Job {
            cluster: "prod".into(),
            master: "salt1".into(),
            job: "20261122130211654321".into(),
            jid: Jid("20261122130211654321".into()),
            fun: Fun::One(fun.into()),
            args: args.iter().map(ToString::to_string).collect(),
            command: None,
            user: Some("sudo_alice".into()),
            target: Some(Target::Expression("roles:web".into())),
            target_type: Some("grain".into()),
            test: false,
            runner: false,
            schedule: None,
        }
    }

    #[test]
    fn a_run_is_called_what_its_people_call_it() {
        let runner = |fun, args: &[&str]| Job {
            runner: true,
            ..job(fun, args)
        };
        assert_eq!(
            run(&job("state.apply", &["nginx", "test=True"])),
            "state.apply nginx test=True"
        );
        assert_eq!(
            run(&job("cmd.run", &["systemctl restart x"])),
            "cmd.run 'systemctl restart x'"
        );
        assert_eq!(
            run(&runner(
                "runner.state.orchestrate",
                &["deploy.rolling", "orchestration_jid=1"]
            )),
            "orchestration deploy.rolling"
        );
        assert_eq!(
            run(&runner("state.orchestrate", &["mods=deploy"])),
            "orchestration deploy"
        );
        assert_eq!(run(&runner("jobs.active", &[])), "runner jobs.active");
        let hourly = Job {
            schedule: Some("hourly".into()),
            ..job("state.highstate", &[])
        };
        assert_eq!(run_scheduled(&hourly), "scheduled state.highstate (hourly)");
    }

    #[test]
    fn who_and_where() {
        let by = |user: Option<&str>| {
            origin(&Job {
                user: user.map(str::to_owned),
                ..job("test.ping", &[])
            })
        };
        assert_eq!(by(Some("sudo_alice")), "alice via sudo on salt1 (prod)");
        assert_eq!(by(Some("root")), "root on salt1 (prod)");
        assert_eq!(by(None), "by whom is not known, on salt1 (prod)");
        let own = Job {
            user: None,
            target: None,
            cluster: "salt1".into(),
            ..job("test.ping", &[])
        };
        assert_eq!(origin(&own), "the minion itself, heard by salt1");
    }

    #[test]
    fn a_script_is_called_by_its_id() {
        let named = |name: &str| {
            state(&State {
                function: "cmd.run".into(),
                id: "migrate".into(),
                name: name.into(),
                sls: None,
            })
        };
        assert_eq!(named("./migrate.sh"), "cmd.run ./migrate.sh");
        assert_eq!(named("set -e\n./migrate.sh"), "cmd.run migrate");
        assert_eq!(named(""), "cmd.run migrate");
    }
}
