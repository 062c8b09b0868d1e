//! Processes: a group ends as a whole, by every way in which it can end.
//! Which programs run does not matter here; they are shells.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::kill;
use nix::unistd::Pid;
use pillarbox_e2e::process::{Process, run};
use pillarbox_e2e::scratch::Scratch;
use pillarbox_e2e::wait::until;

const SOON: Duration = Duration::from_secs(10);

/// A shell with a child of its own, whose id it writes into a file.
async fn family(scratch: &Scratch, script: &str) -> (Process, Pid) {
    let file = scratch.path().join("child");
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(script).env("CHILD", &file);
    let process = Process::spawn("sh", &mut shell, &scratch.path().join("log")).unwrap();
    let child = until(SOON, "the child's id", async || number(&file))
        .await
        .unwrap();
    (process, Pid::from_raw(child))
}

fn number(file: &Path) -> Option<i32> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}

async fn gone(id: Pid) {
    until(SOON, "the child to be gone", async || {
        kill(id, None).is_err().then_some(())
    })
    .await
    .unwrap();
}

const PLAIN: &str = "sleep 1000 & echo $! > $CHILD; wait";
const DEAF: &str = "trap '' TERM; (trap '' TERM; sleep 1000) & echo $! > $CHILD; wait";

#[tokio::test]
async fn dropping_a_process_ends_its_family() {
    let scratch = Scratch::new().unwrap();
    let (process, child) = family(&scratch, PLAIN).await;
    drop(process);
    gone(child).await;
}

#[tokio::test]
async fn kill_9_and_terminate_end_a_family() {
    let scratch = Scratch::new().unwrap();
    let (mut process, child) = family(&scratch, PLAIN).await;
    process.kill_9().await.unwrap();
    assert!(process.still_runs().is_err());
    gone(child).await;
    std::fs::remove_file(scratch.path().join("child")).unwrap();
    let (mut process, child) = family(&scratch, PLAIN).await;
    process.terminate(SOON).await.unwrap();
    gone(child).await;
}

#[tokio::test]
async fn who_does_not_hear_sigterm_is_killed_and_reported() {
    let scratch = Scratch::new().unwrap();
    let (mut process, child) = family(&scratch, DEAF).await;
    process
        .terminate(Duration::from_millis(300))
        .await
        .unwrap_err();
    gone(child).await;
}

#[tokio::test]
async fn what_a_command_writes_is_handed_over_and_its_failure_told() {
    let scratch = Scratch::new().unwrap();
    let mut lines = Vec::new();
    let mut shell = Command::new("sh");
    shell.args(["-c", "echo one; echo two >&2; exit 3"]);
    let log = scratch.path().join("log");
    let failed = run("a shell", &mut shell, &log, |line| {
        lines.push(line.to_owned())
    })
    .await;
    assert_eq!(lines, ["one", "two"]);
    assert_eq!(
        failed.unwrap_err().to_string(),
        "a shell failed (exit status: 3):\none\ntwo"
    );
}
