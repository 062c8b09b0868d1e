//! Which filters routes need, and when a shared consumer is widened.

use std::time::Duration;

use super::*;
use crate::route::Matchers;

fn route(on: Moment, fun: &[&str], outcome: &[&str]) -> Route {
    Route {
        name: "r".into(),
        on,
        matchers: Matchers {
            fun: Matcher::parse(fun).unwrap(),
            outcome: Matcher::parse(outcome).unwrap(),
            ..Matchers::default()
        },
        receivers: vec![],
        goes_on: false,
        finish_after: Duration::ZERO,
        wording: Default::default(),
    }
}

fn check(routes: &[Route], expect: &[&str]) {
    assert_eq!(filters(routes), expect);
}

#[test]
fn the_filter_is_what_the_routes_can_match() {
    check(
        &[route(Moment::Start, &["state.*"], &[])],
        &["salt.v1.*.*.new.state.>"],
    );
    check(
        &[route(Moment::Finish, &["state.*"], &["failed", "missing"])],
        &["salt.v1.*.*.new.state.>", "salt.v1.*.*.ret.failed.state.>"],
    );
    check(
        &[
            route(Moment::Finish, &["cmd.run"], &[]),
            route(Moment::Start, &[], &[]),
        ],
        &[
            "salt.v1.*.*.new.>",
            "salt.v1.*.*.ret.changed.cmd.run",
            "salt.v1.*.*.ret.clean.cmd.run",
            "salt.v1.*.*.ret.failed.cmd.run",
            "salt.v1.*.*.ret.pending.cmd.run",
        ],
    );
}

#[test]
fn a_return_needs_no_new_and_narrowing_widens() {
    check(
        &[route(Moment::Return, &["state.*"], &["failed", "changed"])],
        &[
            "salt.v1.*.*.ret.changed.state.>",
            "salt.v1.*.*.ret.failed.state.>",
        ],
    );
    let mut changed = route(Moment::Return, &["state.*"], &["changed"]);
    changed.matchers.state = Matcher::parse(&["/etc/motd"]).unwrap();
    // A return that failed elsewhere has only changed, for a route that does not see the failure.
    check(
        &[changed],
        &[
            "salt.v1.*.*.ret.changed.state.>",
            "salt.v1.*.*.ret.failed.state.>",
            "salt.v1.*.*.ret.pending.state.>",
        ],
    );
}

#[test]
fn what_nobody_carries_is_not_heard() {
    let check = |heard: &[&str], expect: &[&str]| {
        let heard: Vec<String> = heard.iter().map(|filter| (*filter).to_owned()).collect();
        let wanted = filters(&[route(Moment::Finish, &["state.*"], &["failed"])]);
        assert_eq!(not_heard(&heard, wanted), expect);
    };
    let (news, failed) = ("salt.v1.*.*.new.state.>", "salt.v1.*.*.ret.failed.state.>");
    check(&[news, failed], &[]);
    check(&["salt.v1.*.*.new.>", failed], &[]);
    check(&["salt.v1.*.*.new.state.apply", failed], &[news]);
    check(&[], &[news, failed]);
}

#[test]
fn what_a_subject_cannot_say_is_widened() {
    check(
        &[route(Moment::Start, &["*.sls"], &[])],
        &["salt.v1.*.*.new.>"],
    );
    check(
        &[route(Moment::Start, &[r"E@state\..*", "cmd.run"], &[])],
        &["salt.v1.*.*.new.>"],
    );
    check(
        &[route(Moment::Start, &["!test.ping"], &[])],
        &["salt.v1.*.*.new.>"],
    );
}
