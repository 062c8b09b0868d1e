//! Our two programs: built once, with the profile of whoever asks, and started with a configuration file each.
//! It does not know what is in those files.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use nix::sys::signal::Signal;
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::process::{self, Process};
use crate::{progress, tools, wait};

/// Where the two binaries are.
#[derive(Clone, Debug)]
pub struct Programs {
    /// `pillarbox-collector`
    pub collector: PathBuf,
    /// `pillarbox-notifier`
    pub notifier: PathBuf,
}

/// Builds both programs, unless this process has done so already.
///
/// Cargo builds only a package's own binaries for its tests; so the harness asks it for the others.
///
/// # Errors
/// With what the compiler says.
pub async fn built() -> anyhow::Result<Programs> {
    static BUILT: OnceCell<Programs> = OnceCell::const_new();
    BUILT.get_or_try_init(build).await.cloned()
}

async fn build() -> anyhow::Result<Programs> {
    let tools = tools::target_dir().join("tools");
    std::fs::create_dir_all(&tools)?;
    let _lock = tools::Lock::acquire(&tools.join("build.lock"), "build").await?;
    let log = tools.join("build.log");
    let _from_before = std::fs::remove_file(&log);
    let mut command = cargo();
    // The whole workspace is selected, so that Cargo unites features as it does for the workspace's tests, and compiles
    // no dependency a second time.
    command.args(["build", "--workspace", "--bin", "pillarbox-collector"]);
    command.args(["--bin", "pillarbox-notifier"]);
    command
        .arg("--message-format=json-render-diagnostics")
        .arg("--target-dir");
    command.arg(tools::target_dir()).args(profile());
    let mut programs = Vec::new();
    process::run("cargo build", &mut command, &log, |line| {
        match executable(line) {
            Some(found) => programs.push(found),
            None if line.starts_with('{') => {}
            None => progress::at("build", line),
        }
    })
    .await?;
    let find = |name: &str| {
        let found = programs
            .iter()
            .find(|path| path.file_name().is_some_and(|it| it == name));
        found
            .cloned()
            .with_context(|| format!("cargo built no {name}"))
    };
    Ok(Programs {
        collector: find("pillarbox-collector")?,
        notifier: find("pillarbox-notifier")?,
    })
}

/// Cargo without what an outer Cargo told us about our own package: build scripts would see it and run again.
fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(tools::workspace());
    let outer = [
        "CARGO_PKG_",
        "CARGO_MANIFEST_",
        "CARGO_BIN_",
        "CARGO_CRATE_",
        "CARGO_PRIMARY_",
    ];
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if outer.iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command
}

/// The profile that this very program was built with, as an argument for Cargo.
fn profile() -> &'static [&'static str] {
    let exe = std::env::current_exe().unwrap_or_default();
    let release = exe
        .ancestors()
        .any(|dir| dir.file_name().is_some_and(|name| name == "release"));
    if release { &["--release"] } else { &[] }
}

/// The path of a binary that Cargo reports as built (or as fresh).
fn executable(line: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(line).ok()?;
    Some(PathBuf::from(message.get("executable")?.as_str()?))
}

/// One of the two programs, running with a configuration.
#[derive(Debug)]
pub struct Program {
    name: String,
    program: PathBuf,
    config: PathBuf,
    options: Vec<String>,
    log: PathBuf,
    environment: Vec<(String, String)>,
    /// Nothing while it is ended on purpose.
    process: Option<Process>,
}

impl Program {
    /// Everything that it needs, and not running yet.
    #[must_use]
    pub fn prepared(name: &str, program: &Path, config: &Path, log: &Path) -> Self {
        Self {
            name: name.to_owned(),
            program: program.to_path_buf(),
            config: config.to_path_buf(),
            options: Vec::new(),
            log: log.to_path_buf(),
            environment: Vec::new(),
            process: None,
        }
    }

    /// With more options for `run`.
    #[must_use]
    pub fn with(mut self, options: &[String]) -> Self {
        self.options = options.to_vec();
        self
    }

    /// From its next start on it has these variables too.
    pub fn set(&mut self, environment: impl IntoIterator<Item = (String, String)>) {
        self.environment.extend(environment);
    }

    /// `<program> run --config <config>`; its log is appended to.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(name: &str, program: &Path, config: &Path, log: &Path) -> anyhow::Result<Self> {
        let mut program = Self::prepared(name, program, config, log);
        program.launch()?;
        Ok(program)
    }

    /// Starts it, for the first time or again; if it still runs, it is killed first.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.kill_9().await?;
        self.launch()
    }

    fn launch(&mut self) -> anyhow::Result<()> {
        let mut command = Command::new(&self.program);
        command.arg("run").arg("--config").arg(&self.config);
        command.args(&self.options);
        for (key, _) in std::env::vars_os() {
            let key = key.to_string_lossy().into_owned();
            if key.starts_with("OTEL_") || key == "RUST_LOG" {
                command.env_remove(key); // a scenario is the same on every machine
            }
        }
        let variables = self.environment.iter();
        command.envs(variables.map(|(name, value)| (name, value)));
        self.process = Some(Process::spawn(&self.name, &mut command, &self.log)?);
        Ok(())
    }

    /// `kill -9`.
    ///
    /// # Errors
    /// When it outlives that.
    pub async fn kill_9(&mut self) -> anyhow::Result<()> {
        match self.process.take() {
            Some(mut process) => process.kill_9().await,
            None => Ok(()),
        }
    }

    /// SIGTERM, and waits for its end, which must be a good one.
    ///
    /// # Errors
    /// When it still runs after `grace`, or ends with another status than 0.
    pub async fn terminate(&mut self, grace: Duration) -> anyhow::Result<()> {
        self.ended(grace).await
    }

    /// SIGINT, as Ctrl-C sends it, and waits for its end, which must be a good one.
    ///
    /// # Errors
    /// When it still runs after `grace`, or ends with another status than 0.
    pub async fn interrupt(&mut self, grace: Duration) -> anyhow::Result<()> {
        if let Some(process) = &mut self.process {
            process.signal(Signal::SIGINT);
            process.wait(grace).await?;
        }
        self.ended(grace).await
    }

    /// Sends it a signal, and waits for nothing.
    pub fn signal(&self, signal: Signal) {
        if let Some(process) = &self.process {
            process.signal(signal);
        }
    }

    /// Waits for its end, whatever it is: its exit code, if it was no signal that ended it.
    ///
    /// # Errors
    /// When it still runs after `deadline`.
    pub async fn end(&mut self, deadline: Duration) -> anyhow::Result<Option<i32>> {
        let Some(process) = &mut self.process else {
            return Ok(None);
        };
        let status = process.wait(deadline).await?;
        self.process = None;
        Ok(status.code())
    }

    async fn ended(&mut self, grace: Duration) -> anyhow::Result<()> {
        if let Some(mut process) = self.process.take() {
            let status = process.terminate(grace).await?;
            anyhow::ensure!(status.success(), "{} ended with {status}", self.name);
        }
        Ok(())
    }

    /// Waits until its log contains a text, which it does not write before it has done what the text says.
    ///
    /// # Errors
    /// When it has ended instead, or does not say it within a minute.
    pub async fn says(&mut self, text: &str) -> anyhow::Result<()> {
        let what = format!("{} to say `{text}`", self.name);
        wait::until(Duration::from_secs(60), &what, async || {
            if self.said().1.contains(text) {
                return Some(Ok(()));
            }
            self.still_runs().err().map(Err)
        })
        .await?
    }

    /// Fails with the end of its log if it has ended by itself.
    ///
    /// # Errors
    /// When it has ended.
    pub fn still_runs(&mut self) -> anyhow::Result<()> {
        self.process.as_mut().map_or(Ok(()), Process::still_runs)
    }

    /// The most memory that it has had at once since its start, in KiB: `VmHWM` of `/proc/<id>/status`.
    ///
    /// # Errors
    /// When it does not run, or this is no Linux.
    pub fn most_memory_kib(&self) -> anyhow::Result<u64> {
        let id = self.id().context("it does not run")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.and_then(|rest| rest.split_whitespace().next());
        Ok(number.context("no VmHWM in /proc")?.parse()?)
    }

    /// The process id, while it runs.
    #[must_use]
    pub fn id(&self) -> Option<i32> {
        self.process.as_ref().map(Process::id)
    }

    /// Its name in this scenario, and all that it has written since its first start.
    #[must_use]
    pub fn said(&self) -> (&str, String) {
        let log = std::fs::read(&self.log).unwrap_or_default();
        (&self.name, String::from_utf8_lossy(&log).into_owned())
    }
}
