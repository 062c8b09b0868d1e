//! Events too large or too many: bounded, and they say so.
//! What cannot be bounded is unreadable.

use pillarbox_collector::normalize::parts;
use pillarbox_proto::event::{Event, Outcome, What};
use pillarbox_proto::subject::event_subject;
use pillarbox_proto::wire::MAX_EVENT_BODY;
use serde_json::json;

use crate::{JID, event, ret, size, states};

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
