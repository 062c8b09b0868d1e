//! The command line: what can be asked of the program, and its help.
//! Each command's work is its own file's.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Parser, Subcommand};
use pillarbox_telemetry::logs::{FORMATS, Format};

use crate::config::{Config, DEFAULT_FILE, Mistakes};

pub mod run;

pub mod init;

pub mod check;

pub mod decode;

pub mod lookup;

/// `EX_CONFIG` of `sysexits.h`: a person must change the file; restarting is no use.
const EX_CONFIG: u8 = 78;

/// Reads a Salt master's event bus and publishes normalised job events to NATS JetStream.
#[derive(Debug, Parser)]
#[command(name = "pillarbox-collector", version, max_term_width = 100)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// What to log: `error`, `warn`, `info`, `debug`, or levels by module, as in `info,pillarbox_collector=debug`.
    #[arg(
        long,
        global = true,
        env = "RUST_LOG",
        default_value = "info",
        value_name = "FILTER"
    )]
    pub log: String,
    /// How to log: `text` for people, `json` an object on each line, `auto` text on a terminal and JSON elsewhere.
    #[arg(long, global = true, default_value = "auto", value_name = "FORMAT", value_parser = log_format())]
    pub log_format: Format,
}

fn log_format() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(FORMATS).try_map(|word| word.parse::<Format>())
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read the bus and publish until SIGTERM or Ctrl-C; then publish what was read
    ///
    /// SIGHUP reads the configuration again: a good one is taken without a gap, of a bad one every mistake is logged and the
    /// old one stays. Exit code 0 if all that was read is published, 1 if not, 78 for mistakes in the configuration.
    Run(run::Options),
    /// Print a commented configuration that works, filled in with what the master's own says
    ///
    /// pillarbox-collector init > /etc/pillarbox/collector.yaml
    Init(init::Init),
    /// Read the configuration and the files it names; print what it comes to, or every mistake with its line
    ///
    /// Connects to nothing. Exit code 78 if there are mistakes.
    Check(File),
    #[expect(
        missing_docs,
        reason = "its help is its own: a comment here would replace it"
    )]
    Decode(decode::Decode),
    #[expect(
        missing_docs,
        reason = "its help is its own: a comment here would replace it"
    )]
    Lookup(lookup::Lookup),
}

/// Where the configuration is.
#[derive(Debug, Clone, clap::Args)]
pub struct File {
    /// The configuration file.
    #[arg(long, short, value_name = "FILE", env = "PILLARBOX_COLLECTOR_CONFIG", default_value = DEFAULT_FILE)]
    config: PathBuf,
}

impl File {
    /// The configuration, or everything that is wrong with it.
    pub fn read(&self) -> Result<Config, Mistakes> {
        Config::read(&self.config, &hostname())
    }
}

/// As the kernel has it.
pub(crate) fn hostname() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "localhost".to_owned(),
        name => name.to_owned(),
    }
}

/// Says what is wrong, one line each, and gives the exit code for it.
pub fn refuse(mistakes: &Mistakes) -> io::Result<ExitCode> {
    writeln!(io::stderr(), "{mistakes}")?;
    Ok(ExitCode::from(EX_CONFIG))
}
