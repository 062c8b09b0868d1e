//! What `cargo demo` does: everything real on one machine, four jobs, and each message as its reader would see it.
//! It is not a test of wording; it judges that every expected message came, and no other.

mod jobs;
mod record;
mod show;
mod tally;
mod times;

use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use anyhow::Context;
use jobs::{JOBS, Job, MINIONS, ROUTES};
use record::Recording;
use show::Inbox;
use tally::{Slack, Tally};
use times::Times;

use pillarbox_proto::topology::Topology;

use crate::salt::Salt;
use crate::stack::{Scenario, Stack};
use crate::{programs, progress, tools, wait};

/// From the end of a `salt` command until its digest and mail are there; `finish_after` is 20 s.
const MESSAGES: Duration = Duration::from_secs(60);
/// How long nothing more may come after the last expected message.
const SILENCE: Duration = Duration::from_secs(10);
/// How often we look for new messages while something else goes on.
const GLANCE: Duration = Duration::from_millis(100);

/// Runs the demo; with `exit` it ends by itself. What the master's bus carries during the jobs is kept in `record`.
///
/// # Errors
/// When something cannot be installed, built or started, or the messages were not the expected ones.
pub async fn run(exit: bool, record: Option<&Path>) -> anyhow::Result<()> {
    let mut times = Times::default();
    show::title("installing what is missing, building both programs");
    prepare(&mut times).await?;
    show::title(
        "starting NATS, a master, two minions, the collector, two notifiers, Slack and a mail server",
    );
    let mut stack = start(&mut times).await?;
    let recording = match record {
        Some(file) => Some(Recording::start(&stack.master.sock_dir(), file).await?),
        None => None,
    };
    let mut inbox = Inbox::default();
    let mut tally = Tally::default();
    for job in &JOBS {
        let jid = times
            .of(job.name, play(job, &mut stack, &mut inbox, &tally))
            .await?;
        tally.expect(jid, job.name);
    }
    recording
        .as_ref()
        .map_or(Ok(()), Recording::still_listens)?;
    drop(recording);
    show::title("listening for anything more");
    times.of("silence", quiet(&mut stack, &mut inbox)).await?;
    show::complaints(&stack.complaints());
    times.print();
    let verdict = verdict(&stack, &tally);
    if exit {
        return verdict;
    }
    if let Err(wrong) = verdict {
        show::wrong(&format!("{wrong:#}"));
    }
    stay(stack, inbox).await
}

/// Installs and builds side by side: one waits for the network, the other for the processor.
async fn prepare(times: &mut Times) -> anyhow::Result<()> {
    let salt = times::taken(async {
        tokio::try_join!(tools::salt(), tools::nats_server(), tools::aiosmtpd())
    });
    let build = times::taken(programs::built());
    let ((_, installing), (_, building)) = tokio::try_join!(salt, build)?;
    progress::done();
    times.add("installing what was missing", installing);
    times.add("building (beside it)", building);
    Ok(())
}

async fn start(times: &mut Times) -> anyhow::Result<Stack<Salt>> {
    let salt = times.of("starting Salt", Salt::start(&MINIONS)).await?;
    for (name, content) in jobs::STATES {
        salt.state(name, content)?;
    }
    let start = async {
        let mut stack = Scenario::new(ROUTES).notifiers(2).on_salt(salt).await?;
        listening(&mut stack).await?;
        Ok(stack)
    };
    let stack = times.of("starting all the rest", start).await?;
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

/// Runs one job and shows what arrives, until a start, a digest and a mail have come, or did not in time.
async fn play(
    job: &Job,
    stack: &mut Stack<Salt>,
    inbox: &mut Inbox,
    before: &Tally,
) -> anyhow::Result<String> {
    if let Some(minion) = job.without {
        stack.master.stop_minion(minion).await?;
    }
    show::job(job);
    let ran = showing(inbox, stack, stack.master.run(job.salt)).await?;
    let jid = ran
        .jid
        .with_context(|| format!("Salt started no job:\n{}", ran.output))?;
    let mut tally = before.clone();
    tally.expect(jid.clone(), job.name);
    let came = wait::until(MESSAGES, "the messages of a job", async || {
        let broken = inbox.show_new(stack).and_then(|()| stack.all_run());
        let count = count(&tally, stack);
        progress::at("waiting", &tally.awaited(&count));
        match broken {
            Err(error) => Some(Err(error)),
            Ok(()) => tally.complete(&count).then_some(Ok(())),
        }
    });
    let came = came.await;
    progress::done();
    match came {
        Ok(came) => came?,
        // What is missing is said at the end, with everything else; the other jobs still run.
        Err(_) => show::wrong(&tally.awaited(&count(&tally, stack))),
    }
    Ok(jid)
}

/// Shows what arrives while something else is done.
async fn showing<T>(
    inbox: &mut Inbox,
    stack: &Stack<Salt>,
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

fn count(tally: &Tally, stack: &Stack<Salt>) -> tally::Count {
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
    tally.count(&Slack(slack), &tally::Mails(mails))
}

/// Watches for what should not come.
async fn quiet(stack: &mut Stack<Salt>, inbox: &mut Inbox) -> anyhow::Result<()> {
    let watched = wait::never(SILENCE, async || {
        progress::at("silence", "nothing more may come now");
        let broken = inbox.show_new(stack).and_then(|()| stack.all_run()).err();
        broken.map(|error| format!("{error:#}"))
    });
    let watched = watched.await;
    progress::done();
    watched
}

fn verdict(stack: &Stack<Salt>, tally: &Tally) -> anyhow::Result<()> {
    let count = count(tally, stack);
    show::tally(&tally.lines(&count));
    anyhow::ensure!(tally.right(&count), "not every message was as expected");
    show::right("every expected message came, and nothing else");
    Ok(())
}

/// Keeps everything running for whoever wants to try more.
async fn stay(mut stack: Stack<Salt>, mut inbox: Inbox) -> anyhow::Result<()> {
    stack.master.start_minion(MINIONS[1]).await?;
    progress::done();
    show::invitation(&stack);
    loop {
        inbox.show_new(&stack)?;
        stack.all_run()?;
        tokio::time::sleep(GLANCE).await;
    }
}
