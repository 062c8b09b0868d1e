//! What a job's directory holds, told: each file becomes an event again, and each event is read as any from the bus.
//! It finds no directory, and judges nothing itself.

use std::collections::BTreeSet;

use pillarbox_proto::event::{Event, What};
use pillarbox_proto::lookup::{CachedReturn, Load, LookupReply, LookupRequest, Problem};
use pillarbox_proto::salt::MinionId;
use pillarbox_proto::wire::MAX_BODY;

use super::LookupError;
use super::dir::FileError;
use super::fired::{Damaged, Fired, LoadFile, Maker, ReturnFiles};
use super::job::{Bad, Job, LOAD, RETURN};
use super::room::Room;
use crate::normalize::{self, Limits, Origin, Reading};

/// The outputter that a return names, below the minion's directory.
const OUT: &str = "out.p";

/// More problems than this are only counted: the same is wrong with all of them.
const MAX_PROBLEMS: usize = 1000;

/// The answer, with the returns that are asked for.
pub(super) fn answer(
    mut job: Job<'_>,
    origin: &Origin,
    request: &LookupRequest,
) -> Result<LookupReply, LookupError> {
    let mut reply = super::unknown(origin, &request.jid);
    if job.is_there {
        let bytes = job.load.take();
        let load = load_file(&mut job, bytes.as_deref());
        let maker = load.as_ref().map(|load| load.maker);
        if maker == Some(Maker::Return) {
            job.expected.clear(); // who returned, written down as if somebody had announced it
        }
        if job.nocache {
            job.problem(None, "Salt was told not to keep the returns of this job");
        }
        reply.load = published(&mut job, origin, load.as_ref());
        let file = File {
            origin,
            load: load.as_ref(),
            full: request.full,
        };
        match maker {
            Some(Maker::Runner) => runner(&mut job, &file, request, &mut reply),
            Some(Maker::Publish | Maker::Return) | None => {
                minions(&mut job, &file, request, &mut reply)
            }
        }
        reply.missing = missing(&job);
        reply.expected = std::mem::take(&mut job.expected).into_iter().collect();
    }
    reply.problems = few(job.problems);
    match normalize::size(&reply) {
        size if size > MAX_BODY => Err(LookupError::TooLarge),
        _ => Ok(reply),
    }
}

fn load_file<'f>(job: &mut Job<'_>, bytes: Option<&'f [u8]>) -> Option<LoadFile<'f>> {
    match bytes.map(LoadFile::read).transpose() {
        Ok(load) => load,
        Err(error) => {
            job.problem(None, &format!("{LOAD} {error}"));
            None
        }
    }
}

/// Where nothing is kept, or cannot be seen, nobody is said not to have returned.
fn missing(job: &Job<'_>) -> Vec<MinionId> {
    let seen = |minion: &MinionId| job.returned.contains(minion) || job.hidden.contains(minion);
    let missing = job
        .expected
        .iter()
        .filter(|minion| !job.nocache && !seen(minion));
    missing.cloned().collect()
}

fn few(mut problems: Vec<Problem>) -> Vec<Problem> {
    let more = problems.len().saturating_sub(MAX_PROBLEMS);
    if more > 0 {
        problems.truncate(MAX_PROBLEMS);
        let error = format!("so many more problems: {more}");
        problems.push(Problem {
            minion: None,
            error,
        });
    }
    problems
}

fn published(job: &mut Job<'_>, origin: &Origin, load: Option<&LoadFile<'_>>) -> Option<Load> {
    let fired = load?.announced(job.jid, job.batch.as_deref())?;
    match event(origin, &fired, Limits::EVENT) {
        Ok(Event {
            fun,
            what: What::New(mut new),
            ..
        }) => {
            new.minions = job.expected.iter().cloned().collect();
            Some(Load { fun, new })
        }
        Ok(_) => None,
        Err(error) => {
            job.problem(None, &format!("{LOAD} {error}"));
            None
        }
    }
}

/// Of noise too: whoever asks for a job by its jid wants to hear about it.
fn event(origin: &Origin, fired: &Fired, limits: Limits) -> Result<Event, Bad> {
    match normalize::read(origin, &fired.tag, &fired.payload, None, limits)? {
        Reading::Event(event) | Reading::Noise { event, .. } | Reading::Beat { ret: event, .. } => {
            Ok(*event)
        }
        Reading::Other(_) | Reading::Unreadable(_) => Err(Damaged::NoMap.into()),
    }
}

/// A runner has one return, which is called here as its event on the bus calls it, whatever its directory is called.
fn runner(job: &mut Job<'_>, file: &File<'_>, request: &LookupRequest, reply: &mut LookupReply) {
    let all: Vec<MinionId> = job.returned.iter().cloned().collect();
    let returns = returns(job, file, &all);
    reply.returned = returns.iter().map(|ret| ret.ret.minion.clone()).collect();
    reply.returned.sort_unstable();
    let asked = request.minions.as_ref();
    let wanted = |minion: &MinionId| asked.is_none_or(|ids| ids.contains(minion));
    reply.returns = returns
        .into_iter()
        .filter(|ret| wanted(&ret.ret.minion))
        .collect();
}

fn minions(job: &mut Job<'_>, file: &File<'_>, request: &LookupRequest, reply: &mut LookupReply) {
    let asked: Option<BTreeSet<&MinionId>> =
        request.minions.as_ref().map(|ids| ids.iter().collect());
    let wanted = |minion: &&MinionId| asked.as_ref().is_none_or(|ids| ids.contains(*minion));
    let chosen: Vec<MinionId> = job.returned.iter().filter(wanted).cloned().collect();
    reply.returns = returns(job, file, &chosen);
    reply.returned = job.returned.iter().cloned().collect();
}

/// As many of these returns as fit.
fn returns(job: &mut Job<'_>, file: &File<'_>, minions: &[MinionId]) -> Vec<CachedReturn> {
    let mut room = Room::default();
    let mut returns = Vec::new();
    for (n, minion) in minions.iter().enumerate() {
        let left = minions.len() - n;
        let Some(share) = room.share(left) else {
            job.problem(
                None,
                &format!("returns that did not fit into the answer: {left}"),
            );
            break;
        };
        match file.ret(job, minion, share) {
            Ok(ret) => {
                room.take(normalize::size(&ret));
                returns.push(ret);
            }
            Err(error) => job.problem(Some(minion.clone()), &format!("{RETURN} {error}")),
        }
    }
    returns
}

/// How each minion's files are read.
struct File<'f> {
    origin: &'f Origin,
    load: Option<&'f LoadFile<'f>>,
    full: bool,
}

impl File<'_> {
    fn ret(&self, job: &Job<'_>, minion: &MinionId, share: usize) -> Result<CachedReturn, Bad> {
        let dir = job.dir.dir(minion.0.as_str())?;
        let ret = dir.read(RETURN)?.ok_or(FileError::Gone)?;
        let out = dir.read(OUT)?;
        let files = ReturnFiles::read(&ret, out.as_deref())?;
        let fired = files.ret(job.jid, &minion.0, self.load);
        let event = event(self.origin, &fired, Limits::part(share))?;
        let What::Ret(told) = event.what else {
            return Err(Damaged::NoMap.into());
        };
        let mut cached = CachedReturn {
            fun: event.fun,
            ret: *told,
            redacted: event.redacted,
            trimmed: event.trimmed,
            full: None,
        };
        if self.full {
            let room = share.saturating_sub(normalize::size(&cached));
            let whole = normalize::whole(files.whole(self.load), room)?;
            cached.redacted = cached.redacted.saturating_add(whole.redacted);
            cached.trimmed.extend(whole.trimmed);
            cached.full = whole.value.filter(|value| !value.is_null()); // as it is read back
        }
        Ok(cached)
    }
}
