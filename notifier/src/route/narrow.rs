//! What a route sees of a return: `state` and `sls` take away first what they do not match.
//! It decides nothing about other minions and routes: `speak` does, with what is left here.
//!
//! The rules, all of them:
//!
//! - A return is made of its failed states, its changed states, and what it says without a state (a render error, what
//!   a failed command printed). What has no state has the empty text for both matchers: a route that names states never
//!   sees it, one that only excludes does. So it is with a clean return and with a minion that did not answer.
//! - `state` is any of a state's id, name and function; an exclusion holds by any of them. `sls` is its SLS.
//! - What is left decides what the minion came to, for this route: failed if a failure is left; else pending, where a
//!   state that would change is left; else changed. Nothing left: the route does not take the minion.
//! - Numbers ("failed on 3 of 120") stay the job's.
//! - What a route has not taken of a minion goes on down the list, as other minions do.

use pillarbox_proto::event::{JobReturn, Outcome};
use pillarbox_proto::highstate::StateReturn;

use super::Matchers;

/// A return, parted by a route.
#[derive(Debug, Clone, PartialEq)]
pub struct Parted {
    /// What the route sees of it.
    pub seen: Option<JobReturn>,
    /// What it leaves.
    pub left: Option<JobReturn>,
}

impl Matchers {
    /// Whether it looks at states at all.
    pub fn narrows(&self) -> bool {
        !self.state.is_empty() || !self.sls.is_empty()
    }

    /// Whether it takes what has no state: a clean return, a minion that did not answer, a render error.
    pub fn takes_stateless(&self) -> bool {
        self.state.matches("") && self.sls.matches("")
    }

    fn takes_state(&self, names: [&str; 3], sls: Option<&str>) -> bool {
        self.state.matches_named(&names) && self.sls.matches(sls.unwrap_or_default())
    }

    /// Parts a return into what these see and what they leave.
    pub fn part(&self, body: &JobReturn) -> Parted {
        let empty = body.failures.is_empty() && body.changes.is_empty() && body.errors.is_empty();
        if !self.narrows() || (empty && self.takes_stateless()) {
            return Parted {
                seen: Some(body.clone()),
                left: None,
            };
        }
        if empty {
            return Parted {
                seen: None,
                left: Some(body.clone()),
            };
        }
        let half = |seen: bool| {
            let of_state = |state: &&StateReturn| {
                let names = [state.id.as_str(), &state.name, &state.function];
                self.takes_state(names, state.sls.as_deref()) == seen
            };
            let mut half = body.clone();
            half.failures.retain(|state| of_state(&state));
            half.changes.retain(|state| of_state(&state));
            half.slowest.retain(|state| {
                let names = [state.id.as_str(), &state.name, &state.function];
                self.takes_state(names, state.sls.as_deref()) == seen
            });
            if self.takes_stateless() != seen {
                half.errors.clear();
            }
            came_to(half)
        };
        Parted {
            seen: half(true),
            left: half(false),
        }
    }
}

/// The outcome of what is left; `None` for nothing.
fn came_to(mut body: JobReturn) -> Option<JobReturn> {
    let would = |state: &StateReturn| state.result.is_none();
    body.outcome = if !body.failures.is_empty() || !body.errors.is_empty() {
        Outcome::Failed
    } else if body.changes.iter().any(would) {
        Outcome::Pending
    } else if !body.changes.is_empty() {
        Outcome::Changed
    } else {
        return None;
    };
    Some(body)
}

/// What a return with this outcome may have come to once states are taken away.
pub(super) fn may_become(outcome: Outcome) -> &'static [Outcome] {
    use Outcome::{Changed, Clean, Failed, Pending};
    match outcome {
        Failed => &[Failed, Pending, Changed],
        Pending => &[Pending, Changed],
        Changed => &[Changed],
        Clean => &[Clean],
    }
}
