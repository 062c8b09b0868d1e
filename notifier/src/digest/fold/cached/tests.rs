//! What is asked about a job, and what an answer makes of it.

use pillarbox_proto::event::{Event, JobReturn, Outcome};

use super::*;
use crate::digest::fold::Stored;

const WIRE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../proto/tests/wire/1");

fn event(kind: &str) -> Event {
    serde_json::from_slice(&std::fs::read(format!("{WIRE}/{kind}.json")).unwrap()).unwrap()
}

fn reply() -> LookupReply {
    serde_json::from_slice(&std::fs::read(format!("{WIRE}/lookup_reply.json")).unwrap()).unwrap()
}

/// A job of web01, web02 and web03, of which web03 failed, with its details cut.
fn fold() -> Fold {
    let at = "2026-11-22T13:02:53Z".parse().unwrap();
    let events = [event("event_new"), event("event_ret_failed")];
    let stored = (1..).zip(events).map(|(sequence, event)| Stored {
        context: None,
        sequence,
        at,
        event,
    });
    Fold::of(stored)
}

fn minions(ids: &[&str]) -> BTreeSet<MinionId> {
    ids.iter()
        .map(|id| MinionId(format!("{id}.example.com")))
        .collect()
}

fn body(fold: &Fold, id: &str) -> JobReturn {
    let id = MinionId(format!("{id}.example.com"));
    fold.newest()
        .find(|(minion, _)| **minion == id)
        .unwrap()
        .1
        .body
        .clone()
}

fn ask() -> Ask {
    fold().asks(&minions(&["web02", "web03"])).remove(0)
}

#[test]
fn one_question_a_job_about_those_that_are_told_of() {
    let asks = fold().asks(&minions(&["web02", "web03"]));
    assert_eq!(asks.len(), 1);
    assert_eq!(asks[0].master, "salt1.example.com");
    let asked = asks[0].request.minions.clone().unwrap();
    assert_eq!(
        asked,
        Vec::from_iter(minions(&["web03"]).into_iter().chain(minions(&["web02"])))
    );
    assert_eq!(fold().asks(&minions(&[])), []);
}

#[test]
fn an_answer_brings_the_details_and_changes_no_outcome() {
    let mut fold = fold();
    let mut reply = reply();
    reply.returns[0].ret.failures[0].comment = "the whole story".into();
    reply.returns[0].trimmed.clear();
    reply.problems.clear();
    fold.learn(&ask(), reply.clone());
    fold.say_what_is_cut(&minions(&["web03"]));
    assert_eq!(body(&fold, "web03").failures[0].comment, "the whole story");
    assert!(fold.look_up().is_empty());
    // Salt's cache keeps the first of two returns.
    reply.returns[0].ret.outcome = Outcome::Clean;
    reply.returns[0].ret.failures.clear();
    fold.learn(&ask(), reply);
    assert_eq!(body(&fold, "web03").outcome, Outcome::Failed);
    assert_eq!(body(&fold, "web03").failures[0].comment, "the whole story");
}

#[test]
fn a_return_that_was_not_heard_is_found_and_said_so() {
    let mut fold = fold();
    let mut reply = reply();
    reply.problems.clear();
    let mut found = reply.returns[0].clone();
    found.ret.minion = MinionId("web02.example.com".into());
    found.ret.outcome = Outcome::Clean;
    let mut stranger = found.clone();
    stranger.ret.minion = MinionId("db1.example.com".into());
    reply.returns = vec![found, stranger];
    fold.learn(&ask(), reply);
    assert_eq!(body(&fold, "web02").outcome, Outcome::Clean);
    assert_eq!(
        fold.missing(),
        minions(&["web01"]).iter().collect::<Vec<_>>()
    );
    assert_eq!(fold.totals().returned, 2, "nobody who was not expected");
    assert_eq!(
        fold.last().map(|(sequence, _)| sequence),
        Some(2),
        "its version is the bus's"
    );
    let note = "Some of this was not heard on the bus but found in the master's job cache.";
    assert_eq!(fold.notes(), [note]);
}

#[test]
fn what_could_not_be_looked_up_is_said_once() {
    let mut fold = fold();
    fold.learn(&ask(), reply());
    fold.say_what_is_cut(&minions(&["web03"]));
    fold.unanswered(&ask(), "no collector listens");
    fold.unanswered(&ask(), "no collector listens");
    let expect = [
        "Not all of web02.example.com could be looked up on salt1.example.com: return.p is no MessagePack: it ends after 12 bytes",
        "Some details were too large for the bus and are cut; the job cache of salt1.example.com may have them.",
        "Told without a look-up on salt1.example.com: no collector listens.",
    ];
    assert_eq!(fold.look_up(), expect);
}

#[test]
fn minions_that_ran_on_their_own_are_asked_for_by_their_own_jids() {
    let at = "2026-11-22T13:02:53Z".parse().unwrap();
    let run = |n: u32| {
        let mut event = event("event_ret_schedule");
        event.jid = Jid(format!("202611221302116543{n:02}"));
        let pillarbox_proto::event::What::Ret(ret) = &mut event.what else {
            unreachable!()
        };
        ret.minion = MinionId(format!("web{n:02}"));
        Stored {
            context: None,
            sequence: u64::from(n) + 1,
            at,
            event,
        }
    };
    let fold = Fold::of((0..40).map(run));
    let everybody: BTreeSet<MinionId> = fold.newest().map(|(minion, _)| minion.clone()).collect();
    let asks = fold.asks(&everybody);
    assert_eq!(asks.len(), JIDS);
    assert_eq!(
        asks[0].request.jid,
        Jid("20261122130211654339".into()),
        "the newest first"
    );
}
