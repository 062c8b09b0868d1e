//! `cargo chaos`: as many seeded runs as one likes, each with `kill -9` at its moments, and what came of them.
//! It holds only arguments and the exit code; what happens is in `pillarbox_e2e::chaos`.
#![expect(clippy::print_stdout, reason = "it is for whoever sits before it")]

use std::process::ExitCode;

use clap::Parser;
use pillarbox_e2e::chaos::{Chaos, Outcome};

/// Replays the demo's run with everything real but Salt and Slack, kills notifiers and NATS at seeded moments, and judges
/// that every message came, and none twice but where the ledger says that nobody can know.
#[derive(Parser)]
#[command(name = "cargo chaos")]
struct Arguments {
    /// How many seeds
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// The first of them
    #[arg(long, default_value_t = 1)]
    from: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let Arguments { seeds, from } = Arguments::parse();
    let chaos = Chaos::prepare().await?;
    println!("an undisturbed run is as it should be");
    let sum = chaos.seeds(from..from + seeds, tell).await?;
    println!("{}", sum.line());
    let right = sum.outcomes.iter().all(|outcome| outcome.wrong.is_none());
    Ok(if right {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn tell(outcome: &Outcome) {
    let Outcome {
        seed,
        took,
        verdict,
        wrong,
    } = outcome;
    match wrong {
        None => println!(
            "seed {seed}: right after {:.0} s, {} updates, {} in doubt, {} seen twice",
            took.as_secs_f64(),
            verdict.updates,
            verdict.in_doubt,
            verdict.ambiguous.len()
        ),
        Some(wrong) => println!("{wrong}"),
    }
}
