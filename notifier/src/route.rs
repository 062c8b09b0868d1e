//! Routes: who hears of what, at which moment. A flat ordered list, tried per minion.
//! It delivers nothing and reads no file: it decides who is taken by whom.

mod narrow;

use std::time::Duration;

use pillarbox_proto::digest::Job;
use pillarbox_proto::event::{Event, JobReturn, Outcome, What};
use pillarbox_proto::subject::id;

use crate::digest::fold;
use crate::matcher::Matcher;
use crate::render::template::Wording;

pub use narrow::Parted;

/// When a route speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Moment {
    /// The moment a job is published.
    Start,
    /// The moment a minion returns: a message for each return.
    Return,
    /// When a job is complete, overdue or quiet.
    Finish,
}

impl Moment {
    /// As in a configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Moment::Start => "start",
            Moment::Return => "return",
            Moment::Finish => "finish",
        }
    }
}

/// What `outcome` can ask for: an outcome, or that a minion did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Taken {
    /// A return with this outcome.
    Outcome(Outcome),
    /// No return.
    Missing,
}

impl Taken {
    /// As in a configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Taken::Outcome(outcome) => outcome.as_str(),
            Taken::Missing => "missing",
        }
    }

    /// Everything that can be asked for.
    pub const ALL: [Taken; 5] = [
        Taken::Outcome(Outcome::Failed),
        Taken::Outcome(Outcome::Pending),
        Taken::Outcome(Outcome::Changed),
        Taken::Outcome(Outcome::Clean),
        Taken::Missing,
    ];
}

/// What a route asks of a job, of its minions and of their states. An absent field is the empty text.
#[derive(Debug, Clone, Default)]
pub struct Matchers {
    /// The cluster.
    pub cluster: Matcher,
    /// The master that ran it.
    pub master: Matcher,
    /// The function, or any of several.
    pub fun: Matcher,
    /// Who ran it: `sudo_alice` goes by `alice` too.
    pub user: Matcher,
    /// The target as typed.
    pub target: Matcher,
    /// `glob`, `list`, `grain`, `compound`, …
    pub target_type: Matcher,
    /// The schedule that started it, by name.
    pub schedule: Matcher,
    /// The words after the function, with a space between them and without quotes.
    pub args: Matcher,
    /// Whether it ran with `test=True`.
    pub test: Option<bool>,
    /// The minion's id. Narrows a digest to the minions that match.
    pub minion: Matcher,
    /// Outcomes, and `missing`.
    pub outcome: Matcher,
    /// A state's id, name or function. Narrows a digest to the states that match.
    pub state: Matcher,
    /// A state's SLS. Narrows likewise.
    pub sls: Matcher,
}

/// One route of the list.
#[derive(Debug, Clone)]
pub struct Route {
    /// Its name, unique.
    pub name: String,
    /// When it speaks.
    pub on: Moment,
    /// What it takes.
    pub matchers: Matchers,
    /// Whom it tells, by name.
    pub receivers: Vec<String>,
    /// What it took goes on down the list.
    pub goes_on: bool,
    /// A job is overdue this long after its last sign of life.
    pub finish_after: Duration,
    /// Its own words, where it has some.
    pub wording: Wording,
}

impl Route {
    /// Whether the job itself is of interest.
    pub fn takes_job(&self, job: &Job) -> bool {
        let matchers = &self.matchers;
        let absent = |text: &Option<String>| text.clone().unwrap_or_default();
        let target = job.target.as_ref().map(ToString::to_string);
        self.takes_fun(job.fun.names())
            && matchers.cluster.matches(&job.cluster)
            && matchers.master.matches(&job.master)
            && matchers.user.matches_named(&names_of(&absent(&job.user)))
            && matchers.target.matches(&absent(&target))
            && matchers.target_type.matches(&absent(&job.target_type))
            && matchers.schedule.matches(&absent(&job.schedule))
            && matchers.args.matches(&job.args.join(" "))
            && matchers.test.is_none_or(|test| test == job.test)
    }

    /// Whether the job that a return belongs to may be of interest: what the return does not say may match.
    ///
    /// A job that nobody announced is what its returns say; of any other, its `new` has the last word.
    fn may_take_job_of(&self, event: &Event, ret: &JobReturn) -> bool {
        let matchers = &self.matchers;
        let unannounced = || {
            matchers.args.matches(&ret.args.join(" "))
                && matchers
                    .schedule
                    .matches(ret.schedule.as_deref().unwrap_or_default())
                && matchers.target.matches("")
                && matchers.target_type.matches("")
        };
        self.takes_fun(event.fun.names())
            && matchers.cluster.matches(&event.cluster)
            && (!id::is_run_job(&event.job) || unannounced())
    }

    fn takes_fun(&self, names: &[String]) -> bool {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.matchers.fun.matches_any(&names)
    }

    /// Whether it may take this return, whatever the rest of its job is.
    fn may_take(&self, event: &Event, ret: &JobReturn) -> bool {
        let seen = || self.matchers.part(ret).seen;
        self.may_take_job_of(event, ret)
            && self.matchers.minion.matches(&ret.minion.0)
            && seen().is_some_and(|seen| self.wants(Taken::Outcome(seen.outcome)))
    }

    /// Whether it takes a minion that came to this.
    pub fn takes(&self, minion: &str, taken: Taken) -> bool {
        self.matchers.minion.matches(minion) && self.wants(taken)
    }

    /// Whether its `outcome` asks for this.
    pub fn wants(&self, taken: Taken) -> bool {
        self.matchers.outcome.matches(taken.as_str())
    }

    /// Whether it may take a return with this outcome, once states are taken away from it.
    pub fn may_want(&self, outcome: Outcome) -> bool {
        let outcomes = if self.matchers.narrows() {
            narrow::may_become(outcome)
        } else {
            &[outcome][..]
        };
        outcomes
            .iter()
            .any(|outcome| self.wants(Taken::Outcome(*outcome)))
    }
}

/// The names that a user goes by: who uses `sudo` is `sudo_alice` to Salt, and alice to everybody else.
fn names_of(user: &str) -> Vec<&str> {
    let person = user.strip_prefix("sudo_");
    std::iter::once(user).chain(person).collect()
}

/// Whether some route speaks the moment a job is published.
pub fn any_start(routes: &[Route]) -> bool {
    routes.iter().any(|route| route.on == Moment::Start)
}

/// The routes on `start` that take a job, in their order: the first, and those after it that it lets it go on to.
pub fn starts<'a>(routes: &'a [Route], job: &Job) -> Vec<&'a Route> {
    let mut taken = Vec::new();
    for route in routes
        .iter()
        .filter(|route| route.on == Moment::Start && route.takes_job(job))
    {
        taken.push(route);
        if !route.goes_on {
            break;
        }
    }
    taken
}

/// Whether some route on `return` could speak of this return. What it does not say (its target) may match.
pub fn returns(routes: &[Route], event: &Event, ret: &JobReturn) -> bool {
    let mut of_moment = routes.iter().filter(|route| route.on == Moment::Return);
    of_moment.any(|route| route.may_take(event, ret))
}

/// Whether some route on `finish` could speak because of this event. What a return does not say (its target) may match.
pub fn opens(routes: &[Route], event: &Event) -> bool {
    let mut finish = routes.iter().filter(|route| route.on == Moment::Finish);
    match &event.what {
        What::New(new) => {
            let job = fold::job_of(event, new);
            finish.any(|route| route.takes_job(&job))
        }
        What::Ret(ret) => finish.any(|route| route.may_take(event, ret)),
        What::End(_) | What::Beat(_) => false,
    }
}

#[cfg(test)]
mod tests;
