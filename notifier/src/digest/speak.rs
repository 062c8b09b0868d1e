//! Which route takes which minions, what its digest says, and whether it speaks at all.
//! It delivers nothing: it is a function of the fold, the faults before it, and the routes.

use std::collections::{BTreeMap, BTreeSet};

use pillarbox_proto::digest::{Digest, Job, Missing, SinceClean, Slow, Standing, State, Still};
use pillarbox_proto::event::{JobReturn, Outcome, SlowState};
use pillarbox_proto::salt::{Jid, MinionId};
use pillarbox_proto::work::{Decision, FaultEntry};

use super::faults;
use super::findings::{self, Of};
use super::fold::Fold;
use crate::route::{Moment, Route, Taken};

/// What is known of each minion's earlier runs.
pub type Faults = BTreeMap<MinionId, FaultEntry>;

/// Slow states that a digest names.
const SLOWEST: usize = 3;

/// What one route makes of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct Share<'a> {
    /// The route.
    pub route: &'a Route,
    /// Say or not, and why not.
    pub decision: Decision,
    /// What there is to say; of a quiet one, what puts right what was told when less was known.
    pub digest: Digest,
}

impl Share<'_> {
    /// Whether there is something to say.
    pub fn speaks(&self) -> bool {
        matches!(self.decision, Decision::Say { .. })
    }

    /// The minions that it tells of by name: those that failed or changed something, and those that did not answer.
    pub fn not_well(&self) -> impl Iterator<Item = &MinionId> {
        let Digest {
            failures,
            changes,
            missing,
            ..
        } = &self.digest;
        let found = failures
            .iter()
            .chain(changes)
            .flat_map(|finding| &finding.minions);
        let standings = found.chain(missing.iter().map(|missing| &missing.standing));
        standings.map(|standing| &standing.minion)
    }
}

/// Who is told of by name, where there is something to say.
pub fn told_of<'s>(shares: impl Iterator<Item = &'s Share<'s>>) -> BTreeSet<MinionId> {
    let said = shares.filter(|share| share.speaks());
    said.flat_map(Share::not_well).cloned().collect()
}

impl PartialEq for Route {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// The routes of this moment that tell of this job, each with what it makes of it, in their order.
///
/// Routes are tried per minion: what one takes the next does not get, unless it lets it go on. What a route does not
/// see of a minion (`state`, `sls`) is not taken either.
pub fn shares<'a>(routes: &'a [Route], on: Moment, fold: &Fold, faults: &Faults) -> Vec<Share<'a>> {
    let Some(job) = fold.job() else {
        return Vec::new();
    };
    let mut free = Free::of(fold);
    let of_moment = routes
        .iter()
        .filter(|route| route.on == on && route.takes_job(&job));
    of_moment
        .map(|route| {
            let whole = fold.narrowed(|minion| route.matchers.minion.matches(&minion.0));
            let seen = free.seen_by(route, &whole);
            let seen = seen.as_ref().unwrap_or(&whole);
            let took = took(route, &whole, seen, &free.minions);
            if !route.goes_on {
                free.take(route, fold, &took);
            }
            share(
                route,
                &job,
                View {
                    whole: &whole,
                    seen,
                },
                &took,
                faults,
            )
        })
        .collect()
}

/// What no route has kept for itself yet.
struct Free {
    minions: BTreeSet<MinionId>,
    /// The returns, once something has been taken from one of them.
    left: Option<Fold>,
}

impl Free {
    fn of(fold: &Fold) -> Free {
        let minions = results(fold).into_iter().map(|(minion, _)| minion);
        Free {
            minions: minions.collect(),
            left: None,
        }
    }

    /// What a route sees; `None` where that is everything.
    fn seen_by(&self, route: &Route, whole: &Fold) -> Option<Fold> {
        let matchers = &route.matchers;
        let left = self
            .left
            .as_ref()
            .map(|left| left.narrowed(|minion| matchers.minion.matches(&minion.0)));
        if !matchers.narrows() {
            return left;
        }
        let seen = |_: &MinionId, body: &JobReturn| matchers.part(body).seen;
        Some(left.as_ref().unwrap_or(whole).parted(seen))
    }

    /// Takes what the route sees of these minions away. Of whom something is left, that goes on.
    fn take(&mut self, route: &Route, fold: &Fold, took: &BTreeSet<MinionId>) {
        let mut rest = BTreeSet::new();
        if route.matchers.narrows() {
            let before = self.left.as_ref().unwrap_or(fold);
            let left_of = |body: &JobReturn| route.matchers.part(body).left;
            let leaves = before.all_returns().filter(|(minion, returned)| {
                took.contains(*minion) && left_of(&returned.body).is_some()
            });
            rest = leaves.map(|(minion, _)| minion.clone()).collect();
            self.left = Some(before.parted(|minion, body| {
                if took.contains(minion) {
                    left_of(body)
                } else {
                    Some(body.clone())
                }
            }));
        }
        self.minions
            .retain(|minion| !took.contains(minion) || rest.contains(minion));
    }
}

/// A job as a route is to tell it.
#[derive(Clone, Copy)]
struct View<'a> {
    /// All of it, for its numbers.
    whole: &'a Fold,
    /// What the route sees of its returns.
    seen: &'a Fold,
}

fn results(view: &Fold) -> Vec<(MinionId, Taken)> {
    let returned = view
        .newest()
        .map(|(minion, returned)| (minion.clone(), Taken::Outcome(returned.body.outcome)));
    let missing = view
        .missing()
        .into_iter()
        .map(|minion| (minion.clone(), Taken::Missing));
    // A failure that the same window has made good is still told ("failed at 03:00, clean since").
    let failed = view
        .all_returns()
        .filter(|(_, returned)| returned.body.outcome == Outcome::Failed);
    let failed = failed.map(|(minion, _)| (minion.clone(), Taken::Outcome(Outcome::Failed)));
    let results: BTreeSet<(MinionId, Taken)> = returned.chain(missing).chain(failed).collect();
    results.into_iter().collect()
}

/// `clean` is tried only of a whole job: one clean minion among others, or one of whom the route sees nothing, is not told.
fn took(route: &Route, whole: &Fold, seen: &Fold, free: &BTreeSet<MinionId>) -> BTreeSet<MinionId> {
    let clean = Taken::Outcome(Outcome::Clean);
    let all_clean = results(whole).iter().all(|(_, taken)| *taken == clean);
    let stateless = route.matchers.takes_stateless();
    let takes = |(minion, taken): &(MinionId, Taken)| {
        let there = match taken {
            Taken::Outcome(Outcome::Clean) => all_clean && stateless,
            Taken::Missing => stateless,
            Taken::Outcome(_) => true,
        };
        there && free.contains(minion) && route.takes(&minion.0, *taken)
    };
    results(seen)
        .into_iter()
        .filter(takes)
        .map(|(minion, _)| minion)
        .collect()
}

fn share<'a>(
    route: &'a Route,
    job: &Job,
    view: View<'_>,
    took: &BTreeSet<MinionId>,
    faults: &Faults,
) -> Share<'a> {
    let version = view
        .whole
        .last()
        .map(|(sequence, _)| sequence)
        .unwrap_or_default();
    let digest = digest(job, view, took, faults);
    if took.is_empty() {
        let reason = format!(
            "no minion came to what route {} asks for ({})",
            route.name,
            counts(view.whole)
        );
        return Share {
            route,
            decision: Decision::Quiet { reason },
            digest,
        };
    }
    Share {
        route,
        decision: Decision::Say { version },
        digest,
    }
}

fn counts(view: &Fold) -> String {
    let totals = view.totals();
    let counts = [
        (totals.failed, "failed"),
        (totals.pending, "pending"),
        (totals.changed, "changed"),
        (totals.clean, "clean"),
        (totals.missing, "did not answer"),
    ];
    let said: Vec<String> = counts
        .iter()
        .filter(|(n, _)| *n != 0)
        .map(|(n, word)| format!("{n} {word}"))
        .collect();
    if said.is_empty() {
        "nothing was heard".to_owned()
    } else {
        said.join(", ")
    }
}

fn digest(job: &Job, view: View<'_>, took: &BTreeSet<MinionId>, faults: &Faults) -> Digest {
    let View { whole, seen: view } = view;
    let rows: BTreeMap<&MinionId, Still> = view
        .newest()
        .filter_map(|(minion, returned)| {
            Some((minion, faults::still(faults.get(minion)?, &returned.jid)?))
        })
        .collect();
    let returns: Vec<Of<'_>> = view
        .newest()
        .filter(|(minion, _)| took.contains(*minion))
        .map(|(minion, returned)| Of {
            minion,
            body: &returned.body,
            still: rows.get(minion),
        })
        .collect();
    let failed: Vec<Of<'_>> = returns
        .iter()
        .copied()
        .filter(|of| of.body.outcome == Outcome::Failed)
        .collect();
    let mut notes = whole.notes();
    Digest {
        failures: most(
            findings::failures(&job.fun, &failed),
            "failures",
            &mut notes,
        ),
        changes: most(findings::changes(&returns), "changes", &mut notes),
        missing: missing(job, view, took, faults),
        since_clean: since_clean(view, took, faults),
        no_key: whole.no_key(),
        job: job.clone(),
        started: whole.started().unwrap_or_default(),
        ended: whole.ended(),
        totals: whole.totals(),
        slowest: slowest(&returns),
        halted: whole.end().and_then(|end| end.halted.clone()),
        notes,
        look_up: whole.look_up().to_vec(),
        of_return: None,
    }
}

fn most<T>(mut findings: Vec<T>, what: &str, notes: &mut Vec<String>) -> Vec<T> {
    let surplus = findings.len().saturating_sub(findings::MOST);
    if surplus != 0 {
        notes.push(format!("{surplus} more kinds of {what} are not listed."));
        findings.truncate(findings::MOST);
    }
    findings
}

/// The states that took longest on the minions that are told of, slowest first.
fn slowest(returns: &[Of<'_>]) -> Vec<Slow> {
    let of_minion = |of: &Of<'_>| {
        of.body
            .slowest
            .iter()
            .map(|slow| (of.minion.clone(), slow.clone()))
            .collect::<Vec<_>>()
    };
    let mut slow: Vec<(MinionId, SlowState)> = returns.iter().flat_map(of_minion).collect();
    slow.sort_by(|(_, a), (_, b)| b.duration_ms.total_cmp(&a.duration_ms));
    slow.dedup_by(|(_, a), (_, b)| (&a.function, &a.id) == (&b.function, &b.id));
    slow.truncate(SLOWEST);
    slow.into_iter()
        .map(|(minion, slow)| Slow {
            state: State {
                function: slow.function,
                id: slow.id,
                name: slow.name,
                sls: slow.sls,
            },
            minion,
            duration_ms: slow.duration_ms,
        })
        .collect()
}

fn missing(job: &Job, view: &Fold, took: &BTreeSet<MinionId>, faults: &Faults) -> Vec<Missing> {
    let still = |minion: &MinionId| faults::still(faults.get(minion)?, &job.jid);
    let missing = view
        .missing()
        .into_iter()
        .filter(|minion| took.contains(*minion));
    missing
        .map(|minion| Missing {
            standing: Standing {
                minion: minion.clone(),
                still: still(minion),
            },
            running: view.runs_on(minion),
        })
        .collect()
}

/// Failures that a later run has made good: an earlier one in this window, or one that is known by now.
fn since_clean(view: &Fold, took: &BTreeSet<MinionId>, faults: &Faults) -> Vec<SinceClean> {
    let newest: BTreeMap<&MinionId, &Jid> = view
        .newest()
        .map(|(minion, returned)| (minion, &returned.jid))
        .collect();
    let over = |minion: &MinionId, jid: &Jid| {
        let replaced = newest.get(minion).is_some_and(|newest| jid < newest);
        replaced
            || faults
                .get(minion)
                .is_some_and(|entry| faults::good_since(entry, jid))
    };
    let failed = view.all_returns().filter(|(minion, returned)| {
        took.contains(*minion)
            && returned.body.outcome == Outcome::Failed
            && over(minion, &returned.jid)
    });
    failed
        .map(|(minion, returned)| SinceClean {
            minion: minion.clone(),
            failed: returned.jid.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests;
