//! What no Salt should send and somebody will: hostile names, sizes, nestings and shapes.
//! Captured events are not here.

#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

use pillarbox_collector::command::decode::decode;
use pillarbox_collector::normalize::{Origin, Reading, Unreadable, normalize, parts};
use pillarbox_proto::event::{Event, JobReturn, Outcome, What};
use pillarbox_proto::subject::{event_subject, sha256_hex};
use pillarbox_proto::wire::MAX_EVENT_BODY;
use proptest::prelude::*;
use serde_json::{Value, json};

const JID: &str = "20261122012254116336";

fn origin() -> Origin {
    Origin {
        cluster: "lab".into(),
        master: "salt1".into(),
    }
}

fn body(tag: &str, payload: &[u8]) -> Vec<u8> {
    [tag.as_bytes(), b"\n\n", payload].concat()
}

fn packed(tag: &str, payload: &Value) -> Vec<u8> {
    body(tag, &rmp_serde::to_vec(payload).unwrap())
}

fn read(tag: &str, payload: &Value) -> Reading {
    normalize(&origin(), &packed(tag, payload), None)
}

fn event(tag: &str, payload: &Value) -> Event {
    match read(tag, payload) {
        Reading::Event(event) | Reading::Noise { event, .. } => *event,
        other => panic!("{other:?}"),
    }
}

fn ret(payload: &Value) -> (Event, JobReturn) {
    let event = event(&format!("salt/job/{JID}/ret/web1"), payload);
    match &event.what {
        What::Ret(ret) => (event.clone(), (**ret).clone()),
        other => panic!("{other:?}"),
    }
}

fn unreadable(body: &[u8]) -> Unreadable {
    match normalize(&origin(), body, None) {
        Reading::Unreadable(unreadable) => unreadable,
        other => panic!("{other:?}"),
    }
}

/// Bytes of an event without its minions.
fn size(event: &Event) -> usize {
    let mut event = event.clone();
    if let What::New(new) = &mut event.what {
        new.minions.clear();
        new.missing.clear();
    }
    serde_json::to_vec(&event).unwrap().len()
}

fn states(states: &[(&str, Value)]) -> Value {
    let entry = |(n, (name, state)): (usize, &(&str, Value))| {
        (format!("test_|-{name}_|-{name}{n}_|-nop"), state.clone())
    };
    Value::Object(states.iter().enumerate().map(entry).collect())
}

#[test]
fn a_long_function_has_a_subject_that_can_be_published() {
    for fun in [
        "x".repeat(5000),
        "x.".repeat(2500),
        "\u{1}ü*>. ".repeat(700),
    ] {
        let (event, _) = ret(&json!({"fun": fun, "return": true}));
        assert!(
            event_subject(&event).len() < 512,
            "{}",
            event_subject(&event)
        );
        assert_eq!(event.fun.to_string(), fun);
    }
}

#[test]
fn names_that_cannot_be_published_are_dead_letters() {
    let said = |tag: &str, payload: Value| unreadable(&packed(tag, &payload)).error;
    let long = "x".repeat(20_000);
    assert_eq!(
        said(&format!("salt/job/{JID}/new"), json!({ "fun": long })),
        "a function of 20000 bytes"
    );
    assert_eq!(
        said(&format!("salt/job/{JID}/ret/{long}"), json!({})),
        "a minion id of 20000 bytes"
    );
    assert_eq!(
        said(&format!("salt/job/{long}/new"), json!({})),
        "a jid of 20000 bytes"
    );
}

#[test]
fn what_cannot_be_read_is_named_without_its_bytes() {
    let tag = format!("salt/job/{JID}/new");
    let check = |payload: &[u8], error: &str| {
        let body = body(&tag, payload);
        let expect = Unreadable {
            tag: tag.clone(),
            length: body.len(),
            sha256: sha256_hex(&body),
            error: error.into(),
        };
        assert_eq!(unreadable(&body), expect);
    };
    let deep = |depth: usize| [&b"\x81\xa1a"[..], &vec![0x91; depth], b"\xc0"].concat();
    check(b"", "the payload ends within a value");
    check(b"\x81\xa3fun", "the payload ends within a value");
    check(
        b"\x81\xa3fun\xdb\xff\xff\xff\xff",
        "the payload ends within a value",
    );
    check(b"\xdf\xff\xff\xff\xff", "the payload ends within a value");
    check(b"\xa6secret", "the payload is no map");
    check(b"\x91\x01", "the payload is no map");
    check(b"\x81\xa3fun\xc1", "the payload is no MessagePack");
    check(&deep(200), "the payload is nested deeper than 128");
    check(&deep(1_000_000), "the payload is nested deeper than 128");
    for key in ["arg", "return", "state", "tgt"] {
        let key = [&[0xa0 + u8::try_from(key.len()).unwrap()], key.as_bytes()].concat();
        check(
            &[&b"\x81"[..], &key, &vec![0x91; 100_000]].concat(),
            "the payload is nested deeper than 128",
        );
    }
    assert!(matches!(
        normalize(&origin(), &body(&tag, &deep(100)), None),
        Reading::Event(_)
    ));
    let no_tag = unreadable(b"salt/job/x/new secret");
    assert_eq!(
        (no_tag.tag.as_str(), no_tag.error.as_str()),
        ("", "no empty line after the tag")
    );
    let binary = unreadable(b"salt/job/x/ret/a\x01secret\n\n");
    assert_eq!(binary.tag, "salt/job/x/ret/a");
}

#[test]
fn what_follows_the_payload_is_ignored() {
    let bytes = [
        packed(&format!("salt/job/{JID}/new"), &json!({"fun": "test.ping"})),
        b"rest".to_vec(),
    ]
    .concat();
    assert!(matches!(
        normalize(&origin(), &bytes, None),
        Reading::Event(_)
    ));
}

#[test]
fn an_irregular_jid_has_a_job_of_its_own() {
    for jid in ["req", "nocache"] {
        let event = event(
            &format!("salt/job/{jid}/ret/web1"),
            &json!({"fun": "test.ping", "success": true, "return": true}),
        );
        assert!(
            event.job.starts_with("x-") && event.job.len() == 34,
            "{}",
            event.job
        );
        assert_eq!(
            (event.id, event.jid.0.as_str()),
            (format!("lab/{}/ret/web1", event.job), jid)
        );
    }
}

#[test]
fn who_announced_a_return_decides_its_job() {
    let job = |payload: Value| ret(&payload).0.job;
    assert_eq!(
        job(json!({"fun": "test.ping", "user": "root", "success": true})),
        JID
    );
    assert_eq!(
        job(json!({"fun": "test.ping", "success": true})),
        JID,
        "by way of a syndic"
    );
    let call = job(json!({"fun": "test.ping", "retcode": 0}));
    let scheduled = job(json!({"fun": "test.ping", "schedule": "hourly", "success": true}));
    assert!(call.starts_with("run-") && scheduled.starts_with("run-") && call != scheduled);
}

#[test]
fn a_map_that_is_not_all_states_is_none() {
    let failed = json!({"result": false, "changes": {}});
    let check = |value: Value, retcode: i64, outcome: Outcome| {
        let (_, ret) = ret(&json!({"fun": "state.apply", "return": value, "retcode": retcode}));
        assert_eq!(
            (ret.outcome, ret.summary.is_some()),
            (outcome, false),
            "{value}"
        );
    };
    check(
        json!({"a_|-b_|-c_|-d": failed, "odd": {}}),
        2,
        Outcome::Failed,
    );
    check(json!({"a_|-b_|-c_|-d": "VALUE_TRIMMED"}), 0, Outcome::Clean);
    check(json!({"a_|-b_|-c": failed}), 0, Outcome::Clean);
    check(json!({}), 0, Outcome::Clean);
    check(json!({}), 1, Outcome::Failed);
    check(json!([]), 0, Outcome::Failed);
}

#[test]
fn odd_states_are_told_as_they_are() {
    let state = json!({"result": "no", "changes": "text", "comment": ["a", "b"], "name": ["x", "y"], "duration": "3 ms", "warnings": "w"});
    let (_, odd) = ret(
        &json!({"fun": "state.apply", "return": {"m_|-id_|-na_|-me_|-f": state}, "retcode": 0}),
    );
    let told = &odd.changes[0];
    assert_eq!(odd.outcome, Outcome::Changed);
    assert_eq!(
        (told.function.as_str(), told.id.as_str(), told.name.as_str()),
        ("m.f", "id", "x, y")
    );
    assert_eq!(
        (told.comment.as_str(), told.duration_ms, &told.changes),
        ("a\nb", Some(3.0), &Some(json!("text")))
    );
    assert_eq!(told.warnings, ["w"]);
}

#[test]
fn secrets_go_before_anything_leaves() {
    let pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIsecret\n-----END RSA PRIVATE KEY-----";
    let state = |result: Value| {
        json!({
            "result": result, "name": "mysql -phunter2-secret", "__id__": "https://bob:secret@x/y", "comment": "Command \"mysql -phunter2-secret\" run",
            "changes": {"diff": format!("+{pem}"), "password": {"old": "secret", "new": "secret"}, "k": "AKIAIOSFODNN7SECRET1 ghp_secretsecretsecretsecret"},
            "warnings": ["token=secret"],
        })
    };
    let both = states(&[("a", state(json!(true))), ("b", state(json!(false)))]);
    let args = json!(["x", "PASSWORD=secret", {"__kwarg__": true, "pillar": {"a": "secret"}, "d": {"api_key": "secret"}}]);
    let (told, _) =
        ret(&json!({"fun": "state.apply", "fun_args": args, "return": both, "retcode": 2}));
    let text = serde_json::to_string(&told).unwrap();
    assert!(
        !text.contains("secret") && !text.contains("hunter2"),
        "{text}"
    );
    assert!(told.redacted >= 18, "{}", told.redacted);
    let new = event(
        &format!("salt/job/{JID}/new"),
        &json!({"fun": "state.apply", "arg": args, "tgt": "*", "tgt_type": "glob"}),
    );
    let text = serde_json::to_string(&new).unwrap();
    assert!(
        !text.contains("secret") && text.contains("'pillar=<redacted>'"),
        "{text}"
    );
    let (failed, _) = ret(
        &json!({"fun": "cmd.run", "return": format!("a\n{pem}\nAuthorization: Bearer secret"), "retcode": 1}),
    );
    let text = serde_json::to_string(&failed).unwrap();
    assert!(!text.contains("secret") && failed.redacted == 2, "{text}");
}

#[test]
fn the_same_work_has_the_same_run() {
    let run = |payload: Value| match event(&format!("salt/job/{JID}/new"), &payload).what {
        What::New(new) => new.run,
        other => panic!("{other:?}"),
    };
    let args = json!(["x", {"__kwarg__": true, "pillar": {"a": 1}}]);
    let other = json!(["x", {"__kwarg__": true, "pillar": {"a": 2}}]);
    let new = run(json!({"fun": "state.apply", "arg": args}));
    assert_eq!(
        new,
        ret(&json!({"fun": "state.apply", "fun_args": other, "success": true}))
            .1
            .run
    );
    assert_ne!(new, run(json!({"fun": "state.apply", "arg": ["y"]})));
}

#[test]
fn large_events_are_cut_and_say_so() {
    let fits = |event: &Event| assert!(size(event) <= MAX_EVENT_BODY, "{}", size(event));
    let line = "0123456789 the quick brown fox\n";
    let (event, told) = ret(
        &json!({"fun": "cmd.run", "return": format!("{}the last line", line.repeat(40_000)), "retcode": 1}),
    );
    fits(&event);
    assert!(told.errors[0].starts_with("[… ") && told.errors[0].ends_with("the last line"));
    assert!(
        told.errors[0].lines().nth(1).unwrap() == line.trim_end(),
        "cut at a line"
    );
    assert_eq!(event.trimmed, ["/errors/0"]);

    let large =
        json!({"result": true, "comment": "done", "changes": {"diff": line.repeat(20_000)}});
    let small = json!({"result": true, "comment": "done", "changes": {"diff": line}});
    let (event, told) = ret(
        &json!({"fun": "state.apply", "return": states(&[("a", large), ("b", small)]), "retcode": 0}),
    );
    fits(&event);
    assert_eq!(event.trimmed, ["/changes/0/diff"]);
    assert_eq!(
        (
            told.changes[0].comment.as_str(),
            told.changes[1].diff.as_deref()
        ),
        ("done", Some(line))
    );

    let many: Vec<_> = (0..5000)
        .map(|_| {
            (
                "a",
                json!({"result": false, "comment": line, "changes": {}}),
            )
        })
        .collect();
    let (event, told) = ret(&json!({"fun": "state.apply", "return": states(&many), "retcode": 2}));
    fits(&event);
    assert_eq!(
        (told.summary.unwrap().failed, told.outcome),
        (5000, Outcome::Failed)
    );
    assert!(
        told.failures.len() >= 500 && event.trimmed == ["/failures"],
        "{} {:?}",
        told.failures.len(),
        event.trimmed
    );

    let (event, _) = ret(
        &json!({"fun": "cmd.run", "fun_args": [line.repeat(40_000), vec!["\u{1}"; 100_000]], "return": ""}),
    );
    fits(&event);
    let packages: serde_json::Map<_, _> = (0..20_000)
        .map(|n| (format!("package-{n}"), json!({"old": "", "new": "1"})))
        .collect();
    let (event, told) = ret(
        &json!({"fun": "state.apply", "return": states(&[("a", json!({"result": true, "changes": packages}))])}),
    );
    fits(&event);
    assert_eq!(
        (told.outcome, event.trimmed.as_slice()),
        (Outcome::Changed, &["/changes/0/changes".to_owned()][..])
    );
}

#[test]
fn many_minions_go_in_parts() {
    let ids: Vec<String> = (0..50_000)
        .map(|n| format!("minion-{n}.example.com"))
        .collect();
    let new = event(
        &format!("salt/job/{JID}/new"),
        &json!({"fun": "test.ping", "tgt": ids, "tgt_type": "list", "minions": ids, "missing": ["ghost"]}),
    );
    assert!(size(&new) <= MAX_EVENT_BODY, "{}", size(&new));
    let parts = parts(new.clone());
    let mut found = Vec::new();
    for (n, part) in parts.iter().enumerate() {
        let What::New(new) = &part.what else { panic!() };
        assert_eq!(
            (new.part, new.minions.len(), new.missing.len()),
            (Some((n as u32 + 1, 5)), 10_000, usize::from(n == 0))
        );
        found.extend(new.minions.iter().map(|id| id.0.clone()));
    }
    assert_eq!(found, ids);
    let distinct: std::collections::BTreeSet<_> = parts.iter().map(|part| &part.id).collect();
    assert_eq!(distinct.len(), 5);
    let small = event(
        &format!("salt/job/{JID}/new"),
        &json!({"fun": "test.ping", "minions": ["a"]}),
    );
    assert_eq!(
        pillarbox_collector::normalize::parts(small.clone()),
        [small]
    );
}

#[test]
fn what_salt_cut_is_named() {
    let new = event(
        &format!("salt/job/{JID}/new"),
        &json!({"fun": "test.ping", "minions": "VALUE_TRIMMED", "tgt": "*"}),
    );
    assert_eq!(new.trimmed, ["/minions"]);
    let state = json!({"result": true, "changes": {"a/b": {"diff": "VALUE_TRIMMED"}}});
    let (event, _) = ret(&json!({"fun": "state.apply", "return": states(&[("a", state)])}));
    assert_eq!(event.trimmed, ["/changes/0/changes/a~1b/diff"]);
    assert_eq!(
        ret(&json!({"fun": "cmd.run", "return": "VALUE_TRIMMED"}))
            .0
            .trimmed,
        ["/return"]
    );
}

#[test]
fn a_job_that_still_runs_gives_a_sign_of_life() {
    let payload = |found: Value| json!({"fun": "saltutil.find_job", "fun_args": [JID], "user": "root", "return": found, "_stamp": "2026-11-22T01:26:06.9"});
    let tag = "salt/job/20261122012606448282/ret/web1";
    let Reading::Beat { beat, ret } =
        read(tag, &payload(json!({"fun": "state.highstate", "jid": JID})))
    else {
        panic!()
    };
    assert_eq!(
        (beat.id.as_str(), beat.job.as_str()),
        (format!("lab/{JID}/beat/202611220126").as_str(), JID)
    );
    assert_eq!(
        (event_subject(&beat), ret.kind()),
        (format!("salt.v1.lab.{JID}.beat.state.highstate"), "ret")
    );
    assert!(matches!(
        read(tag, &payload(json!({}))),
        Reading::Noise { .. }
    ));
}

#[test]
fn a_halted_batch_ends_and_says_why() {
    let state = json!({"halted": true, "halted_reason": "failhard", "pending": ["c"], "active": {"b": 1.5}, "failed": {"a": "timeout", "b": "x"}, "done": {"d": {"ret": true}}});
    for tag in ["complete", "halted"] {
        let end = event(
            &format!("salt/batch/{JID}/{tag}"),
            &json!({"fun": "test.ping", "state": state}),
        );
        let What::End(end) = end.what else { panic!() };
        let missing: Vec<_> = end.missing.iter().map(|id| id.0.as_str()).collect();
        assert_eq!(
            (missing.as_slice(), end.halted.as_deref()),
            (&["a", "b", "c"][..], Some("failhard"))
        );
    }
}

#[test]
fn reading_the_job_cache_is_no_news() {
    let lookup = json!({"fun": "runner.jobs.lookup_jid", "return": {"data": {"web1": {"a_|-b_|-c_|-d": {"result": false}}}, "outputter": "highstate"}});
    assert!(matches!(
        read(&format!("salt/run/{JID}/ret"), &lookup),
        Reading::Noise { .. }
    ));
}

#[test]
fn one_unreadable_event_stops_nothing() {
    let framed = |body: &[u8]| {
        let mut frame = b"\x82\xa4head\x80\xa4body\xc6".to_vec();
        frame.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
        frame.extend(body);
        frame
    };
    let good = packed(&format!("salt/job/{JID}/new"), &json!({"fun": "test.ping"}));
    let bad = body(&format!("salt/job/{JID}/new"), b"\x81\xa6secret");
    let stream = [framed(&good), framed(&bad), framed(&good)].concat();
    let (mut out, mut report) = (Vec::new(), Vec::new());
    let tally = decode(&origin(), &stream[..], &mut out, &mut report).unwrap();
    let report = String::from_utf8(report).unwrap();
    assert_eq!(
        (tally.events, tally.unreadable, tally.broken),
        (2, 1, false)
    );
    assert!(
        report.starts_with(&format!("unreadable: tag \"salt/job/{JID}/new\", "))
            && !report.contains("secret")
    );
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
