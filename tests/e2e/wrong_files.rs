//! A wrong configuration through the real programs: exit code 78, every mistake on standard error, and nothing connected.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use pillarbox_e2e::bus::Bus;
use pillarbox_e2e::process::Process;
use pillarbox_e2e::programs;
use pillarbox_e2e::scratch::Scratch;
use tokio::net::TcpListener;

const EX_CONFIG: i32 = 78;

/// Runs a program with a file; its exit code, and what it wrote to standard error.
async fn refused(program: &Path, file: &Path, scratch: &Scratch) -> (Option<i32>, String) {
    let errors = scratch.path().join("stderr");
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(r#"exec "$0" run --config "$1" 2> "$2""#);
    command.arg(program).arg(file).arg(&errors);
    let log = scratch.path().join("stdout");
    let mut process = Process::spawn("a program with a wrong file", &mut command, &log).unwrap();
    let status = process.wait(Duration::from_secs(20)).await.unwrap();
    let said = std::fs::read_to_string(&log).unwrap();
    assert_eq!(said, "", "mistakes belong on standard error");
    (status.code(), std::fs::read_to_string(&errors).unwrap())
}

/// A server that must see nobody.
async fn unvisited(listener: &TcpListener) {
    let waiting = tokio::time::timeout(Duration::from_millis(100), listener.accept()).await;
    assert!(waiting.is_err(), "a connection in spite of a wrong file");
}

#[tokio::test]
async fn a_wrong_notifier_file_is_refused_as_a_whole() {
    let scratch = Scratch::new().unwrap();
    let nats = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = nats.local_addr().unwrap();
    let file = format!(
        "nats: {{ url: nats://{url} }}\nreceivers:\n  - name: ops-slack\n    slack: {{ webhook_url_file: nowhere }}\n\
         routes:\n  - name: audit\n    on: begin\n    match: {{ target: !saltmaster, outcome: faild }}\n    receivers: [ops-slak]\n\
         \x20   finish_afer: 1h\n"
    );
    let file = scratch.file("notifier.yml", &file).unwrap();
    let program = programs::built().await.unwrap().notifier;
    let (code, errors) = refused(&program, &file, &scratch).await;
    let file = file.display();
    let expected = format!(
        "{file}:4:32: {}/nowhere, the file for `webhook_url_file`, cannot be read: No such file or directory (os error 2); check the path and its rights
{file}:7:9: `begin` is no choice for `on`; choose from `start`, `return`, `finish`
{file}:8:22: YAML reads `!saltmaster` as a tag; quote it: \"!saltmaster\"
{file}:8:44: `faild` matches no outcome; did you mean `failed`?
{file}:9:17: there is no receiver `ops-slak`; did you mean `ops-slack`?
{file}:10:5: a route has no key `finish_afer`; did you mean `finish_after`?
",
        scratch.path().display()
    );
    assert_eq!(errors.trim_end(), expected.trim_end());
    assert_eq!(code, Some(EX_CONFIG));
    unvisited(&nats).await;
}

#[tokio::test]
async fn a_wrong_collector_file_is_refused_as_a_whole() {
    let scratch = Scratch::new().unwrap();
    let nats = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = nats.local_addr().unwrap();
    let bus = Bus::start(&scratch.dir("salt").unwrap()).unwrap();
    let sock_dir = bus.sock_dir().display();
    let file = format!(
        "master: salt1\ncluster: [prod]\nsalt: {{ sock_dir: \"{sock_dir}\", confg: x }}\nnats: {{ url: nats://{url}, credentials: nowhere }}\nqueue: 1KiB\n"
    );
    let file = scratch.file("collector.yml", &file).unwrap();
    let program = programs::built().await.unwrap().collector;
    let (code, errors) = refused(&program, &file, &scratch).await;
    let file = file.display();
    let expected = format!(
        "{file}:2:10: `cluster` is a list; it must be a text
{file}:3:43: `salt` has no key `confg`; did you mean `config`?
{file}:4:51: {}/nowhere, the file for `credentials`, cannot be read: No such file or directory (os error 2); check the path and its rights
{file}:5:8: `queue` is 1KiB; it must be at least 4MiB, or one large return does not fit
",
        scratch.path().display()
    );
    assert_eq!(without_columns(&errors), without_columns(&expected));
    assert_eq!(code, Some(EX_CONFIG));
    assert_eq!(bus.connections(), 0);
    unvisited(&nats).await;
}

/// Ports and scratch directories differ in length from run to run, and with them the columns behind them.
fn without_columns(errors: &str) -> Vec<String> {
    let line = |line: &str| {
        let (place, what) = line.split_once(": ").unwrap_or_default();
        let (place, _) = place.rsplit_once(':').unwrap_or_default();
        format!("{place}: {what}")
    };
    errors
        .lines()
        .filter(|it| !it.is_empty())
        .map(line)
        .collect()
}
