//! The file that `init` prints: `check` accepts it, and it names every key.
//! What the keys mean is not tested here.

#![expect(clippy::unwrap_used, reason = "a test may fail by it")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn notifier(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pillarbox-notifier"));
    command.args(arguments).env_remove("RUST_LOG");
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// An empty directory.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _from_before = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Each word in a list `keys: &[…]` of the sources: what the configuration knows.
fn known_keys(source: &Path, keys: &mut Vec<String>) {
    if source.is_dir() {
        for entry in fs::read_dir(source).unwrap() {
            known_keys(&entry.unwrap().path(), keys);
        }
        return;
    }
    let source = fs::read_to_string(source).unwrap();
    for list in source.split("keys: &[").skip(1) {
        let list = list.split(']').next().unwrap();
        keys.extend(list.split('"').skip(1).step_by(2).map(str::to_owned));
    }
}

#[test]
fn every_key_that_is_known_stands_in_the_file() {
    let file = text(&notifier(&["init"]).stdout);
    let mut keys = Vec::new();
    known_keys(Path::new("src/config.rs"), &mut keys);
    known_keys(Path::new("src/config"), &mut keys);
    assert!(keys.len() >= 25, "{keys:?}");
    let words: Vec<&str> = file.split([' ', '{', '\n']).collect();
    keys.retain(|key| !words.contains(&format!("{key}:").as_str()));
    assert_eq!(keys, [""; 0], "add them to templates/init.yaml");
}

#[test]
fn a_file_is_its_owners_and_none_is_overwritten() {
    let file = folder("init-output").join("notifier.yaml");
    let arguments = ["init", "--output", file.to_str().unwrap()];
    assert_eq!(notifier(&arguments).status.code(), Some(0));
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let written = fs::read_to_string(&file).unwrap();
    assert_eq!(written, text(&notifier(&["init"]).stdout));
    fs::write(&file, "mine").unwrap();
    let again = notifier(&arguments);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("File exists"));
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
}

#[test]
fn check_accepts_it_once_its_secrets_are_there() {
    let folder = folder("init-check");
    let file = folder.join("notifier.yaml");
    let file = file.to_str().unwrap();
    notifier(&["init", "--output", file]);
    let before = notifier(&["check", "--config", file]);
    assert!(text(&before.stderr).contains("slack-webhook, the file for `webhook_url_file`"));
    assert_eq!(text(&before.stderr).lines().count(), 1);
    fs::write(
        folder.join("slack-webhook"),
        "https://hooks.example.com/x\n",
    )
    .unwrap();
    let after = notifier(&["check", "--config", file]);
    assert_eq!(
        text(&after.stdout),
        "ok: group main, NATS nats://127.0.0.1:4222 as nobody, receivers: ops-slack (Slack, by a webhook)\n    \
         routes: audit on start to ops-slack; audit-commands on start to ops-slack; failures-and-changes on finish to ops-slack\n"
    );
}
