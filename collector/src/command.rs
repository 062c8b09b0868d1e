//! The command line: what can be asked of the program, and its help.
//! Each command's work is its own file's.

use clap::{Parser, Subcommand};

pub mod decode;

pub mod run;

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
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read the bus and publish until told to stop (SIGTERM, SIGINT).
    Run(run::Options),
    #[expect(
        missing_docs,
        reason = "its help is its own: a comment here would replace it"
    )]
    Decode(decode::Decode),
}
