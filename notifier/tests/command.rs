//! The program itself: what it prints, and the code that it ends with.
//! It starts no server: what needs one is a promise of the whole, and tested there.
#![expect(clippy::unwrap_used, reason = "a test may fail by it")]

use std::process::{Command, Output};

fn notifier(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pillarbox-notifier"));
    command.args(arguments).env_remove("RUST_LOG");
    command.env_remove("PILLARBOX_NOTIFIER_CONFIG");
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn check_says_what_the_file_comes_to() {
    let output = notifier(&["check", "--config", "tests/config/full.yaml"]);
    let expect = std::fs::read_to_string("tests/config/full.expect").unwrap();
    assert_eq!(text(&output.stdout), expect);
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn every_command_refuses_a_file_with_mistakes_alike() {
    let expect = std::fs::read_to_string("tests/config/names.expect").unwrap();
    for command in ["check", "run", "provision"] {
        let output = notifier(&[command, "--config", "tests/config/names.yaml"]);
        assert_eq!(text(&output.stderr), expect, "{command}");
        assert_eq!(text(&output.stdout), "");
        assert_eq!(output.status.code(), Some(78), "{command}");
    }
}

#[test]
fn the_file_may_be_named_by_the_environment() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pillarbox-notifier"));
    command
        .arg("check")
        .env("PILLARBOX_NOTIFIER_CONFIG", "tests/config/minimal.yaml");
    assert_eq!(
        text(&command.output().unwrap().stdout),
        "ok: group main, NATS nats://127.0.0.1:4222 as nobody, receivers: ops (Slack, by a webhook)\n    routes: failures on finish to ops\n"
    );
}

#[test]
fn a_wrong_argument_ends_before_anything_is_done() {
    let output = notifier(&[
        "provision",
        "-c",
        "tests/config/minimal.yaml",
        "--log",
        "x=y",
    ]);
    assert!(text(&output.stderr).contains("`x=y` is no log filter"));
    assert_eq!(output.status.code(), Some(2));
}
