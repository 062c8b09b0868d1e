//! The normalised job event: what Salt put on the bus, read once, judged once, redacted.
//! It holds no raw Salt data: what a return held beyond this stays on the master for the look-up.

use serde::{Deserialize, Serialize};

use crate::highstate::{StateReturn, Summary, milliseconds};
use crate::salt::{Fun, Jid, MinionId, PerFunction, Target};

/// One event on `EVENTS`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// What makes it the same event when published again: `Nats-Msg-Id`.
    pub id: String,
    /// A name for masters that see the same minions.
    pub cluster: String,
    /// The master whose bus it was read from.
    pub master: String,
    /// Salt's job id, as the event has it.
    pub jid: Jid,
    /// The job it belongs to: the jid, `run-<hash>` where no `new` announces it, or `x-<hash>` for an irregular jid.
    pub job: String,
    /// The function or functions.
    pub fun: Fun,
    /// The master's clock when it fired the event, RFC 3339 in UTC. Only shown.
    pub stamp: String,
    /// The collector's clock when it read the event, RFC 3339 in UTC; null where it was not read from a live bus. Only shown.
    pub received: Option<String>,
    /// It was not heard on the bus but found in the job cache after a gap.
    #[serde(default)]
    pub recovered: bool,
    /// A runner's or an orchestration's event.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub runner: bool,
    /// Texts replaced because they looked like secrets.
    #[serde(default)]
    pub redacted: u32,
    /// JSON pointers of what was cut: by Salt (`VALUE_TRIMMED`), or here to keep the event bounded.
    #[serde(default)]
    pub trimmed: Vec<String>,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What an event says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum What {
    /// A job was published to minions.
    New(JobNew),
    /// A minion returned.
    Ret(Box<JobReturn>),
    /// 3008's batch is complete.
    End(JobEnd),
    /// A minion says that the job still runs (`saltutil.find_job`).
    Beat(JobBeat),
}

/// A job was published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobNew {
    /// The command as a person would type it: `salt -G 'roles:web' state.apply nginx test=True`.
    pub command: String,
    /// Who ran it, as Salt says: `root`, `sudo_alice`.
    pub user: String,
    /// Whom it was aimed at; absent for a runner.
    pub target: Option<Target>,
    /// `glob`, `list`, `grain`, `compound`, …; absent for a runner.
    pub target_type: Option<String>,
    /// The words after the function, redacted, not quoted: `["nginx", "test=True"]`.
    pub args: Vec<String>,
    /// The minions that Salt expects to answer. Syndic ids on a master of masters.
    pub minions: Vec<MinionId>,
    /// Listed targets that have no key.
    pub missing: Vec<MinionId>,
    /// `test=True` was asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
    /// 3008's announcement of a whole batch; the chunks' `new`s carry no mark.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub batch: bool,
    /// Number of this part from 1, and of all parts, where the minions did not fit into one message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<(u32, u32)>,
    /// How many minions all parts name together; absent where this is all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u32>,
    /// Hash of function and redacted arguments: the same work, whoever runs it and whenever.
    pub run: String,
}

impl JobNew {
    /// How many minions Salt expects, all parts together.
    pub fn of(&self) -> u32 {
        self.total
            .unwrap_or_else(|| u32::try_from(self.minions.len()).unwrap_or(u32::MAX))
    }
}

/// A minion returned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobReturn {
    /// Who returned.
    pub minion: MinionId,
    /// Decided once, here; never again downstream.
    pub outcome: Outcome,
    /// Salt's return code; absent counts as 0.
    pub retcode: Option<PerFunction<i64>>,
    /// Salt's `success`; absent on `salt-call`.
    pub success: Option<PerFunction<bool>>,
    /// Who ran it, where the return says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The words after the function, redacted.
    pub args: Vec<String>,
    /// The schedule's name, for a scheduled run.
    pub schedule: Option<String>,
    /// It ran with `test=True`.
    pub test: bool,
    /// Numbers of a state run; absent where the return is no map of states.
    pub summary: Option<Summary>,
    /// Failed states, in the order they ran.
    pub failures: Vec<StateReturn>,
    /// Changed (in test mode: would change) states, in the order they ran.
    pub changes: Vec<StateReturn>,
    /// The states that took longest, slowest first; 3 at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slowest: Vec<SlowState>,
    /// Why it could not even start: render errors, a missing SLS, a lock; or what a failed function said.
    pub errors: Vec<String>,
    /// Salt reports a failure (retcode, `success`) and no state failed.
    pub reporting_problem: bool,
    /// Hash of function, redacted arguments and schedule: as in [`JobNew::run`].
    pub run: String,
}

/// A state, and how long it took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlowState {
    /// `pkg.installed`
    pub function: String,
    /// Its id.
    pub id: String,
    /// What it acted on.
    pub name: String,
    /// The SLS it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sls: Option<String>,
    /// Milliseconds.
    #[serde(deserialize_with = "milliseconds")]
    pub duration_ms: f64,
}

/// 3008's batch is complete (`salt/batch/<jid>/complete`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobEnd {
    /// Minions that Salt gave up on.
    #[serde(default)]
    pub missing: Vec<MinionId>,
    /// Why it stopped early, where it did (`failhard`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halted: Option<String>,
}

/// A job still runs on a minion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobBeat {
    /// Who says so.
    pub minion: MinionId,
}

/// What came of a job on one minion. Ordered from worst to best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// A state failed, or the function did.
    Failed,
    /// Test mode: it would change something.
    Pending,
    /// It changed something and nothing failed.
    Changed,
    /// Nothing failed, nothing changed.
    Clean,
}

impl Outcome {
    /// Every outcome, worst first.
    pub const ALL: [Outcome; 4] = [
        Outcome::Failed,
        Outcome::Pending,
        Outcome::Changed,
        Outcome::Clean,
    ];

    /// As in subjects, matchers and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Failed => "failed",
            Outcome::Pending => "pending",
            Outcome::Changed => "changed",
            Outcome::Clean => "clean",
        }
    }
}

impl Event {
    /// `new`, `ret`, `end` or `beat`: the token in its subject.
    pub fn kind(&self) -> &'static str {
        match &self.what {
            What::New(_) => "new",
            What::Ret(_) => "ret",
            What::End(_) => "end",
            What::Beat(_) => "beat",
        }
    }
}
