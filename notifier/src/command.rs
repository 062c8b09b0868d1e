//! The command line: what can be asked of the program, and its help.
//! It does nothing itself: each command is a file of its own.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser, Subcommand};
use jiff::fmt::friendly::SpanParser;
use tracing_subscriber::EnvFilter;

use crate::config::{Config, Mistakes, load};
use pillarbox_telemetry::logs::{DEFAULT_FILTER, FORMATS, Format, filter};

pub mod run;

pub mod provision;

pub mod check;

pub mod init;

/// Exit code for a configuration with mistakes (`EX_CONFIG` of `sysexits.h`): starting again will not help.
pub const EX_CONFIG: u8 = 78;

/// Tells people in Slack and by e-mail what SaltStack did.
///
/// Reads the job events that Pillarbox's collectors put on NATS, makes one message of each job, and delivers it
/// with retries. Start as many as you like with the same file: they share the work, and when one dies the others
/// finish what it had begun.
#[derive(Debug, Parser)]
#[command(
    name = "pillarbox-notifier",
    version,
    after_help = "Begin with `init`, which prints a file to start from, and `check`, which tells every mistake in it, and where."
)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// The configuration file. Without this option: PILLARBOX_NOTIFIER_CONFIG, else /etc/pillarbox/notifier.yaml
    #[arg(long, short, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What to log: a level (error, warn, info, debug, trace), or levels per module as in RUST_LOG, which holds without
    /// this option [default: info]
    #[arg(long, global = true, value_name = "FILTER")]
    log: Option<String>,
    /// How to log: text for people, json an object on each line, auto text on a terminal and json elsewhere
    #[arg(long, global = true, default_value = "auto", value_name = "FORMAT", value_parser = log_format())]
    pub log_format: Format,
}

fn log_format() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(FORMATS).try_map(|word| word.parse::<Format>())
}

/// What can be asked of the program.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Work: read events, make messages, deliver them, until SIGTERM or Ctrl-C
    ///
    /// Creates what is missing on NATS first. Waits for NATS as long as it takes. SIGHUP reads the configuration again, and the
    /// secrets that it names: a good one is taken while the work goes on, of a bad one every mistake is logged and the old
    /// one stays. Exit code 0 if everything in hand was finished, 1 if not, 78 for mistakes in the configuration.
    Run {
        /// After SIGTERM or Ctrl-C, finish what is in hand for at most this long. A second signal ends at once; what was
        /// not finished is done by another worker, or at the next start
        #[arg(long, default_value = "10s", value_parser = duration, value_name = "DURATION")]
        grace: Duration,
    },
    /// Create or update the streams, consumers and buckets on NATS, and end
    ///
    /// `run` does this too; by itself it is for set-ups where workers may not change streams.
    Provision,
    /// Print a commented configuration that works, with the recommended routes
    ///
    /// pillarbox-notifier init > /etc/pillarbox/notifier.yaml
    Init {
        /// Write it to this file instead, which must not be there yet
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Read the configuration and the files it names; print what it comes to, or every mistake with its line
    ///
    /// Connects to nothing. Exit code 78 if there are mistakes.
    Check,
}

impl Arguments {
    /// Where the configuration is.
    pub fn config_file(&self) -> PathBuf {
        let given = self.config.clone();
        given.unwrap_or_else(|| {
            let named =
                std::env::var_os("PILLARBOX_NOTIFIER_CONFIG").filter(|path| !path.is_empty());
            named.map_or_else(
                || PathBuf::from("/etc/pillarbox/notifier.yaml"),
                PathBuf::from,
            )
        })
    }

    /// What is to be logged. A filter that cannot be read ends the program as any wrong argument does.
    pub fn log_filter(&self) -> EnvFilter {
        let variable = || {
            std::env::var("RUST_LOG")
                .ok()
                .filter(|filter| !filter.is_empty())
        };
        let given = self.log.clone().or_else(variable);
        let written = given.unwrap_or_else(|| DEFAULT_FILTER.to_owned());
        filter(&written).unwrap_or_else(|error| {
            let mut command = Arguments::command();
            command.error(ErrorKind::ValueValidation, error).exit()
        })
    }

    /// Reads the configuration.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn load(&self) -> Result<Config, Mistakes> {
        load(&self.config_file())
    }
}

/// Prints mistakes, one line each, and gives the exit code for them.
#[expect(
    clippy::print_stderr,
    reason = "said to a person before there is a log"
)]
pub fn refuse(mistakes: &Mistakes) -> ExitCode {
    eprintln!("{mistakes}");
    ExitCode::from(EX_CONFIG)
}

fn duration(text: &str) -> Result<Duration, jiff::Error> {
    SpanParser::new().parse_unsigned_duration(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn options_may_follow_the_command() {
        let check = |words: &[&str], grace: u64| {
            let arguments =
                Arguments::try_parse_from([&["pillarbox-notifier"], words].concat()).unwrap();
            assert_eq!(arguments.config_file(), PathBuf::from("x.yaml"));
            let given = match arguments.command {
                Command::Run { grace } => grace,
                Command::Provision | Command::Check | Command::Init { .. } => Duration::ZERO,
            };
            assert_eq!(given, Duration::from_secs(grace));
        };
        check(&["run", "--config", "x.yaml"], 10);
        check(&["--config", "x.yaml", "run", "--grace", "1m30s"], 90);
        check(&["check", "-c", "x.yaml"], 0);
    }
}
