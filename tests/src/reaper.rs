//! Ends what this process started when this process itself ends, however it ends.
//! It does not replace the `Drop` of a [`Process`](crate::process::Process): it is for the cases in which nothing is dropped.
//!
//! A shell in a process group of its own reads names of process groups and directories from a pipe. When the pipe
//! closes, which the kernel does even after `kill -9`, it ends the groups and removes the directories that are left.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::Context;

const SCRIPT: &str = r#"
trap '' HUP INT TERM
groups=
while read -r verb what; do
  case $verb in
    group) groups="$groups $what" ;;
    gone) kept=; for g in $groups; do [ "$g" = "$what" ] || kept="$kept $g"; done; groups=$kept ;;
    dir) set -- "$@" "$what" ;;
  esac
done
for g in $groups; do kill -s TERM -- "-$g"; done
[ -z "$groups" ] || sleep 1
for g in $groups; do kill -s KILL -- "-$g"; done
for d; do rm -rf -- "$d"; done
"#;

static REAPER: OnceLock<Mutex<Option<ChildStdin>>> = OnceLock::new();

/// From now on the process group `id` is ended when this process ends.
///
/// # Errors
/// When the shell cannot be started or no longer reads.
pub fn watch_group(id: i32) -> anyhow::Result<()> {
    tell(&format!("group {id}"))
}

/// The process group `id` has ended by itself; its number may be somebody else's from now on.
///
/// # Errors
/// When the shell no longer reads.
pub fn forget_group(id: i32) -> anyhow::Result<()> {
    tell(&format!("gone {id}"))
}

/// From now on the directory is removed when this process ends.
///
/// # Errors
/// When the shell cannot be started or no longer reads.
pub fn watch_dir(path: &Path) -> anyhow::Result<()> {
    tell(&format!("dir {}", path.display()))
}

fn tell(line: &str) -> anyhow::Result<()> {
    let pipe = REAPER.get_or_init(|| Mutex::new(None));
    let mut pipe = pipe.lock().unwrap_or_else(PoisonError::into_inner);
    if pipe.is_none() {
        *pipe = Some(start()?);
    }
    if let Some(pipe) = pipe.as_mut() {
        writeln!(pipe, "{line}").context("the reaper no longer reads")?;
    }
    Ok(())
}

fn start() -> anyhow::Result<ChildStdin> {
    let mut shell = Command::new("sh")
        .args(["-c", SCRIPT, "reaper"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .context("cannot start `sh`, which ends what is left behind")?;
    shell.stdin.take().context("the reaper has no pipe")
}
