//! A look-up's answer as lines for a person: what was run, how many returned, what failed, who is missing.
//! It is not Salt's own text, and not everything: that is what `--json` is for.

use std::collections::BTreeMap;
use std::fmt::{self, Formatter};

use pillarbox_proto::event::Outcome;
use pillarbox_proto::highstate::StateReturn;
use pillarbox_proto::lookup::{CachedReturn, LookupReply};
use pillarbox_proto::salt::MinionId;

/// Lines of one comment or error; the rest is left to `--json`.
const LINES: usize = 20;

/// The answer to be shown.
pub(super) struct Summary<'r>(pub(super) &'r LookupReply);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let reply = self.0;
        self.head(f)?;
        field(f, "returned", &self.numbers())?;
        if !reply.missing.is_empty() {
            field(f, "missing", &list(&reply.missing))?;
        }
        for ret in &reply.returns {
            failed(f, ret)?;
        }
        if !reply.problems.is_empty() {
            writeln!(f, "\ncannot be read")?;
        }
        for problem in &reply.problems {
            let whose = problem.minion.as_ref().map(|id| format!("{id}: "));
            let whose = whose.unwrap_or_default();
            writeln!(f, "  {}", line(&format!("{whose}{}", problem.error)))?;
        }
        Ok(())
    }
}

impl Summary<'_> {
    fn head(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let reply = self.0;
        field(f, "job", &reply.jid.0)?;
        match &reply.load {
            Some(load) => {
                field(f, "command", &load.new.command)?;
                field(f, "user", &load.new.user)?;
            }
            None => field(f, "command", &self.unpublished())?,
        }
        if let Some(at) = reply.jid.started() {
            field(
                f,
                "when",
                &format!("{}", at.strftime("%Y-%m-%d %H:%M:%S UTC")),
            )?;
        }
        field(
            f,
            "master",
            &format!("{} ({})", reply.master, reply.cluster),
        )
    }

    /// What ran, as far as returns say it.
    fn unpublished(&self) -> String {
        match self.0.returns.first() {
            Some(ret) => match &ret.ret.schedule {
                Some(schedule) => format!("{} (schedule {schedule})", ret.fun),
                None => format!("{} (nobody published it)", ret.fun),
            },
            None => "not known".to_owned(),
        }
    }

    /// `3 of 4: 1 failed, 2 clean`, of those that were asked for.
    fn numbers(&self) -> String {
        let reply = self.0;
        let mut by: BTreeMap<Outcome, usize> = BTreeMap::new();
        for ret in &reply.returns {
            *by.entry(ret.ret.outcome).or_default() += 1;
        }
        let by: Vec<String> = by
            .iter()
            .map(|(outcome, n)| format!("{n} {}", outcome.as_str()))
            .collect();
        let of = match reply.expected.len() {
            0 => String::new(),
            expected => format!(" of {expected}"),
        };
        let what = if by.is_empty() { "" } else { ": " };
        format!("{}{of}{what}{}", reply.returned.len(), by.join(", "))
    }
}

fn failed(f: &mut Formatter<'_>, ret: &CachedReturn) -> fmt::Result {
    if ret.ret.outcome != Outcome::Failed && !ret.ret.reporting_problem {
        return Ok(());
    }
    let what = if ret.ret.reporting_problem {
        "reports a problem"
    } else {
        "failed"
    };
    writeln!(f, "\n{} {what}", line(&ret.ret.minion.0))?;
    for state in ret.ret.failures.iter().filter(|state| !state.held_back) {
        self::state(f, state)?;
    }
    let held_back = ret
        .ret
        .failures
        .iter()
        .filter(|state| state.held_back)
        .count();
    if held_back > 0 {
        writeln!(f, "  held back by these: {held_back}")?;
    }
    for error in &ret.ret.errors {
        text(f, "  ", error)?;
    }
    Ok(())
}

fn state(f: &mut Formatter<'_>, state: &StateReturn) -> fmt::Result {
    let StateReturn {
        function,
        id,
        name,
        sls,
        ..
    } = state;
    let id = if id == name {
        String::new()
    } else {
        format!(", id {id}")
    };
    let sls = sls.as_deref().unwrap_or("?");
    writeln!(f, "  {}", line(&format!("{function} {name} ({sls}{id})")))?;
    text(f, "      ", &state.comment)?;
    for output in [&state.stdout, &state.stderr].into_iter().flatten() {
        text(f, "      ", output)?;
    }
    Ok(())
}

fn field(f: &mut Formatter<'_>, name: &str, value: &str) -> fmt::Result {
    writeln!(f, "{name:<10}{}", line(value))
}

fn list(minions: &[MinionId]) -> String {
    let names: Vec<&str> = minions.iter().map(|id| id.0.as_str()).collect();
    names.join(", ")
}

fn text(f: &mut Formatter<'_>, indent: &str, text: &str) -> fmt::Result {
    let lines = text.trim().lines();
    for shown in lines.clone().take(LINES) {
        writeln!(f, "{indent}{}", line(shown))?;
    }
    match lines.count().saturating_sub(LINES) {
        0 => Ok(()),
        more => writeln!(f, "{indent}… {more} more lines"),
    }
}

/// On one line, and without what a terminal would obey: a minion may have written it.
fn line(text: &str) -> String {
    let safe = |c: char| match c {
        '\n' => '⏎',
        c if c.is_control() => '?',
        c => c,
    };
    text.chars().map(safe).collect()
}
