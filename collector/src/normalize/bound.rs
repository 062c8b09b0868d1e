//! An event cut to its size: what is longest first, each cut named in `trimmed`, the rest left to the look-up.
//! It redacts nothing: a secret cut in two would not be recognised, so that comes before.

mod places;

use pillarbox_proto::event::{Event, JobReturn, What};
use pillarbox_proto::highstate::StateReturn;
use pillarbox_proto::salt::Target;
use pillarbox_proto::wire::MAX_EVENT_BODY;

use super::value::VALUE_TRIMMED;
use places::{Class, places};

/// Minions in one part of a `new`.
const PART: usize = 10_000;

/// No text is longer than this before an event's own size is looked at; the redactor sees no more of it either.
pub(crate) const MAX_TEXT: usize = 256 * 1024;

/// How large what is told of a job may become.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// As JSON, without its minions.
    body: usize,
    /// One output or error: its last part is what tells.
    output: usize,
    /// Texts are first cut to two to this power, where the whole is too large.
    first: u32,
}

impl Limits {
    /// One message of `EVENTS`.
    pub(crate) const EVENT: Limits = Limits {
        body: MAX_EVENT_BODY,
        output: 32 * 1024,
        first: 16,
    };

    /// A part of an answer, of so many bytes.
    pub(crate) fn part(body: usize) -> Limits {
        Limits {
            body,
            output: MAX_TEXT,
            first: body.max(1).ilog2().clamp(9, 18), // a longer text cannot fit anyway
        }
    }
}

/// Pointers that are named, and the longest of them.
const MAX_POINTERS: usize = 200;
const MAX_POINTER: usize = 200;

/// Splits a `new` whose minions do not fit into one message; every other event is its own only part.
pub fn parts(event: Event) -> Vec<Event> {
    let What::New(new) = &event.what else {
        return vec![event];
    };
    let total = new.of();
    let longest = new.minions.len().max(new.missing.len());
    if longest <= PART {
        return vec![event];
    }
    let of = u32::try_from(longest.div_ceil(PART)).unwrap_or(u32::MAX);
    let chunk = |list: &[_], n: usize| list.chunks(PART).nth(n).unwrap_or_default().to_vec();
    (0..longest.div_ceil(PART))
        .zip(1..=of)
        .map(|(index, n)| {
            let mut new = new.clone();
            new.minions = chunk(&new.minions, index);
            new.missing = chunk(&new.missing, index);
            new.part = Some((n, of));
            new.total = Some(total);
            Event {
                id: format!("{}/{n}", event.id),
                what: What::New(new),
                ..event.clone()
            }
        })
        .collect()
}

/// Keeps the beginning, whole lines where there are some, and says how much is gone.
pub(crate) fn keep_first(text: &str, max: usize) -> String {
    let kept = text.get(..floor(text, max)).unwrap_or_default();
    let kept = kept.rsplit_once('\n').map_or(kept, |(lines, _)| lines);
    format!("{kept}\n[… {} bytes cut]", text.len() - kept.len())
}

/// Keeps the end, whole lines where there are some, and says how much is gone.
pub(crate) fn keep_last(text: &str, max: usize) -> String {
    let mut from = text.len().saturating_sub(max);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let kept = text.get(from..).unwrap_or_default();
    let kept = match kept.split_once('\n') {
        Some((_, lines)) if !lines.is_empty() => lines,
        _ => kept,
    };
    format!("[… {} bytes cut]\n{kept}", text.len() - kept.len())
}

fn floor(text: &str, max: usize) -> usize {
    let mut at = max.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Cuts outputs to their own limit, names what Salt cut, then cuts the event to its size.
pub(crate) fn bound(event: &mut Event, limits: Limits) {
    name_what_salt_cut(event);
    cut(event, Class::Output, limits.output);
    let classes = [Class::Detail, Class::Output, Class::Words];
    for limit in (9..=limits.first).rev().map(|bits| 1 << bits) {
        for class in classes {
            if fits(event, limits.body) {
                return;
            }
            cut(event, class, limit);
        }
    }
    for limit in [500, 200, 100, 50, 20, 10, 5] {
        if fits(event, limits.body) {
            return;
        }
        shorten(event, limit);
    }
}

fn fits(event: &mut Event, body: usize) -> bool {
    // Minions do not count: a `new` that has too many goes in parts.
    let lists = match &mut event.what {
        What::New(new) => (
            std::mem::take(&mut new.minions),
            std::mem::take(&mut new.missing),
        ),
        What::End(end) => (Vec::new(), std::mem::take(&mut end.missing)),
        What::Ret(_) | What::Beat(_) => Default::default(),
    };
    let size = size(&event);
    match &mut event.what {
        What::New(new) => (new.minions, new.missing) = lists,
        What::End(end) => end.missing = lists.1,
        What::Ret(_) | What::Beat(_) => {}
    }
    size.saturating_add(trimmed_reserve()) <= body
}

/// Room for what is still to be added: the pointers of the cuts themselves.
fn trimmed_reserve() -> usize {
    1024
}

/// Bytes of a value as JSON; of what JSON cannot say, as many as there can be.
pub(crate) fn size(value: &impl serde::Serialize) -> usize {
    let mut size = Size(0);
    let written = serde_json::to_writer(&mut size, value);
    written.map_or(usize::MAX, |()| size.0)
}

/// A writer that only counts.
struct Size(usize);

impl std::io::Write for Size {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Cuts every text of a class that is longer than a limit.
fn cut(event: &mut Event, class: Class, limit: usize) {
    let mut pointers = Vec::new();
    for place in places(&mut event.what) {
        if place.class == class && place.text.len() > limit {
            *place.text = match class {
                Class::Output => keep_last(place.text, limit - 32),
                Class::Detail | Class::Words => keep_first(place.text, limit - 32),
            };
            pointers.push(place.pointer);
        }
    }
    if class == Class::Detail {
        pointers.extend(drop_large_changes(&mut event.what, limit));
    }
    trimmed(event, pointers);
}

/// Adds what was cut.
fn trimmed(event: &mut Event, pointers: impl IntoIterator<Item = String>) {
    for pointer in pointers {
        name(&mut event.trimmed, pointer);
    }
}

/// Names what was cut, as long as there are not too many.
pub(crate) fn name(trimmed: &mut Vec<String>, pointer: String) {
    let fits = trimmed.len() < MAX_POINTERS && pointer.len() <= MAX_POINTER;
    if fits && !trimmed.contains(&pointer) {
        trimmed.push(pointer);
    }
}

/// A key as a step of a pointer (RFC 6901).
pub(crate) fn step(key: &str) -> String {
    format!("/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// Other changes than a diff are kept whole or by their keys' names.
fn drop_large_changes(what: &mut What, limit: usize) -> Vec<String> {
    let mut pointers = Vec::new();
    for (list, states) in findings(what) {
        for (n, state) in states.iter_mut().enumerate() {
            let Some(changes) = &mut state.changes else {
                continue;
            };
            if changes.to_string().len() <= limit {
                continue;
            }
            let mut names = serde_json::Value::Null;
            if let serde_json::Value::Object(pairs) = changes {
                names = pairs
                    .keys()
                    .map(|key| (key.clone(), serde_json::Value::Null))
                    .collect();
            }
            let small = names.to_string().len() <= limit && !names.is_null();
            state.changes = small.then_some(names);
            pointers.push(format!("/{list}/{n}/changes"));
        }
    }
    pointers
}

/// The last resort: lists cut to a number of entries.
fn shorten(event: &mut Event, limit: usize) {
    let mut pointers = Vec::new();
    let mut list = |name: &str, length: usize| {
        if length > limit {
            pointers.push(format!("/{name}"));
        }
    };
    match &mut event.what {
        What::New(new) => {
            list("args", new.args.len());
            new.args.truncate(limit);
            if let Some(Target::Minions(minions)) = &mut new.target {
                list("target", minions.len());
                minions.truncate(limit);
            }
        }
        What::Ret(ret) => {
            list("changes", ret.changes.len());
            list("failures", ret.failures.len());
            list("errors", ret.errors.len());
            list("args", ret.args.len());
            ret.changes.truncate(limit);
            ret.failures.truncate(limit);
            ret.errors.truncate(limit);
            ret.args.truncate(limit);
            for state in ret.failures.iter_mut().chain(&mut ret.changes) {
                state.warnings.truncate(limit);
            }
        }
        What::End(_) | What::Beat(_) => {}
    }
    trimmed(event, pointers);
}

fn findings(what: &mut What) -> Vec<(&'static str, &mut Vec<StateReturn>)> {
    match what {
        What::Ret(ret) => {
            let JobReturn {
                failures, changes, ..
            } = &mut **ret;
            vec![("failures", failures), ("changes", changes)]
        }
        What::New(_) | What::End(_) | What::Beat(_) => Vec::new(),
    }
}

/// Salt puts `VALUE_TRIMMED` where a value was too large (SALT.md §4).
fn name_what_salt_cut(event: &mut Event) {
    let mut pointers: Vec<String> = places(&mut event.what)
        .into_iter()
        .filter(|place| place.text == VALUE_TRIMMED)
        .map(|place| place.pointer)
        .collect();
    for (list, states) in findings(&mut event.what) {
        for (n, state) in states.iter().enumerate() {
            if let Some(changes) = &state.changes {
                search(changes, format!("/{list}/{n}/changes"), &mut pointers);
            }
        }
    }
    trimmed(event, pointers);
}

fn search(value: &serde_json::Value, at: String, found: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) if text == VALUE_TRIMMED => found.push(at),
        serde_json::Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                search(item, format!("{at}/{n}"), found);
            }
        }
        serde_json::Value::Object(pairs) => {
            for (key, value) in pairs {
                search(value, format!("{at}{}", step(key)), found);
            }
        }
        serde_json::Value::String(_)
        | serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_) => {}
    }
}
