//! `pillarbox-collector`: arguments, then the command that they name.
//! It decides nothing.

use std::process::ExitCode;

use clap::Parser;
use pillarbox_collector::command::decode::Decode;

/// Reads a Salt master's event bus and publishes normalised job events to NATS JetStream.
#[derive(Debug, Parser)]
#[command(name = "pillarbox-collector", version)]
enum Command {
    Decode(Decode),
}

fn main() -> anyhow::Result<ExitCode> {
    match Command::parse() {
        Command::Decode(decode) => Ok(decode.run()?),
    }
}
