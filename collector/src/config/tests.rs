//! Files and what they become, or every mistake in them, word for word.
//! No file is read here but those that a case writes itself.

use super::*;

fn read(text: &str) -> Result<Config, String> {
    let mut mistakes = Mistakes::new(Path::new("c.yaml"));
    let config = Config::parse(text, "salt1", &mut mistakes);
    mistakes.or(config).map_err(|mistakes| mistakes.to_string())
}

/// A directory that goes away with the test.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Dir {
        let dir = std::env::temp_dir().join(format!("pillarbox-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        Dir(dir)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const MINIMAL: &str = "master: m1\nsalt: {config: /nowhere, sock_dir: /run/s}\n";

#[test]
fn every_mistake_is_said_at_once_with_its_place() {
    let check = |text: &str, expect: &[&str]| {
        let mistakes = read(text).unwrap_err();
        assert_eq!(mistakes.lines().collect::<Vec<_>>(), expect, "{text}");
    };
    let with = |rest: &str| format!("{MINIMAL}{rest}");
    check(
        "masterr: m1\nsalt:\n  sockdir: /run/s\n  config: /nowhere\nnats:\n  urls: nats://x\nqueue: lots\n",
        &[
            "c.yaml:1:1: masterr: unknown key; did you mean `master`?",
            "c.yaml:3:3: salt.sockdir: unknown key; did you mean `sock_dir`?",
            "c.yaml:4:11: salt.config: cannot read /nowhere: No such file or directory (os error 2); without it, `master` and `salt.sock_dir` must be set here",
            "c.yaml:6:3: nats.urls: unknown key; did you mean `url`?",
            "c.yaml:6:3: nats.url: missing; write it like nats://127.0.0.1:4222",
            "c.yaml:7:8: queue: `lots` is no size; write it like 64MiB",
        ],
    );
    check(
        &with("nats: {url: nats://a}\nhttp: localhost:9464\n"),
        &[
            "c.yaml:4:7: http: `localhost:9464` is no address with a port; write it like 127.0.0.1:9464, or 0.0.0.0:9464 for all the world",
        ],
    );
    check(
        &with("nats: {url: nats://a, slack: x}\n"),
        &[
            "c.yaml:3:23: nats.slack: unknown key; known are url, credentials, nkey_file, user, password_file, prefix",
        ],
    );
    check(
        &with("nats: {url: 'nats://me:secret@a'}\n"),
        &["c.yaml:3:13: nats.url: a password in a URL ends in logs; use user and password_file"],
    );
    check(
        &with("nats: {url: nats://a, user: me, nkey_file: /x}\n"),
        &["c.yaml:3:7: nats: use one of credentials, nkey_file, or user with password_file"],
    );
    check(
        &with("nats: {url: nats://a, user: me}\n"),
        &["c.yaml:3:29: nats.user: password_file is missing"],
    );
    check(
        &with("nats: {url: nats://a, credentials: /no/creds}\n"),
        &[
            "c.yaml:3:36: nats.credentials: cannot read /no/creds: No such file or directory (os error 2)",
        ],
    );
    check(
        &with("nats: {url: nats://a, prefix: A.B}\nqueue: 1MiB\n"),
        &[
            "c.yaml:3:31: nats.prefix: `A.B`: only A-Z a-z 0-9 _ -",
            "c.yaml:4:8: queue: at least 4 MiB, or one large return does not fit",
        ],
    );
    check(
        &with("nats: nats://a\n"),
        &[
            "c.yaml:3:7: nats: expected keys and values",
            "c.yaml:3:7: nats.url: missing; write it like nats://127.0.0.1:4222",
        ],
    );
    check(
        "master: [a]\nsalt: {config: /nowhere, sock_dir: /s, ipc_mode: pigeon, tcp_master_pub_port: x}\nnats: {url: nats://a}\n",
        &[
            "c.yaml:1:9: master: expected a text",
            "c.yaml:2:50: salt.ipc_mode: `pigeon` is neither ipc nor tcp",
            "c.yaml:2:79: salt.tcp_master_pub_port: `x` is no port",
        ],
    );
}

#[test]
fn what_is_no_yaml_is_one_mistake() {
    let mistakes = read("nats: {url: nats://a\nqueue: 1\n").unwrap_err();
    assert!(mistakes.starts_with("c.yaml:"), "{mistakes}");
    assert_eq!(mistakes.lines().count(), 1, "{mistakes}");
    let duplicate = read("queue: 64MiB\nqueue: 32MiB\n").unwrap_err();
    assert!(duplicate.starts_with("c.yaml:2:1: "), "{duplicate}");
}

#[test]
fn little_needs_to_be_said() {
    let config = read(&format!("{MINIMAL}nats: {{url: nats://a}}\n")).unwrap();
    assert_eq!(
        (config.master.as_str(), config.cluster.as_str()),
        ("m1", "m1")
    );
    assert_eq!(
        config.bus,
        Bus {
            socket: Socket::Unix("/run/s/master_event_pub.ipc".into()),
            max_frame: 16 << 20,
            user: "root".into(),
        }
    );
    assert_eq!(config.queue, 64 << 20);
    assert_eq!(config.topology().events_name(), "PILLARBOX_EVENTS");
    assert!(matches!(config.nats.login, Login::None));
}

#[test]
fn the_masters_own_file_says_the_rest_and_its_includes_win() {
    let dir = Dir::new("master");
    let file = dir.write(
        "master",
        "id: top\nuser: salt\nsock_dir: /a\nmax_event_size: 8388608\n",
    );
    dir.write("master.d/b.conf", "sock_dir: /b\n");
    dir.write("master.d/a.conf", "sock_dir: /c\n# only this\n");
    dir.write("master.d/ignored.bak", "sock_dir: /d\n");
    let text = |more: &str| {
        format!("salt: {{config: {file}{more}}}\nnats: {{url: [nats://a, nats://b]}}\n")
    };

    let config = read(&text("")).unwrap();
    assert_eq!(config.master, "top");
    assert_eq!(config.bus.user, "salt");
    assert_eq!(config.bus.max_frame, 32 << 20);
    assert_eq!(
        config.bus.socket,
        Socket::Unix("/b/master_event_pub.ipc".into())
    );
    assert_eq!(config.nats.servers.len(), 2);

    let config = read(&text(", sock_dir: /e, max_event_size: 1GiB")).unwrap();
    assert_eq!(
        config.bus.socket,
        Socket::Unix("/e/master_event_pub.ipc".into())
    );
    assert_eq!(config.bus.max_frame, 64 << 20, "never above the queue");
}

#[test]
fn a_master_without_an_id_has_the_hosts_name() {
    let dir = Dir::new("hostname");
    let file = dir.write("master", "# Salt's defaults\nipc_mode: tcp\n");
    let config = read(&format!(
        "salt: {{config: {file}}}\nnats: {{url: nats://a}}\n"
    ))
    .unwrap();
    assert_eq!(config.master, "salt1");
    assert_eq!(
        config.bus.socket,
        Socket::Tcp(([127, 0, 0, 1], 4512).into())
    );
}

#[test]
fn a_masters_file_that_is_no_yaml_is_named() {
    let dir = Dir::new("broken");
    let file = dir.write("master", "id: [x\n");
    let text =
        format!("master: m\nsalt: {{config: {file}, sock_dir: /s}}\nnats: {{url: nats://a}}\n");
    let mistakes = read(&text).unwrap_err();
    assert!(
        mistakes.starts_with(&format!("c.yaml:2:16: salt.config: {file}:")),
        "{mistakes}"
    );
}

#[test]
fn secrets_are_read_and_do_not_print() {
    let dir = Dir::new("secret");
    let file = dir.write("password", "hunter2\n");
    let text = format!("{MINIMAL}nats: {{url: nats://a, user: me, password_file: {file}}}\n");
    let config = read(&text).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
    let Login::Password(user, password) = config.nats.login else {
        panic!("a password")
    };
    use secrecy::ExposeSecret as _;
    assert_eq!((user.as_str(), password.expose_secret()), ("me", "hunter2"));
}

#[test]
fn the_pages_are_nowhere_unless_written() {
    let check = |line: &str, expect: Option<&str>| {
        let config = read(&format!("{MINIMAL}nats: {{url: nats://a}}\n{line}\n")).unwrap();
        assert_eq!(config.http.map(|at| at.to_string()).as_deref(), expect);
    };
    check("", None);
    check("http: 127.0.0.1:9464", Some("127.0.0.1:9464"));
    check("http: \"[::1]:0\"", Some("[::1]:0"));
}
