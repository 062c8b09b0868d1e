//! What no Salt should send and somebody will: hostile names, sizes, nestings and shapes.
//! Captured events are not here.

#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

mod secrets;
mod shapes;
mod sizes;
mod unreadable;

use pillarbox_collector::normalize::{Origin, Reading, Unreadable, normalize};
use pillarbox_proto::event::{Event, JobReturn, What};
use pillarbox_proto::wire::MAX_EVENT_BODY;
use proptest::prelude::*;
use serde_json::{Value, json};

pub(crate) const JID: &str = "20261122012254116336";

pub(crate) fn origin() -> Origin {
    Origin {
        cluster: "lab".into(),
        master: "salt1".into(),
    }
}

pub(crate) fn body(tag: &str, payload: &[u8]) -> Vec<u8> {
    [tag.as_bytes(), b"\n\n", payload].concat()
}

pub(crate) fn packed(tag: &str, payload: &Value) -> Vec<u8> {
    body(tag, &rmp_serde::to_vec(payload).unwrap())
}

pub(crate) fn read(tag: &str, payload: &Value) -> Reading {
    normalize(&origin(), &packed(tag, payload), None)
}

pub(crate) fn event(tag: &str, payload: &Value) -> Event {
    match read(tag, payload) {
        Reading::Event(event) | Reading::Noise { event, .. } => *event,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn ret(payload: &Value) -> (Event, JobReturn) {
    let event = event(&format!("salt/job/{JID}/ret/web1"), payload);
    match &event.what {
        What::Ret(ret) => (event.clone(), (**ret).clone()),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn unreadable(body: &[u8]) -> Unreadable {
    match normalize(&origin(), body, None) {
        Reading::Unreadable(unreadable) => unreadable,
        other => panic!("{other:?}"),
    }
}

/// Bytes of an event without its minions.
pub(crate) fn size(event: &Event) -> usize {
    let mut event = event.clone();
    if let What::New(new) = &mut event.what {
        new.minions.clear();
        new.missing.clear();
    }
    serde_json::to_vec(&event).unwrap().len()
}

pub(crate) fn states(states: &[(&str, Value)]) -> Value {
    let entry = |(n, (name, state)): (usize, &(&str, Value))| {
        (format!("test_|-{name}_|-{name}{n}_|-nop"), state.clone())
    };
    Value::Object(states.iter().enumerate().map(entry).collect())
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        Just(json!("VALUE_TRIMMED")),
    ];
    let key = prop_oneof![
        "[a-z_]{0,12}",
        Just("test_|-a_|-b_|-nop".to_owned()),
        Just("result".to_owned()),
        Just("changes".to_owned()),
        Just("data".to_owned())
    ];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

const KINDS: [&str; 6] = [
    "job/J/new",
    "job/J/ret/m",
    "run/J/new",
    "run/J/ret",
    "batch/J/new",
    "batch/J/complete",
];

proptest! {
    #[test]
    fn any_bytes_are_survived(kind in prop::sample::select(&KINDS[..]), payload in prop::collection::vec(any::<u8>(), 0..400)) {
        let tag = format!("salt/{}", kind.replace('J', JID));
        normalize(&origin(), &body(&tag, &payload), None);
        normalize(&origin(), &payload, None);
    }

    #[test]
    fn any_shape_of_any_field_gives_an_event(
        kind in prop::sample::select(&KINDS[..]),
        fields in prop::collection::btree_map(
            prop::sample::select(&["fun", "return", "retcode", "success", "fun_args", "arg", "tgt", "tgt_type", "minions", "missing", "user", "state", "schedule", "out", "_stamp"][..]),
            any_json(), 0..12),
    ) {
        let tag = format!("salt/{}", kind.replace('J', JID));
        let payload = Value::Object(fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect());
        match read(&tag, &payload) {
            Reading::Event(event) | Reading::Noise { event, .. } | Reading::Beat { ret: event, .. } => {
                prop_assert!(size(&event) <= MAX_EVENT_BODY);
                let text = serde_json::to_string(&event).unwrap();
                prop_assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), *event);
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
