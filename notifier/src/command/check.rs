//! `check`: whether the configuration can be used.
//! It connects to nothing.

use std::process::ExitCode;

use super::Arguments;
use crate::config::Config;

/// Prints `ok` with the numbers of what was read, or every mistake.
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "its output is for the person who asked"
)]
pub fn check(arguments: &Arguments) -> ExitCode {
    match arguments.load() {
        Ok(config) => {
            for warning in &config.warnings {
                eprintln!("warning: {warning}");
            }
            println!("{}", verdict(&config));
            ExitCode::SUCCESS
        }
        Err(mistakes) => super::refuse(&mistakes),
    }
}

fn verdict(config: &Config) -> String {
    let count = |n: usize, of: &str| format!("{n} {of}{}", if n == 1 { "" } else { "s" });
    let receivers = count(config.receivers.len(), "receiver");
    format!("ok: {receivers}, {}", count(config.routes.len(), "route"))
}
