//! The machine's Python 3, and virtual environments made with it.
//! It does not know what goes into them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::bail;

use crate::{process, progress};

/// Pythons that Salt 3008 runs on and for which its dependencies come built.
const OLDEST: (u32, u32) = (3, 10);
const NEWEST: (u32, u32) = (3, 14);

/// A virtual environment.
#[derive(Debug)]
pub struct Python {
    tool: String,
    /// Its directory.
    pub venv: PathBuf,
}

impl Python {
    /// Makes the environment `venv` with the first suitable Python on PATH.
    ///
    /// # Errors
    /// When there is none, or it lacks what environments are made with; the error names the package that brings it.
    pub async fn make_venv(tool: &str, venv: &Path) -> anyhow::Result<Self> {
        let python = suitable()?;
        progress::at(tool, &format!("making a virtual environment with {python}"));
        let mut log = venv.as_os_str().to_owned();
        log.push(".log");
        let log = PathBuf::from(log);
        let _from_before = std::fs::remove_file(&log);
        let mut command = Command::new(&python);
        command.args(["-m", "venv"]).arg(venv);
        process::run(&format!("{python} -m venv"), &mut command, &log, |_| {}).await?;
        Ok(Self {
            tool: tool.to_owned(),
            venv: venv.to_path_buf(),
        })
    }

    /// The interpreter of the environment.
    #[must_use]
    pub fn program(&self) -> PathBuf {
        self.venv.join("bin/python")
    }

    /// `pip install` with these arguments; its steps are shown as progress.
    ///
    /// # Errors
    /// With the end of what pip wrote.
    pub async fn pip(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let mut command = Command::new(self.program());
        command.args([
            "-m",
            "pip",
            "install",
            "--no-input",
            "--disable-pip-version-check",
        ]);
        command.args(["--progress-bar", "off"]).args(arguments);
        let log = self.venv.join("pip.log");
        let show = |line: &str| progress::at(&self.tool, &shorter(line));
        process::run("pip install", &mut command, &log, show).await
    }
}

/// The beginning of a line of pip's: `Installing collected packages` lists eighty names.
fn shorter(line: &str) -> String {
    line.split(" (from ")
        .next()
        .unwrap_or_default()
        .chars()
        .take(80)
        .collect()
}

/// The name of the Python to use: `python3` if its version will do, else the newest `python3.N` that is installed.
fn suitable() -> anyhow::Result<String> {
    let plain = version("python3");
    let named = (OLDEST.1..=NEWEST.1)
        .rev()
        .map(|minor| format!("python3.{minor}"));
    let mut candidates = std::iter::once("python3".to_owned()).chain(named);
    let Some(python) = candidates.find(|name| version(name).is_some_and(supported)) else {
        bail!(unsupported(plain));
    };
    if ask(&python, "import ensurepip, venv").is_none() {
        let package = match version(&python) {
            Some((major, minor)) if python != "python3" => format!("python{major}.{minor}-venv"),
            _ => "python3-venv".to_owned(),
        };
        bail!(
            "{python} cannot make virtual environments, it lacks `ensurepip`: on Debian and Ubuntu \
             `apt-get install {package}`, elsewhere the package that brings `venv` and `pip` for it"
        );
    }
    Ok(python)
}

fn supported(version: (u32, u32)) -> bool {
    (OLDEST..=NEWEST).contains(&version)
}

/// What to install when no Python will do.
fn unsupported(found: Option<(u32, u32)>) -> String {
    let found = found.map_or_else(
        || "there is no `python3` on PATH".to_owned(),
        |(major, minor)| format!("`python3` is Python {major}.{minor}"),
    );
    format!(
        "Salt {} runs on Python {}.{} to {}.{}, and {found}: on Debian and Ubuntu \
         `apt-get install python3 python3-venv`, or a `python3.N` in this range beside it \
         (`python3.13` and `python3.13-venv`), is found on PATH by its name",
        super::SALT,
        OLDEST.0,
        OLDEST.1,
        NEWEST.0,
        NEWEST.1
    )
}

fn version(python: &str) -> Option<(u32, u32)> {
    let said = ask(python, "import sys; print(*sys.version_info[:2])")?;
    let mut numbers = said.split_whitespace().map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// What a few lines of Python print; nothing if there is no such Python or the lines fail.
fn ask(python: &str, lines: &str) -> Option<String> {
    let said = Command::new(python).args(["-c", lines]).output().ok()?;
    said.status
        .success()
        .then(|| String::from_utf8_lossy(&said.stdout).into_owned())
}
