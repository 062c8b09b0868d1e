//! One run: the demo's frames through everything real, with the kills of a plan, until nothing is left to do.
//! It does not judge what came.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use futures_util::future::join_all;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until};

use super::capture::Capture;
use super::judge::{Heard, heard};
use super::plan::{Kill, Moment, Plan};
use super::spy::Spy;
use super::state::State;
use super::timeline::Timeline;
use crate::bus::Bus;
use crate::mail::MailSink;
use crate::nats::Nats;
use crate::programs::Program;
use crate::slack::Slack;
use crate::stack::{Scenario, Stack};
use crate::wait;

/// What stands below `routes:`; as in the demo, but for how long a minion is waited for: longer than the collector waits for an
/// acknowledgement (8 s) that a killed server never gives, or a return that it holds meanwhile would be called missing, and its
/// row of failures told in the next job.
const ROUTES: &str = r#"
  - name: audit
    on: start
    match: { fun: "state.*" }
    receivers: [ops-slack]
  - name: failures-and-changes
    match: { fun: "state.*", outcome: [failed, changed, missing] }
    receivers: [ops-slack, ops-mail]
    finish_after: 12s
"#;
/// How long Slack takes to answer; the message is posted by then.
const SLACK: Duration = Duration::from_millis(40);
/// What a notifier logs when it is ready.
const READY: &str = "streams and consumers are as they should be";
/// Until both notifiers are ready, on a busy machine.
const START: Duration = Duration::from_secs(120);
/// A message in a dead worker's hands comes back after 30 s, and is sent again when its lease of 60 s is over.
const SETTLE: Duration = Duration::from_secs(180);
/// How long it must stay settled.
const SILENCE: Duration = Duration::from_secs(1);
/// Between two looks.
const GLANCE: Duration = Duration::from_millis(100);

/// Everything of one run.
#[derive(Debug)]
pub(super) struct Run {
    stack: Stack<Bus>,
    spy: Spy,
    state: State,
    capture: Arc<Capture>,
    timeline: Arc<Timeline>,
}

impl Run {
    /// Starts everything, and waits until both notifiers are ready.
    ///
    /// # Errors
    /// When something does not start.
    pub(super) async fn start(capture: Arc<Capture>) -> anyhow::Result<Self> {
        // A job that a kill made overdue is put right soon, and not in the default ten minutes.
        let scenario = Scenario::new(ROUTES).notifiers(2).global("follow_up: 1s");
        let stack = scenario.on_bus().await?;
        stack.slack.answer_after(SLACK);
        for notifier in &stack.notifiers {
            let ready = async || notifier.said().1.contains(READY).then_some(());
            wait::until(START, "a notifier", ready).await?;
        }
        let client = stack.nats.client().await?;
        let timeline = Arc::new(Timeline::start());
        Ok(Self {
            spy: Spy::start(&client, Arc::clone(&timeline)).await?,
            state: State::new(async_nats::jetstream::new(client))?,
            stack,
            capture,
            timeline,
        })
    }

    /// Plays the plan until everything is settled. A permit of `busy` is held while frames are played and things killed.
    ///
    /// # Errors
    /// When it does not settle.
    pub(super) async fn play(&mut self, plan: &Plan, busy: &Semaphore) -> anyhow::Result<()> {
        let Self {
            stack,
            spy,
            state,
            capture,
            timeline,
        } = self;
        let (slack, mail) = (&stack.slack, &stack.mail);
        let work = async {
            let permit = busy.acquire().await?;
            let kills = kill_all(plan, spy, &mut stack.notifiers, &mut stack.nats, timeline);
            let ((), killed) = tokio::join!(frames(plan, capture, &stack.master, timeline), kills);
            killed?;
            drop(permit);
            settle(state, capture, timeline).await
        };
        tokio::select! {
            done = work => done,
            never = watch(slack, mail, timeline) => match never {},
        }
    }

    /// What people were told.
    ///
    /// # Errors
    /// When a mail cannot be read.
    pub(super) fn heard(&self) -> anyhow::Result<Heard> {
        let (posted, mails) = (self.stack.slack.posted(), self.stack.mail.mails()?);
        Ok(heard(&posted, &mails, &self.capture.jobs))
    }

    /// What JetStream says.
    #[must_use]
    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// What happened when.
    #[must_use]
    pub(super) fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Lines in the programs' logs that say that data is lost or a person is needed, and panics.
    #[must_use]
    pub(super) fn errors(&self) -> Vec<String> {
        let complaints = self.stack.complaints().into_iter();
        complaints
            .filter(|line| line.contains("\"ERROR\"") || line.contains("panicked"))
            .collect()
    }

    /// Every complaint.
    #[must_use]
    pub(super) fn complaints(&self) -> Vec<String> {
        self.stack.complaints()
    }

    /// Ends everything at once: what a run leaves behind was judged before.
    ///
    /// # Errors
    /// When something outlives `kill -9`.
    pub(super) async fn end(mut self) -> anyhow::Result<()> {
        let notifiers = self.stack.notifiers.iter_mut().map(Program::kill_9);
        for ended in join_all(notifiers).await {
            ended?;
        }
        self.stack.collector.kill_9().await?;
        self.stack.nats.kill_9().await
    }
}

async fn frames(plan: &Plan, capture: &Capture, bus: &Bus, timeline: &Timeline) {
    for (frame, pause) in capture.frames.iter().zip(&plan.pauses) {
        sleep(*pause).await;
        timeline.note(format!("the bus says {}", frame.tag));
        bus.send(&frame.bytes).await;
    }
}

async fn kill_all(
    plan: &Plan,
    spy: &Spy,
    notifiers: &mut [Program],
    nats: &mut Nats,
    timeline: &Timeline,
) -> anyhow::Result<()> {
    let first = Instant::now();
    for kill in &plan.kills {
        match kill.moment {
            Moment::At(at) => sleep_until(first + at).await,
            Moment::Step(step, behind) => {
                spy.reached(step).await;
                sleep(behind).await;
            }
        }
        self::kill(kill, notifiers, nats, timeline).await?;
    }
    Ok(())
}

async fn kill(
    kill: &Kill,
    notifiers: &mut [Program],
    nats: &mut Nats,
    timeline: &Timeline,
) -> anyhow::Result<()> {
    let targets = &kill.targets;
    timeline.note(format!("KILL {targets}"));
    let hit = notifiers.iter_mut().enumerate();
    let mut hit: Vec<&mut Program> = hit
        .filter(|(place, _)| targets.notifiers.contains(place))
        .map(|(_, notifier)| notifier)
        .collect();
    let server = async {
        match targets.nats {
            true => nats.kill_9().await,
            false => Ok(()),
        }
    };
    let (killed, server) = tokio::join!(join_all(hit.iter_mut().map(|it| it.kill_9())), server);
    killed
        .into_iter()
        .chain([server])
        .collect::<Result<(), _>>()?;
    sleep(kill.away).await;
    timeline.note(format!("restarting {targets}"));
    for notifier in hit {
        notifier.restart().await?;
    }
    if targets.nats {
        nats.restart().await?;
    }
    timeline.note(format!("restarted {targets}"));
    Ok(())
}

/// Waits until nothing is left to do, and stays so.
async fn settle(state: &State, capture: &Capture, timeline: &Timeline) -> anyhow::Result<()> {
    let mut left = String::new();
    let mut since = Instant::now();
    let settled = wait::until(SETTLE, "everything to be settled", async || {
        sleep(GLANCE).await;
        let now = match state.left(capture).await {
            Ok(None) => String::new(),
            Ok(Some(left)) => left,
            Err(error) => format!("{error:#}"),
        };
        if now != left {
            timeline.note(format!("left: {now}"));
        }
        if now != left || !now.is_empty() {
            (left, since) = (now, Instant::now());
        }
        (left.is_empty() && since.elapsed() >= SILENCE).then_some(())
    });
    settled.await.context("something is left to do")
}

/// Notes what arrives, for ever.
async fn watch(slack: &Slack, mail: &MailSink, timeline: &Timeline) -> std::convert::Infallible {
    let (mut posts, mut mails) = (0, 0);
    loop {
        let requests = slack.requests();
        for request in requests.iter().skip(posts) {
            let text = request.body.get("text").and_then(|text| text.as_str());
            let text = text.unwrap_or_default().replace('\n', " · ");
            timeline.note(format!("Slack has {text}"));
        }
        let attempts = mail.attempts().len();
        (mails..attempts).for_each(|place| timeline.note(format!("mail {} came", place + 1)));
        (posts, mails) = (requests.len(), attempts.max(mails));
        sleep(GLANCE).await;
    }
}
