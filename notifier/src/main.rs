//! The program `pillarbox-notifier`: arguments, configuration, logs, the command, the exit code.
//! Everything that a test would want is in the library.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use pillarbox_notifier::command::{Arguments, Command, check, init, provision, refuse, run};
use pillarbox_notifier::telemetry;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match &arguments.command {
        Command::Check => return check::check(&arguments),
        Command::Init { output } => return init::init(output.as_deref()),
        Command::Run { .. } | Command::Provision => {}
    }
    match work(arguments).await {
        Ok(code) => code,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn work(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let config = match arguments.load() {
        Ok(config) => config,
        Err(mistakes) => return Ok(refuse(&mistakes)),
    };
    telemetry::set_up(arguments.log_filter(), arguments.log_format)?;
    for warning in &config.remarks.warnings {
        tracing::warn!("{warning}");
    }
    match arguments.command {
        Command::Run { grace } => {
            let traces = telemetry::traces()?;
            let ended = run::run(config, || arguments.load(), grace).await;
            traces.end().await; // last: what was finished in the end has spans too
            let why = match ended.context("the notifier stopped")? {
                run::Ended::Drained => {
                    tracing::info!("stopped");
                    return Ok(ExitCode::SUCCESS);
                }
                run::Ended::GraceOver => "the grace period is over",
                run::Ended::AtOnce => "a second signal came",
            };
            tracing::warn!(
                "stopped before everything in hand was finished: {why}; another worker finishes it"
            );
            return Ok(ExitCode::FAILURE);
        }
        Command::Provision => {
            provision::provision(config)
                .await
                .context("cannot set up NATS")?;
            tracing::info!("streams, consumers and buckets are as they should be");
        }
        Command::Check | Command::Init { .. } => {}
    }
    Ok(ExitCode::SUCCESS)
}
