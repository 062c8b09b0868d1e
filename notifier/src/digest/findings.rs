//! Findings: the same failure or change on many minions, said once.
//! It does not choose words: a comment stays the program's own, volatile parts count only for what is the same.

use std::collections::{BTreeMap, BTreeSet};

use pillarbox_proto::digest::{About, Finding, Standing, State, Still};
use pillarbox_proto::event::JobReturn;
use pillarbox_proto::highstate::StateReturn;
use pillarbox_proto::salt::{Fun, MinionId};

use super::text::{cut, cut_front, fold_volatile};

/// Findings of one kind in one digest; beyond it the rest is counted in a note.
pub const MOST: usize = 50;

/// One minion's return, with the row of failures that it goes on.
#[derive(Debug, Clone, Copy)]
pub struct Of<'a> {
    /// The minion.
    pub minion: &'a MinionId,
    /// What it returned.
    pub body: &'a JobReturn,
    /// The row that its failure goes on.
    pub still: Option<&'a Still>,
}

/// What failed, most minions first.
pub fn failures(fun: &Fun, returns: &[Of<'_>]) -> Vec<Finding> {
    let mut clusters = Clusters::default();
    for of in returns {
        let (held_back, roots): (Vec<_>, Vec<_>) =
            of.body.failures.iter().partition(|state| state.held_back);
        for state in &roots {
            clusters.add(of, About::State(name_of(state)), state, true);
        }
        for state in held_back {
            match cause(state, &roots) {
                Some(root) => clusters.hold_back(root, name_of(state)),
                None => clusters.add(of, About::State(name_of(state)), state, true),
            }
        }
        for text in &of.body.errors {
            clusters.add_text(of, about_error(fun), text);
        }
        if of.body.failures.is_empty() && of.body.errors.is_empty() {
            clusters.add_text(of, about_error(fun), &retcode_text(of.body));
        }
    }
    clusters.sorted()
}

/// What changed (in test mode: would change), most minions first.
pub fn changes(returns: &[Of<'_>]) -> Vec<Finding> {
    let mut clusters = Clusters::default();
    for of in returns {
        for state in &of.body.changes {
            clusters.add(of, About::State(name_of(state)), state, false);
        }
    }
    clusters.sorted()
}

fn about_error(fun: &Fun) -> About {
    let state_run = fun.names().iter().all(|name| name.starts_with("state."));
    if state_run {
        About::Start
    } else {
        About::Function
    }
}

fn retcode_text(body: &JobReturn) -> String {
    let code = body
        .retcode
        .as_ref()
        .and_then(|codes| codes.values().copied().find(|code| *code != 0));
    match code {
        Some(code) => format!("return code {code}"),
        None => "Salt reports no success, and says nothing more".to_owned(),
    }
}

fn name_of(state: &StateReturn) -> State {
    State {
        function: state.function.clone(),
        id: state.id.clone(),
        name: state.name.clone(),
        sls: state.sls.clone(),
    }
}

/// The failed state that held this one back: the one that Salt's comment names (`<sls>.<id>`), else the only one.
fn cause<'a>(held_back: &StateReturn, roots: &[&'a StateReturn]) -> Option<&'a StateReturn> {
    let named = |root: &&&StateReturn| {
        let sls = root.sls.as_deref().unwrap_or_default();
        held_back.comment.contains(&format!("{sls}.{}", root.id))
    };
    let only = if let [only] = roots {
        Some(*only)
    } else {
        None
    };
    roots
        .iter()
        .find(named)
        .copied()
        .or(only)
        .or(roots.first().copied())
}

/// What makes two findings one: what it is about, and its comment without volatile parts.
type Fingerprint = (About, String);

#[derive(Default)]
struct Clusters {
    findings: Vec<(Fingerprint, Finding)>,
    index: std::collections::HashMap<Fingerprint, usize>,
    held_back: BTreeMap<State, BTreeSet<State>>,
}

impl Clusters {
    fn add(&mut self, of: &Of<'_>, about: About, state: &StateReturn, failed: bool) {
        let volatile = if failed {
            fold_volatile(&state.comment)
        } else {
            String::new()
        };
        let output = [state.stderr.as_deref(), state.stdout.as_deref()];
        let finding = |about: About| Finding {
            about,
            comment: cut(&state.comment),
            output: cut_front(
                &output
                    .into_iter()
                    .flatten()
                    .filter(|text| !text.trim().is_empty())
                    .collect::<Vec<_>>()
                    .join("\n"),
            ),
            diff: cut(&state
                .diff
                .clone()
                .or_else(|| changes_text(state))
                .unwrap_or_default()),
            minions: Vec::new(),
            held_back: Vec::new(),
        };
        self.push((about, volatile), of, finding);
    }

    fn add_text(&mut self, of: &Of<'_>, about: About, text: &str) {
        let finding = |about: About| Finding {
            about,
            comment: cut(text),
            output: String::new(),
            diff: String::new(),
            minions: Vec::new(),
            held_back: Vec::new(),
        };
        self.push((about, fold_volatile(text)), of, finding);
    }

    fn push(&mut self, print: Fingerprint, of: &Of<'_>, finding: impl FnOnce(About) -> Finding) {
        let at = *self.index.entry(print.clone()).or_insert_with(|| {
            let about = print.0.clone();
            self.findings.push((print, finding(about)));
            self.findings.len() - 1
        });
        let Some((_, finding)) = self.findings.get_mut(at) else {
            return;
        };
        if finding
            .minions
            .last()
            .is_none_or(|standing| standing.minion != *of.minion)
        {
            finding.minions.push(Standing {
                minion: of.minion.clone(),
                still: of.still.cloned(),
            });
        }
    }

    fn hold_back(&mut self, root: &StateReturn, state: State) {
        self.held_back
            .entry(name_of(root))
            .or_default()
            .insert(state);
    }

    fn sorted(self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self
            .findings
            .into_iter()
            .map(|(_, finding)| finding)
            .collect();
        for finding in &mut findings {
            finding.minions.sort_by(|a, b| a.minion.cmp(&b.minion));
            if let About::State(state) = &finding.about {
                finding.held_back = self
                    .held_back
                    .get(state)
                    .into_iter()
                    .flatten()
                    .cloned()
                    .collect();
            }
        }
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.minions.len())); // stable: else in the order they ran
        findings
    }
}

/// Changes that are no diff, as the lines a person would read.
fn changes_text(state: &StateReturn) -> Option<String> {
    let changes = state.changes.as_ref()?.as_object()?;
    let line = |(key, value): (&String, &serde_json::Value)| match value.as_str() {
        Some(text) => format!("{key}: {text}"),
        None => match (value.get("old"), value.get("new")) {
            (Some(old), Some(new)) => format!("{key}: {} -> {}", plain(old), plain(new)),
            _ => format!("{key}: {value}"),
        },
    };
    Some(changes.iter().map(line).collect::<Vec<_>>().join("\n"))
}

fn plain(value: &serde_json::Value) -> String {
    match value.as_str() {
        Some("") => "(none)".to_owned(),
        Some(text) => text.to_owned(),
        None => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use pillarbox_proto::event::Outcome;

    use super::*;

    fn state(id: &str, comment: &str) -> StateReturn {
        StateReturn {
            function: "pkg.installed".into(),
            id: id.into(),
            name: id.into(),
            sls: Some("nginx".into()),
            result: Some(false),
            comment: comment.into(),
            ..StateReturn::default()
        }
    }

    fn body(failures: Vec<StateReturn>, errors: &[&str]) -> JobReturn {
        JobReturn {
            minion: MinionId("m".into()),
            outcome: Outcome::Failed,
            retcode: None,
            success: None,
            user: None,
            args: vec![],
            schedule: None,
            test: false,
            summary: None,
            failures,
            changes: vec![],
            slowest: vec![],
            errors: errors.iter().map(ToString::to_string).collect(),
            reporting_problem: false,
            run: "r".into(),
        }
    }

    fn found(returns: &[(&str, JobReturn)]) -> Vec<(usize, String, usize)> {
        let minions: Vec<MinionId> = returns
            .iter()
            .map(|(id, _)| MinionId((*id).into()))
            .collect();
        let of: Vec<Of> = minions
            .iter()
            .zip(returns)
            .map(|(minion, (_, body))| Of {
                minion,
                body,
                still: None,
            })
            .collect();
        let found = failures(&Fun::One("state.apply".into()), &of);
        found
            .into_iter()
            .map(|f| (f.minions.len(), f.comment, f.held_back.len()))
            .collect()
    }

    #[test]
    fn the_same_failure_is_one_finding_whatever_its_numbers() {
        let returns = [
            (
                "web1",
                body(vec![state("a", "pid 4711 died"), state("b", "other")], &[]),
            ),
            ("web2", body(vec![state("a", "pid 12 died")], &[])),
        ];
        assert_eq!(
            found(&returns),
            [
                (2, "pid 4711 died".to_owned(), 0),
                (1, "other".to_owned(), 0)
            ]
        );
    }

    #[test]
    fn held_back_states_stand_under_their_cause() {
        let held = StateReturn {
            held_back: true,
            ..state("svc", "One or more requisite failed: nginx.b")
        };
        let returns = [(
            "web1",
            body(vec![state("a", "A"), state("b", "B"), held], &[]),
        )];
        assert_eq!(
            found(&returns),
            [(1, "A".to_owned(), 0), (1, "B".to_owned(), 1)]
        );
    }

    #[test]
    fn what_could_not_start_and_what_says_nothing_are_findings_too() {
        let returns = [
            ("web1", body(vec![], &["Rendering SLS failed"])),
            ("web2", body(vec![], &[])),
        ];
        let texts: Vec<String> = found(&returns)
            .into_iter()
            .map(|(_, text, _)| text)
            .collect();
        assert_eq!(
            texts,
            [
                "Rendering SLS failed",
                "Salt reports no success, and says nothing more"
            ]
        );
    }
}
