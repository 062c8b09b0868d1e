//! Chaos: the demo's run again and again, with `kill -9` of a notifier, of NATS or of both at seeded moments.
//! It does not kill the collector: what a master says meanwhile is a gap, and closing it is another promise.

pub mod capture;
pub mod judge;
pub mod plan;
mod run;
mod spy;
mod state;
mod timeline;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use self::capture::Capture;
use self::judge::{Heard, Verdict, judge};
use self::plan::Plan;
use self::run::Run;

/// Runs that play and kill at once; the others start, or wait for a lease to end.
const BUSY: usize = 3;
/// Runs at once: each is six small processes.
const AT_ONCE: usize = 20;

/// The environment variable that names one seed, for the test.
pub const AGAIN: &str = "PILLARBOX_CHAOS_SEED";

/// What runs are judged by, and how many there may be.
#[derive(Debug)]
pub struct Chaos {
    capture: Arc<Capture>,
    usual: Heard,
    busy: Semaphore,
    at_once: Semaphore,
}

/// What came of a seed.
#[derive(Debug)]
pub struct Outcome {
    /// Which.
    pub seed: u64,
    /// How long it took, from the start of its processes.
    pub took: Duration,
    /// What is to be said of its messages.
    pub verdict: Verdict,
    /// Why it is wrong, with everything that helps to see it; nothing when it is right.
    pub wrong: Option<String>,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Sum {
    /// By seed.
    pub outcomes: Vec<Outcome>,
}

impl Chaos {
    /// Plays the demo's run once with nothing killed: every other run is judged by it.
    ///
    /// # Errors
    /// When something does not start, or that run is wrong by itself.
    pub async fn prepare() -> anyhow::Result<Self> {
        let capture = Arc::new(Capture::demo()?);
        let mut run = Run::start(Arc::clone(&capture)).await?;
        let plan = Plan::undisturbed(capture.frames.len());
        let played = run.play(&plan, &Semaphore::new(1)).await;
        let usual = run.heard()?;
        let complete = usual.len() == 3 * capture.jobs.len();
        let once = usual.values().all(|told| told.len() == 1);
        let fine = played.is_ok() && complete && once && run.complaints().is_empty();
        anyhow::ensure!(
            fine,
            "an undisturbed run is wrong: {played:?}\n{usual:#?}\n{}\n{:#?}",
            run.timeline(),
            run.complaints()
        );
        run.end().await?;
        Ok(Self {
            capture,
            usual,
            busy: Semaphore::new(BUSY),
            at_once: Semaphore::new(AT_ONCE),
        })
    }

    /// Plays seeds, several at once, and tells of each as it ends.
    ///
    /// # Errors
    /// When a run cannot be made at all.
    pub async fn seeds(
        &self,
        seeds: impl Iterator<Item = u64>,
        tell: impl Fn(&Outcome),
    ) -> anyhow::Result<Sum> {
        let mut runs: FuturesUnordered<_> = seeds.map(|seed| self.seed(seed)).collect();
        let mut sum = Sum::default();
        while let Some(outcome) = runs.next().await {
            let outcome = outcome?;
            tell(&outcome);
            sum.outcomes.push(outcome);
        }
        sum.outcomes.sort_by_key(|outcome| outcome.seed);
        Ok(sum)
    }

    async fn seed(&self, seed: u64) -> anyhow::Result<Outcome> {
        let _one = self.at_once.acquire().await?;
        let plan = Plan::of(seed, self.capture.frames.len());
        self.play(seed, &plan).await
    }

    /// Plays a plan of one's own.
    ///
    /// # Errors
    /// When the run cannot be made at all.
    pub async fn play(&self, seed: u64, plan: &Plan) -> anyhow::Result<Outcome> {
        let started = Instant::now();
        let mut run = {
            let _busy = self.busy.acquire().await?;
            Run::start(Arc::clone(&self.capture)).await?
        };
        let played = run.play(plan, &self.busy).await;
        let heard = run.heard()?;
        let ledger = run.state().ledger(&self.capture.jobs).await?;
        let verdict = judge(&heard, &self.usual, &ledger);
        let also = self.also_wrong(&run, played).await?;
        let wrong = (!verdict.right() || !also.is_empty()).then(|| {
            let (timeline, complaints) = (run.timeline(), run.complaints().join("\n"));
            format!(
                "seed {seed} is wrong; again, alone: {AGAIN}={seed} cargo test chaos::twenty\n{plan}{also}\n\
                 {verdict:#?}\n{heard:#?}\n{ledger:#?}\n{timeline}\n{complaints}"
            )
        });
        run.end().await?;
        Ok(Outcome {
            seed,
            took: started.elapsed(),
            verdict,
            wrong,
        })
    }

    /// What is wrong beside the messages; nothing if nothing is.
    async fn also_wrong(&self, run: &Run, played: anyhow::Result<()>) -> anyhow::Result<String> {
        let mut wrong: Vec<String> = played
            .err()
            .map(|it| format!("{it:#}"))
            .into_iter()
            .collect();
        let dead = run.state().dead().await?;
        if dead > 0 {
            wrong.push(format!("{dead} dead letters"));
        }
        if let Some(jid) = self.capture.jobs.last()
            && !run.state().awaits(jid).await?
        {
            wrong.push(format!(
                "nobody awaits the minion that did not answer {jid}"
            ));
        }
        wrong.extend(run.errors());
        Ok(wrong.join("\n"))
    }

    /// How many frames a plan is to have.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.capture.frames.len()
    }
}

impl Sum {
    /// The figures in a line.
    #[must_use]
    pub fn line(&self) -> String {
        let count = |of: fn(&Verdict) -> usize| {
            let all = self.outcomes.iter();
            all.map(|outcome| of(&outcome.verdict)).sum::<usize>()
        };
        let wrong = self.outcomes.iter().filter(|it| it.wrong.is_some()).count();
        format!(
            "{} seeds, {wrong} wrong: {} lost, {} twice, {} other than they should be; {} updates, {} in doubt, {} of them seen twice",
            self.outcomes.len(),
            count(|it| it.lost.len()),
            count(|it| it.twice.len()),
            count(|it| it.other.len()),
            count(|it| it.updates),
            count(|it| it.in_doubt),
            count(|it| it.ambiguous.len()),
        )
    }
}
