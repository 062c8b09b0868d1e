//! The demo without Salt: a captured bus stream, played through the double of a master's bus; all the rest is real.
//! It changes nothing in a frame: jobs, names and times are those of the recording.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

use super::capture::{self, Capture, Start};
use super::jobs::{JOBS, Job};
use super::run::{Run, showing};
use super::stage::{Act, State};
use crate::bus::Bus;
use crate::progress;
use crate::stack::{Scenario, Stack};

/// What is played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replay {
    /// The demo's own recording, whose messages are known.
    Own,
    /// Somebody's: the messages are whatever they are.
    File(PathBuf),
}

impl Replay {
    pub(super) fn read(&self) -> anyhow::Result<Capture> {
        let read = |path: &Path| Capture::read(&std::fs::read(path)?);
        match self {
            Replay::Own => capture::own(),
            Replay::File(path) => {
                read(path).with_context(|| format!("cannot replay {}", path.display()))
            }
        }
    }

    /// For terminal and page.
    pub(super) fn said(&self) -> String {
        let what = match self {
            Replay::Own => "the demo's own recording of a Salt 3008 master".to_owned(),
            Replay::File(path) => format!("{}, a recording of a master", path.display()),
        };
        format!(
            "No Salt runs here. This is a replay: {what}, played through the real collector. \
             Jobs, names and times are those of the recording."
        )
    }

    /// After a job's last sign of life. No pause in a replay is longer than two seconds, but in somebody's recording
    /// many jobs may run at once.
    pub(super) fn finish_after(&self) -> &'static str {
        match self {
            Replay::Own => "6s",
            Replay::File(_) => "20s",
        }
    }
}

/// Starts everything around the double of a bus.
pub(super) async fn start(run: &mut Run, scenario: Scenario) -> anyhow::Result<Stack<Bus>> {
    let start = scenario.on_bus();
    let stack = run.times.of("starting all of it", start).await?;
    progress::done();
    Ok(stack)
}

/// Plays every frame, and waits for what comes of it: whether all of it is told.
pub(super) async fn play(
    run: &mut Run,
    stack: &mut Stack<Bus>,
    replay: &Replay,
    capture: &Capture,
) -> anyhow::Result<bool> {
    let starts = capture.starts();
    run.stage.acts(acts(replay, &starts));
    let (played, took) = super::times::taken(frames(run, stack, capture, &starts)).await?;
    run.times.add("playing the recording", took);
    if *replay == Replay::Own {
        for (start, job) in starts.iter().zip(&JOBS) {
            run.tally.expect(start.jid.clone(), job.name);
        }
        run.stage.now("waiting for the last messages");
        let (_, took) = super::times::taken(run.awaited(stack)).await?;
        run.times.add("the last messages", took);
    }
    let (told, took) = super::times::taken(run.at_rest(stack)).await?;
    let state = if told { State::Told } else { State::Lacks };
    (0..played).for_each(|at| run.stage.act(at, state));
    run.times.add("until nothing was left to tell", took);
    Ok(told)
}

/// The recording's jobs: known by name, if it is ours.
fn acts(replay: &Replay, starts: &[Start]) -> Vec<Act> {
    match replay {
        Replay::Own => JOBS.iter().map(Job::act).collect(),
        Replay::File(_) => starts.iter().map(act).collect(),
    }
}

fn act(start: &Start) -> Act {
    Act {
        name: start.fun.clone(),
        command: format!("job {}", start.jid),
        note: None,
    }
}

/// How many jobs were begun.
async fn frames(
    run: &mut Run,
    stack: &mut Stack<Bus>,
    capture: &Capture,
    starts: &[Start],
) -> anyhow::Result<usize> {
    let mut next = 0;
    for frame in &capture.frames {
        pause(run, stack, frame.pause).await?;
        if frame.starts.is_some() && frame.starts.as_ref() == starts.get(next) {
            run.stage.act(next, State::Runs);
            next += 1;
        }
        stack.master.send(&frame.bytes).await;
        stack.all_run()?;
    }
    Ok(next)
}

async fn pause(run: &mut Run, stack: &Stack<Bus>, pause: Duration) -> anyhow::Result<()> {
    if pause.is_zero() {
        return Ok(());
    }
    let passed = async {
        tokio::time::sleep(pause).await;
        Ok(())
    };
    showing(&mut run.inbox, stack, passed).await
}
