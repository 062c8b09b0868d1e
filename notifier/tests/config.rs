//! Configuration files and what is said of them: `config/<case>.yaml` and, word for word, `config/<case>.expect`.
//! No mistake is made up in Rust: a new case is a new file, and `UPDATE_EXPECT=1` writes what is said of it.

#![expect(clippy::unwrap_used, reason = "a test may fail by it")]

use std::fs;
use std::path::{Path, PathBuf};

use pillarbox_notifier::command::check::verdict;
use pillarbox_notifier::config::{Config, Login, load};
use pillarbox_notifier::receiver::{OnAmbiguous, Transport};
use pillarbox_notifier::route::{Moment, Taken};
use std::time::Duration;

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
        for secret in [
            "hooks.slack.example",
            "T0SECRET",
            "correct horse",
            "hunter2",
        ] {
            assert!(!shown.contains(secret), "{secret} in {}", case.display());
        }
    }
}

fn full() -> Config {
    load(Path::new("tests/config/full.yaml")).unwrap()
}

#[test]
fn a_full_file_becomes_what_it_says() {
    let config = full();
    assert_eq!(config.nats.servers.len(), 2);
    assert!(matches!(&config.nats.login, Login::Password(user, _) if user == "notifier"));
    assert_eq!(config.topology.prefix, "TEAM_A_");
    assert_eq!(config.topology.replicas, 3);
    assert_eq!(config.group.token().as_str(), "team-a");
    assert_eq!(config.timezone.iana_name(), Some("Europe/Berlin"));
    assert_eq!(config.quiet_after, Duration::from_secs(20));
    assert_eq!(config.gather, Duration::from_secs(600));
    let [slack, mail] = &config.receivers[..] else {
        panic!("{:?}", config.receivers)
    };
    assert_eq!(slack.deadline, Duration::from_secs(24 * 3600));
    assert_eq!(mail.deadline, Duration::from_secs(5400));
    assert_eq!(mail.on_ambiguous, OnAmbiguous::Hold);
    let Transport::Email(mailbox) = &mail.transport else {
        panic!("{mail:?}")
    };
    assert_eq!(
        (mailbox.smtp.host.as_str(), mailbox.smtp.port),
        ("mail.example.com", 465)
    );
    assert_eq!(mailbox.to.len(), 2);
}

#[test]
fn routes_keep_their_order_and_their_matchers() {
    let config = full();
    let [audit, commands, failures] = &config.routes[..] else {
        panic!("{:?}", config.routes)
    };
    assert_eq!((audit.on, failures.on), (Moment::Start, Moment::Finish));
    assert_eq!(audit.matchers.fun.patterns().len(), 3);
    assert!(!commands.matchers.target.matches("saltmaster"));
    assert!(failures.wants(Taken::Missing) && failures.goes_on);
    assert_eq!(failures.finish_after, Duration::from_secs(5400));
    let told: Vec<_> = config.transports_of(failures).collect();
    assert_eq!(told, [("ops-slack", "slack"), ("ops-mail", "email")]);
}

#[test]
fn the_hash_is_of_what_the_routes_mean() {
    let minimal = |name: &str| load(&Path::new("tests/config").join(name)).unwrap().hash;
    assert_eq!(minimal("minimal.yaml"), minimal("minimal_spelt_out.yaml"));
    assert_ne!(minimal("minimal.yaml"), full().hash);
}

#[test]
fn a_secret_that_everyone_can_read_is_warned_about() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("rights");
    fs::create_dir_all(&folder).unwrap();
    let (file, secret) = (folder.join("notifier.yaml"), folder.join("hook"));
    let minimal = fs::read_to_string("tests/config/minimal.yaml").unwrap();
    fs::write(&file, minimal.replace("secrets/webhook", "hook")).unwrap();
    fs::write(&secret, "https://hooks.slack.example/T0SECRET\n").unwrap();
    let warnings_at = |mode: u32| {
        fs::set_permissions(&secret, fs::Permissions::from_mode(mode)).unwrap();
        let config = load(&file).unwrap();
        let lines = config.remarks.warnings.iter().map(ToString::to_string);
        lines.collect::<Vec<String>>()
    };
    assert_eq!(warnings_at(0o640), [""; 0]);
    let warnings = warnings_at(0o644);
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].ends_with("hook can be read by every user of this host; `chmod o-r` it"));
}

#[test]
fn a_token_that_is_no_bots_is_warned_about() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("tokens");
    fs::create_dir_all(&folder).unwrap();
    let (file, secret) = (folder.join("notifier.yaml"), folder.join("token"));
    let minimal = fs::read_to_string("tests/config/minimal.yaml").unwrap();
    let written = "webhook_url_file: secrets/webhook";
    assert!(minimal.contains(written));
    let bot = "token_file: token, channel: \"#ops\"";
    fs::write(&file, minimal.replace(written, bot)).unwrap();
    let warnings_with = |token: &str| {
        fs::write(&secret, token).unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
        let config = load(&file).unwrap();
        let lines = config.remarks.warnings.iter().map(ToString::to_string);
        lines.collect::<Vec<String>>()
    };
    assert_eq!(warnings_with("xoxb-1\n"), [""; 0]);
    for other in ["xoxp-hunter2", "xapp-hunter2", "hunter2"] {
        let warnings = warnings_with(other);
        assert_eq!(warnings.len(), 1);
        assert!(
            warnings[0].contains("does not begin with xoxb-"),
            "{warnings:?}"
        );
        assert!(!warnings[0].contains("hunter2"));
    }
}
