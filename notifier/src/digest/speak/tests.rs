//! Cases and a law of who is told what.

use std::time::Duration;

use jiff::Timestamp;
use pillarbox_proto::event::{Event, JobEnd, JobNew, JobReturn, What};
use pillarbox_proto::salt::{Fun, Target};
use proptest::prelude::*;

use super::*;
use crate::digest::fold::Stored;
use crate::matcher::Matcher;
use crate::route::Matchers;

const JID: &str = "20261122012254116336";

fn stored(sequence: u64, jid: &str, what: What) -> Stored {
    let event = Event {
        id: sequence.to_string(),
        cluster: "prod".into(),
        master: "salt1".into(),
        jid: Jid(jid.into()),
        job: JID.into(),
        fun: Fun::One("state.apply".into()),
        stamp: format!("2026-11-22T01:22:{sequence:02}Z"),
        received: None,
        recovered: false,
        runner: false,
        redacted: 0,
        trimmed: vec![],
        what,
    };
    Stored {
        sequence,
        at: Timestamp::from_second(i64::try_from(sequence).unwrap()).unwrap(),
        event,
        context: None,
    }
}

fn new(sequence: u64, minions: &[&str], batch: bool) -> Stored {
    stored(
        sequence,
        JID,
        What::New(JobNew {
            command: "salt '*' state.apply".into(),
            user: "root".into(),
            target: Some(Target::Expression("*".into())),
            target_type: Some("glob".into()),
            args: vec![],
            minions: minions.iter().map(|id| MinionId((*id).into())).collect(),
            missing: vec![],
            test: false,
            batch,
            part: None,
            total: None,
            run: "run".into(),
        }),
    )
}

fn ret_of(sequence: u64, jid: &str, minion: &str, outcome: Outcome) -> Stored {
    stored(
        sequence,
        jid,
        What::Ret(Box::new(JobReturn {
            minion: MinionId(minion.into()),
            outcome,
            retcode: None,
            success: None,
            user: None,
            args: vec![],
            schedule: None,
            test: false,
            summary: None,
            failures: vec![],
            changes: vec![],
            slowest: vec![],
            errors: if outcome == Failed {
                vec!["boom".into()]
            } else {
                vec![]
            },
            reporting_problem: false,
            run: "run".into(),
        })),
    )
}

fn ret(sequence: u64, minion: &str, outcome: Outcome) -> Stored {
    ret_of(sequence, JID, minion, outcome)
}

fn route(name: &str, outcome: &[&str], minion: &[&str], goes_on: bool) -> Route {
    Route {
        name: name.into(),
        on: Moment::Finish,
        matchers: Matchers {
            outcome: Matcher::parse(outcome).unwrap(),
            minion: Matcher::parse(minion).unwrap(),
            ..Matchers::default()
        },
        receivers: vec![],
        goes_on,
        finish_after: Duration::from_secs(600),
        wording: Default::default(),
    }
}

/// What each route makes of the events: its digest's failures, changes, missing and counted minions, or why it is quiet.
fn said(routes: &[Route], events: &[Stored]) -> Vec<String> {
    let fold = Fold::of(events.iter().cloned());
    let shares = shares(routes, Moment::Finish, &fold, &Faults::new());
    shares
        .iter()
        .map(|share| match (&share.decision, &share.digest) {
            (Decision::Say { version }, digest) => {
                let names = |minions: Vec<&Standing>| {
                    minions
                        .iter()
                        .map(|standing| standing.minion.0.as_str())
                        .collect::<Vec<_>>()
                        .join("+")
                };
                let failed = names(
                    digest
                        .failures
                        .iter()
                        .flat_map(|finding| &finding.minions)
                        .collect(),
                );
                let missing = names(
                    digest
                        .missing
                        .iter()
                        .map(|missing| &missing.standing)
                        .collect(),
                );
                let totals = digest.totals;
                format!(
                    "v{version} failed={failed} missing={missing} of {:?} clean={}",
                    totals.expected, totals.clean
                )
            }
            (Decision::Quiet { reason }, _) => reason.clone(),
        })
        .collect()
}

use Outcome::{Changed, Clean, Failed};

#[test]
fn problems_are_told_and_a_clean_job_is_not() {
    let routes = [route("bad", &["failed", "missing"], &[], false)];
    let check = |events: &[Stored], expect: &str| assert_eq!(said(&routes, events), [expect]);
    check(
        &[
            new(1, &["a", "b", "c"], false),
            ret(2, "a", Failed),
            ret(3, "b", Clean),
        ],
        "v3 failed=a missing=c of Some(3) clean=1",
    );
    check(
        &[
            new(1, &["a", "b"], false),
            ret(2, "a", Changed),
            ret(3, "b", Clean),
        ],
        "no minion came to what route bad asks for (1 changed, 1 clean)",
    );
}

#[test]
fn what_a_route_takes_the_next_does_not_get() {
    let events = [
        new(1, &["web1", "db1", "db2"], false),
        ret(2, "web1", Failed),
        ret(3, "db1", Failed),
        ret(4, "db2", Clean),
    ];
    let web = |goes_on| route("web", &["failed"], &["web*"], goes_on);
    let rest = route("rest", &["failed"], &[], false);
    assert_eq!(
        said(&[web(false), rest.clone()], &events),
        [
            "v4 failed=web1 missing= of Some(1) clean=0",
            "v4 failed=db1 missing= of Some(3) clean=1",
        ]
    );
    assert_eq!(
        said(&[web(true), rest], &events)[1],
        "v4 failed=db1+web1 missing= of Some(3) clean=1"
    );
}

#[test]
fn clean_is_said_of_a_whole_job_only() {
    let routes = [route("clean", &["clean"], &[], false)];
    let both = [
        new(1, &["a", "b"], false),
        ret(2, "a", Clean),
        ret(3, "b", Clean),
    ];
    assert_eq!(
        said(&routes, &both),
        ["v3 failed= missing= of Some(2) clean=2"]
    );
    assert_eq!(
        said(&routes, &both[..2]),
        ["no minion came to what route clean asks for (1 clean, 1 did not answer)"]
    );
}

#[test]
fn a_failure_made_good_in_the_same_window_is_told_as_over() {
    let routes = [route("bad", &["failed"], &[], false)];
    let events = [
        ret_of(1, "20261122010000000000", "a", Failed),
        ret_of(2, "20261122020000000000", "a", Clean),
    ];
    let fold = Fold::of(events);
    let shares = shares(&routes, Moment::Finish, &fold, &Faults::new());
    let digest = &shares[0].digest;
    assert_eq!(
        digest.since_clean,
        [SinceClean {
            minion: MinionId("a".into()),
            failed: Jid("20261122010000000000".into())
        }]
    );
    assert!(digest.failures.is_empty());
}

#[test]
fn several_news_under_one_jid_are_one_job() {
    let routes = [route("bad", &["missing"], &[], false)];
    let end = stored(
        6,
        JID,
        What::End(JobEnd {
            missing: vec![],
            halted: None,
        }),
    );
    let events = [
        new(1, &["a", "b", "c"], true),
        new(2, &["a", "b"], false),
        ret(3, "a", Clean),
        new(4, &["c"], false),
        ret(5, "c", Clean),
        end,
    ];
    assert_eq!(
        said(&routes, &events),
        ["v6 failed= missing=b of Some(3) clean=2"]
    );
}

proptest! {
    #[test]
    fn events_in_any_order_or_twice_give_the_same(
        outcomes in prop::collection::vec(0usize..4, 1..12),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..30),
    ) {
        let routes = [route("all", &[], &[], true), route("bad", &["failed", "missing"], &[], false)];
        let mut events = vec![new(1, &["m0", "m1", "m2", "m3", "m99"], false)];
        for (n, outcome) in outcomes.iter().enumerate() {
            let sequence = u64::try_from(n).unwrap() + 2;
            events.push(ret(sequence, &format!("m{}", n % 5), Outcome::ALL[*outcome]));
        }
        let in_order = Fold::of(events.clone());
        let mut shuffled = events.clone();
        for index in order {
            let at = index.index(events.len());
            shuffled.push(events[at].clone());
            shuffled.swap(0, at);
        }
        let shuffled = Fold::of(shuffled);
        prop_assert_eq!(shares(&routes, Moment::Finish, &in_order, &Faults::new()), shares(&routes, Moment::Finish, &shuffled, &Faults::new()));
    }
}

mod narrow;
