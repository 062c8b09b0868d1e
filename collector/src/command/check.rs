//! `check`: whether the configuration can be used.
//! It connects to nothing, and does not look whether the socket is there.

use std::io::{self, Write as _};
use std::process::ExitCode;

use super::File;
use crate::config::Config;

/// Prints what the file comes to on one line, or every mistake.
///
/// # Errors
/// When it cannot print.
pub fn check(file: &File, mut out: impl io::Write) -> io::Result<ExitCode> {
    match file.read() {
        Ok(config) => {
            for warning in &config.remarks.warnings {
                writeln!(io::stderr(), "warning: {warning}")?;
            }
            writeln!(out, "{}", verdict(&config))?;
            if let Err(why) = &config.job_cache {
                writeln!(io::stderr(), "warning: no job can be looked up: {why}")?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(mistakes) => super::refuse(&mistakes),
    }
}

/// What a file comes to: whether it means what its author thinks.
pub fn verdict(config: &Config) -> String {
    let Config {
        master,
        cluster,
        bus,
        nats,
        ..
    } = config;
    let socket = &bus.socket;
    format!("ok: master {master}, cluster {cluster}, socket {socket}, NATS {nats}")
}
