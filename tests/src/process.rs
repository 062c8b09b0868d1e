//! A child process with all its descendants: started in a process group of its own, ended as a group.
//! It does not know what the process is; it writes to a log, it runs, and it ends.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::{reaper, wait};

/// How long a process that is dropped may take to end by itself after SIGTERM.
const LAST_BREATH: Duration = Duration::from_millis(1500);
/// Variables with secrets for the demo itself: whatever it starts gets a file, or nothing.
pub(crate) const SECRETS: [&str; 2] = ["SLACK_WEBHOOK_URL", "SMTP_URL"];
const STEP: Duration = Duration::from_millis(10);

/// A running (or ended) child; dropping it ends its whole group.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    group: Pid,
    log: PathBuf,
    status: Option<ExitStatus>,
    /// Nothing of the group is left, and its number may be somebody else's.
    gone: bool,
}

impl Process {
    /// Starts the command without standard input; what it writes is appended to the file `log`.
    ///
    /// # Errors
    /// When the program or its log cannot be opened.
    pub fn spawn(name: &str, command: &mut Command, log: &Path) -> anyhow::Result<Self> {
        let out = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("cannot open {}", log.display()))?;
        for secret in SECRETS {
            command.env_remove(secret);
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .process_group(0)
            .spawn();
        let program = command.get_program().to_string_lossy().into_owned();
        let child = child.with_context(|| format!("cannot start {name} ({program})"))?;
        let id = i32::try_from(child.id()).context("a process id beyond i32")?;
        let process = Self {
            name: name.to_owned(),
            child,
            group: Pid::from_raw(id),
            log: log.to_owned(),
            status: None,
            gone: false,
        };
        reaper::watch_group(id)?;
        Ok(process)
    }

    /// The process id, which is also the id of its group.
    #[must_use]
    pub fn id(&self) -> i32 {
        self.group.as_raw()
    }

    /// The file that holds what it wrote.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Its exit status, once it has ended.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        if self.status.is_none() {
            self.status = self.child.try_wait()?;
        }
        Ok(self.status)
    }

    /// Fails with the end of its log if it no longer runs.
    ///
    /// # Errors
    /// When it has ended.
    pub fn still_runs(&mut self) -> anyhow::Result<()> {
        match self.ended()? {
            None => Ok(()),
            Some(status) => bail!("{} ended ({status}):\n{}", self.name, self.last_lines(20)),
        }
    }

    /// The end of its log.
    #[must_use]
    pub fn last_lines(&self, count: usize) -> String {
        let text =
            String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(count)..].join("\n")
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it still runs after `deadline`.
    pub async fn wait(&mut self, deadline: Duration) -> anyhow::Result<ExitStatus> {
        let what = format!("{} to end", self.name);
        wait::until(deadline, &what, async || self.ended().transpose()).await?
    }

    /// `kill -9` to the whole group, and waits until it is gone.
    ///
    /// # Errors
    /// When it outlives that.
    pub async fn kill_9(&mut self) -> anyhow::Result<()> {
        self.signal(Signal::SIGKILL);
        self.wait(Duration::from_secs(10)).await?;
        self.forget();
        Ok(())
    }

    /// SIGTERM to the whole group, and waits until it has ended by itself.
    ///
    /// # Errors
    /// When it still runs after `grace`; then it is killed.
    pub async fn terminate(&mut self, grace: Duration) -> anyhow::Result<ExitStatus> {
        self.signal(Signal::SIGTERM);
        let status = self.wait(grace).await;
        self.signal(Signal::SIGKILL);
        if status.is_err() {
            self.wait(Duration::from_secs(10)).await?;
        }
        self.forget();
        status
    }

    /// Sends a signal to every process of the group; nobody left is fine.
    pub fn signal(&self, signal: Signal) {
        if !self.gone {
            let _nobody_left = killpg(self.group, signal);
        }
    }

    fn forget(&mut self) {
        self.gone = true;
        let _reaper_gone = reaper::forget_group(self.id());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.ended(), Ok(None)) {
            self.signal(Signal::SIGTERM);
            let mut left = LAST_BREATH;
            while !left.is_zero() && matches!(self.ended(), Ok(None)) {
                #[expect(clippy::disallowed_methods, reason = "`Drop` cannot await")]
                std::thread::sleep(STEP);
                left = left.saturating_sub(STEP);
            }
        }
        self.signal(Signal::SIGKILL);
        let _already_waited_for = self.child.wait();
        self.forget();
    }
}

/// Runs a command to its end and hands each line that it writes to `line` while it runs.
///
/// # Errors
/// When it cannot be started or fails; the error holds the end of what it wrote. Dropped before its end, it is killed.
pub async fn run(
    name: &str,
    command: &mut Command,
    log: &Path,
    mut line: impl FnMut(&str),
) -> anyhow::Result<()> {
    let mut process = Process::spawn(name, command, log)?;
    let mut shown = 0;
    let status = loop {
        let ended = process.ended()?;
        let text = std::fs::read(log)?;
        let whole = text
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        if whole > shown {
            String::from_utf8_lossy(&text[shown..whole])
                .lines()
                .for_each(&mut line);
            shown = whole;
        }
        if let Some(status) = ended {
            break status;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    if !status.success() {
        bail!("{name} failed ({status}):\n{}", process.last_lines(30));
    }
    Ok(())
}
