//! One frame's body made a job event: tag, payload, judge, redaction, bounds, in this order.
//! It publishes nothing and drops nothing: what is noise it says, and the shell counts it.

pub mod bound;
mod fields;
mod payload;
mod returned;
mod said;
mod state;
pub(crate) mod value;
mod words;

use pillarbox_proto::event::{Event, JobBeat, JobEnd, JobNew, JobReturn, What};
use pillarbox_proto::highstate::StateReturn;
use pillarbox_proto::salt::{Fun, Jid, MinionId, Target, command_line, runner_command_line};
use pillarbox_proto::subject::{id, sha256_hex};

pub use bound::parts;

use crate::outcome::{Facts, Shape, Verdict, judge};
use crate::redact::Redactor;
use crate::tag::{OtherTag, Tag};
use fields::{fun_of, ids_of, jid_of, minion_of, stamp_of};
use payload::{Budgets, Payload, PayloadError};
use returned::Returned;
use state::State;
use value::Value;

/// Where the bytes were read.
#[derive(Debug, Clone)]
pub struct Origin {
    /// A name for masters that see the same minions.
    pub cluster: String,
    /// The master's id.
    pub master: String,
}

/// What a frame says.
#[derive(Debug)]
pub enum Reading {
    /// A job event.
    Event(Box<Event>),
    /// A return of `saltutil.find_job` that is not empty: the job in its arguments still runs.
    Beat {
        /// The sign of life, to be published; one a minute counts, which its id sees to.
        beat: Box<Event>,
        /// The return itself: noise.
        ret: Box<Event>,
    },
    /// A job event that nobody wants to hear about.
    Noise {
        /// Why.
        reason: NoiseReason,
        /// The event, for `decode`.
        event: Box<Event>,
    },
    /// No job event: counted.
    Other(OtherTag),
    /// A job event that cannot be read: a dead letter.
    Unreadable(Unreadable),
}

/// Why a job event is noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NoiseReason {
    /// `saltutil.find_job`: the command line asks whether a job still runs.
    FindJob,
    /// `mine.*`: minions keep the mine up to date.
    Mine,
    /// `sys.list_functions`: what `--subset` asks before the job itself.
    SubsetPreJob,
    /// A runner of `jobs.*`: somebody reads the job cache, and old returns are no news.
    JobQuery,
}

impl NoiseReason {
    /// As in metrics and summaries.
    pub fn as_str(self) -> &'static str {
        match self {
            NoiseReason::FindJob => "find-job",
            NoiseReason::Mine => "mine",
            NoiseReason::SubsetPreJob => "subset-pre-job",
            NoiseReason::JobQuery => "job-query",
        }
    }

    fn of(fun: &Fun, runner: bool) -> Option<NoiseReason> {
        let all = |test: fn(&str) -> bool| {
            !fun.names().is_empty() && fun.names().iter().all(|name| test(name))
        };
        if runner {
            return all(|name| name.starts_with("jobs.")).then_some(NoiseReason::JobQuery);
        }
        if all(|name| name == "saltutil.find_job") {
            Some(NoiseReason::FindJob)
        } else if all(|name| name.starts_with("mine.")) {
            Some(NoiseReason::Mine)
        } else if all(|name| name == "sys.list_functions") {
            Some(NoiseReason::SubsetPreJob)
        } else {
            None
        }
    }
}

/// A job event that cannot be read. It holds none of its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The tag's beginning, as far as it is printable.
    pub tag: String,
    /// Bytes of the body.
    pub length: usize,
    /// Of the body, in hex.
    pub sha256: String,
    /// What is wrong with it.
    pub error: String,
}

/// Why a job event cannot be read.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("no empty line after the tag")]
    NoPayload,
    #[error(transparent)]
    Payload(#[from] PayloadError),
    #[error("{0} of {1} bytes")]
    TooLong(&'static str, usize),
}

/// Longest tag that is shown.
const MAX_TAG: usize = 200;

/// Reads one body. `received` is the collector's clock, RFC 3339; none for what was not read from a live bus.
pub fn normalize(origin: &Origin, body: &[u8], received: Option<&str>) -> Reading {
    let Some(at) = body.windows(2).position(|two| two == b"\n\n") else {
        return Reading::Unreadable(unreadable(b"", body, &ReadError::NoPayload));
    };
    let (tag, payload) = (body.get(..at), body.get(at + 2..));
    let (tag, payload) = (tag.unwrap_or_default(), payload.unwrap_or_default());
    let text = String::from_utf8_lossy(tag);
    let parsed = Tag::parse(&text);
    if let Tag::Other(other) = parsed {
        return Reading::Other(other);
    }
    match Heard::read(origin, &text, parsed, payload, received) {
        Ok(reading) => reading,
        Err(error) => Reading::Unreadable(unreadable(tag, body, &error)),
    }
}

fn unreadable(tag: &[u8], body: &[u8], error: &ReadError) -> Unreadable {
    let text = String::from_utf8_lossy(tag);
    let printable = |c: &char| !c.is_control() && *c != char::REPLACEMENT_CHARACTER;
    Unreadable {
        tag: text.chars().take_while(printable).take(MAX_TAG).collect(),
        length: body.len(),
        sha256: sha256_hex(body),
        error: error.to_string(),
    }
}

/// A job event with what every kind of it needs.
struct Heard<'h> {
    origin: &'h Origin,
    received: Option<&'h str>,
    jid: Jid,
    /// The job of an irregular jid.
    irregular: Option<String>,
    runner: bool,
    fun: Fun,
    stamp: String,
    redactor: Redactor,
    trimmed: Vec<&'static str>,
}

impl<'h> Heard<'h> {
    fn read(
        origin: &'h Origin,
        text: &str,
        tag: Tag<'_>,
        bytes: &[u8],
        received: Option<&'h str>,
    ) -> Result<Reading, ReadError> {
        let runner = matches!(tag, Tag::RunNew { .. } | Tag::RunRet { .. });
        let budgets = Budgets::default();
        let payload = payload::read(bytes, runner, &budgets)?;
        let jid = jid_of(tag)?;
        let irregular = (!jid.is_regular()).then(|| id::irregular_job(text, bytes));
        let heard = Heard {
            origin,
            received,
            irregular,
            runner,
            fun: fun_of(payload.fun.as_ref(), runner)?,
            stamp: stamp_of(payload.stamp.as_ref(), &jid),
            jid,
            redactor: Redactor::new(),
            trimmed: what_was_left_out(&budgets, &payload),
        };
        match tag {
            Tag::JobNew { .. } | Tag::RunNew { .. } => heard.published(payload, false),
            Tag::BatchNew { .. } => heard.published(payload, true),
            Tag::JobRet { minion, .. } => heard.ret(minion, payload),
            Tag::RunRet { .. } => heard.runner_ret(payload),
            Tag::BatchComplete { .. } => heard.end(payload),
            Tag::Other(other) => Ok(Reading::Other(other)),
        }
    }

    fn published(mut self, mut payload: Payload<'_>, batch: bool) -> Result<Reading, ReadError> {
        let (mut args, minions) = if batch {
            (payload.batch.arg.take(), payload.batch.minions.take())
        } else {
            let args = payload.arg.take().or(payload.fun_args.take());
            (args, payload.minions.take())
        };
        let mut args = self.words(args.as_mut());
        if let Some(mut kwargs) = payload.batch.kwargs.take().filter(|_| batch) {
            self.redactor.value(&mut kwargs);
            if let Value::Map(pairs) = kwargs {
                let words: Vec<String> = words::keywords(&pairs).collect();
                args.extend(words.into_iter().map(|word| self.redactor.word(word)));
            }
        }
        let minions = ids_of(minions.as_ref());
        let target = fields::target_of(payload.target.as_ref()).filter(|_| !self.runner);
        let kind = payload
            .target_type
            .as_ref()
            .map(words::word)
            .filter(|_| !self.runner);
        let fun = self.fun.to_string();
        let published = id::Published {
            fun: &fun,
            target_type: kind.as_deref().unwrap_or_default(),
            target: &target.as_ref().map(ToString::to_string).unwrap_or_default(),
            batch,
            minions: &minions,
        };
        let jid = id::jid_part(&self.jid, self.irregular.as_deref());
        let id = id::new(&self.origin.cluster, jid, &published);
        let target = target.map(|target| match target {
            Target::Expression(text) => Target::Expression(self.redactor.text(text)),
            list @ Target::Minions(_) => list,
        });
        let new = JobNew {
            command: self.command(target.as_ref(), kind.as_deref(), &args),
            user: payload.user.as_ref().map(words::word).unwrap_or_default(),
            test: words::ask_for_test(&args),
            run: id::run(&fun, &args, None),
            missing: ids_of(payload.missing.as_ref()),
            target,
            target_type: kind,
            args,
            minions,
            batch,
            part: None,
        };
        let job = self.job(None);
        Ok(self.reading(id, job, What::New(new)))
    }

    fn command(&self, target: Option<&Target>, kind: Option<&str>, args: &[String]) -> String {
        match target {
            Some(target) => command_line(target, kind.unwrap_or_default(), &self.fun, args),
            None => runner_command_line(&self.fun, args),
        }
    }

    fn ret(mut self, minion: &str, mut payload: Payload<'_>) -> Result<Reading, ReadError> {
        let minion = minion_of(minion)?;
        let args = payload
            .fun_args
            .take()
            .or(payload.arg.take())
            .as_mut()
            .map_or_else(Vec::new, |args| self.words(Some(args)));
        let schedule = payload
            .schedule
            .as_ref()
            .filter(|name| name.truthy())
            .map(words::word);
        // Nobody announced it: a schedule on the minion, or `salt-call`, which says neither who nor how it went.
        let by_call = payload.user.is_none() && payload.success.is_none();
        let run = id::run(&self.fun.to_string(), &args, schedule.as_deref());
        let job = self.job((schedule.is_some() || by_call).then(|| id::run_job(&run)));
        let beat = self.beat(&minion, &args, &payload.returned);
        let returned = std::mem::take(&mut payload.returned);
        let out = payload.out.take();
        let told = Told {
            minion,
            args,
            schedule,
            run,
            out,
            retcode: payload.retcode.take(),
        };
        let what = self.judged(told, returned, &payload);
        let id = self.ret_id(&what);
        let ret = self.event(id, job, What::Ret(Box::new(what)));
        let reason = NoiseReason::of(&ret.fun, false);
        Ok(match (reason, beat) {
            (Some(NoiseReason::FindJob), Some(beat)) => Reading::Beat {
                beat: Box::new(beat),
                ret: Box::new(ret),
            },
            (Some(reason), _) => Reading::Noise {
                reason,
                event: Box::new(ret),
            },
            (None, _) => Reading::Event(Box::new(ret)),
        })
    }

    fn runner_ret(mut self, mut payload: Payload<'_>) -> Result<Reading, ReadError> {
        let args = self.words(payload.fun_args.take().or(payload.arg.take()).as_mut());
        let run = id::run(&self.fun.to_string(), &args, None);
        let runner = std::mem::take(&mut payload.runner);
        let outputter = runner.whole.get("outputter").cloned();
        let (minion, returned, retcode) = match runner.one {
            Some((minion, returned)) => {
                let code = runner.whole.get("retcode").cloned();
                (
                    minion_of(&minion)?,
                    returned,
                    code.or(payload.retcode.take()),
                )
            }
            None => {
                let master = MinionId(format!("{}_master", self.origin.master));
                (master, runner.whole, payload.retcode.take())
            }
        };
        let out = payload.out.take().or(outputter);
        let told = Told {
            minion,
            args,
            schedule: None,
            run,
            out,
            retcode,
        };
        let what = self.judged(told, returned, &payload);
        let (id, job) = (self.ret_id(&what), self.job(None));
        Ok(self.reading(id, job, What::Ret(Box::new(what))))
    }

    fn ret_id(&self, ret: &JobReturn) -> String {
        let jid = id::jid_part(&self.jid, self.irregular.as_deref());
        id::ret(&self.origin.cluster, jid, &ret.minion)
    }

    /// Judges a return and takes from it what is told.
    fn judged(
        &mut self,
        told: Told<'_>,
        returned: Returned<'_>,
        payload: &Payload<'_>,
    ) -> JobReturn {
        let retcode = fields::retcode_of(told.retcode.as_ref());
        let success = fields::success_of(payload.success.as_ref());
        let verdict = judge(&Facts {
            shape: returned.shape,
            out: told.out.as_ref().and_then(Value::as_text),
            fun: &self.fun,
            retcode: retcode.as_ref(),
            success: success.as_ref(),
        });
        let summary = match returned.shape {
            Shape::States(summary) => Some(summary),
            Shape::Map | Shape::ListOrText | Shape::Other => None,
        };
        let errors = self.errors(&verdict, &returned, retcode.as_ref());
        let (failed, changed): (Vec<State<'_>>, Vec<_>) =
            returned.states.into_iter().partition(State::failed);
        JobReturn {
            minion: told.minion,
            outcome: verdict.outcome,
            retcode,
            success,
            user: payload
                .user
                .as_ref()
                .filter(|user| user.truthy())
                .map(words::word),
            test: words::ask_for_test(&told.args),
            args: told.args,
            schedule: told.schedule,
            summary,
            failures: self.told(failed),
            changes: self.told(changed),
            errors,
            reporting_problem: verdict.reporting_problem,
            run: told.run,
        }
    }

    fn errors(
        &mut self,
        verdict: &Verdict,
        returned: &Returned<'_>,
        retcode: Option<&pillarbox_proto::salt::PerFunction<i64>>,
    ) -> Vec<String> {
        use pillarbox_proto::event::Outcome;
        if verdict.outcome != Outcome::Failed || matches!(returned.shape, Shape::States(_)) {
            return Vec::new();
        }
        said::errors(&returned.said, &self.fun, retcode)
            .into_iter()
            .map(|error| self.text(error, bound::keep_last))
            .collect()
    }

    fn told(&mut self, states: Vec<State<'_>>) -> Vec<StateReturn> {
        states
            .into_iter()
            .map(|state| self.redacted(state.told()))
            .collect()
    }

    /// A state without secrets. Its id and name are texts too: a command is its own name.
    fn redacted(&mut self, mut state: StateReturn) -> StateReturn {
        for text in [&mut state.id, &mut state.name, &mut state.comment] {
            *text = self.text(std::mem::take(text), bound::keep_first);
        }
        if let Some(text) = &mut state.diff {
            *text = self.text(std::mem::take(text), bound::keep_first);
        }
        for text in [&mut state.stdout, &mut state.stderr].into_iter().flatten() {
            *text = self.text(std::mem::take(text), bound::keep_last);
        }
        for text in &mut state.warnings {
            *text = self.text(std::mem::take(text), bound::keep_first);
        }
        if let Some(changes) = &mut state.changes {
            self.redactor.json(changes);
        }
        state
    }

    /// A text without secrets, of a length that can be searched for them.
    fn text(&mut self, text: String, cut: fn(&str, usize) -> String) -> String {
        if text.len() <= bound::MAX_TEXT {
            return self.redactor.text(text);
        }
        // The note of the cut comes last, so that the end of a key still begins the text that is searched.
        let cut = cut(&text, bound::MAX_TEXT);
        match cut.split_once('\n') {
            Some((note, kept)) if note.starts_with("[… ") => {
                format!("{note}\n{}", self.redactor.text(kept.to_owned()))
            }
            _ => self.redactor.text(cut),
        }
    }

    fn words(&mut self, args: Option<&mut Value<'_>>) -> Vec<String> {
        let Some(args) = args else {
            return Vec::new();
        };
        self.redactor.value(args);
        let several = matches!(self.fun, Fun::Several(_));
        words::words(args, self.runner, several)
            .into_iter()
            .map(|word| self.redactor.word(word))
            .collect()
    }

    fn end(mut self, payload: Payload<'_>) -> Result<Reading, ReadError> {
        let batch = payload.batch;
        let mut missing: Vec<MinionId> = batch
            .undone
            .into_iter()
            .map(|id| MinionId(id.into_owned()))
            .collect();
        missing.sort_unstable();
        missing.dedup();
        let reason = batch
            .halted_reason
            .as_ref()
            .filter(|reason| reason.truthy());
        let reason = reason.map(|reason| self.redactor.text(words::word(reason)));
        let halted = reason.or_else(|| batch.halted.then(|| "halted".to_owned()));
        let jid = id::jid_part(&self.jid, self.irregular.as_deref());
        let (id, job) = (id::end(&self.origin.cluster, jid), self.job(None));
        Ok(self.reading(id, job, What::End(JobEnd { missing, halted })))
    }

    /// What a return of `find_job` says about the job in its arguments.
    fn beat(&self, minion: &MinionId, args: &[String], returned: &Returned<'_>) -> Option<Event> {
        let about = Jid(args.first()?.clone());
        let running = fun_of(returned.get("fun"), false).ok();
        if !about.is_regular() || !returned.truthy() {
            return None;
        }
        let minute: String = self
            .stamp
            .chars()
            .filter(char::is_ascii_digit)
            .take(12)
            .collect();
        Some(Event {
            id: id::beat(&self.origin.cluster, &about.0, &minute),
            cluster: self.origin.cluster.clone(),
            master: self.origin.master.clone(),
            job: about.0.clone(),
            jid: about,
            fun: running.unwrap_or_else(|| self.fun.clone()),
            stamp: self.stamp.clone(),
            received: self.received.map(str::to_owned),
            recovered: false,
            runner: false,
            redacted: 0,
            trimmed: Vec::new(),
            what: What::Beat(JobBeat {
                minion: minion.clone(),
            }),
        })
    }

    fn job(&self, run: Option<String>) -> String {
        run.or_else(|| self.irregular.clone())
            .unwrap_or_else(|| self.jid.0.clone())
    }

    fn reading(self, id: String, job: String, what: What) -> Reading {
        let reason = NoiseReason::of(&self.fun, self.runner);
        let event = Box::new(self.event(id, job, what));
        match reason {
            Some(reason) => Reading::Noise { reason, event },
            None => Reading::Event(event),
        }
    }

    fn event(self, id: String, job: String, what: What) -> Event {
        let mut event = Event {
            id,
            cluster: self.origin.cluster.clone(),
            master: self.origin.master.clone(),
            jid: self.jid,
            job,
            fun: self.fun,
            stamp: self.stamp,
            received: self.received.map(str::to_owned),
            recovered: false,
            runner: self.runner,
            redacted: self.redactor.taken(),
            trimmed: self.trimmed.into_iter().map(str::to_owned).collect(),
            what,
        };
        bound::bound(&mut event);
        event
    }
}

/// Of a return, what is known before it is judged.
struct Told<'de> {
    minion: MinionId,
    args: Vec<String>,
    schedule: Option<String>,
    run: String,
    out: Option<Value<'de>>,
    retcode: Option<Value<'de>>,
}

/// Fields that were not read whole, and those that Salt itself cut.
fn what_was_left_out(budgets: &Budgets, payload: &Payload<'_>) -> Vec<&'static str> {
    let cut_by_salt = |value: &Option<Value<'_>>| {
        value.as_ref().and_then(Value::as_text) == Some(value::VALUE_TRIMMED)
    };
    let whole = match &payload.returned.said {
        returned::Said::Whole(value) => value.as_text() == Some(value::VALUE_TRIMMED),
        returned::Said::ByKey(_) => false,
    };
    [
        (
            budgets.minions.exceeded() || cut_by_salt(&payload.minions),
            "/minions",
        ),
        (cut_by_salt(&payload.missing), "/missing"),
        (
            budgets.args.exceeded() || cut_by_salt(&payload.arg) || cut_by_salt(&payload.fun_args),
            "/args",
        ),
        (budgets.returned.exceeded() || whole, "/return"),
    ]
    .into_iter()
    .filter_map(|(cut, pointer)| cut.then_some(pointer))
    .collect()
}
