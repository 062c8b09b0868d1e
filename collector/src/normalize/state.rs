//! One entry of a map of states, and what is told of it.
//! It neither counts over states nor redacts: the fold counts, and the redactor sees every text of a finished state.

use std::borrow::Cow;

use pillarbox_proto::event::SlowState;
use pillarbox_proto::highstate::{StateReturn, Summary};
use pillarbox_proto::wire::MAX_DEPTH;
use serde::de::{IgnoredAny, MapAccess, SeqAccess};

use super::value::{Budget, Key, Read, Reader, Tree, Value};
use super::words::word;

/// Parts of a state's key: module, id, name, function (`salt/state.py`).
const SEPARATOR: &str = "_|-";

/// How a state that did not run because of another begins its comment (`salt/state.py`).
const HELD_BACK: &str = "One or more requisite failed";

/// One state as it came.
#[derive(Debug)]
pub(crate) struct State<'de> {
    key: Cow<'de, str>,
    fields: Fields<'de>,
    /// `__run_num__`; what has none comes last.
    pub(crate) order: i128,
}

/// What is kept of a state's result (SALT.md §4).
#[derive(Debug, Default)]
struct Fields<'de> {
    result: Option<Value<'de>>,
    name: Option<Value<'de>>,
    id: Option<Value<'de>>,
    sls: Option<Value<'de>>,
    comment: Option<Value<'de>>,
    changes: Option<Value<'de>>,
    warnings: Option<Value<'de>>,
    duration: Option<Value<'de>>,
    run_num: Option<Value<'de>>,
}

/// An entry of a return that is a map.
pub(crate) enum Entry<'de> {
    State(Box<State<'de>>),
    Other(Cow<'de, str>, Value<'de>),
}

/// Reads the value of a key: as a state if the key has four parts and the value is a map.
pub(crate) struct EntryReader<'de, 'b> {
    pub(crate) key: Cow<'de, str>,
    pub(crate) budget: &'b Budget,
}

impl<'de> Read<'de> for EntryReader<'de, '_> {
    type Out = Entry<'de>;

    fn scalar(self, value: Value<'de>) -> Entry<'de> {
        Entry::Other(self.key, Tree(self.budget).scalar(value))
    }

    fn list<A: SeqAccess<'de>>(self, items: A) -> Result<Entry<'de>, A::Error> {
        Ok(Entry::Other(self.key, Tree(self.budget).list(items)?))
    }

    fn map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Entry<'de>, A::Error> {
        if self.key.split(SEPARATOR).count() < 4 {
            return Ok(Entry::Other(self.key, Tree(self.budget).map(pairs)?));
        }
        let mut fields = Fields::default();
        while let Some(key) = pairs.next_key_seed(Reader(Key(self.budget)))? {
            match fields.slot(&key) {
                Some(slot) => *slot = Some(pairs.next_value_seed(Reader(Tree(self.budget)))?),
                None => {
                    pairs.next_value::<IgnoredAny>()?;
                }
            }
        }
        let order = match fields.run_num {
            Some(Value::Int(number)) => number,
            _ => i128::MAX,
        };
        Ok(Entry::State(Box::new(State {
            key: self.key,
            fields,
            order,
        })))
    }
}

impl<'de> Fields<'de> {
    fn slot(&mut self, key: &str) -> Option<&mut Option<Value<'de>>> {
        Some(match key {
            "result" => &mut self.result,
            "name" => &mut self.name,
            "__id__" => &mut self.id,
            "__sls__" => &mut self.sls,
            "comment" => &mut self.comment,
            "changes" => &mut self.changes,
            "warnings" => &mut self.warnings,
            "duration" => &mut self.duration,
            "__run_num__" => &mut self.run_num,
            _ => return None,
        })
    }

    /// Absent counts as done; null is `None`; the rest by Python's truth.
    fn result(&self) -> Option<bool> {
        match &self.result {
            None => Some(true),
            Some(Value::Nil) => None,
            Some(value) => Some(value.truthy()),
        }
    }

    fn has_changes(&self) -> bool {
        self.changes.as_ref().is_some_and(Value::truthy)
    }

    /// Milliseconds; Salt itself also accepts `3 ms`.
    fn duration_ms(&self) -> Option<f64> {
        let ms = match self.duration.as_ref()? {
            Value::Float(ms) => *ms,
            Value::Int(ms) => i32::try_from(*ms).map_or(f64::MAX, f64::from),
            Value::Text(text) => text.split_whitespace().next()?.parse().ok()?,
            Value::Nil | Value::Bool(_) | Value::List(_) | Value::Map(_) => return None,
        };
        Some(ms).filter(|ms| ms.is_finite())
    }
}

impl State<'_> {
    pub(crate) fn count(&self, summary: &mut Summary) {
        summary.total += 1;
        match self.fields.result() {
            Some(true) => summary.succeeded += 1,
            Some(false) => summary.failed += 1,
            None => summary.pending += 1,
        }
        summary.changed += u32::from(self.fields.has_changes());
        let sum = summary.duration_ms + self.fields.duration_ms().unwrap_or_default();
        summary.duration_ms = (sum * 1000.0).round() / 1000.0; // Salt's own precision, not that of the sum
    }

    pub(crate) fn failed(&self) -> bool {
        self.fields.result() == Some(false)
    }

    /// It failed, changed something, or would.
    pub(crate) fn is_worth_telling(&self) -> bool {
        self.fields.result() != Some(true) || self.fields.has_changes()
    }

    /// Milliseconds it took.
    pub(crate) fn duration_ms(&self) -> Option<f64> {
        self.fields.duration_ms()
    }

    /// By name, with how long it took; nothing is cut or redacted yet.
    pub(crate) fn slow(&self, duration_ms: f64) -> SlowState {
        let (function, id, name) = self.names();
        let fields = &self.fields;
        SlowState {
            function,
            id: text(fields.id.as_ref(), ", ").unwrap_or(id),
            name: text(fields.name.as_ref(), ", ").unwrap_or(name),
            sls: text(fields.sls.as_ref(), ", "),
            duration_ms,
        }
    }

    /// Function, id and name, as the key has them.
    fn names(&self) -> (String, String, String) {
        let parts: Vec<&str> = self.key.split(SEPARATOR).collect();
        let (module, id, name, function) = match parts.as_slice() {
            [module, id, name @ .., function] => (*module, *id, name.join(SEPARATOR), *function),
            _ => ("", "", String::new(), ""),
        };
        (format!("{module}.{function}"), id.to_owned(), name)
    }

    /// As it is published; nothing is cut or redacted yet.
    pub(crate) fn told(self) -> StateReturn {
        let (function, id, name) = self.names();
        let duration_ms = self.fields.duration_ms();
        let fields = self.fields;
        let comment = text(fields.comment.as_ref(), "\n").unwrap_or_default();
        let mut state = StateReturn {
            function,
            id: text(fields.id.as_ref(), ", ").unwrap_or(id),
            name: text(fields.name.as_ref(), ", ").unwrap_or(name),
            sls: text(fields.sls.as_ref(), ", "),
            result: match &fields.result {
                None => Some(true),
                Some(Value::Nil) => None,
                Some(value) => Some(value.truthy()),
            },
            held_back: comment.starts_with(HELD_BACK),
            comment,
            warnings: match fields.warnings {
                Some(Value::List(items)) => items.iter().map(word).collect(),
                other => text(other.as_ref(), "\n").into_iter().collect(),
            },
            duration_ms,
            ..StateReturn::default()
        };
        if let Some(changes) = fields.changes {
            sort_changes(changes, &mut state);
        }
        state
    }
}

/// A field that should be a text; a list of them joined.
fn text(value: Option<&Value<'_>>, between: &str) -> Option<String> {
    let value = value.filter(|value| **value != Value::Nil)?;
    Some(match value.as_list() {
        Some(items) => items.iter().map(word).collect::<Vec<_>>().join(between),
        None => word(value),
    })
}

/// A diff and a command's output have their own fields; a process id tells nobody anything.
fn sort_changes(changes: Value<'_>, state: &mut StateReturn) {
    let Value::Map(mut pairs) = changes else {
        if changes.truthy() {
            state.changes = Some(json(changes));
        }
        return;
    };
    let mut take = |key: &str| {
        let at = pairs
            .iter()
            .position(|(k, value)| k == key && value.as_text().is_some())?;
        pairs.remove(at).1.as_text().map(str::to_owned)
    };
    state.diff = take("diff");
    if state.function.starts_with("cmd.") {
        let filled = |text: &String| !text.is_empty();
        state.stdout = take("stdout").filter(filled);
        state.stderr = take("stderr").filter(filled);
        pairs.retain(|(key, _)| key != "pid");
    }
    if !pairs.is_empty() {
        state.changes = Some(json(Value::Map(pairs)));
    }
}

/// As JSON; numbers that JSON does not have become texts, and what is nested too deeply for a reader is left out.
pub(super) fn json(value: Value<'_>) -> serde_json::Value {
    json_within(value, MAX_DEPTH)
}

fn json_within(value: Value<'_>, levels: usize) -> serde_json::Value {
    match value {
        Value::Nil => serde_json::Value::Null,
        Value::Bool(value) => value.into(),
        Value::Int(value) => match (i64::try_from(value), u64::try_from(value)) {
            (Ok(value), _) => value.into(),
            (_, Ok(value)) => value.into(),
            _ => value.to_string().into(),
        },
        Value::Float(value) if value.is_finite() => value.into(),
        Value::Float(_) => word(&value).into(),
        Value::Text(text) => text.into_owned().into(),
        Value::List(_) | Value::Map(_) if levels == 0 => "[… nested too deeply]".into(),
        Value::List(items) => items
            .into_iter()
            .map(|item| json_within(item, levels - 1))
            .collect(),
        Value::Map(pairs) => pairs
            .into_iter()
            .map(|(key, value)| (key.into_owned(), json_within(value, levels - 1)))
            .collect(),
    }
}
