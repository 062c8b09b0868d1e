//! Single values of the job cache: a whole return as JSON without secrets, and lists of minions.
//! It judges nothing and tells nothing: what a return came to is read as any event's is.

use std::fmt::Write as _;

use pillarbox_proto::salt::MinionId;
use serde_json::Value as Json;

use super::bound::{self, size};
use super::fields::{ids_of, minion_of};
use super::payload;
use super::state::json;
use super::value::{Budget, Tree};
use super::{ReadError, guarded};
use crate::redact::Redactor;

/// What may be built of a whole return: besides its texts, which stay where they were read.
const MAX_WHOLE: usize = 16 << 20;
/// The same for a list of minions.
const MAX_IDS: usize = 32 << 20;

/// A return as it came, without secrets.
#[derive(Debug)]
pub(crate) struct Whole {
    /// None where even what was cut does not fit.
    pub(crate) value: Option<Json>,
    /// Secrets taken out.
    pub(crate) redacted: u32,
    /// JSON pointers of what was cut, below `/full`.
    pub(crate) trimmed: Vec<String>,
}

/// Reads a return in so many bytes of JSON.
pub(crate) fn whole(bytes: &[u8], room: usize) -> Result<Whole, ReadError> {
    guarded(|| {
        let budget = Budget::new(MAX_WHOLE);
        let mut value = json(payload::value(bytes, Tree(&budget))?);
        let mut redactor = Redactor::new();
        redactor.json(&mut value);
        let mut trimmed: Vec<String> = Vec::new();
        if budget.exceeded() {
            trimmed.push("/full".to_owned());
        }
        Ok(Whole {
            value: fit(value, room, &mut trimmed),
            redacted: redactor.taken(),
            trimmed,
        })
    })
}

/// Cuts the longest texts first, until all of it fits.
fn fit(mut value: Json, room: usize, trimmed: &mut Vec<String>) -> Option<Json> {
    for limit in (8..=20).rev().map(|bits| 1 << bits) {
        if size(&value) <= room {
            return Some(value);
        }
        shorten(&mut value, limit, &mut "/full".to_owned(), trimmed);
    }
    if size(&value) <= room {
        return Some(value);
    }
    *trimmed = vec!["/full".to_owned()];
    None
}

/// Cuts each text to its end, which is what tells of an output. `at` is where we are, and is left as it was.
fn shorten(value: &mut Json, limit: usize, at: &mut String, trimmed: &mut Vec<String>) {
    let length = at.len();
    match value {
        Json::String(text) if text.len() > limit => {
            *text = bound::keep_last(text, limit - 32);
            bound::name(trimmed, at.clone());
        }
        Json::Array(items) => {
            for (n, item) in items.iter_mut().enumerate() {
                let _ = write!(at, "/{n}");
                shorten(item, limit, at, trimmed);
                at.truncate(length);
            }
        }
        Json::Object(pairs) => {
            for (key, value) in pairs {
                at.push_str(&bound::step(key));
                shorten(value, limit, at, trimmed);
                at.truncate(length);
            }
        }
        Json::String(_) | Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

/// A list of minions.
pub(crate) fn ids(bytes: &[u8]) -> Result<Vec<MinionId>, ReadError> {
    guarded(|| {
        let budget = Budget::new(MAX_IDS);
        let list = payload::value(bytes, Tree(&budget))?;
        let ids = ids_of(Some(&list));
        if budget.exceeded() {
            return Err(ReadError::TooLong("a list of minions", bytes.len()));
        }
        ids.iter().map(|id| minion_of(&id.0)).collect()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(value: &Json, room: usize, expect: &Json, cut: &[&str]) {
        let whole = whole(&rmp_serde::to_vec(value).unwrap(), room).unwrap();
        assert_eq!(
            (whole.value.as_ref(), whole.trimmed),
            (
                Some(expect).filter(|expect| !expect.is_null()),
                cut.iter().map(|at| (*at).to_owned()).collect()
            )
        );
    }

    #[test]
    fn what_fits_is_whole_and_the_longest_text_is_cut_first() {
        let small = json!({"a": [1, null, {"b": "c"}]});
        check(&small, 1000, &small, &[]);
        let lines = "0123456789012345\n".repeat(1000);
        let large = json!({"short": "x".repeat(200), "a/b": [lines]});
        let whole = whole(&rmp_serde::to_vec(&large).unwrap(), 2000).unwrap();
        assert_eq!(whole.trimmed, ["/full/a~1b/0"]);
        let value = whole.value.unwrap();
        assert_eq!(value["short"], large["short"]);
        let cut = value["a/b"][0].as_str().unwrap();
        assert!(
            cut.starts_with("[… 1") && cut.ends_with("012345\n"),
            "{cut}"
        );
    }

    #[test]
    fn what_cannot_fit_is_said() {
        let many: Json = (0..1000).collect();
        check(&many, 1000, &Json::Null, &["/full"]);
    }

    #[test]
    fn secrets_are_taken_out_before_anything_is_cut() {
        let value = json!({"password": "hunter2", "out": "mysql -phunter2 x"});
        let expect = json!({"password": "<redacted>", "out": "mysql -p<redacted> x"});
        check(&value, 1000, &expect, &[]);
    }

    #[test]
    fn minions_are_a_list_of_names() {
        let list = rmp_serde::to_vec(&["web1", "web2"]).unwrap();
        let ids: Vec<String> = ids(&list).unwrap().into_iter().map(|id| id.0).collect();
        assert_eq!(ids, ["web1", "web2"]);
        let long = rmp_serde::to_vec(&["x".repeat(2000)]).unwrap();
        assert!(super::ids(&long).is_err());
    }
}
