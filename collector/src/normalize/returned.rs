//! The `return` of a job, folded as it is read: a map of states becomes numbers and the states worth telling.
//! It judges nothing, and keeps of any other value only what may have to be said.

use std::borrow::Cow;

use pillarbox_proto::event::SlowState;
use pillarbox_proto::highstate::Summary;
use serde::de::{MapAccess, SeqAccess};

use super::state::{Entry, EntryReader, State};
use super::value::{Budget, Key, Read, Reader, Tree, Value, skip};
use crate::outcome::Shape;

/// What a state that is kept costs of the budget, besides what hangs on it.
const STATE_COST: usize = size_of::<State<'_>>();

/// What came back.
#[derive(Debug)]
pub(crate) struct Returned<'de> {
    pub(crate) shape: Shape,
    /// States that failed, changed something, or would: in the order they ran.
    pub(crate) states: Vec<State<'de>>,
    /// The states that took longest, slowest first.
    pub(crate) slowest: Vec<SlowState>,
    /// What else may have to be said, in one piece or by key.
    pub(crate) said: Said<'de>,
}

/// A return that is no map of states.
#[derive(Debug)]
pub(crate) enum Said<'de> {
    /// A map, in its order.
    ByKey(Vec<(Cow<'de, str>, Value<'de>)>),
    /// Anything else.
    Whole(Value<'de>),
}

impl Default for Returned<'_> {
    fn default() -> Self {
        Returned {
            shape: Shape::Other,
            states: Vec::new(),
            slowest: Vec::new(),
            said: Said::Whole(Value::Nil),
        }
    }
}

impl<'de> Returned<'de> {
    fn whole(shape: Shape, value: Value<'de>) -> Returned<'de> {
        Returned {
            shape,
            said: Said::Whole(value),
            ..Returned::default()
        }
    }

    /// The value of a key, where the return is a map that is kept.
    pub(crate) fn get(&self, key: &str) -> Option<&Value<'de>> {
        match &self.said {
            Said::ByKey(pairs) => pairs.iter().find(|(k, _)| k == key).map(|(_, v)| v),
            Said::Whole(_) => None,
        }
    }

    /// Python's truth of it.
    pub(crate) fn truthy(&self) -> bool {
        match (&self.shape, &self.said) {
            (Shape::States(_), _) => true,
            (_, Said::ByKey(pairs)) => !pairs.is_empty(),
            (_, Said::Whole(value)) => value.truthy(),
        }
    }
}

/// Under this no state is slow, in milliseconds.
const SLOW: f64 = 1000.0;
/// How many slow states are named.
const SLOWEST: usize = 3;

fn keep_slowest(slowest: &mut Vec<SlowState>, state: &State<'_>) {
    let Some(ms) = state.duration_ms().filter(|ms| SLOW <= *ms) else {
        return;
    };
    let at = slowest.partition_point(|slow| ms <= slow.duration_ms);
    if at < SLOWEST {
        slowest.truncate(SLOWEST - 1);
        slowest.insert(at, state.slow(ms));
    }
}

/// Reads a minion's return.
#[derive(Clone, Copy)]
pub(crate) struct ReturnReader<'b>(pub(crate) &'b Budget);

impl<'de> Read<'de> for ReturnReader<'_> {
    type Out = Returned<'de>;

    fn scalar(self, value: Value<'de>) -> Returned<'de> {
        let shape = match value {
            Value::Text(_) => Shape::ListOrText,
            Value::Nil
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::List(_)
            | Value::Map(_) => Shape::Other,
        };
        Returned::whole(shape, Tree(self.0).scalar(value))
    }

    fn list<A: SeqAccess<'de>>(self, items: A) -> Result<Returned<'de>, A::Error> {
        Ok(Returned::whole(
            Shape::ListOrText,
            Tree(self.0).list(items)?,
        ))
    }

    fn map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Returned<'de>, A::Error> {
        let mut summary = Summary::default();
        let mut states = Vec::new();
        let mut slowest = Vec::new();
        let mut said = Vec::new();
        while let Some(key) = pairs.next_key_seed(Reader(Key(self.0)))? {
            let entry = EntryReader {
                key,
                budget: self.0,
            };
            match pairs.next_value_seed(Reader(entry))? {
                Entry::State(state) => {
                    state.count(&mut summary);
                    keep_slowest(&mut slowest, &state);
                    if state.is_worth_telling() && self.0.spend(STATE_COST) {
                        states.push(*state);
                    }
                }
                Entry::Other(key, value) => {
                    if self.0.spend(size_of::<(Cow<'_, str>, Value<'_>)>()) {
                        said.push((key, value));
                    }
                }
            }
            if !said.is_empty() && self.0.exceeded() {
                skip(&mut pairs)?;
            }
        }
        if !said.is_empty() || summary.total == 0 {
            return Ok(Returned {
                shape: Shape::Map,
                said: Said::ByKey(said),
                ..Returned::default()
            });
        }
        states.sort_by_key(|state| state.order);
        Ok(Returned {
            shape: Shape::States(summary),
            states,
            slowest,
            ..Returned::default()
        })
    }
}

/// What a runner returned: itself, or for a `data` of one id what that id returned.
#[derive(Debug, Default)]
pub(crate) struct RunnerReturned<'de> {
    pub(crate) whole: Returned<'de>,
    pub(crate) one: Option<(Cow<'de, str>, Returned<'de>)>,
}

/// Reads a runner's return.
pub(crate) struct RunnerReader<'b>(pub(crate) &'b Budget);

impl<'de> Read<'de> for RunnerReader<'_> {
    type Out = RunnerReturned<'de>;

    fn scalar(self, value: Value<'de>) -> RunnerReturned<'de> {
        RunnerReturned {
            whole: ReturnReader(self.0).scalar(value),
            one: None,
        }
    }

    fn list<A: SeqAccess<'de>>(self, items: A) -> Result<RunnerReturned<'de>, A::Error> {
        Ok(RunnerReturned {
            whole: ReturnReader(self.0).list(items)?,
            one: None,
        })
    }

    fn map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<RunnerReturned<'de>, A::Error> {
        let mut one = None;
        let mut said = Vec::new();
        while self.0.spend(size_of::<(Cow<'_, str>, Value<'_>)>()) {
            let Some(key) = pairs.next_key_seed(Reader(Key(self.0)))? else {
                break;
            };
            if key != "data" {
                said.push((key, pairs.next_value_seed(Reader(Tree(self.0)))?));
                continue;
            }
            match pairs.next_value_seed(Reader(DataReader(self.0)))? {
                Data::One(id, returned) => one = Some((id, *returned)),
                Data::Other(value) => said.push((key, value)),
            }
        }
        skip(pairs)?;
        Ok(RunnerReturned {
            whole: Returned {
                shape: Shape::Map,
                said: Said::ByKey(said),
                ..Returned::default()
            },
            one,
        })
    }
}

/// `return.data` of a runner.
enum Data<'de> {
    One(Cow<'de, str>, Box<Returned<'de>>),
    Other(Value<'de>),
}

struct DataReader<'b>(&'b Budget);

impl<'de> Read<'de> for DataReader<'_> {
    type Out = Data<'de>;

    fn scalar(self, value: Value<'de>) -> Data<'de> {
        Data::Other(Tree(self.0).scalar(value))
    }

    fn list<A: SeqAccess<'de>>(self, items: A) -> Result<Data<'de>, A::Error> {
        Ok(Data::Other(Tree(self.0).list(items)?))
    }

    fn map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Data<'de>, A::Error> {
        let Some(id) = pairs.next_key_seed(Reader(Key(self.0)))? else {
            return Ok(Data::Other(Value::Map(Vec::new())));
        };
        let returned = pairs.next_value_seed(Reader(ReturnReader(self.0)))?;
        let Some(second) = pairs.next_key_seed(Reader(Key(self.0)))? else {
            return Ok(Data::One(id, Box::new(returned)));
        };
        pairs.next_value::<serde::de::IgnoredAny>()?;
        skip(pairs)?;
        let names = [id, second].map(|id| (id, Value::Text("…".into())));
        Ok(Data::Other(Value::Map(names.into())))
    }
}
