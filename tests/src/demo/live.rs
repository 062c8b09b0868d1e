//! The demo with a real master: it starts Salt, and runs the jobs one after the other.
//! What is expected of a job's messages it does not judge.

use std::time::Duration;

use anyhow::Context;
use pillarbox_proto::topology::Topology;

use super::jobs::{self, JOBS, Job, MINIONS};
use super::record::Recording;
use super::run::{Run, showing};
use super::stage::State;
use crate::salt::Salt;
use crate::stack::{Scenario, Stack};
use crate::{progress, wait};

/// Starts a master with its minions, and everything else around it.
pub(super) async fn start(run: &mut Run, scenario: Scenario) -> anyhow::Result<Stack<Salt>> {
    let salt = run.times.of("starting Salt", Salt::start(&MINIONS)).await?;
    for (name, content) in jobs::STATES {
        salt.state(name, content)?;
    }
    let start = async {
        let mut stack = scenario.on_salt(salt).await?;
        listening(&mut stack).await?;
        Ok(stack)
    };
    let stack = run.times.of("starting all the rest", start).await?;
    progress::done();
    Ok(stack)
}

/// Pings until a ping's events arrive in JetStream: the collector has connected, and everything behind it works.
async fn listening(stack: &mut Stack<Salt>) -> anyhow::Result<()> {
    let jetstream = async_nats::jetstream::new(stack.nats.client().await?);
    wait::until(
        Duration::from_secs(60),
        "an event of a test.ping in EVENTS",
        async || {
            progress::at("collector", "waiting for the first event");
            let pinged = async {
                stack.all_run()?;
                stack.master.run(&["*", "test.ping"]).await?;
                let events = jetstream
                    .get_stream(Topology::default().events_name())
                    .await;
                let Ok(mut events) = events else {
                    return Ok(false);
                };
                Ok(events.info().await.context("EVENTS")?.state.messages > 0)
            };
            match pinged.await {
                Ok(true) => Some(Ok(())),
                Ok(false) => None,
                Err(error) => Some(Err(error)),
            }
        },
    )
    .await?
}

/// Runs every job; each has its messages before the next one begins.
pub(super) async fn play(
    run: &mut Run,
    stack: &mut Stack<Salt>,
    recording: Option<&Recording>,
) -> anyhow::Result<()> {
    run.stage.acts(JOBS.iter().map(Job::act).collect());
    for (at, job) in JOBS.iter().enumerate() {
        let (played, took) = super::times::taken(one(at, job, run, stack)).await?;
        run.stage
            .act(at, if played { State::Told } else { State::Lacks });
        run.times.add(job.name, took);
    }
    recording.map_or(Ok(()), Recording::still_listens)
}

/// Whether everything came that was expected of it.
async fn one(at: usize, job: &Job, run: &mut Run, stack: &mut Stack<Salt>) -> anyhow::Result<bool> {
    if let Some(minion) = job.without {
        stack.master.stop_minion(minion).await?;
    }
    run.stage.act(at, State::Runs);
    let ran = showing(&mut run.inbox, stack, stack.master.run(job.salt)).await?;
    let jid = ran
        .jid
        .with_context(|| format!("Salt started no job:\n{}", ran.output))?;
    run.tally.expect(jid, job.name);
    run.awaited(stack).await
}
