//! A return judged, and told without secrets: numbers, failures, changes, errors.
//! The judge itself is `outcome`, the shapes of secrets are `redact`'s.

use pillarbox_proto::event::{JobReturn, Outcome, SlowState};
use pillarbox_proto::highstate::StateReturn;
use pillarbox_proto::salt::{MinionId, PerFunction};

use super::heard::Heard;
use super::payload::Payload;
use super::returned::Returned;
use super::state::State;
use super::value::Value;
use super::{bound, fields, said, words};
use crate::outcome::{Facts, Shape, Verdict, judge};

/// Of a return, what is known before it is judged.
pub(super) struct Told<'de> {
    pub(super) minion: MinionId,
    pub(super) args: Vec<String>,
    pub(super) schedule: Option<String>,
    pub(super) run: String,
    pub(super) out: Option<Value<'de>>,
    pub(super) retcode: Option<Value<'de>>,
}

impl Heard<'_> {
    /// Judges a return and takes from it what is told.
    pub(super) fn judged(
        &mut self,
        told: Told<'_>,
        returned: Returned<'_>,
        payload: &Payload<'_>,
    ) -> JobReturn {
        let retcode = fields::retcode_of(told.retcode.as_ref());
        let success = fields::success_of(payload.success.as_ref());
        let verdict = judge(&Facts {
            shape: returned.shape,
            out: told.out.as_ref().and_then(Value::as_text),
            fun: &self.fun,
            retcode: retcode.as_ref(),
            success: success.as_ref(),
        });
        let summary = match returned.shape {
            Shape::States(summary) => Some(summary),
            Shape::Map | Shape::ListOrText | Shape::Other => None,
        };
        let errors = self.errors(&verdict, &returned, retcode.as_ref());
        let slowest = self.slow(returned.slowest);
        let (failed, changed): (Vec<State<'_>>, Vec<_>) =
            returned.states.into_iter().partition(State::failed);
        JobReturn {
            minion: told.minion,
            outcome: verdict.outcome,
            retcode,
            success,
            user: fields::name_of(payload.user.as_ref()),
            test: words::ask_for_test(&told.args),
            args: told.args,
            schedule: told.schedule,
            summary,
            failures: self.told(failed),
            changes: self.told(changed),
            slowest,
            errors,
            reporting_problem: verdict.reporting_problem,
            run: told.run,
        }
    }

    fn errors(
        &mut self,
        verdict: &Verdict,
        returned: &Returned<'_>,
        retcode: Option<&PerFunction<i64>>,
    ) -> Vec<String> {
        if verdict.outcome != Outcome::Failed || matches!(returned.shape, Shape::States(_)) {
            return Vec::new();
        }
        said::errors(&returned.said, &self.fun, retcode)
            .into_iter()
            .map(|error| self.text(error, bound::keep_last))
            .collect()
    }

    fn told(&mut self, states: Vec<State<'_>>) -> Vec<StateReturn> {
        states
            .into_iter()
            .map(|state| self.redacted(state.told()))
            .collect()
    }

    fn slow(&mut self, mut slowest: Vec<SlowState>) -> Vec<SlowState> {
        for state in &mut slowest {
            for text in [&mut state.id, &mut state.name] {
                *text = self.text(std::mem::take(text), bound::keep_first);
            }
        }
        slowest
    }

    /// A state without secrets. Its id and name are texts too: a command is its own name.
    fn redacted(&mut self, mut state: StateReturn) -> StateReturn {
        for text in [&mut state.id, &mut state.name, &mut state.comment] {
            *text = self.text(std::mem::take(text), bound::keep_first);
        }
        if let Some(text) = &mut state.diff {
            *text = self.text(std::mem::take(text), bound::keep_first);
        }
        for text in [&mut state.stdout, &mut state.stderr].into_iter().flatten() {
            *text = self.text(std::mem::take(text), bound::keep_last);
        }
        for text in &mut state.warnings {
            *text = self.text(std::mem::take(text), bound::keep_first);
        }
        if let Some(changes) = &mut state.changes {
            self.redactor.json(changes);
        }
        state
    }

    /// A text without secrets, of a length that can be searched for them.
    fn text(&mut self, text: String, cut: fn(&str, usize) -> String) -> String {
        if text.len() <= bound::MAX_TEXT {
            return self.redactor.text(text);
        }
        // The note of the cut comes last, so that the end of a key still begins the text that is searched.
        let cut = cut(&text, bound::MAX_TEXT);
        match cut.split_once('\n') {
            Some((note, kept)) if note.starts_with("[… ") => {
                format!("{note}\n{}", self.redactor.text(kept.to_owned()))
            }
            _ => self.redactor.text(cut),
        }
    }
}
