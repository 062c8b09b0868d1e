//! Every kind of message and entry that is stored or crosses, as the bytes of format 1: `wire/1/<kind>.json`.
//! These files are **never edited once released**: whatever wrote them may still lie in a stream, or run beside a newer program.
//!
//! A type that no longer reads or writes its file has changed the format: give it back its shape, or raise `wire::FORMAT`
//! and begin a folder `wire/2`. A new optional field needs no new number, since older readers skip what they do not know;
//! a new variant of an enum does, since they cannot.
#![expect(clippy::unwrap_used, reason = "a test may fail by it")]

use std::collections::BTreeSet;
use std::fs;

use async_nats::HeaderMap;
use bytes::Bytes;
use pillarbox_proto::delivery::{DeadEvent, DeadLetter, Delivery, LedgerEntry, Pause};
use pillarbox_proto::event::{Event, What};
use pillarbox_proto::lookup::{LookupReply, LookupRequest};
use pillarbox_proto::mark::CollectorEntry;
use pillarbox_proto::salt::Target;
use pillarbox_proto::subject::{DeliveryKey, EventSubject, Group, event_subject, id};
use pillarbox_proto::wire::{
    FORMAT, FORMAT_HEADER, MAX_DEPTH, decode, decode_entry, encode, encode_entry,
};
use pillarbox_proto::work::{FaultEntry, JobEntry, OpenItem, VerifyItem};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads a file's JSON as its type, and writes it again.
type RoundTrip = fn(&Value) -> Value;

/// Every file, and what it is.
const KINDS: &[(&str, RoundTrip)] = &[
    ("event_new", message::<Event>),
    ("event_new_list_batch", message::<Event>),
    ("event_new_runner", message::<Event>),
    ("event_ret_failed", message::<Event>),
    ("event_ret_changed", message::<Event>),
    ("event_ret_schedule", message::<Event>),
    ("event_ret_several_functions", message::<Event>),
    ("event_end", message::<Event>),
    ("event_beat", message::<Event>),
    ("open", message::<OpenItem>),
    ("verify", message::<VerifyItem>),
    ("jobs", entry::<JobEntry>),
    ("jobs_awaiting", entry::<JobEntry>),
    ("ledger_sending", entry::<LedgerEntry>),
    ("ledger_delivered_slack_webhook", entry::<LedgerEntry>),
    ("ledger_delivered_slack", entry::<LedgerEntry>),
    ("ledger_delivered_smtp", entry::<LedgerEntry>),
    ("ledger_ambiguous", entry::<LedgerEntry>),
    ("ledger_waiting", entry::<LedgerEntry>),
    ("ledger_dead", entry::<LedgerEntry>),
    ("faults", entry::<FaultEntry>),
    ("delivery_start", message::<Delivery>),
    ("delivery_digest", message::<Delivery>),
    ("delivery_digest_of_runs", message::<Delivery>),
    ("collector", entry::<CollectorEntry>),
    ("pause", entry::<Pause>),
    ("lookup_request", message::<LookupRequest>),
    ("lookup_reply", message::<LookupReply>),
    ("dead_letter", message::<DeadLetter>),
    ("dead_event", message::<DeadEvent>),
];

fn message<T: Serialize + DeserializeOwned>(file: &Value) -> Value {
    let mut headers = HeaderMap::new();
    headers.insert(FORMAT_HEADER, "1");
    let read: T = decode(Some(&headers), &Bytes::from(file.to_string())).unwrap();
    let (headers, body) = encode(&read).unwrap();
    assert_eq!(
        headers.get(FORMAT_HEADER).unwrap().as_str(),
        FORMAT.to_string()
    );
    serde_json::from_slice(&body).unwrap()
}

fn entry<T: Serialize + DeserializeOwned>(file: &Value) -> Value {
    let read: T = decode_entry(file.to_string().as_bytes()).unwrap();
    serde_json::from_slice(&encode_entry(&read).unwrap()).unwrap()
}

fn file(kind: &str) -> Value {
    let text = fs::read_to_string(format!("tests/wire/1/{kind}.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn every_kind_is_read_and_written_as_it_was() {
    for (kind, round_trip) in KINDS {
        let file = file(kind);
        pretty_assert_eq(&round_trip(&file), &file, kind);
    }
}

#[test]
fn fields_of_a_later_version_are_skipped() {
    for (kind, round_trip) in KINDS {
        let file = file(kind);
        let mut later = file.clone();
        add_fields(&mut later);
        assert_ne!(later, file);
        pretty_assert_eq(&round_trip(&later), &file, kind);
    }
}

#[test]
fn every_file_has_its_kind_and_every_kind_its_file() {
    let files = fs::read_dir("tests/wire/1").unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let kinds = KINDS.iter().map(|(kind, _)| format!("{kind}.json"));
    assert_eq!(
        names.collect::<BTreeSet<_>>(),
        kinds.collect::<BTreeSet<_>>()
    );
}

/// Adds a field to every object that is a struct: not to maps with free keys, nor to what Salt itself gave.
fn add_fields(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields.iter_mut() {
                let free = matches!(key.as_str(), "retcode" | "success" | "full");
                if let Value::Object(said) = value
                    && key == "said"
                {
                    said.values_mut().for_each(add_fields);
                } else if !(free || key == "changes" && value.is_object()) {
                    add_fields(value);
                }
            }
            let later = serde_json::json!({ "kind": "later", "n": [1, null] });
            fields.insert("field_of_a_later_version".to_owned(), later);
        }
        Value::Array(values) => values.iter_mut().for_each(add_fields),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn pretty_assert_eq(is: &Value, expect: &Value, kind: &str) {
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap();
    assert_eq!(
        is,
        expect,
        "{kind}: {}\nexpected {}",
        pretty(is),
        pretty(expect)
    );
}

fn event(kind: &str) -> Event {
    serde_json::from_value(file(kind)).unwrap()
}

#[test]
fn changes_as_deep_as_they_may_be_are_read_back() {
    let mut file = file("event_ret_failed");
    let deepen = |value, _| serde_json::json!({ "deeper": value });
    file["failures"][0]["changes"] = (0..MAX_DEPTH).fold(Value::Null, deepen);
    assert_eq!(message::<Event>(&file), file);
}

/// Names are as lasting as bodies: an event published again by another version must be recognised by its id.
#[test]
fn ids_are_made_as_they_were() {
    for (kind, _) in KINDS.iter().filter(|(kind, _)| kind.starts_with("event_")) {
        let event = event(kind);
        let (cluster, jid) = (event.cluster.as_str(), event.jid.0.as_str());
        let made = match &event.what {
            What::Ret(ret) => id::ret(cluster, jid, &ret.minion),
            What::End(_) => id::end(cluster, jid),
            What::Beat(_) => id::beat(cluster, jid, "202611221303"),
            What::New(new) => {
                let target = new.target.as_ref().map(Target::to_string);
                let published = id::Published {
                    fun: &event.fun.to_string(),
                    target_type: new.target_type.as_deref().unwrap_or_default(),
                    target: &target.unwrap_or_default(),
                    batch: new.batch,
                    minions: &new.minions,
                };
                id::new(cluster, jid, &published)
            }
        };
        assert_eq!(made, event.id, "{kind}");
    }
}

#[test]
fn subjects_are_made_as_they_were() {
    let check = |kind: &str, expect: &str| {
        let subject = event_subject(&event(kind));
        assert_eq!(subject, expect);
        assert!(EventSubject::parse(&subject).is_some());
    };
    let prod = |rest: &str| format!("salt.v1.prod.{rest}");
    check("event_new", &prod("20261122130211654321.new.state.apply"));
    check(
        "event_new_runner",
        &prod("20261122131002345678.new.state.orchestrate"),
    );
    check(
        "event_ret_failed",
        &prod("20261122130211654321.ret.failed.state.apply"),
    );
    let schedule = event("event_ret_schedule");
    let run = id::run("state.highstate", &[], Some("hourly"));
    assert_eq!(schedule.job, id::run_job(&run));
    check(
        "event_ret_schedule",
        &prod(&format!("{}.ret.failed.state.highstate", schedule.job)),
    );
    check(
        "event_ret_several_functions",
        &prod("20261122141500000007.ret.failed.multi"),
    );
    check("event_end", &prod("20261122130500000001.end.test.ping"));
    check("event_beat", &prod("20261122130211654321.beat.state.apply"));
}

#[test]
fn a_delivery_is_found_under_the_name_it_had() {
    let key: DeliveryKey = serde_json::from_value(file("delivery_digest")["key"].clone()).unwrap();
    let main = Group::new("main").unwrap();
    let hash = key.hash();
    // printf '["prod","20261122130211654321",…]' | sha256sum | cut -c1-32
    assert_eq!(hash, "fe75b7da26451110142d6aa6c8e0900f");
    assert_eq!(
        main.deliver(&key),
        format!("pillarbox.v1.main.deliver.ops-slack.slack.{hash}")
    );
    assert_eq!(main.ledger_key(&key), format!("main.{hash}"));
}
