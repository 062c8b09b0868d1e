//! Findings: the same failure or change on many minions, said once.
//! It does not choose words: a comment stays the program's own, volatile parts count only for what is the same.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

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
            clusters.add_state(of, state, true);
        }
        for state in held_back {
            match cause(state, &roots) {
                Some(root) => clusters.hold_back(of, root, state),
                None => clusters.add_state(of, state, true),
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
            clusters.add_state(of, state, false);
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

/// What makes two findings one: what it is about, and its comment, without volatile parts and the minion's own id.
type Fingerprint = (About, String);

#[derive(Default)]
struct Clusters {
    findings: Vec<Finding>,
    index: HashMap<Fingerprint, usize>,
    held_back: BTreeMap<State, BTreeSet<State>>,
}

impl Clusters {
    fn add_state(&mut self, of: &Of<'_>, state: &StateReturn, failed: bool) {
        let comment = if failed { state.comment.as_str() } else { "" };
        let print = (
            About::State(alike(state, of.minion)),
            fold_volatile(&without(comment, of.minion)),
        );
        let output = [state.stderr.as_deref(), state.stdout.as_deref()]
            .into_iter()
            .flatten();
        let output: Vec<&str> = output.filter(|text| !text.trim().is_empty()).collect();
        let diff = state.diff.clone().or_else(|| changes_text(state));
        let finding = || Finding {
            about: About::State(name_of(state)),
            comment: cut(&state.comment),
            output: cut_front(&output.join("\n")),
            diff: cut(&diff.unwrap_or_default()),
            minions: Vec::new(),
            held_back: Vec::new(),
        };
        let at = self.push(print, of, finding);
        if let Some(Finding {
            about: About::State(told),
            ..
        }) = self.findings.get_mut(at)
            && told.name != state.name
        {
            told.name.clone_from(&told.id); // each minion has a name of its own for it
        }
    }

    fn add_text(&mut self, of: &Of<'_>, about: About, text: &str) {
        let finding = || Finding {
            about: about.clone(),
            comment: cut(text),
            output: String::new(),
            diff: String::new(),
            minions: Vec::new(),
            held_back: Vec::new(),
        };
        self.push(
            (about.clone(), fold_volatile(&without(text, of.minion))),
            of,
            finding,
        );
    }

    /// Puts a minion into the finding with this fingerprint: where that stands.
    fn push(
        &mut self,
        print: Fingerprint,
        of: &Of<'_>,
        finding: impl FnOnce() -> Finding,
    ) -> usize {
        let at = *self.index.entry(print).or_insert_with(|| {
            self.findings.push(finding());
            self.findings.len() - 1
        });
        if let Some(finding) = self.findings.get_mut(at)
            && finding
                .minions
                .last()
                .is_none_or(|standing| standing.minion != *of.minion)
        {
            finding.minions.push(Standing {
                minion: of.minion.clone(),
                still: of.still.cloned(),
            });
        }
        at
    }

    fn hold_back(&mut self, of: &Of<'_>, root: &StateReturn, state: &StateReturn) {
        let root = self.held_back.entry(alike(root, of.minion)).or_default();
        root.insert(alike(state, of.minion));
    }

    fn sorted(mut self) -> Vec<Finding> {
        for ((about, _), at) in self.index {
            let (About::State(state), Some(finding)) = (about, self.findings.get_mut(at)) else {
                continue;
            };
            let held_back = self.held_back.get(&state).into_iter().flatten();
            finding.held_back = held_back.cloned().collect();
        }
        for finding in &mut self.findings {
            finding.minions.sort_by(|a, b| a.minion.cmp(&b.minion));
        }
        self.findings
            .sort_by_key(|finding| Reverse(finding.minions.len())); // stable: else in the order they ran
        self.findings
    }
}

/// The state as it is on every minion: a name that holds the minion's own id is its id.
fn alike(state: &StateReturn, minion: &MinionId) -> State {
    let mut alike = name_of(state);
    if without(&state.name, minion) != state.name {
        alike.name.clone_from(&alike.id);
    }
    alike
}

/// A text without the minion's own id. A shorter id would be found in any word.
fn without(text: &str, minion: &MinionId) -> String {
    if minion.0.len() < 3 {
        text.to_owned()
    } else {
        text.replace(&minion.0, "#")
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
    fn a_path_with_the_minions_id_is_the_same_on_all() {
        let named = |name: &str| StateReturn {
            name: name.into(),
            comment: format!("cannot write {name}"),
            ..state("motd", "")
        };
        let (web1, web2) = (MinionId("web1".into()), MinionId("web2".into()));
        let returns = [
            body(vec![named("/srv/web1/motd")], &[]),
            body(vec![named("/srv/web2/motd")], &[]),
        ];
        let of = [(&web1, &returns[0]), (&web2, &returns[1])].map(|(minion, body)| Of {
            minion,
            body,
            still: None,
        });
        let found = failures(&Fun::One("state.apply".into()), &of);
        assert_eq!(found.len(), 1);
        let About::State(state) = &found[0].about else {
            panic!("{:?}", found[0].about)
        };
        assert_eq!((state.name.as_str(), found[0].minions.len()), ("motd", 2));
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
