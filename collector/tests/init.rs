//! The file that `init` prints: `check` accepts it, and it names every key.
//! What the keys mean is not tested here.

#![expect(clippy::unwrap_used, reason = "a test may fail by it")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn collector(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pillarbox-collector"));
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
    let file = text(&collector(&["init", "--salt-config", "tests/config/masters/master"]).stdout);
    let mut keys = Vec::new();
    known_keys(Path::new("src/config.rs"), &mut keys);
    known_keys(Path::new("src/config"), &mut keys);
    assert!(keys.len() >= 15, "{keys:?}");
    let words: Vec<&str> = file.split([' ', '{', '\n']).collect();
    keys.retain(|key| !words.contains(&format!("{key}:").as_str()));
    assert_eq!(keys, [""; 0], "add them to templates/init.yaml");
}

#[test]
fn a_file_is_its_owners_and_none_is_overwritten() {
    let file = folder("init-output").join("collector.yaml");
    let arguments = [
        "init",
        "--output",
        file.to_str().unwrap(),
        "--salt-config",
        "tests/config/masters/master",
    ];
    assert_eq!(collector(&arguments).status.code(), Some(0));
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let written = fs::read_to_string(&file).unwrap();
    assert_eq!(
        written,
        text(&collector(&["init", "--salt-config", "tests/config/masters/master"]).stdout)
    );
    fs::write(&file, "mine").unwrap();
    let again = collector(&arguments);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("File exists"));
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
}

/// What `check` says of what `init` prints for a master.
fn checked(salt_config: &str) -> (String, String) {
    let file = folder(&format!("init-{}", salt_config.replace('/', "-"))).join("collector.yaml");
    let salt_config = Path::new(env!("CARGO_MANIFEST_DIR")).join(salt_config);
    let salt_config = salt_config.to_str().unwrap();
    let file = file.to_str().unwrap();
    collector(&["init", "--salt-config", salt_config, "--output", file]);
    let check = collector(&["check", "--config", file]);
    assert_eq!(text(&check.stderr), "");
    (fs::read_to_string(file).unwrap(), text(&check.stdout))
}

#[test]
fn it_is_filled_in_with_what_the_master_says() {
    let (file, check) = checked("tests/config/masters/master");
    for found in [
        "\n# master: \"top\"\n",
        "  # sock_dir: \"/b\"\n",
        "  # user: salt\n",
        "  # max_event_size: 8388608\n",
    ] {
        assert!(file.contains(found), "{found}\n{file}");
    }
    assert!(file.contains("masters/master: what stands in the comments below."));
    assert_eq!(
        check,
        "ok: master top, cluster top, socket /b/master_event_pub.ipc, NATS nats://127.0.0.1:4222 as nobody\n"
    );
}

#[test]
fn without_a_master_it_says_so_and_what_must_be_known_stands_there() {
    let (file, check) = checked("tests/config/masters/nowhere");
    assert!(file.contains("\n# Nothing was found: "), "{file}");
    assert!(file.contains("\nmaster: \""), "{file}");
    assert!(check.contains("socket /var/run/salt/master/master_event_pub.ipc"));
}
