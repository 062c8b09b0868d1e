//! A real Salt master and its minions, as whoever runs this, on 127.0.0.1 and below one short directory.
//! It reads no event and judges no return; it only runs Salt.

mod burst;
mod config;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::process::Process;
use crate::scratch::Scratch;
use crate::{bus, ports, progress, tools, wait};

const READY: Duration = Duration::from_secs(180);
const COMMAND: Duration = Duration::from_secs(90);
const GRACE: Duration = Duration::from_secs(15);

/// A running master with its minions.
#[derive(Debug)]
pub struct Salt {
    minions: BTreeMap<String, Option<Process>>,
    master: Option<Process>,
    programs: PathBuf,
    commands: AtomicUsize,
    scratch: Scratch,
}

/// What a `salt` command did.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The job's id, if a job was started.
    pub jid: Option<String>,
    /// What was printed.
    pub output: String,
}

impl Salt {
    /// Starts a master and minions with these ids, and waits until each of them has answered a `test.ping`.
    ///
    /// # Errors
    /// When Salt cannot be installed, or does not come up.
    pub async fn start(ids: &[&str]) -> anyhow::Result<Self> {
        let programs = tools::salt().await?;
        let scratch = Scratch::new()?;
        let ports = config::Ports {
            publish: ports::free()?,
            ret: ports::free()?,
        };
        config::write(&scratch, &ports, ids)?;
        let minions = ids.iter().map(|id| ((*id).to_owned(), None)).collect();
        let mut salt = Self {
            minions,
            master: None,
            programs,
            commands: AtomicUsize::new(0),
            scratch,
        };
        salt.start_master().await?;
        for id in ids {
            salt.launch(id)?;
        }
        salt.answered().await?;
        Ok(salt)
    }

    /// Starts the master and waits until its event bus takes connections.
    ///
    /// # Errors
    /// When it ends or does not get that far.
    pub async fn start_master(&mut self) -> anyhow::Result<()> {
        let mut process = self.daemon("salt-master", "master", &self.master_config())?;
        let socket = self.sock_dir().join(bus::SOCKET);
        wait::until(READY, "the master's event bus", async || {
            match process.still_runs() {
                Err(ended) => Some(Err(ended)),
                Ok(()) => tokio::net::UnixStream::connect(&socket)
                    .await
                    .ok()
                    .map(|_| Ok(())),
            }
        })
        .await??;
        self.master = Some(process);
        Ok(())
    }

    /// Ends the master.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn stop_master(&mut self) -> anyhow::Result<()> {
        match self.master.take() {
            Some(mut master) => master.terminate(GRACE).await.map(|_| ()),
            None => Ok(()),
        }
    }

    /// Starts a minion that was stopped, and waits until it answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn start_minion(&mut self, id: &str) -> anyhow::Result<()> {
        self.launch(id)?;
        self.answered().await
    }

    /// Ends a minion with `kill -9` (asked to end, it takes its time): from now on it does not answer.
    ///
    /// # Errors
    /// When it outlives that.
    pub async fn stop_minion(&mut self, id: &str) -> anyhow::Result<()> {
        match self.minions.get_mut(id).and_then(Option::take) {
            Some(mut minion) => minion.kill_9().await,
            None => bail!("no minion `{id}` runs"),
        }
    }

    /// `salt` with these arguments: `["*", "state.apply", "motd"]`. That Salt's exit code says a job failed is no error.
    ///
    /// # Errors
    /// When the command cannot be started or does not end.
    pub async fn run(&self, arguments: &[&str]) -> anyhow::Result<Ran> {
        self.program("salt", &[&["--verbose"], arguments].concat())
            .await
    }

    /// Another of Salt's programs, with the master's configuration: `salt-run`, `salt-call`, `salt-key`.
    ///
    /// # Errors
    /// When the command cannot be started or does not end.
    pub async fn program(&self, program: &str, arguments: &[&str]) -> anyhow::Result<Ran> {
        let number = self.commands.fetch_add(1, Ordering::Relaxed);
        let log = self.scratch.path().join(format!("command-{number}.out"));
        let mut command = Command::new(self.programs.join(program));
        command.arg("-c").arg(self.master_config()).args(arguments);
        let mut process = Process::spawn(program, &mut command, &log)?;
        process.wait(COMMAND).await?;
        let output = std::fs::read_to_string(&log).context("what Salt printed is not UTF-8")?;
        let announced = "Executing job with jid ";
        let jid = output.lines().find_map(|line| line.strip_prefix(announced));
        Ok(Ran {
            jid: jid.map(|jid| jid.trim().to_owned()),
            output,
        })
    }

    /// Puts a file into the master's state tree: `("motd.sls", "…")`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn state(&self, name: &str, content: &str) -> anyhow::Result<()> {
        self.scratch
            .file(&format!("srv/{name}"), content)
            .map(|_| ())
    }

    /// The directory of the master's configuration, for `salt -c`.
    #[must_use]
    pub fn master_config(&self) -> PathBuf {
        self.scratch.path().join("etc")
    }

    /// Where the master's sockets are.
    #[must_use]
    pub fn sock_dir(&self) -> PathBuf {
        self.scratch.path().join("run")
    }

    /// Where the master keeps its jobs.
    #[must_use]
    pub fn cachedir(&self) -> PathBuf {
        self.scratch.path().join("cache")
    }

    /// Where `salt` and the other programs are.
    #[must_use]
    pub fn programs(&self) -> &Path {
        &self.programs
    }

    fn launch(&mut self, id: &str) -> anyhow::Result<()> {
        let config = self.scratch.path().join(id).join("etc");
        let process = self.daemon("salt-minion", id, &config)?;
        self.minions.insert(id.to_owned(), Some(process));
        Ok(())
    }

    fn daemon(&self, program: &str, name: &str, config: &Path) -> anyhow::Result<Process> {
        let mut command = Command::new(self.programs.join(program));
        command.arg("-c").arg(config);
        let log = self.scratch.path().join(format!("{name}.out"));
        Process::spawn(program, &mut command, &log)
    }

    /// Waits until every minion that runs has answered a `test.ping`.
    async fn answered(&mut self) -> anyhow::Result<()> {
        let running: Vec<String> = self
            .minions
            .iter()
            .filter(|(_, process)| process.is_some())
            .map(|(id, _)| id.clone())
            .collect();
        let target = running.join(",");
        wait::until(
            READY,
            &format!("{target} to answer a test.ping"),
            async || {
                if let Err(ended) = self.all_run() {
                    return Some(Err(ended));
                }
                let ping = ["-t", "3", "--out=txt", "-L", &target, "test.ping"];
                let answer = match self.program("salt", &ping).await {
                    Ok(ran) => ran.output,
                    Err(error) => return Some(Err(error)),
                };
                let up = running
                    .iter()
                    .filter(|id| answer.contains(&format!("{id}: True")))
                    .count();
                progress::at("salt", &format!("{up} of {} minions answer", running.len()));
                (up == running.len()).then_some(Ok(()))
            },
        )
        .await?
    }

    fn all_run(&mut self) -> anyhow::Result<()> {
        let daemons = self
            .minions
            .values_mut()
            .flatten()
            .chain(self.master.as_mut());
        daemons.into_iter().try_for_each(Process::still_runs)
    }
}

impl Drop for Salt {
    fn drop(&mut self) {
        for daemon in self.minions.values().flatten().chain(self.master.as_ref()) {
            daemon.signal(Signal::SIGTERM); // all at once, so that they end side by side
        }
        self.minions.clear();
        self.master = None;
        for stray in strays(self.scratch.path()) {
            let _already_gone = kill(stray, Signal::SIGKILL);
        }
    }
}

/// Processes that a minion made for a job and that left its process group: their command line names our directory.
/// Where there is no `/proc` they end with their job.
fn strays(dir: &Path) -> Vec<Pid> {
    let needle = dir.as_os_str().as_encoded_bytes();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let id: i32 = entry.file_name().to_str()?.parse().ok()?;
            let line = std::fs::read(entry.path().join("cmdline")).ok()?;
            let ours = line.windows(needle.len()).any(|part| part == needle);
            (ours && id != i32::try_from(std::process::id()).ok()?).then_some(Pid::from_raw(id))
        })
        .collect()
}
