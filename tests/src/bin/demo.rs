//! `cargo demo`: the whole of Pillarbox on this machine, from a real Salt to the messages that people read.
//! It holds only arguments, signals and the exit code; what happens is in `pillarbox_e2e::demo`.
#![expect(
    clippy::print_stderr,
    reason = "the demo is for whoever sits before it"
)]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

/// Installs what is missing below `target/`, starts NATS, a real Salt master with two minions, the collector, two
/// notifiers, a Slack double and a mail sink, runs four jobs, and prints each message as its reader would see it.
/// Nothing leaves this machine; Ctrl-C ends everything that was started.
#[derive(Parser)]
#[command(name = "cargo demo")]
struct Arguments {
    /// End after the jobs: with 0 if exactly the expected messages came, with 1 otherwise
    #[arg(long)]
    exit: bool,
    /// Refuse to go without a real Salt (today there is no other way: what is missing is named, and the demo ends)
    #[arg(long)]
    real: bool,
    /// Keep what the master's event bus carries during the jobs in this file
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

fn main() -> ExitCode {
    let Arguments {
        exit,
        real: _,
        record,
    } = Arguments::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let code = runtime.block_on(async {
        tokio::select! {
            done = pillarbox_e2e::demo::run(exit, record.as_deref()) => match done {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => failed(&error),
            },
            code = told_to_end() => ExitCode::from(code),
        }
    });
    runtime.shutdown_background();
    code
}

fn failed(error: &anyhow::Error) -> ExitCode {
    pillarbox_e2e::progress::done();
    eprintln!("\n✗ {error:#}");
    ExitCode::FAILURE
}

/// Waits for Ctrl-C, SIGTERM or a closed terminal; gives the exit code that a shell expects then.
async fn told_to_end() -> u8 {
    let [interrupt, terminate, hang_up] = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ]
    .map(signal);
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hang_up)) = (interrupt, terminate, hang_up)
    else {
        return std::future::pending().await; // no signals here: the reaper still ends what we leave
    };
    let code = tokio::select! {
        _ = interrupt.recv() => 130,
        _ = terminate.recv() => 143,
        _ = hang_up.recv() => 129,
    };
    pillarbox_e2e::progress::done();
    eprintln!("ending everything that was started");
    code
}
