//! Synced writes of a process, counted while it runs: strace is attached to it, and what it saw is sorted by stream.
//! It measures no time: a process that is traced is slower, so rates are taken in a pass of their own.
//!
//! nats-server 2.15.1 makes a write durable in two ways. A message, and the tombstone of a deleted one, is a `pwrite64`
//! into a block of `msgs/`, followed by an `fsync` if `sync_interval` is `always`. The state of a consumer below `obs/` is
//! a new file opened with `O_SYNC`, written at once, renamed, and then its directory is synced. Hence what is counted: every
//! `fsync` and `fdatasync`, and every file opened with `O_SYNC` or `O_DSYNC`, as one each. (An atomic batch is staged below
//! `batches/` first: six synced writes, whatever its size.)

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::process::Process;
use crate::scratch::Scratch;
use crate::wait;

const ATTACHED: Duration = Duration::from_secs(20);
const GRACE: Duration = Duration::from_secs(20);

/// What a synced write made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// A message, or that one is gone.
    Messages,
    /// Which messages a consumer has handed out and which are acknowledged.
    Consumers,
    /// Anything else.
    Other,
}

/// Synced writes by stream and kind; what belongs to no stream stands under the empty name.
pub type Synced = BTreeMap<(String, What), u64>;

/// strace, attached.
#[derive(Debug)]
pub struct Counting {
    strace: Process,
    seen: PathBuf,
}

impl Counting {
    /// Attaches to a process, and returns when everything that it does from now on is counted.
    ///
    /// # Errors
    /// When strace is not there, or may not attach.
    pub async fn attach(pid: i32, scratch: &Scratch) -> anyhow::Result<Self> {
        let mut version = Command::new("strace");
        version.arg("--version").stdout(Stdio::null());
        version.stderr(Stdio::null());
        if !version.status().is_ok_and(|status| status.success()) {
            bail!(
                "this needs strace, which the package `strace` brings: apt-get install strace, or dnf install strace"
            );
        }
        let (seen, log) = (
            scratch.path().join("strace.out"),
            scratch.path().join("strace.log"),
        );
        let mut command = Command::new("strace");
        command.args(["-f", "-y", "-e", "trace=openat,fsync,fdatasync", "-o"]);
        command.arg(&seen).arg("-p").arg(pid.to_string());
        let mut strace = Process::spawn("strace", &mut command, &log)?;
        let attached = wait::until(ATTACHED, "strace to attach", async || {
            match strace.still_runs() {
                Err(ended) => Some(Err(ended)),
                Ok(()) => strace.last_lines(9).contains("attached").then_some(Ok(())),
            }
        });
        attached.await.and_then(|done| done).context(
            "strace cannot attach: run this as root, or set kernel.yama.ptrace_scope to 0",
        )?;
        Ok(Self { strace, seen })
    }

    /// Lets go of the process, and sorts what was seen.
    ///
    /// # Errors
    /// When strace does not end, or its output cannot be read.
    pub async fn detach(mut self) -> anyhow::Result<Synced> {
        self.strace.still_runs()?;
        self.strace.terminate(GRACE).await?; // whatever its status: it ends by the signal that we sent
        let seen = std::fs::read(&self.seen).context("strace wrote nothing")?;
        Ok(sorted(&String::from_utf8_lossy(&seen)))
    }
}

fn sorted(seen: &str) -> Synced {
    let mut synced = Synced::new();
    for path in seen.lines().filter_map(synced_path) {
        *synced.entry(place(path)).or_default() += 1;
    }
    synced
}

/// The path that a line of strace's says was synced. A call that another thread interrupts is named when it begins.
fn synced_path(line: &str) -> Option<&str> {
    let (_pid, call) = line.split_once(' ')?;
    let (name, arguments) = call.trim_start().split_once('(')?;
    match name {
        "fsync" | "fdatasync" => {
            let (_descriptor, path) = arguments.split_once('<')?;
            Some(path.split_once('>')?.0)
        }
        "openat" => {
            let (_directory, path) = arguments.split_once('"')?;
            let (path, flags) = path.split_once('"')?;
            (flags.contains("O_SYNC") || flags.contains("O_DSYNC")).then_some(path)
        }
        _ => None,
    }
}

/// `…/streams/<stream>/{msgs,obs,…}/…`
fn place(path: &str) -> (String, What) {
    let Some((_, path)) = path.split_once("/streams/") else {
        return (String::new(), What::Other);
    };
    let mut parts = path.split('/');
    let stream = parts.next().unwrap_or_default().to_owned();
    let what = match parts.next() {
        Some("msgs") => What::Messages,
        Some("obs") => What::Consumers,
        _ => What::Other,
    };
    (stream, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_strace_are_sorted() {
        let seen = r#"101   fsync(9</s/jetstream/$G/streams/A/msgs/1.blk>) = 0
102   fsync(9</s/jetstream/$G/streams/A/msgs/1.blk> <unfinished ...>
101   openat(AT_FDCWD</s>, "/proc/101/stat", O_RDONLY|O_CLOEXEC) = 8</proc/101/stat>
102   <... fsync resumed>)              = 0
101   openat(AT_FDCWD</s>, "/s/jetstream/$G/streams/A/obs/c/o.dat.tmp", O_WRONLY|O_CREAT|O_TRUNC|O_SYNC|O_CLOEXEC, 0600 <unfinished ...>
101   <... openat resumed>)             = 8</s/jetstream/$G/streams/A/obs/c/o.dat.tmp>
101   fsync(8</s/jetstream/$G/streams/A/obs/c>) = 0
103   fdatasync(7</s/elsewhere>)        = 0
101   fsync(8</s/jetstream/$G/streams/A/index.db>) = 0
101   +++ exited with 0 +++
"#;
        let expect = [
            ((String::new(), What::Other), 1),
            (("A".to_owned(), What::Messages), 2),
            (("A".to_owned(), What::Consumers), 2),
            (("A".to_owned(), What::Other), 1),
        ];
        assert_eq!(sorted(seen), Synced::from(expect));
    }
}
