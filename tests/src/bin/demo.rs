//! `cargo demo`: the whole of Pillarbox on this machine, from a real Salt to the messages that people read.
//! It holds only arguments, signals and the exit code; what happens is in `pillarbox_e2e::demo`.
#![expect(
    clippy::print_stderr,
    reason = "the demo is for whoever sits before it"
)]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use pillarbox_e2e::demo::{Options, Replay};
use tokio::signal::unix::{SignalKind, signal};

/// Installs what is missing below `target/`, starts NATS, a real Salt master with two minions, the collector, two
/// notifiers, a Slack double and a mail sink, runs four jobs, and shows each message as its reader would see it: on the
/// terminal, and on a page whose address is printed first. Where Salt cannot be installed, a recording is played.
/// Nothing leaves this machine, unless the environment says so; Ctrl-C ends everything that was started.
#[derive(Parser)]
#[command(name = "cargo demo", after_long_help = OUTSIDE)]
struct Arguments {
    /// End after the jobs: with 0 if exactly the expected messages came, with 1 otherwise
    #[arg(long)]
    exit: bool,
    /// Refuse to go without a real Salt
    #[arg(long, conflicts_with = "replay")]
    real: bool,
    /// Without Salt: play a captured bus stream, the demo's own if no FILE is named
    ///
    /// It goes through the real collector, and pauses are as recorded, but two seconds at most. Of a FILE it is not
    /// known what should be said; the demo then waits until everything is, and fails if something was given up.
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    replay: Option<Option<PathBuf>>,
    /// Keep what the master's event bus carries during the jobs in this file
    #[arg(long, value_name = "FILE", conflicts_with = "replay")]
    record: Option<PathBuf>,
    /// After the jobs, make a picture of the page with Chromium, and one in the dark (`FILE` with `-dark`)
    ///
    /// Those in `docs/` are made with `cargo demo --exit --screenshot docs/demo.png` and
    /// `pngquant --force --ext .png --skip-if-larger docs/*.png`.
    #[arg(long, value_name = "FILE")]
    screenshot: Option<PathBuf>,
}

const OUTSIDE: &str = "\
The real thing: what goes to the doubles also goes to
  SLACK_WEBHOOK_URL   an incoming webhook of Slack
  SMTP_URL            smtps://user:password@host:465/?from=salt@example.com&to=ops@example.com
                      smtps:// is TLS, smtp:// is STARTTLS (to this machine itself: neither); percent-encode what is
                      not a letter in user and password; several recipients with commas
if they are set. Neither is ever printed; both stand in files that only you can read, while the demo runs.";

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let options = Options {
        exit: arguments.exit,
        real: arguments.real,
        replay: arguments
            .replay
            .map(|file| file.map_or(Replay::Own, Replay::File)),
        record: arguments.record,
        screenshot: arguments.screenshot,
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let code = runtime.block_on(async {
        tokio::select! {
            done = pillarbox_e2e::demo::run(&options) => match done {
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
