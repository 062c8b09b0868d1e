//! The next step: commands that can be pasted.
//! None is given that would not run as it stands, or that would change anything but what a test run has just announced.

use std::collections::BTreeSet;

use pillarbox_proto::digest::{About, Digest, Finding, Job};
use pillarbox_proto::salt::{Fun, Target, command_line};
use pillarbox_proto::subject::id;

use super::title;
use super::words::{self, Mark};

/// Longest command, and most minions in it: beyond, nobody checks what they paste.
const COMMAND_CHARS: usize = 300;
const MINIONS: usize = 20;

/// What to run next, most useful first.
pub(crate) fn commands(digest: &Digest) -> Vec<String> {
    let job = &digest.job;
    let states = !job.runner && job.fun.names().iter().all(|fun| is_state_run(fun));
    let again = match Mark::of(digest) {
        Mark::Failed if states && is_locked(digest) => {
            running(&words::minions_of(&digest.failures))
        }
        Mark::Failed if states => again(job, &words::minions_of(&digest.failures)),
        Mark::Would if states => as_typed(job),
        Mark::Failed | Mark::Missing | Mark::Changed | Mark::Would | Mark::Clean => None,
    };
    let commands = [again, ask_missing(digest), lookup(digest)];
    commands.into_iter().flatten().collect()
}

fn is_state_run(fun: &str) -> bool {
    matches!(
        fun,
        "state.apply"
            | "state.sls"
            | "state.highstate"
            | "state.sls_id"
            | "state.single"
            | "state.top"
    )
}

/// The same on those that failed, in test mode: it shows whether it would work and changes nothing.
fn again(job: &Job, minions: &[&str]) -> Option<String> {
    let mut args = without_test(job);
    args.push("test=True".to_owned());
    let command = match list(minions) {
        Some((target, kind)) => command_line(&target, kind, &job.fun, &args),
        None => command_line(
            job.target.as_ref()?,
            job.target_type.as_deref()?,
            &job.fun,
            &args,
        ),
    };
    pastable(command)
}

/// Another state run was in the way: in test mode too it would be.
fn is_locked(digest: &Digest) -> bool {
    let locked = |finding: &Finding| {
        finding.about == About::Start && finding.comment.contains(" is running as PID ")
    };
    digest.failures.iter().all(locked)
}

/// What state run is in the way.
fn running(minions: &[&str]) -> Option<String> {
    let (target, kind) = list(minions)?;
    pastable(command_line(
        &target,
        kind,
        &Fun::One("state.running".to_owned()),
        &[],
    ))
}

/// What was announced, for real.
fn as_typed(job: &Job) -> Option<String> {
    let (target, kind) = (job.target.as_ref()?, job.target_type.as_deref()?);
    pastable(command_line(target, kind, &job.fun, &without_test(job)))
}

fn without_test(job: &Job) -> Vec<String> {
    let args = job
        .args
        .iter()
        .filter(|arg| !arg.to_ascii_lowercase().starts_with("test="));
    args.cloned().collect()
}

/// Whether those who did not answer are there, or what they are doing.
fn ask_missing(digest: &Digest) -> Option<String> {
    let running =
        !digest.missing.is_empty() && digest.missing.iter().all(|missing| missing.running);
    let minions: BTreeSet<&str> = digest
        .missing
        .iter()
        .map(|missing| missing.standing.minion.0.as_str())
        .collect();
    let (target, kind) = list(&Vec::from_iter(minions))?;
    let fun = if running {
        "saltutil.running"
    } else {
        "test.ping"
    };
    let fun = Fun::One(fun.to_owned());
    if fun == digest.job.fun {
        return None; // that is what they have just not answered
    }
    pastable(command_line(&target, kind, &fun, &[]))
}

/// A list that Salt takes: `-L web03,web17`, or the one minion by name.
fn list(minions: &[&str]) -> Option<(Target, &'static str)> {
    let plain = |id: &&str| {
        !id.is_empty()
            && id
                .chars()
                .all(|c| c.is_alphanumeric() || "-_.@:".contains(c))
    };
    if minions.is_empty() || minions.len() > MINIONS || !minions.iter().all(plain) {
        return None;
    }
    let ids = minions.iter().map(ToString::to_string).collect();
    Some((
        Target::Minions(ids),
        if minions.len() == 1 { "glob" } else { "list" },
    ))
}

/// The job's full returns. Runs that share one subject have a jid each: there is no one to ask for.
fn lookup(digest: &Digest) -> Option<String> {
    let job = &digest.job;
    let one = !id::is_run_job(&job.job) || title::is_sole(digest);
    (one && job.jid.is_regular()).then(|| format!("salt-run jobs.lookup_jid {}", job.jid))
}

/// A shell must read it as Salt was given it: no controls, nothing that was redacted or cut.
fn pastable(command: String) -> Option<String> {
    let hidden = ["***", "…", "REDACTED", "redacted", "VALUE_TRIMMED"];
    let whole =
        command.chars().count() <= COMMAND_CHARS && super::excerpt::clean(&command) == command;
    (whole && !command.contains('\n') && !hidden.iter().any(|mark| command.contains(mark)))
        .then_some(command)
}
