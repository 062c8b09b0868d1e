//! What a master's job cache adds to a fold: details that the bus had cut, and returns whose events were not heard.
//! It asks nobody; an answer changes no outcome, and what nobody answered is said.

use std::collections::{BTreeMap, BTreeSet};

use pillarbox_proto::lookup::{CachedReturn, LookupReply, LookupRequest, Problem};
use pillarbox_proto::salt::{Jid, MinionId};

use super::{Fold, Return};

/// Jids asked for: minions that ran on their own have each their own.
const JIDS: usize = 16;
/// Returns asked for in one question. A digest shows one of each kind; those that were cut come first.
const RETURNS: usize = 100;

/// A question to a master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Whose cache.
    pub master: String,
    /// What about.
    pub request: LookupRequest,
}

impl Fold {
    /// What to ask about these minions: the details of those that returned, and whether the others truly did not.
    pub fn asks(&self, minions: &BTreeSet<MinionId>) -> Vec<Ask> {
        let mut asked: BTreeMap<(Jid, String), Vec<MinionId>> = BTreeMap::new();
        let returned = self
            .newest()
            .filter(|(minion, _)| minions.contains(*minion));
        let mut returned: Vec<(&MinionId, &Return)> = returned.collect();
        returned.sort_by_key(|(_, returned)| !returned.cut);
        for (minion, returned) in returned {
            let of = asked
                .entry((returned.jid.clone(), returned.master.clone()))
                .or_default();
            if of.len() < RETURNS {
                of.push(minion.clone());
            }
        }
        if let Some((event, _)) = self.news.values().next() {
            let missing = self
                .missing()
                .into_iter()
                .filter(|minion| minions.contains(*minion));
            for minion in missing {
                let of = asked
                    .entry((event.jid.clone(), event.master.clone()))
                    .or_default();
                of.push(minion.clone());
            }
        }
        let newest = asked.into_iter().rev().take(JIDS);
        newest
            .map(|((jid, master), minions)| Ask {
                master,
                request: LookupRequest {
                    jid,
                    minions: Some(minions),
                    full: false,
                },
            })
            .collect()
    }

    /// Takes an answer in.
    pub fn learn(&mut self, ask: &Ask, reply: LookupReply) {
        let LookupReply {
            master,
            jid,
            returns,
            problems,
            ..
        } = reply;
        let missing: BTreeSet<MinionId> = self.missing().into_iter().cloned().collect();
        for cached in returns {
            let heard = self.returns.get_mut(&cached.ret.minion);
            match heard.and_then(|returns| returns.get_mut(&jid)) {
                Some(heard) => complete(heard, cached),
                None if missing.contains(&cached.ret.minion) => self.found(&jid, &master, cached),
                None => {}
            }
        }
        let asked: BTreeSet<&MinionId> = ask.request.minions.iter().flatten().collect();
        let ours = |problem: &&Problem| problem.minion.as_ref().is_none_or(|of| asked.contains(of));
        if let Some(Problem { minion, error }) = problems.iter().find(ours) {
            let of = minion
                .as_ref()
                .map(|of| format!(" of {of}"))
                .unwrap_or_default();
            self.note(format!(
                "Not all{of} could be looked up on {master}: {error}"
            ));
        }
    }

    /// A return whose event was not heard.
    fn found(&mut self, jid: &Jid, master: &str, cached: CachedReturn) {
        self.recovered = true;
        let (sequence, _) = self.last().unwrap_or_default();
        let returned = Return {
            sequence,
            jid: jid.clone(),
            stamp: String::new(), // the cache does not keep it
            master: master.to_owned(),
            cut: !cached.trimmed.is_empty(),
            body: cached.ret,
        };
        let of_minion = self
            .returns
            .entry(returned.body.minion.clone())
            .or_default();
        of_minion.insert(jid.clone(), returned);
    }

    /// Nobody answered: what is told is what the bus had.
    pub fn unanswered(&mut self, ask: &Ask, why: &str) {
        self.note(format!("Told without a look-up on {}: {why}.", ask.master));
    }

    /// Says of details that are cut, and stay so, that they are.
    pub fn say_what_is_cut(&mut self, minions: &BTreeSet<MinionId>) {
        let cut =
            |(minion, returned): &(&MinionId, &Return)| returned.cut && minions.contains(*minion);
        let note = self.newest().find(cut).map(|(_, returned)| {
            let master = &returned.master;
            format!("Some details were too large for the bus and are cut; the job cache of {master} may have them.")
        });
        note.into_iter().for_each(|note| self.note(note));
    }

    /// What could not be looked up, in sentences.
    pub fn look_up(&self) -> &[String] {
        &self.look_up
    }

    fn note(&mut self, note: String) {
        if !self.look_up.contains(&note) {
            self.look_up.push(note);
        }
    }
}

/// Details for a return that was heard. It stays what it came to: of two returns of a minion Salt's cache keeps the first, and
/// the bus had both.
fn complete(heard: &mut Return, cached: CachedReturn) {
    if heard.body.outcome == cached.ret.outcome {
        heard.cut = !cached.trimmed.is_empty();
        heard.body = cached.ret;
    }
}

#[cfg(test)]
mod tests;
