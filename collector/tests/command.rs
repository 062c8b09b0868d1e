//! The program itself: what it prints, and the code that it ends with.
//! It connects to nothing: what needs a master or a server is tested elsewhere.
#![expect(clippy::unwrap_used, reason = "a test may fail by it")]

use std::path::PathBuf;
use std::process::{Command, Output};

/// A file that goes away with the test.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> File {
        let path = std::env::temp_dir().join(format!("pillarbox-{name}-{}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        File(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn collector(command: &str, file: &File) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_pillarbox-collector"));
    program.arg(command).arg("--config").arg(&file.0);
    program.env_remove("RUST_LOG").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn check_says_what_the_file_comes_to() {
    let file = File::new(
        "check-ok",
        "master: m1\ncluster: prod\nsalt: {config: /nowhere, sock_dir: /run/s}\nnats: {url: nats://a}\n",
    );
    let output = collector("check", &file);
    assert_eq!(
        text(&output.stdout),
        "ok: master m1, cluster prod, socket /run/s/master_event_pub.ipc, NATS nats://a:4222 as nobody\n"
    );
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn both_commands_refuse_a_file_with_mistakes_alike() {
    let file = File::new(
        "check-bad",
        "master: m1\nqueue: lots\nsalt: {config: /nowhere, sock_dir: /run/s}\n",
    );
    let path = file.0.display();
    let expect = format!(
        "{path}:1:1: the file needs `nats`; write where it is, like nats: {{ url: nats://nats.example.com:4222 }}\n{path}:2:8: `lots` is no size for `queue`; write it like 64MiB\n"
    );
    for command in ["check", "run"] {
        let output = collector(command, &file);
        assert_eq!(text(&output.stderr), expect, "{command}");
        assert_eq!(text(&output.stdout), "");
        assert_eq!(output.status.code(), Some(78), "{command}");
    }
}
