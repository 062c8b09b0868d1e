//! The judge: what came of a job on one minion (DESIGN §4.3), a pure function of a few facts about the return.
//! It reads no payload, and nothing after it judges again.

use pillarbox_proto::event::Outcome;
use pillarbox_proto::highstate::Summary;
use pillarbox_proto::salt::{Fun, PerFunction};

/// Functions that run states: what they return, if it is no map of states, is why they could not.
const STATE_FUNCTIONS: [&str; 10] = [
    "state.apply",
    "state.highstate",
    "state.sls",
    "state.sls_id",
    "state.single",
    "state.top",
    "state.template",
    "state.template_str",
    "state.high",
    "state.low",
];

/// What kind of value a return is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// A map of states: every key has four parts, every value is a map.
    States(Summary),
    /// Any other map.
    Map,
    /// A list, a text, some bytes.
    ListOrText,
    /// Nothing, a number, true or false.
    Other,
}

/// Everything that the outcome depends on.
#[derive(Debug)]
pub struct Facts<'a> {
    /// What the return is.
    pub shape: Shape,
    /// Salt's outputter, where the return names one.
    pub out: Option<&'a str>,
    /// What ran.
    pub fun: &'a Fun,
    /// Salt's return code; absent counts as good.
    pub retcode: Option<&'a PerFunction<i64>>,
    /// Salt's `success`; absent counts as good.
    pub success: Option<&'a PerFunction<bool>>,
}

/// What is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// What came of it.
    pub outcome: Outcome,
    /// Salt reports a failure, and no state failed.
    pub reporting_problem: bool,
}

/// Decides.
pub fn judge(facts: &Facts<'_>) -> Verdict {
    let bad_code = facts
        .retcode
        .is_some_and(|codes| codes.values().any(|code| *code != 0));
    let no_success = facts
        .success
        .is_some_and(|all| all.values().any(|success| !success));
    if let Shape::States(summary) = facts.shape {
        let outcome = of_states(&summary);
        return Verdict {
            outcome,
            reporting_problem: outcome != Outcome::Failed && (bad_code || no_success),
        };
    }
    let failed = match facts.shape {
        Shape::ListOrText if runs_states(facts) => true,
        Shape::Map if runs_states(facts) => bad_code,
        Shape::States(_) | Shape::Map | Shape::ListOrText | Shape::Other => bad_code || no_success,
    };
    Verdict {
        outcome: if failed {
            Outcome::Failed
        } else {
            Outcome::Clean
        },
        reporting_problem: false,
    }
}

fn of_states(summary: &Summary) -> Outcome {
    if summary.failed > 0 {
        Outcome::Failed
    } else if summary.pending > 0 {
        Outcome::Pending
    } else if summary.changed > 0 {
        Outcome::Changed
    } else {
        Outcome::Clean
    }
}

fn runs_states(facts: &Facts<'_>) -> bool {
    let named = match facts.fun {
        Fun::One(name) => STATE_FUNCTIONS.contains(&name.as_str()),
        Fun::Several(_) => false,
    };
    named || facts.out == Some("highstate")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Failed, pending and changed states.
    fn states(failed: u32, pending: u32, changed: u32) -> Shape {
        Shape::States(Summary {
            total: 9,
            failed,
            pending,
            changed,
            ..Summary::default()
        })
    }

    fn verdict(
        fun: &str,
        out: &str,
        shape: Shape,
        retcode: Option<i64>,
        success: Option<bool>,
    ) -> Verdict {
        judge(&Facts {
            shape,
            out: Some(out).filter(|out| !out.is_empty()),
            fun: &Fun::One(fun.into()),
            retcode: retcode.map(PerFunction::One).as_ref(),
            success: success.map(PerFunction::One).as_ref(),
        })
    }

    #[test]
    fn states_speak_for_themselves() {
        let check = |shape, retcode, success, outcome, reporting_problem| {
            for fun in ["state.apply", "state.orchestrate", "my.wrapper"] {
                let expect = Verdict {
                    outcome,
                    reporting_problem,
                };
                assert_eq!(
                    verdict(fun, "highstate", shape, retcode, success),
                    expect,
                    "{shape:?}"
                );
            }
        };
        check(
            states(1, 1, 1),
            Some(2),
            Some(false),
            Outcome::Failed,
            false,
        );
        check(states(1, 0, 0), Some(0), Some(true), Outcome::Failed, false);
        check(states(1, 0, 0), None, None, Outcome::Failed, false);
        check(
            states(0, 1, 1),
            Some(0),
            Some(true),
            Outcome::Pending,
            false,
        );
        check(
            states(0, 0, 1),
            Some(0),
            Some(true),
            Outcome::Changed,
            false,
        );
        check(states(0, 0, 0), Some(0), None, Outcome::Clean, false);
        check(states(0, 0, 1), Some(2), Some(true), Outcome::Changed, true);
        check(states(0, 0, 0), Some(0), Some(false), Outcome::Clean, true);
        check(
            states(0, 1, 0),
            Some(1),
            Some(false),
            Outcome::Pending,
            true,
        );
    }

    #[test]
    fn a_state_run_that_could_not_start_failed_whatever_it_says() {
        let check = |fun, out, shape, retcode, success, outcome| {
            let expect = Verdict {
                outcome,
                reporting_problem: false,
            };
            assert_eq!(
                verdict(fun, out, shape, retcode, success),
                expect,
                "{fun} {out} {shape:?}"
            );
        };
        for fun in STATE_FUNCTIONS {
            check(
                fun,
                "",
                Shape::ListOrText,
                Some(0),
                Some(true),
                Outcome::Failed,
            );
            check(fun, "", Shape::Map, Some(0), Some(false), Outcome::Clean);
            check(fun, "", Shape::Map, Some(1), Some(true), Outcome::Failed);
        }
        check(
            "my.wrapper",
            "highstate",
            Shape::ListOrText,
            None,
            None,
            Outcome::Failed,
        );
        check(
            "state.orchestrate",
            "highstate",
            Shape::ListOrText,
            Some(0),
            Some(true),
            Outcome::Failed,
        );
        check(
            "state.show_sls",
            "",
            Shape::ListOrText,
            Some(0),
            Some(true),
            Outcome::Clean,
        );
        check(
            "state.show_sls",
            "",
            Shape::Map,
            Some(0),
            Some(true),
            Outcome::Clean,
        );
        check(
            "state.apply",
            "",
            Shape::Other,
            Some(0),
            Some(true),
            Outcome::Clean,
        );
        check(
            "state.apply",
            "",
            Shape::Other,
            Some(0),
            Some(false),
            Outcome::Failed,
        );
    }

    #[test]
    fn anything_else_fails_by_code_then_by_success() {
        let check = |shape, retcode, success, outcome| {
            let expect = Verdict {
                outcome,
                reporting_problem: false,
            };
            assert_eq!(verdict("cmd.run", "", shape, retcode, success), expect);
        };
        for shape in [Shape::ListOrText, Shape::Map, Shape::Other] {
            check(shape, Some(0), Some(true), Outcome::Clean);
            check(shape, Some(3), Some(false), Outcome::Failed);
            check(shape, Some(3), Some(true), Outcome::Failed);
            check(shape, Some(-1), None, Outcome::Failed);
            check(shape, Some(0), Some(false), Outcome::Failed);
            check(shape, None, Some(false), Outcome::Failed);
            check(shape, None, None, Outcome::Clean);
        }
    }

    #[test]
    fn one_bad_code_of_several_is_enough() {
        let check = |codes: &[(&str, i64)], outcome| {
            let codes = codes
                .iter()
                .map(|(fun, code)| ((*fun).to_owned(), *code))
                .collect();
            let facts = Facts {
                shape: Shape::Map,
                out: None,
                fun: &Fun::Several(vec!["a.b".into(), "state.apply".into()]),
                retcode: Some(&PerFunction::ByName(codes)),
                success: None,
            };
            assert_eq!(judge(&facts).outcome, outcome);
        };
        check(&[("a.b", 0), ("state.apply", 0)], Outcome::Clean);
        check(&[("a.b", 0), ("state.apply", 2)], Outcome::Failed);
    }
}
