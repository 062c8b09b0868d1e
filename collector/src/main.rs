//! The program: arguments, configuration, telemetry, signals, work, exit code.
//! It decides nothing that a test would want.

use std::process::ExitCode;

use clap::Parser as _;
use pillarbox_collector::command::run::{Options, listen};
use pillarbox_collector::command::{Arguments, Command, check, refuse};
use pillarbox_collector::{Ended, run, telemetry};

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    match arguments.command {
        Command::Run(options) => start(&options, &arguments.log),
        Command::Init(init) => Ok(init.run()?),
        Command::Check(file) => Ok(check::check(&file, std::io::stdout())?),
        Command::Decode(decode) => Ok(decode.run()?),
        Command::Lookup(lookup) => Ok(lookup.run()?),
    }
}

fn start(options: &Options, log: &str) -> anyhow::Result<ExitCode> {
    let config = match options.file.read() {
        Ok(config) => config,
        Err(mistakes) => return Ok(refuse(&mistakes)?),
    };
    telemetry::start(log)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let ended = runtime.block_on(async {
        for warning in &config.remarks.warnings {
            tracing::warn!("{warning}");
        }
        let asked = listen(options, config)?;
        anyhow::Ok(run(asked.configs, options.grace, asked.shutdown).await?)
    });
    runtime.shutdown_background();
    Ok(match ended? {
        Ended::Drained => ExitCode::SUCCESS,
        Ended::Left(_) => ExitCode::FAILURE,
    })
}
