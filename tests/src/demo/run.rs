//! What every demo does, with a master or without: it watches what comes, waits for what is expected, and judges it.
//! It starts nothing.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use async_nats::jetstream;
use pillarbox_proto::topology::Topology;

use super::board::Board;
use super::inbox::Inbox;
use super::stage::Stage;
use super::tally::{Count, Mails, Slack, Tally};
use super::times::Times;
use super::{events::Events, show};
use crate::stack::Stack;
use crate::{arrivals, progress, wait};

/// From the end of a `salt` command until its digest and mail are there; `finish_after` is 20 s.
const MESSAGES: Duration = Duration::from_secs(60);
/// Until nothing is open or waiting; jobs that nobody announced are told after 30 s.
const REST: Duration = Duration::from_secs(60);
/// How often we look for new messages while something else goes on.
const GLANCE: Duration = Duration::from_millis(100);

/// A demo that goes on.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) times: Times,
    pub(super) stage: Stage,
    pub(super) inbox: Inbox,
    pub(super) tally: Tally,
}

impl Run {
    pub(super) fn new(board: &Arc<Board>, outside: Vec<String>) -> Self {
        Self {
            times: Times::default(),
            stage: Stage::new(Arc::clone(board), outside),
            inbox: Inbox::new(Arc::clone(board)),
            tally: Tally::default(),
        }
    }

    /// Shows what arrives until every expected message has come: whether it has, in time.
    pub(super) async fn awaited<M>(&mut self, stack: &mut Stack<M>) -> anyhow::Result<bool> {
        let Self { inbox, tally, .. } = self;
        let came = wait::until(MESSAGES, "the messages of a job", async || {
            let broken = inbox.show_new(stack).and_then(|()| stack.all_run());
            let count = count(tally, stack);
            progress::at("waiting", &tally.awaited(&count));
            match broken {
                Err(error) => Some(Err(error)),
                Ok(()) => tally.complete(&count).then_some(Ok(())),
            }
        });
        let came = came.await;
        progress::done();
        match came {
            Ok(came) => came.map(|()| true),
            // What is missing is said at the end, with everything else; the other jobs still run.
            Err(_) => {
                show::wrong(&self.tally.awaited(&count(&self.tally, stack)));
                Ok(false)
            }
        }
    }

    /// Shows what arrives until no job is open and nothing waits to be delivered: whether it is so, in time.
    pub(super) async fn at_rest<M>(&mut self, stack: &mut Stack<M>) -> anyhow::Result<bool> {
        let jetstream = jetstream::new(stack.nats.client().await?);
        let inbox = &mut self.inbox;
        let rest = wait::until(REST, "every job to be told to everybody", async || {
            progress::at("waiting", "until every job is told to everybody");
            if let Err(error) = inbox.show_new(stack).and_then(|()| stack.all_run()) {
                return Some(Err(error));
            }
            matches!(arrivals::at_rest(&jetstream).await, Ok(true)).then_some(Ok(()))
        });
        let rest = rest.await;
        progress::done();
        // Who does not take it, the programs' logs say; they are shown at the end.
        rest.map_or(Ok(false), |rest| rest.map(|()| true))
    }

    /// Watches for what should not come.
    pub(super) async fn quiet<M>(
        &mut self,
        stack: &mut Stack<M>,
        silence: Duration,
    ) -> anyhow::Result<()> {
        let inbox = &mut self.inbox;
        let watched = wait::never(silence, async || {
            progress::at("silence", "nothing more may come now");
            let broken = inbox.show_new(stack).and_then(|()| stack.all_run()).err();
            broken.map(|error| format!("{error:#}"))
        });
        let watched = watched.await;
        progress::done();
        watched
    }

    /// Whether what came is what was expected, and nothing waits or was given up. Said on terminal and page.
    pub(super) async fn verdict<M>(
        &mut self,
        stack: &Stack<M>,
        at_rest: bool,
    ) -> anyhow::Result<()> {
        let dead = dead_letters(stack).await?;
        let judged = if dead > 0 {
            Err(format!(
                "could not be delivered, and was given up: {dead} of the messages"
            ))
        } else if !at_rest {
            Err("not everything could be delivered so far".to_owned())
        } else {
            self.as_expected(stack)
        };
        self.stage.verdict(&judged);
        judged.map(|_| ()).map_err(anyhow::Error::msg)
    }

    fn as_expected<M>(&self, stack: &Stack<M>) -> Result<String, String> {
        let count = count(&self.tally, stack);
        if self.tally.is_empty() {
            let mails = stack.mail.mails().map_or(0, |mails| mails.len());
            let slack = stack.slack.posted().len();
            return Ok(format!(
                "everything is told: {slack} in Slack, {mails} by mail"
            ));
        }
        show::tally(&self.tally.lines(&count));
        let right = self.tally.right(&count);
        let said = "every expected message came, and nothing else".to_owned();
        right
            .then_some(said)
            .ok_or_else(|| "not every message was as expected".to_owned())
    }

    /// Keeps everything running for whoever wants to try more.
    pub(super) async fn stay<M>(
        &mut self,
        stack: &mut Stack<M>,
        events: &Events,
    ) -> anyhow::Result<()> {
        loop {
            self.inbox.show_new(stack)?;
            stack.all_run()?;
            events.still_listen()?;
            tokio::time::sleep(GLANCE).await;
        }
    }
}

/// Shows what arrives while something else is done.
pub(super) async fn showing<M, T>(
    inbox: &mut Inbox,
    stack: &Stack<M>,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let mut work = pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(GLANCE) => inbox.show_new(stack)?,
        }
    }
}

fn count<M>(tally: &Tally, stack: &Stack<M>) -> Count {
    let slack = stack
        .slack
        .posted()
        .iter()
        .map(ToString::to_string)
        .collect();
    let mails = stack.mail.mails().unwrap_or_default();
    let mails = mails
        .iter()
        .map(|mail| format!("{}\n{}", mail.subject, mail.text))
        .collect();
    tally.count(&Slack(slack), &Mails(mails))
}

async fn dead_letters<M>(stack: &Stack<M>) -> anyhow::Result<u64> {
    let jetstream = jetstream::new(stack.nats.client().await?);
    let name = Topology::default().dead_letters_name();
    let stream = jetstream.get_stream(&name).await.context(name)?;
    Ok(stream.cached_info().state.messages)
}
