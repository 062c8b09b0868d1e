//! Configuration files and what is said of them: `config/<case>.yaml` and, word for word, `config/<case>.expect`.
//! No mistake is made up in Rust: a new case is a new file, and `UPDATE_EXPECT=1` writes what is said of it.

#![expect(clippy::unwrap_used, reason = "a test may fail by it")]

use std::fs;
use std::path::{Path, PathBuf};

use pillarbox_collector::command::check::verdict;
use pillarbox_collector::config::{Bus, Config, Login, Mistakes, Socket};

fn load(path: &Path) -> Result<Config, Mistakes> {
    Config::read(path, "the-host")
}

fn case(name: &str) -> Config {
    load(&Path::new("tests/config").join(name)).unwrap()
}

fn cases() -> Vec<PathBuf> {
    let entries = fs::read_dir("tests/config").unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut cases: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "yaml"))
        .collect();
    cases.sort();
    cases
}

fn said_of(path: &Path) -> String {
    match load(path) {
        Ok(config) => format!("{}\n", verdict(&config)),
        Err(mistakes) => format!("{mistakes}\n"),
    }
}

#[test]
fn every_file_is_judged_word_for_word() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut different = Vec::new();
    for case in cases() {
        let (said, expect) = (said_of(&case), case.with_extension("expect"));
        if update {
            fs::write(&expect, &said).unwrap();
        } else if fs::read_to_string(&expect).unwrap_or_default() != said {
            different.push(format!("{}:\n{said}", case.display()));
        }
    }
    assert!(
        different.is_empty(),
        "UPDATE_EXPECT=1 rewrites\n{}",
        different.join("\n")
    );
}

#[test]
fn no_secret_is_ever_shown() {
    for case in cases() {
        let shown = match load(&case) {
            Ok(config) => format!("{config:?} {config:#?}"),
            Err(mistakes) => format!("{mistakes} {mistakes:?}"),
        };
        assert!(!shown.contains("hunter2"), "{}", case.display());
    }
}

#[test]
fn little_needs_to_be_said() {
    let config = case("minimal.yaml");
    assert_eq!((&*config.master, &*config.cluster), ("m1", "m1"));
    let bus = Bus {
        socket: Socket::Unix("/run/s/master_event_pub.ipc".into()),
        max_frame: 16 << 20,
        user: "root".into(),
    };
    assert_eq!(config.bus, bus);
    assert_eq!(config.queue, 64 << 20);
    assert_eq!(config.topology().events_name(), "PILLARBOX_EVENTS");
    assert_eq!(config.nats.login, Login::None);
}

#[test]
fn the_masters_own_file_says_the_rest_and_its_includes_win() {
    let config = case("masters_own.yaml");
    assert_eq!((&*config.master, &*config.bus.user), ("top", "salt"));
    assert_eq!(config.bus.max_frame, 32 << 20);
    let socket = Socket::Unix("/b/master_event_pub.ipc".into());
    assert_eq!(config.bus.socket, socket);
}

#[test]
fn what_is_written_wins_over_the_masters_own_file() {
    let config = case("full.yaml");
    assert_eq!((&*config.master, &*config.cluster), ("m1", "prod"));
    let socket = Socket::Unix("/e/master_event_pub.ipc".into());
    assert_eq!(config.bus.socket, socket);
    assert_eq!(config.bus.max_frame, 32 << 20, "never above the queue");
    assert_eq!(config.nats.servers.len(), 2);
    assert_eq!(config.topology().events_name(), "TEAM_A_EVENTS");
    assert!(matches!(&config.nats.login, Login::Password(user, _) if user == "me"));
}

#[test]
fn a_master_without_an_id_has_the_hosts_name() {
    let config = case("without_id.yaml");
    assert_eq!(config.master, "the-host");
    let socket = Socket::Tcp(([127, 0, 0, 1], 4512).into());
    assert_eq!(config.bus.socket, socket);
}

#[test]
fn a_secret_that_everyone_can_read_is_warned_about() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("rights");
    fs::create_dir_all(&folder).unwrap();
    let (file, secret) = (folder.join("collector.yaml"), folder.join("seed"));
    let minimal = fs::read_to_string("tests/config/minimal.yaml").unwrap();
    let with = minimal.replace("nats://a }", "nats://a, nkey_file: seed }");
    fs::write(&file, with).unwrap();
    fs::write(&secret, "hunter2\n").unwrap();
    let warnings_at = |mode: u32| {
        fs::set_permissions(&secret, fs::Permissions::from_mode(mode)).unwrap();
        let warnings = load(&file).unwrap().remarks.warnings;
        warnings.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(warnings_at(0o640), [""; 0]);
    let warnings = warnings_at(0o644);
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].ends_with("seed can be read by every user of this host; `chmod o-r` it"));
}
