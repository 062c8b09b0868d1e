//! Odd shapes that are data all the same.
//! Shapes that Salt was seen to send are in the captures.

use pillarbox_collector::normalize::Reading;
use pillarbox_proto::event::{Outcome, What};
use pillarbox_proto::subject::event_subject;
use serde_json::{Value, json};

use crate::{JID, event, read, ret};

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
fn what_is_nested_deeply_can_still_be_read_back() {
    let deep = (0..115).fold(json!("bottom"), |inner, _| json!({ "in": inner }));
    let state = json!({"result": true, "changes": {"deep": deep}});
    let event = event(
        &format!("salt/job/{JID}/ret/web1"),
        &json!({"fun": "state.apply", "user": "root", "return": {"a_|-b_|-c_|-d": state}}),
    );
    let (headers, body) = pillarbox_proto::wire::encode(&event).unwrap();
    let again: pillarbox_proto::event::Event =
        pillarbox_proto::wire::decode(Some(&headers), &body).unwrap();
    assert_eq!(again, event);
    assert!(String::from_utf8_lossy(&body).contains("nested too deeply"));
}
