//! Pictures of the page, made by Chromium where it is installed: how `docs/demo.png` and `docs/demo-dark.png` come to be.
//! It judges no picture; a person looks at them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use super::show;
use crate::process;
use crate::scratch::Scratch;

/// As README shows it.
const WINDOW: &str = "1400,900";
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
/// Nothing but the page: no first run, no updates, no reports.
const ALONE: [&str; 11] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    // The mail's frame is drawn before the picture is taken.
    "--run-all-compositor-stages-before-draw",
    "--disable-features=IsolateSandboxedIframes",
];

/// The browser on PATH.
pub(super) fn browser() -> anyhow::Result<&'static str> {
    let runs = |name: &&&str| {
        let said = Command::new(name).arg("--version").output();
        said.is_ok_and(|said| said.status.success())
    };
    let found = BROWSERS.iter().find(runs).copied();
    found.context("--screenshot needs Chromium (Debian: apt-get install chromium)")
}

/// In the light as `file`, in the dark beside it.
pub(super) async fn take(url: &str, file: &Path) -> anyhow::Result<()> {
    for (scheme, file) in [("1", file.to_path_buf()), ("0", dark(file))] {
        let scratch = Scratch::new()?;
        let mut command = Command::new(browser()?);
        command
            .args(ALONE)
            .arg(format!(
                "--user-data-dir={}",
                scratch.dir("profile")?.display()
            ))
            .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
            .arg(format!("--window-size={WINDOW}"))
            .arg(format!(
                "--screenshot={}",
                std::path::absolute(&file)?.display()
            ))
            .arg(url);
        let log = scratch.path().join("browser.log");
        process::run("chromium", &mut command, &log, |_| ()).await?;
        anyhow::ensure!(file.exists(), "chromium made no picture");
        show::picture(&file);
    }
    Ok(())
}

/// `demo.png` → `demo-dark.png`
fn dark(file: &Path) -> PathBuf {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    file.with_file_name(format!("{stem}-dark.png"))
}
