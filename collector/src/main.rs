//! The program: arguments, configuration, telemetry, signals, work, exit code.
//! It decides nothing that a test would want.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser as _;
use pillarbox_collector::command::run::{Options, listen};
use pillarbox_collector::command::{Arguments, Command, check, refuse};
use pillarbox_collector::http::Shown;
use pillarbox_collector::{Ended, run, telemetry};
use pillarbox_telemetry::http::show;
use pillarbox_telemetry::logs::Format;

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    match arguments.command {
        Command::Run(options) => start(&options, &arguments.log, arguments.log_format),
        Command::Init(init) => Ok(init.run()?),
        Command::Check(file) => Ok(check::check(&file, std::io::stdout())?),
        Command::Decode(decode) => Ok(decode.run()?),
        Command::Lookup(lookup) => Ok(lookup.run()?),
    }
}

fn start(options: &Options, log: &str, format: Format) -> anyhow::Result<ExitCode> {
    let config = match options.file.read() {
        Ok(config) => config,
        Err(mistakes) => return Ok(refuse(&mistakes)?),
    };
    telemetry::start(log, format)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let ended = runtime.block_on(async {
        for warning in &config.remarks.warnings {
            tracing::warn!("{warning}");
        }
        let traces = telemetry::traces()?;
        let shown = Arc::new(Shown::default());
        if let Some(address) = config.http {
            show(address, Arc::clone(&shown)).await?;
        }
        let asked = listen(options, config)?;
        let ended = run(asked.configs, options.grace, asked.shutdown, &shown).await;
        traces.end().await; // last: what was still published has spans too
        anyhow::Ok(ended?)
    });
    runtime.shutdown_background();
    Ok(match ended? {
        Ended::Drained => ExitCode::SUCCESS,
        Ended::Left(_) => ExitCode::FAILURE,
    })
}
