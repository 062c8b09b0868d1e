//! What `cargo demo` does: everything real on one machine, four jobs, and each message as its reader would see it, on the
//! terminal and on a page. It is not a test of wording; it judges that every expected message came, and no other.

mod board;
mod capture;
mod drawn;
mod events;
mod inbox;
mod jobs;
mod live;
mod outside;
mod page;
mod record;
mod replay;
mod run;
mod screenshot;
mod sentence;
mod show;
mod stage;
mod tally;
mod times;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use board::Board;
use events::Events;
use jobs::MINIONS;
use outside::Outside;
use page::Page;
use record::Recording;
pub use replay::Replay;
use run::Run;

use crate::scratch::Scratch;
use crate::stack::{Scenario, Stack};
use crate::{programs, progress, tools};

/// How long nothing more may come after the last expected message.
const SILENCE: Duration = Duration::from_secs(10);
/// In a replay every job was seen to be told to the end before.
const SHORT_SILENCE: Duration = Duration::from_secs(3);

/// What is asked of a demo.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// End by itself.
    pub exit: bool,
    /// Without a real Salt, fail.
    pub real: bool,
    /// No Salt at all, but this.
    pub replay: Option<Replay>,
    /// Where what the master's bus carries during the jobs is kept.
    pub record: Option<PathBuf>,
    /// Where pictures of the page are put.
    pub screenshot: Option<PathBuf>,
}

/// Runs the demo.
///
/// # Errors
/// When something cannot be installed, built or started, or the messages were not the expected ones.
pub async fn run(options: &Options) -> anyhow::Result<()> {
    let outside = Outside::read(|name| std::env::var(name).ok())?;
    let mut replay = options.replay.clone();
    if let Some(replay) = &replay {
        replay.read()?; // a wrong file is said before anything starts
    }
    if options.screenshot.is_some() {
        screenshot::browser()?;
    }
    let board = Arc::new(Board::new());
    let page = Page::start(Arc::clone(&board)).await?;
    let mut run = Run::new(&board, outside.said());
    show::page(&page.url());
    show::outside(&outside.said());
    run.stage
        .now("installing what is missing, building both programs");
    if let Err(why) = prepare(&mut run, replay.is_none()).await? {
        if options.real || options.record.is_some() {
            return Err(why.context("there is no Salt (`cargo demo --replay` goes without)"));
        }
        show::no_salt(&why);
        replay = Some(Replay::Own);
    }
    let scene = Scene {
        options,
        outside,
        board,
        page,
    };
    match replay {
        None => scene.with_salt(run).await,
        Some(replay) => scene.without_salt(run, &replay).await,
    }
}

/// Installs and builds side by side: one waits for the network, the other for the processor. The inner error says why
/// there is no Salt.
async fn prepare(run: &mut Run, salt: bool) -> anyhow::Result<Result<(), anyhow::Error>> {
    let install = times::taken(async {
        let salt = async {
            Ok(match salt {
                true => tools::salt().await.map(|_| ()),
                false => Ok(()),
            })
        };
        tokio::try_join!(salt, tools::nats_server(), tools::aiosmtpd())
    });
    let build = times::taken(programs::built());
    let (((salt, _, _), installing), (_, building)) = tokio::try_join!(install, build)?;
    progress::done();
    run.times.add("installing what was missing", installing);
    run.times.add("building (beside it)", building);
    Ok(salt)
}

/// What stays the same, whatever is played.
struct Scene<'a> {
    options: &'a Options,
    outside: Outside,
    board: Arc<Board>,
    page: Page,
}

impl Scene<'_> {
    async fn with_salt(self, mut run: Run) -> anyhow::Result<()> {
        run.stage.now(
            "starting NATS, a master, two minions, the collector, two notifiers, Slack and a mail server",
        );
        let secrets = Scratch::new()?;
        let scenario = self.scenario("20s", &secrets)?;
        let mut stack = live::start(&mut run, scenario).await?;
        let events = Events::start(&stack.nats, Arc::clone(&self.board)).await?;
        let recording = match &self.options.record {
            Some(file) => Some(Recording::start(&stack.master.sock_dir(), file).await?),
            None => None,
        };
        live::play(&mut run, &mut stack, recording.as_ref()).await?;
        drop(recording);
        let told = run.at_rest(&mut stack).await?;
        let verdict = self.end(&mut run, &mut stack, told, SILENCE).await;
        if self.options.exit {
            return verdict;
        }
        stack.master.start_minion(MINIONS[1]).await?;
        progress::done();
        show::invitation(&stack.master);
        show::what_runs(&stack, &self.page.url());
        run.stay(&mut stack, &events).await
    }

    async fn without_salt(self, mut run: Run, replay: &Replay) -> anyhow::Result<()> {
        let capture = replay.read()?;
        run.stage.replay(&replay.said());
        run.stage
            .now("starting NATS, the collector, two notifiers, Slack and a mail server");
        let secrets = Scratch::new()?;
        let scenario = self.scenario(replay.finish_after(), &secrets)?;
        let mut stack = replay::start(&mut run, scenario).await?;
        let events = Events::start(&stack.nats, Arc::clone(&self.board)).await?;
        let told = replay::play(&mut run, &mut stack, replay, &capture).await?;
        let verdict = self.end(&mut run, &mut stack, told, SHORT_SILENCE).await;
        if self.options.exit {
            return verdict;
        }
        show::what_runs(&stack, &self.page.url());
        run.stay(&mut stack, &events).await
    }

    /// Two notifiers with the demo's routes, which also tell the real thing, if it is wanted.
    fn scenario(&self, finish_after: &str, secrets: &Scratch) -> anyhow::Result<Scenario> {
        let (slack, mail) = self.outside.names();
        let receivers = jobs::RECEIVERS.to_owned() + &self.outside.receivers(secrets)?;
        let routes = jobs::routes(finish_after, slack, mail);
        Ok(Scenario::new(&routes).receivers(&receivers).notifiers(2))
    }

    async fn end<M>(
        &self,
        run: &mut Run,
        stack: &mut Stack<M>,
        told: bool,
        silence: Duration,
    ) -> anyhow::Result<()> {
        run.stage.now("listening for anything more");
        let ((), took) = times::taken(run.quiet(stack, silence)).await?;
        run.times.add("silence", took);
        show::complaints(&stack.complaints());
        run.times.print();
        let verdict = run.verdict(stack, told).await;
        if let Some(file) = &self.options.screenshot {
            screenshot::take(&self.page.url(), file).await?;
        }
        verdict
    }
}
