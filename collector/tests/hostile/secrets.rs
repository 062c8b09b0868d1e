//! No secret leaves, in whatever field it stands.
//! Each shape of a secret is tested beside its rule.

use pillarbox_proto::event::What;
use serde_json::{Value, json};

use crate::{JID, event, ret, states};

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
