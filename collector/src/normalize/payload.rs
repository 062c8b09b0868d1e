//! The MessagePack map of a job event, read once into the fields that Salt gives it (SALT.md §4).
//! It decides nothing about them; what it does not know it skips.

use std::borrow::Cow;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess};

use super::returned::{ReturnReader, Returned, RunnerReader, RunnerReturned};
use super::value::{Budget, Key, Read, Reader, Tree, Value};

/// Values nested deeper than this are refused; Salt's own go to a dozen.
const MAX_DEPTH: usize = 128;

/// Why a payload cannot be read. None of them quotes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PayloadError {
    #[error("the payload is no map")]
    NoMap,
    #[error("the payload ends within a value")]
    Cut,
    #[error("the payload is nested deeper than {MAX_DEPTH}")]
    TooDeep,
    #[error("the payload is no MessagePack")]
    NotMessagePack,
}

/// How much may be built of each kind of field.
#[derive(Debug)]
pub(crate) struct Budgets {
    /// Small fields together.
    pub(crate) fields: Budget,
    pub(crate) args: Budget,
    /// Minions, missing ones, the target.
    pub(crate) minions: Budget,
    pub(crate) returned: Budget,
}

impl Default for Budgets {
    fn default() -> Budgets {
        Budgets {
            fields: Budget::new(1 << 20),
            args: Budget::new(2 << 20),
            minions: Budget::new(32 << 20),
            returned: Budget::new(16 << 20),
        }
    }
}

/// The fields of a job event.
#[derive(Debug, Default)]
pub(crate) struct Payload<'de> {
    pub(crate) fun: Option<Value<'de>>,
    pub(crate) arg: Option<Value<'de>>,
    pub(crate) fun_args: Option<Value<'de>>,
    pub(crate) user: Option<Value<'de>>,
    pub(crate) target: Option<Value<'de>>,
    pub(crate) target_type: Option<Value<'de>>,
    pub(crate) minions: Option<Value<'de>>,
    pub(crate) missing: Option<Value<'de>>,
    pub(crate) retcode: Option<Value<'de>>,
    pub(crate) success: Option<Value<'de>>,
    pub(crate) out: Option<Value<'de>>,
    pub(crate) schedule: Option<Value<'de>>,
    pub(crate) stamp: Option<Value<'de>>,
    pub(crate) batch: Batch<'de>,
    pub(crate) returned: Returned<'de>,
    pub(crate) runner: RunnerReturned<'de>,
}

/// `state` of 3008's batch events (`salt/utils/batch_state.py`).
#[derive(Debug, Default)]
pub(crate) struct Batch<'de> {
    pub(crate) minions: Option<Value<'de>>,
    pub(crate) arg: Option<Value<'de>>,
    pub(crate) kwargs: Option<Value<'de>>,
    pub(crate) halted: bool,
    pub(crate) halted_reason: Option<Value<'de>>,
    /// Minions that are not done: given up on, still running, never started.
    pub(crate) undone: Vec<Cow<'de, str>>,
}

/// Reads the map. What follows it is ignored.
pub(crate) fn read<'de>(
    bytes: &'de [u8],
    runner: bool,
    budgets: &Budgets,
) -> Result<Payload<'de>, PayloadError> {
    value(bytes, PayloadReader { runner, budgets })?.ok_or(PayloadError::NoMap)
}

/// Reads the value with which the bytes begin.
pub(crate) fn value<'de, R: Read<'de>>(bytes: &'de [u8], what: R) -> Result<R::Out, PayloadError> {
    use rmp_serde::decode::Error;
    let mut reader = rmp_serde::Deserializer::from_read_ref(bytes);
    reader.set_max_depth(MAX_DEPTH);
    match Reader(what).deserialize(&mut reader) {
        Ok(value) => Ok(value),
        Err(Error::DepthLimitExceeded) => Err(PayloadError::TooDeep),
        Err(Error::InvalidMarkerRead(_) | Error::InvalidDataRead(_)) => Err(PayloadError::Cut),
        Err(
            Error::TypeMismatch(_)
            | Error::OutOfRange
            | Error::LengthMismatch(_)
            | Error::Uncategorized(_)
            | Error::Syntax(_)
            | Error::Utf8Error(_),
        ) => Err(PayloadError::NotMessagePack),
    }
}

struct PayloadReader<'b> {
    runner: bool,
    budgets: &'b Budgets,
}

impl<'de> Read<'de> for PayloadReader<'_> {
    type Out = Option<Payload<'de>>;

    fn scalar(self, _: Value<'de>) -> Option<Payload<'de>> {
        None
    }

    fn list<A: SeqAccess<'de>>(self, mut items: A) -> Result<Option<Payload<'de>>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Option<Payload<'de>>, A::Error> {
        let budgets = self.budgets;
        let mut payload = Payload::default();
        while let Some(key) = pairs.next_key_seed(Reader(Key(&budgets.fields)))? {
            match key.as_ref() {
                "return" if self.runner => {
                    let reader = RunnerReader(&budgets.returned);
                    payload.runner = pairs.next_value_seed(Reader(reader))?;
                }
                "return" => {
                    let reader = ReturnReader(&budgets.returned);
                    payload.returned = pairs.next_value_seed(Reader(reader))?;
                }
                "state" => {
                    payload.batch = pairs.next_value_seed(Reader(BatchReader(budgets)))?;
                }
                key => match payload.slot(key, budgets) {
                    Some((slot, budget)) => {
                        *slot = Some(pairs.next_value_seed(Reader(Tree(budget)))?);
                    }
                    None => {
                        pairs.next_value::<IgnoredAny>()?;
                    }
                },
            }
        }
        Ok(Some(payload))
    }
}

type Slot<'p, 'de, 'b> = (&'p mut Option<Value<'de>>, &'b Budget);

impl<'de> Payload<'de> {
    fn slot<'b>(&mut self, key: &str, budgets: &'b Budgets) -> Option<Slot<'_, 'de, 'b>> {
        Some(match key {
            "fun" => (&mut self.fun, &budgets.fields),
            "arg" => (&mut self.arg, &budgets.args),
            "fun_args" => (&mut self.fun_args, &budgets.args),
            "user" => (&mut self.user, &budgets.fields),
            "tgt" => (&mut self.target, &budgets.minions),
            "tgt_type" => (&mut self.target_type, &budgets.fields),
            "minions" => (&mut self.minions, &budgets.minions),
            "missing" => (&mut self.missing, &budgets.minions),
            "retcode" => (&mut self.retcode, &budgets.fields),
            "success" => (&mut self.success, &budgets.fields),
            "out" => (&mut self.out, &budgets.fields),
            "schedule" => (&mut self.schedule, &budgets.fields),
            "_stamp" => (&mut self.stamp, &budgets.fields),
            _ => return None,
        })
    }
}

struct BatchReader<'b>(&'b Budgets);

impl<'de> Read<'de> for BatchReader<'_> {
    type Out = Batch<'de>;

    fn scalar(self, _: Value<'de>) -> Batch<'de> {
        Batch::default()
    }

    fn list<A: SeqAccess<'de>>(self, mut items: A) -> Result<Batch<'de>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Batch::default())
    }

    fn map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Batch<'de>, A::Error> {
        let mut batch = Batch::default();
        while let Some(key) = pairs.next_key_seed(Reader(Key(&self.0.fields)))? {
            let (minions, args) = (Reader(Tree(&self.0.minions)), Reader(Tree(&self.0.args)));
            match key.as_ref() {
                "all_minions" => batch.minions = Some(pairs.next_value_seed(minions)?),
                "arg" => batch.arg = Some(pairs.next_value_seed(args)?),
                "kwargs" => batch.kwargs = Some(pairs.next_value_seed(args)?),
                "halted" => batch.halted = pairs.next_value_seed(args)?.truthy(),
                "halted_reason" => batch.halted_reason = Some(pairs.next_value_seed(args)?),
                "failed" | "active" | "pending" => {
                    let names = pairs.next_value_seed(Reader(Names(&self.0.minions)))?;
                    batch.undone.extend(names);
                }
                _ => {
                    pairs.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(batch)
    }
}

/// Minion ids: the items of a list, or the keys of a map.
struct Names<'b>(&'b Budget);

impl<'de> Read<'de> for Names<'_> {
    type Out = Vec<Cow<'de, str>>;

    fn scalar(self, _: Value<'de>) -> Self::Out {
        Vec::new()
    }

    fn list<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Out, A::Error> {
        let mut names = Vec::new();
        while let Some(name) = items.next_element_seed(Reader(Key(self.0)))? {
            if self.0.spend(size_of::<Cow<'_, str>>()) {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Self::Out, A::Error> {
        let mut names = Vec::new();
        while let Some(name) = pairs.next_key_seed(Reader(Key(self.0)))? {
            pairs.next_value::<IgnoredAny>()?;
            if self.0.spend(size_of::<Cow<'_, str>>()) {
                names.push(name);
            }
        }
        Ok(names)
    }
}
