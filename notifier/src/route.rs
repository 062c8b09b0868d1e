//! Routes: who hears of what, at which moment. A flat ordered list, tried per minion.
//! It delivers nothing and reads no file: it decides who is taken by whom.

use std::time::Duration;

use pillarbox_proto::digest::Job;
use pillarbox_proto::event::{Event, Outcome, What};

use crate::matcher::Matcher;

/// When a route speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Moment {
    /// The moment a job is published.
    Start,
    /// When a job is complete, overdue or quiet.
    Finish,
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

/// What a route asks of a job and of its minions.
#[derive(Debug, Clone, Default)]
pub struct Matchers {
    /// The function.
    pub fun: Matcher,
    /// The target as typed.
    pub target: Matcher,
    /// The minion's id. Narrows a digest to the minions that match.
    pub minion: Matcher,
    /// Outcomes, and `missing`.
    pub outcome: Matcher,
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
}

impl Route {
    /// Whether the job itself is of interest: function and target.
    pub fn takes_job(&self, job: &Job) -> bool {
        let names: Vec<&str> = job.fun.names().iter().map(String::as_str).collect();
        let target = job
            .target
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        self.matchers.fun.matches_any(&names) && self.matchers.target.matches(&target)
    }

    /// Whether it takes a minion that came to this.
    pub fn takes(&self, minion: &str, taken: Taken) -> bool {
        self.matchers.minion.matches(minion) && self.wants(taken)
    }

    /// Whether its `outcome` asks for this.
    pub fn wants(&self, taken: Taken) -> bool {
        self.matchers.outcome.matches(taken.as_str())
    }
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

/// Whether some route on `finish` could speak because of this event. What a return does not say (its target) may match.
pub fn opens(routes: &[Route], event: &Event) -> bool {
    let finish = || routes.iter().filter(|route| route.on == Moment::Finish);
    let names: Vec<&str> = event.fun.names().iter().map(String::as_str).collect();
    match &event.what {
        What::New(new) => {
            let target = new
                .target
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
            finish().any(|route| {
                route.matchers.fun.matches_any(&names) && route.matchers.target.matches(&target)
            })
        }
        What::Ret(ret) => finish().any(|route| {
            route.matchers.fun.matches_any(&names)
                && route.takes(&ret.minion.0, Taken::Outcome(ret.outcome))
        }),
        What::End(_) | What::Beat(_) => false,
    }
}
