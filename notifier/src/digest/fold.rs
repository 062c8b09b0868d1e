//! The fold: a job's events, in any order and any number of times, to what is known of it.
//! It asks nobody and decides nothing: completion, faults and routes come after it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use pillarbox_proto::digest::{Job, Totals};
use pillarbox_proto::event::{Event, JobEnd, JobNew, JobReturn, Outcome, What};
use pillarbox_proto::salt::{Jid, MinionId};
use pillarbox_proto::trace::Parent;

mod cached;

pub use cached::Ask;

/// An event as the stream holds it.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its stream sequence.
    pub sequence: u64,
    /// When it was stored, by the server's clock: every elapsed time is computed from this.
    pub at: Timestamp,
    /// What it says.
    pub event: Event,
    /// The span of its publishing.
    pub context: Option<Parent>,
}

/// One return, as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Return {
    /// Its stream sequence: of two under one (minion, jid) the later stands.
    pub sequence: u64,
    /// The minion's own jid, for runs that it started itself.
    pub jid: Jid,
    /// The master's clock. Only shown.
    pub stamp: String,
    /// The master whose bus it was heard on.
    pub master: String,
    /// Details were cut, by Salt or by the collector.
    pub cut: bool,
    /// What it returned.
    pub body: JobReturn,
}

/// What is known of a job.
#[derive(Debug, Clone, Default)]
pub struct Fold {
    news: BTreeMap<u64, (Event, JobNew)>,
    returns: BTreeMap<MinionId, BTreeMap<Jid, Return>>,
    heads: BTreeMap<u64, Event>,
    end: Option<(u64, JobEnd)>,
    beats: BTreeSet<MinionId>,
    times: BTreeMap<u64, Timestamp>,
    recovered: bool,
    look_up: Vec<String>,
}

impl Fold {
    /// Takes one more event in.
    pub fn add(&mut self, stored: Stored) {
        let Stored {
            sequence,
            at,
            mut event,
            context: _,
        } = stored;
        self.times.insert(sequence, at);
        self.recovered |= event.recovered;
        let what = std::mem::replace(
            &mut event.what,
            What::End(JobEnd {
                missing: Vec::new(),
                halted: None,
            }),
        );
        match what {
            What::New(new) => {
                self.news.insert(sequence, (event, new));
            }
            What::Ret(body) => {
                let returned = Return {
                    sequence,
                    jid: event.jid.clone(),
                    stamp: event.stamp.clone(),
                    master: event.master.clone(),
                    cut: !event.trimmed.is_empty(),
                    body: *body,
                };
                let of_minion = self
                    .returns
                    .entry(returned.body.minion.clone())
                    .or_default();
                match of_minion.get(&returned.jid) {
                    Some(kept) if sequence < kept.sequence => {}
                    _ => {
                        of_minion.insert(returned.jid.clone(), returned);
                    }
                }
                self.heads.insert(sequence, event);
            }
            What::End(end) => {
                if self.end.as_ref().is_none_or(|(kept, _)| *kept <= sequence) {
                    self.end = Some((sequence, end));
                }
            }
            What::Beat(beat) => {
                self.beats.insert(beat.minion);
            }
        }
    }

    /// A fold of these events.
    pub fn of(events: impl IntoIterator<Item = Stored>) -> Fold {
        let mut fold = Fold::default();
        events.into_iter().for_each(|stored| fold.add(stored));
        fold
    }

    /// The highest sequence in it: the version of what is said from it.
    pub fn last(&self) -> Option<(u64, Timestamp)> {
        self.times
            .last_key_value()
            .map(|(sequence, at)| (*sequence, *at))
    }

    /// When its first event was stored.
    pub fn first_at(&self) -> Option<Timestamp> {
        self.times.values().next().copied()
    }

    /// Each minion's newest return.
    pub fn newest(&self) -> impl Iterator<Item = (&MinionId, &Return)> {
        self.returns
            .iter()
            .filter_map(|(minion, returns)| Some((minion, returns.last_key_value()?.1)))
    }

    /// Every return, each minion's oldest first.
    pub fn all_returns(&self) -> impl Iterator<Item = (&MinionId, &Return)> {
        self.returns
            .iter()
            .flat_map(|(minion, returns)| returns.values().map(move |returned| (minion, returned)))
    }

    /// Whether a minion said that it still runs.
    pub fn runs_on(&self, minion: &MinionId) -> bool {
        self.beats.contains(minion)
    }

    /// 3008's batch announced the whole job: its chunks' `new`s add nothing, and only its end completes it.
    pub fn batch(&self) -> bool {
        self.news.values().any(|(_, new)| new.batch)
    }

    /// The end of 3008's batch, if it came.
    pub fn end(&self) -> Option<&JobEnd> {
        self.end.as_ref().map(|(_, end)| end)
    }

    /// A runner's job: one return, and complete with it.
    pub fn runner(&self) -> bool {
        self.head().is_some_and(|event| event.runner)
    }

    /// Whom Salt expects: the union of all `new`s; `None` where none was heard, or where it names none (a runner).
    pub fn expected(&self) -> Option<BTreeSet<&MinionId>> {
        let expected: BTreeSet<&MinionId> = self
            .news
            .values()
            .flat_map(|(_, new)| &new.minions)
            .collect();
        (!expected.is_empty()).then_some(expected)
    }

    /// Expected and not heard.
    pub fn missing(&self) -> Vec<&MinionId> {
        let expected = self.expected().unwrap_or_default();
        expected
            .into_iter()
            .filter(|minion| !self.returns.contains_key(*minion))
            .collect()
    }

    /// Listed targets that have no key.
    pub fn no_key(&self) -> Vec<MinionId> {
        let ids: BTreeSet<&MinionId> = self
            .news
            .values()
            .flat_map(|(_, new)| &new.missing)
            .collect();
        ids.into_iter().cloned().collect()
    }

    /// The fold without the minions that do not match.
    pub fn narrowed(&self, matches: impl Fn(&MinionId) -> bool) -> Fold {
        let mut view = self.clone();
        view.returns.retain(|minion, _| matches(minion));
        for (_, new) in view.news.values_mut() {
            new.minions.retain(&matches);
            new.missing.retain(&matches);
        }
        view
    }

    /// The fold with each return as a route sees it, or as it leaves it; of nothing left, only that it came.
    pub fn parted(&self, part: impl Fn(&MinionId, &JobReturn) -> Option<JobReturn>) -> Fold {
        let mut view = self.clone();
        for (minion, returns) in &mut view.returns {
            for returned in returns.values_mut() {
                returned.body = part(minion, &returned.body).unwrap_or_else(|| JobReturn {
                    outcome: Outcome::Clean,
                    failures: Vec::new(),
                    changes: Vec::new(),
                    slowest: Vec::new(),
                    errors: Vec::new(),
                    ..returned.body.clone()
                });
            }
        }
        view
    }

    /// The job in numbers.
    pub fn totals(&self) -> Totals {
        let count = |outcome: Outcome| {
            count(
                self.newest()
                    .filter(|(_, returned)| returned.body.outcome == outcome),
            )
        };
        Totals {
            expected: self
                .expected()
                .map(|expected| u32::try_from(expected.len()).unwrap_or(u32::MAX)),
            returned: count_map(self.returns.len()),
            failed: count(Outcome::Failed),
            pending: count(Outcome::Pending),
            changed: count(Outcome::Changed),
            clean: count(Outcome::Clean),
            missing: count_map(self.missing().len()),
        }
    }

    /// The event that says best what the job is: the batch's announcement, the first `new`, or the newest return.
    fn head(&self) -> Option<&Event> {
        let batch = self.news.values().find(|(_, new)| new.batch);
        let new = batch
            .or_else(|| self.news.values().next())
            .map(|(event, _)| event);
        new.or_else(|| self.heads.values().max_by(|a, b| a.jid.cmp(&b.jid)))
    }

    /// What was run, by whom, where.
    pub fn job(&self) -> Option<Job> {
        let head = self.head()?;
        let batch = self.news.values().find(|(_, new)| new.batch);
        match batch.or_else(|| self.news.values().next()) {
            Some((event, new)) => Some(job_of(event, new)),
            None => Some(self.job_of_return(head)),
        }
    }

    fn job_of_return(&self, head: &Event) -> Job {
        let newest = self
            .newest()
            .map(|(_, returned)| returned)
            .max_by(|a, b| a.jid.cmp(&b.jid));
        let body = newest.map(|returned| &returned.body);
        Job {
            cluster: head.cluster.clone(),
            master: head.master.clone(),
            job: head.job.clone(),
            jid: head.jid.clone(),
            fun: head.fun.clone(),
            args: body.map(|body| body.args.clone()).unwrap_or_default(),
            command: None,
            user: body.and_then(|body| body.user.clone()),
            target: None,
            target_type: None,
            test: body.is_some_and(|body| body.test),
            runner: head.runner,
            schedule: body.and_then(|body| body.schedule.clone()),
        }
    }

    /// When it was published, or first heard of, by the master's clock.
    pub fn started(&self) -> Option<String> {
        let new = self
            .news
            .values()
            .map(|(event, _)| event.stamp.as_str())
            .min();
        let first = self
            .all_returns()
            .map(|(_, returned)| returned.stamp.as_str())
            .min();
        new.or(first).map(str::to_owned)
    }

    /// When the last return came, by the master's clock.
    pub fn ended(&self) -> Option<String> {
        self.newest()
            .map(|(_, returned)| returned.stamp.as_str())
            .max()
            .map(str::to_owned)
    }

    /// The hash of what ran: a minion's row of failures is kept under it.
    pub fn run(&self) -> Option<&str> {
        let new = self.news.values().next().map(|(_, new)| new.run.as_str());
        new.or_else(|| {
            self.newest()
                .next()
                .map(|(_, returned)| returned.body.run.as_str())
        })
    }

    /// What is odd about it, in sentences.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let commands: BTreeSet<&str> = self
            .news
            .values()
            .map(|(_, new)| new.run.as_str())
            .collect();
        if commands.len() > 1 {
            let lines: BTreeSet<&str> = self
                .news
                .values()
                .map(|(_, new)| new.command.as_str())
                .collect();
            let lines: Vec<&str> = lines.into_iter().collect();
            notes.push(format!("Two jobs share this jid: {}", lines.join(" and ")));
        }
        if self.recovered {
            notes.push(
                "Some of this was not heard on the bus but found in the master's job cache."
                    .to_owned(),
            );
        }
        notes
    }
}

/// What a `new` says of its job.
pub fn job_of(event: &Event, new: &JobNew) -> Job {
    Job {
        cluster: event.cluster.clone(),
        master: event.master.clone(),
        job: event.job.clone(),
        jid: event.jid.clone(),
        fun: event.fun.clone(),
        args: new.args.clone(),
        command: Some(new.command.clone()),
        user: Some(new.user.clone()),
        target: new.target.clone(),
        target_type: new.target_type.clone(),
        test: new.test,
        runner: event.runner,
        schedule: None,
    }
}

fn count<T>(items: impl Iterator<Item = T>) -> u32 {
    count_map(items.count())
}

fn count_map(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
