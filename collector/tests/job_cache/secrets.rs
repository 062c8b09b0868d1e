//! No secret leaves the master by a look-up, wherever in the job's files it stands.
//! Each shape of a secret is tested beside its rule.

use pillarbox_proto::lookup::LookupRequest;
use serde_json::json;

use crate::{Cache, JID, request};

#[test]
fn canaries_in_load_and_returns_are_nowhere_in_the_answer() {
    let cache = Cache::new();
    let pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIcanary\n-----END RSA PRIVATE KEY-----";
    let args = json!(["x", "PASSWORD=canary", {"__kwarg__": true, "pillar": {"a": "canary"}, "d": {"api_key": "canary"}}]);
    let load = json!({"cmd": "publish", "fun": "state.apply", "arg": args, "tgt": "*", "tgt_type": "glob", "user": "root",
        "kwargs": {"metadata": "canary"}, "token": "canary"});
    cache.pack(".load.p", &load);
    let state = |result| {
        json!({
            "result": result, "name": "mysql -pcanary-1", "__id__": "https://bob:canary@x/y", "comment": "Command \"mysql -pcanary-1\" run",
            "changes": {"diff": format!("+{pem}"), "password": {"old": "canary", "new": "canary"}, "stdout": "token: canary"},
            "warnings": ["token=canary"],
        })
    };
    let states =
        json!({"cmd_|-a_|-mysql -pcanary-1_|-run": state(false), "cmd_|-b_|-b_|-run": state(true)});
    cache.pack(
        "web1/return.p",
        &json!({"return": states, "retcode": 2, "success": false}),
    );
    cache.pack("web1/out.p", &json!("highstate"));
    let map = json!({"password": "canary", "deep": [{"client_secret": "canary"}], "text": pem, "Authorization: Bearer canary": 1});
    cache.pack(
        "web2/return.p",
        &json!({"return": map, "retcode": 1, "success": false}),
    );
    for full in [false, true] {
        let reply = cache.asked(&LookupRequest {
            full,
            ..request(JID)
        });
        assert_eq!(reply.problems, []);
        let text = serde_json::to_string(&reply).unwrap();
        assert!(!text.contains("canary"), "{text}");
        assert!(
            reply
                .returns
                .iter()
                .all(|ret| ret.redacted > 0 && ret.full.is_some() == full)
        );
        assert!(text.contains("<redacted>") && text.contains("x"), "{text}");
    }
}

#[test]
fn a_runner_is_no_way_round() {
    let cache = Cache::new();
    let event = json!({"fun": "runner.state.orchestrate", "fun_args": ["orch", {"pillar": {"k": "canary"}}, "token=canary"],
        "user": "root", "success": true, "return": {"data": {"salt1_master": {"api_key": "canary"}}, "retcode": 0}});
    cache.pack(
        ".load.p",
        &json!({"fun": "runner.state.orchestrate", "return": event}),
    );
    cache.pack("salt1_master/return.p", &json!({"return": event}));
    let reply = cache.asked(&LookupRequest {
        full: true,
        ..request(JID)
    });
    let text = serde_json::to_string(&reply).unwrap();
    assert_eq!(reply.returns.len(), 1);
    assert!(
        !text.contains("canary") && text.contains("pillar=<redacted>"),
        "{text}"
    );
}

#[test]
fn what_is_wrong_is_said_without_a_byte_of_it() {
    let cache = Cache::new();
    cache.write("web1/return.p", b"\xdb\x00\x00\x00\xffcanary");
    cache.write(".load.p", b"canary\xc1");
    cache.write(".minions.p", b"\xc1canary");
    let reply = cache.answer();
    assert_eq!(reply.problems.len(), 3, "{:?}", reply.problems);
    assert!(!serde_json::to_string(&reply).unwrap().contains("canary"));
}
