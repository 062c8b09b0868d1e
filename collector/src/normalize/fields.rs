//! Single fields of a job event made what they should be, whatever Salt or a person put there.
//! It reads no map: that is done; it knows neither arguments nor returns.

use std::collections::BTreeMap;

use pillarbox_proto::salt::{Fun, Jid, MinionId, PerFunction, Target};

use super::ReadError;
use super::bound::keep_first;
use super::value::{VALUE_TRIMMED, Value};
use super::words::word;
use crate::tag::Tag;

/// Longest jid, minion id and function that can be published: they are in every event, and are never cut.
const MAX_JID: usize = 256;
const MAX_MINION: usize = 1024;
const MAX_FUN: usize = 16 * 1024;
/// Longest other name.
const MAX_NAME: usize = 4 * 1024;
/// Functions in one call.
const MAX_FUNS: usize = 1000;

pub(super) fn jid_of(tag: Tag<'_>) -> Result<Jid, ReadError> {
    let jid = match tag {
        Tag::JobNew { jid }
        | Tag::JobRet { jid, .. }
        | Tag::RunNew { jid }
        | Tag::RunRet { jid }
        | Tag::BatchNew { jid }
        | Tag::BatchComplete { jid } => jid,
        Tag::Other(_) => "",
    };
    limited("a jid", jid, MAX_JID).map(Jid)
}

pub(super) fn minion_of(id: &str) -> Result<MinionId, ReadError> {
    limited("a minion id", id, MAX_MINION).map(MinionId)
}

fn limited(what: &'static str, text: &str, max: usize) -> Result<String, ReadError> {
    if text.len() > max {
        return Err(ReadError::TooLong(what, text.len()));
    }
    Ok(text.to_owned())
}

/// A name: a user, a schedule, a target type. None where it is empty; one beyond all reason is cut.
pub(super) fn name_of(name: Option<&Value<'_>>) -> Option<String> {
    let name = name.filter(|name| name.truthy())?;
    match name.as_text() {
        Some(text) if text.len() > MAX_NAME => Some(keep_first(text, MAX_NAME)),
        _ => Some(word(name)).filter(|name| name.len() <= MAX_NAME),
    }
}

/// The function or functions; of a runner without the leading `runner.`.
pub(super) fn fun_of(fun: Option<&Value<'_>>, runner: bool) -> Result<Fun, ReadError> {
    let name = |value: &Value<'_>| {
        let name = word(value);
        match name.strip_prefix("runner.") {
            Some(bare) if runner => bare.to_owned(),
            _ => name,
        }
    };
    let fun = match fun {
        None | Some(Value::Nil) => Fun::One(String::new()),
        Some(Value::List(names)) => Fun::Several(names.iter().map(name).collect()),
        Some(value) => Fun::One(name(value)),
    };
    let length = fun.names().iter().map(String::len).sum();
    if length > MAX_FUN || fun.names().len() > MAX_FUNS {
        return Err(ReadError::TooLong("a function", length));
    }
    Ok(fun)
}

/// `_stamp` in RFC 3339 with `Z`: naive UTC on 3006 and 3007, `+00:00` on 3008. Without one, the time in the jid.
pub(super) fn stamp_of(stamp: Option<&Value<'_>>, jid: &Jid) -> String {
    let stamp = stamp.and_then(Value::as_text).unwrap_or_default();
    let naive = stamp.parse::<jiff::civil::DateTime>().ok();
    let at = match stamp.parse::<jiff::Timestamp>() {
        Ok(at) => Some(at),
        Err(_) => naive
            .and_then(|t| t.to_zoned(jiff::tz::TimeZone::UTC).ok())
            .map(|t| t.timestamp()),
    };
    at.or_else(|| jid.started())
        .map(|at| at.to_string())
        .unwrap_or_default()
}

/// Minion ids. What Salt cut holds none.
pub(super) fn ids_of(ids: Option<&Value<'_>>) -> Vec<MinionId> {
    match ids {
        Some(Value::List(ids)) => ids.iter().map(|id| MinionId(word(id))).collect(),
        Some(Value::Text(id)) if id != VALUE_TRIMMED && !id.is_empty() => {
            vec![MinionId(id.clone().into_owned())]
        }
        _ => Vec::new(),
    }
}

pub(super) fn target_of(target: Option<&Value<'_>>) -> Option<Target> {
    let target = target.filter(|target| **target != Value::Nil)?;
    Some(match target.as_list() {
        Some(ids) => Target::Minions(ids.iter().map(word).collect()),
        None => Target::Expression(word(target)),
    })
}

pub(super) fn retcode_of(code: Option<&Value<'_>>) -> Option<PerFunction<i64>> {
    per_function(code?, |value| value.as_code(), |code| *code != 0)
}

pub(super) fn success_of(success: Option<&Value<'_>>) -> Option<PerFunction<bool>> {
    let one = |value: &Value<'_>| (*value != Value::Nil).then(|| value.truthy());
    per_function(success?, one, |success| !success)
}

/// One value, or one for each function; of far too many only the worst.
fn per_function<T>(
    value: &Value<'_>,
    one: impl Fn(&Value<'_>) -> Option<T>,
    is_bad: impl Fn(&T) -> bool,
) -> Option<PerFunction<T>> {
    if let Value::Map(pairs) = value {
        let named = pairs
            .iter()
            .map(|(fun, value)| (fun.clone().into_owned(), one(value)));
        let by_name: BTreeMap<String, T> = named
            .filter_map(|(fun, value)| Some((fun, value?)))
            .collect();
        let size: usize = by_name.keys().map(String::len).sum();
        if by_name.len() > MAX_FUNS || size > MAX_FUN {
            return by_name.into_values().find(is_bad).map(PerFunction::One);
        }
        return Some(PerFunction::ByName(by_name));
    }
    let Some(items) = value.as_list() else {
        return one(value).map(PerFunction::One);
    };
    if items.len() > MAX_FUNS {
        return items
            .iter()
            .filter_map(one)
            .find(is_bad)
            .map(PerFunction::One);
    }
    Some(PerFunction::InOrder(items.iter().filter_map(one).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_have_one_form() {
        let check = |stamp: &str, expect: &str| {
            let jid = Jid("20261122012254116336".into());
            assert_eq!(stamp_of(Some(&Value::Text(stamp.into())), &jid), expect);
        };
        check("2026-11-22T01:22:53.035847", "2026-11-22T01:22:53.035847Z");
        check(
            "2026-11-22T01:22:53.035847+00:00",
            "2026-11-22T01:22:53.035847Z",
        );
        check("2026-11-22T01:22:53", "2026-11-22T01:22:53Z");
        check("2026-11-22T03:22:53+02:00", "2026-11-22T01:22:53Z");
        check("yesterday", "2026-11-22T01:22:54.116336Z");
        assert_eq!(stamp_of(None, &Jid("req".into())), "");
    }

    #[test]
    fn codes_are_numbers_whatever_they_are() {
        let check = |value: Value<'_>, expect: Option<PerFunction<i64>>| {
            assert_eq!(retcode_of(Some(&value)), expect);
        };
        check(Value::Int(3), Some(PerFunction::One(3)));
        check(Value::Text("2".into()), Some(PerFunction::One(2)));
        check(Value::Bool(true), Some(PerFunction::One(1)));
        check(Value::Nil, None);
        check(
            Value::List(vec![Value::Int(0), Value::Int(1)]),
            Some(PerFunction::InOrder(vec![0, 1])),
        );
        check(
            Value::Map(vec![("a.b".into(), Value::Int(1))]),
            Some(PerFunction::ByName([("a.b".to_owned(), 1)].into())),
        );
    }
}
