//! A job event heard: by its kind, the fields that make it the event that is published.
//! How a return is judged and told is not here.

use pillarbox_proto::event::{Event, JobBeat, JobEnd, JobNew, JobReturn, What};
use pillarbox_proto::salt::{Fun, Jid, MinionId, Target, command_line, runner_command_line};
use pillarbox_proto::subject::id;

use super::bound::Limits;
use super::fields::{self, fun_of, ids_of, jid_of, minion_of, name_of, stamp_of};
use super::judged::Told;
use super::payload::{self, Budgets, Payload};
use super::returned::{Returned, Said};
use super::value::{VALUE_TRIMMED, Value};
use super::{NoiseReason, Origin, ReadError, Reading, bound, words};
use crate::redact::Redactor;
use crate::tag::Tag;

/// A job event with what every kind of it needs.
pub(super) struct Heard<'h> {
    origin: &'h Origin,
    received: Option<&'h str>,
    jid: Jid,
    /// The job of an irregular jid.
    irregular: Option<String>,
    runner: bool,
    pub(super) fun: Fun,
    stamp: String,
    pub(super) redactor: Redactor,
    trimmed: Vec<&'static str>,
    limits: Limits,
}

impl<'h> Heard<'h> {
    pub(super) fn read(
        origin: &'h Origin,
        text: &str,
        tag: Tag<'_>,
        bytes: &[u8],
        received: Option<&'h str>,
        limits: Limits,
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
            limits,
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
        let kind = name_of(payload.target_type.as_ref()).filter(|_| !self.runner);
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
            user: name_of(payload.user.as_ref()).unwrap_or_default(),
            test: words::ask_for_test(&args),
            run: id::run(&fun, &args, None),
            missing: ids_of(payload.missing.as_ref()),
            target,
            target_type: kind,
            args,
            minions,
            batch,
            part: None,
            total: None,
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
        let schedule = name_of(payload.schedule.as_ref());
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
        let reason = name_of(batch.halted_reason.as_ref()).map(|text| self.redactor.text(text));
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
        bound::bound(&mut event, self.limits);
        event
    }
}

/// Fields that were not read whole, and those that Salt itself cut.
fn what_was_left_out(budgets: &Budgets, payload: &Payload<'_>) -> Vec<&'static str> {
    let cut_by_salt =
        |value: &Option<Value<'_>>| value.as_ref().and_then(Value::as_text) == Some(VALUE_TRIMMED);
    let whole = match &payload.returned.said {
        Said::Whole(value) => value.as_text() == Some(VALUE_TRIMMED),
        Said::ByKey(_) => false,
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
