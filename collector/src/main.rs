//! The program: arguments, configuration, telemetry, signals, work, exit code.
//! It decides nothing that a test would want.

use std::process::ExitCode;

use clap::Parser as _;
use pillarbox_collector::command::run::{Options, shutdown};
use pillarbox_collector::command::{Arguments, Command};
use pillarbox_collector::{Ended, run, telemetry};

/// `EX_CONFIG` of `sysexits.h`: a person must change the file; restarting is no use.
const BAD_FILE: u8 = 78;

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    match arguments.command {
        Command::Run(options) => start(&options, &arguments.log),
        Command::Decode(decode) => Ok(decode.run()?),
    }
}

fn start(options: &Options, log: &str) -> anyhow::Result<ExitCode> {
    use std::io::Write as _;
    let config = match options.config() {
        Ok(config) => config,
        Err(mistakes) => {
            writeln!(std::io::stderr(), "{mistakes}")?;
            return Ok(ExitCode::from(BAD_FILE));
        }
    };
    telemetry::start(log)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let ended =
        runtime.block_on(async { anyhow::Ok(run(config, options.grace, shutdown()?).await?) });
    runtime.shutdown_background();
    Ok(match ended? {
        Ended::Drained => ExitCode::SUCCESS,
        Ended::Left(_) => ExitCode::FAILURE,
    })
}
