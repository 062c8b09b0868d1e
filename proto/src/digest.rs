//! What is known of a job when it is told: the job, its numbers, and findings clustered over minions.
//! It holds facts only; the words are made from it by the notifier's renderers.

use serde::{Deserialize, Serialize};

use crate::highstate::milliseconds;
use crate::salt::{Fun, Jid, MinionId, Target};

/// What was run, by whom, where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The cluster.
    pub cluster: String,
    /// The master that ran it.
    pub master: String,
    /// The job, as in subjects.
    pub job: String,
    /// Salt's job id; of a job that many minions ran on their own, the newest one.
    pub jid: Jid,
    /// The function or functions.
    pub fun: Fun,
    /// The words after the function.
    pub args: Vec<String>,
    /// The command as typed; absent where nobody typed one (schedule, `salt-call`).
    pub command: Option<String>,
    /// Who ran it, as Salt says: `sudo_alice`.
    pub user: Option<String>,
    /// Whom it was aimed at.
    pub target: Option<Target>,
    /// Salt's `tgt_type`.
    pub target_type: Option<String>,
    /// It ran in test mode.
    pub test: bool,
    /// A runner or an orchestration.
    pub runner: bool,
    /// The schedule that started it, on the minions.
    pub schedule: Option<String>,
}

/// A job in numbers. Everything counts minions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Totals {
    /// How many Salt expected; unknown for runs that the minions started themselves.
    pub expected: Option<u32>,
    /// How many returned.
    pub returned: u32,
    /// Failed.
    pub failed: u32,
    /// Would change (test mode).
    pub pending: u32,
    /// Changed something.
    pub changed: u32,
    /// Changed nothing.
    pub clean: u32,
    /// Expected and not heard.
    pub missing: u32,
}

/// A job as it is told on one route: its totals are the job's, its findings those of the minions that the route took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Digest {
    /// What was run.
    pub job: Job,
    /// When it was published, or first heard of. RFC 3339, UTC, the master's clock.
    pub started: String,
    /// When the last return came. RFC 3339, UTC, the master's clock.
    pub ended: Option<String>,
    /// Numbers of the whole job.
    pub totals: Totals,
    /// What failed, worst first.
    pub failures: Vec<Finding>,
    /// What changed, most minions first.
    pub changes: Vec<Finding>,
    /// Who did not answer.
    pub missing: Vec<Missing>,
    /// Listed targets that have no key on the master.
    pub no_key: Vec<MinionId>,
    /// Failures that a later run of the same minion has made good ("failed at …, clean since").
    pub since_clean: Vec<SinceClean>,
    /// The states that took longest.
    pub slowest: Vec<Slow>,
    /// Sentences about what is not known, or looks odd: two commands under one jid, events found after a gap.
    pub notes: Vec<String>,
    /// What could not be looked up in the masters' job caches, in sentences. No fact about the job: a message that differs in
    /// it alone says nothing new.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub look_up: Vec<String>,
    /// Why 3008's batch stopped early.
    pub halted: Option<String>,
    /// It tells of one return alone (`on: return`): whose. Numbers are of this minion, and nothing is known of its runs before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_return: Option<MinionId>,
}

/// The same thing on several minions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is about.
    pub about: About,
    /// In the program's own words.
    pub comment: String,
    /// The last lines of output that belong to it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub output: String,
    /// A diff, or the changes as text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub diff: String,
    /// Where, sorted.
    pub minions: Vec<Standing>,
    /// States that did not run because this one failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held_back: Vec<State>,
}

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "about", rename_all = "snake_case")]
pub enum About {
    /// A state.
    State(State),
    /// The run could not even start: a render error, a missing SLS, a lock.
    Start,
    /// A function that is no state run.
    Function,
    /// Salt reported a failure without a failed state.
    Report,
}

/// A state, by name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct State {
    /// `pkg.installed`
    pub function: String,
    /// Its id.
    pub id: String,
    /// What it acted on.
    pub name: String,
    /// The SLS it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sls: Option<String>,
}

/// A minion in a finding, and whether this is new there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The minion.
    pub minion: MinionId,
    /// The run before this one was not good either: first jid and length of the row, this run included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub still: Option<Still>,
}

/// A row of failures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Still {
    /// When the row began.
    pub since: Jid,
    /// How many runs it has.
    pub count: u32,
}

/// A minion that did not answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// The minion.
    #[serde(flatten)]
    pub standing: Standing,
    /// It said that the job still runs there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub running: bool,
}

/// A failure that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinceClean {
    /// The minion.
    pub minion: MinionId,
    /// The run that failed.
    pub failed: Jid,
}

/// A slow state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slow {
    /// The state.
    pub state: State,
    /// Where it was slowest.
    pub minion: MinionId,
    /// Milliseconds.
    #[serde(deserialize_with = "milliseconds")]
    pub duration_ms: f64,
}
