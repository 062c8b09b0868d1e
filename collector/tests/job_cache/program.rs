//! `pillarbox-collector lookup`: what it prints, and the code that it ends with.
//! What stands in the answer is tested without the program.

use std::process::{Command, Output};

use pillarbox_proto::lookup::LookupReply;
use serde_json::json;

use crate::{Cache, JID, tests};

fn lookup(arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_pillarbox-collector"));
    program
        .arg("lookup")
        .args(arguments)
        .env_remove("RUST_LOG")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn one_json_object_is_what_a_notifier_is_answered() {
    let dir = tests().join("job_caches/3008.5");
    let jid = "20261122012432185068";
    let output = lookup(&[
        jid,
        "--json",
        "--full",
        "--minion",
        "3008-m2",
        "--cache-dir",
        dir.to_str().unwrap(),
    ]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    let reply: LookupReply = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(text(&output.stdout).lines().count(), 1);
    assert_eq!((reply.returned.len(), reply.returns.len()), (2, 1));
    assert!(reply.returns.first().unwrap().full.is_some());
}

#[test]
fn a_person_reads_who_failed_and_why() {
    let cache = Cache::new();
    let state = json!({"result": false, "name": "nginx-extras", "__id__": "nginx", "__sls__": "web",
        "comment": "E: Unable to locate package\n\u{1b}[31mred", "__run_num__": 0});
    let held = json!({"result": false, "name": "nginx", "comment": "One or more requisite failed: web.nginx", "__run_num__": 1});
    let states = json!({"pkg_|-nginx_|-nginx-extras_|-installed": state, "service_|-nginx_|-nginx_|-running": held});
    cache.pack(
        "web1/return.p",
        &json!({"return": states, "retcode": 2, "success": false}),
    );
    cache.write("web3/return.p", b"\xc1");
    let output = lookup(&[JID, "--cache-dir", cache.root().to_str().unwrap()]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    let (before, after) = text(&output.stdout).split_once("master    ").unwrap();
    assert_eq!(
        before,
        "job       20261122012254116336\ncommand   salt '*' test.ping\nuser      root\nwhen      2026-11-22 01:22:54 UTC\n"
    );
    let (_, after) = after.split_once('\n').unwrap();
    assert_eq!(
        after,
        "\
returned  2 of 2: 1 failed
missing   web2

web1 failed
  pkg.installed nginx-extras (web, id nginx)
      E: Unable to locate package
      ?[31mred
  held back by these: 1

cannot be read
  web3: return.p is no MessagePack, or ends within it
"
    );
}

#[test]
fn a_job_that_is_not_there_prints_nothing() {
    let cache = Cache::new();
    let dir = cache.root().to_str().unwrap();
    let output = lookup(&["20261122012254116337", "--json", "--cache-dir", dir]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""));
    let expect = format!(
        "no job 20261122012254116337 in {dir}/jobs: Salt keeps jobs for `keep_jobs_seconds`, a day unless set\n"
    );
    assert_eq!(text(&output.stderr), expect);
}

#[test]
fn what_is_no_jid_is_refused_with_what_one_looks_like() {
    let output = lookup(&["2026", "--cache-dir", "/"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), ""));
    let expect = "error: invalid value '2026' for '<JID>': a jid is 20 digits (with `unique_jid` followed by `_` and a number)";
    assert!(
        text(&output.stderr).starts_with(expect),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_master_that_keeps_no_files_is_warned_of_and_refused() {
    let cache = Cache::new();
    let (master, config) = (
        cache.root().join("master"),
        cache.root().join("collector.yaml"),
    );
    std::fs::write(&master, "id: m1\njob_cache: False\n").unwrap();
    std::fs::write(
        &config,
        format!(
            "salt: {{config: {}}}\nnats: {{url: nats://a}}\n",
            master.display()
        ),
    )
    .unwrap();
    let config = config.to_str().unwrap();
    let why = "`job_cache: False` in the master's configuration: it keeps no returns";
    let output = lookup(&[JID, "--config", config]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""));
    assert_eq!(
        text(&output.stderr),
        format!("no job can be looked up here: {why}\n")
    );
    let program = env!("CARGO_BIN_EXE_pillarbox-collector");
    let output = Command::new(program)
        .args(["check", "--config", config])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        text(&output.stderr),
        format!("warning: no job can be looked up: {why}\n")
    );
}
