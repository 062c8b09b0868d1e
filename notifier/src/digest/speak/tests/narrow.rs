//! Routes that see only some states, and routes of other moments.

use pillarbox_proto::digest::{About, Finding};
use pillarbox_proto::highstate::StateReturn;

use super::*;

/// A return of these states: failed ones as they are, changed ones with a `+` before their name, which is also their SLS.
fn states(sequence: u64, minion: &str, names: &[&str]) -> Stored {
    let state = |name: &str| StateReturn {
        id: name.into(),
        sls: Some(name.into()),
        result: Some(true),
        ..StateReturn::default()
    };
    let (changed, failed): (Vec<&str>, Vec<&str>) =
        names.iter().partition(|name| name.starts_with('+'));
    let outcome = match (failed.as_slice(), changed.as_slice()) {
        ([], []) => Clean,
        ([], _) => Changed,
        _ => Failed,
    };
    let mut stored = ret(sequence, minion, outcome);
    if let What::Ret(body) = &mut stored.event.what {
        body.errors.clear();
        body.failures = failed.into_iter().map(state).collect();
        let changed = changed.into_iter().map(|name| name.trim_start_matches('+'));
        body.changes = changed.map(state).collect();
    }
    stored
}

fn narrow(name: &str, state: &[&str], outcome: &[&str], goes_on: bool) -> Route {
    let mut route = route(name, outcome, &[], goes_on);
    route.matchers.state = Matcher::parse(state).unwrap();
    route
}

/// What each route names: states that failed, `+` states that changed, `?` minions that did not answer; and the job's numbers.
fn named(routes: &[Route], events: &[Stored]) -> Vec<String> {
    let fold = Fold::of(events.iter().cloned());
    let shares = shares(routes, Moment::Finish, &fold, &Faults::new());
    let of = |finding: &Finding| {
        let About::State(state) = &finding.about else {
            return "!".to_owned();
        };
        let minions = finding
            .minions
            .iter()
            .map(|standing| standing.minion.0.as_str());
        format!("{}@{}", state.id, minions.collect::<Vec<_>>().join("+"))
    };
    let told = shares.iter().map(|share| {
        if let Decision::Quiet { .. } = share.decision {
            return "quiet".to_owned();
        }
        let digest = &share.digest;
        let mut words: Vec<String> = digest.failures.iter().map(of).collect();
        words.extend(
            digest
                .changes
                .iter()
                .map(|finding| format!("+{}", of(finding))),
        );
        words.extend(
            digest
                .missing
                .iter()
                .map(|missing| format!("?{}", missing.standing.minion)),
        );
        let totals = digest.totals;
        words.push(format!(
            "{}/{}/{}",
            totals.failed, totals.changed, totals.clean
        ));
        words.join(" ")
    });
    told.collect()
}

#[test]
fn a_route_tells_only_the_states_that_it_names() {
    let events = [
        new(1, &["a", "b", "c", "d"], false),
        states(2, "a", &["nginx", "disk", "+motd"]),
        states(3, "b", &["disk", "+nginx"]),
        states(4, "c", &[]),
    ];
    let check = |state: &[&str], outcome: &[&str], expect: &str| {
        let said = named(&[narrow("r", state, outcome, false)], &events);
        assert_eq!(said, [expect], "{state:?} {outcome:?}");
    };
    check(&["nginx"], &[], "nginx@a +nginx@b 2/0/1");
    check(&["nginx"], &["failed"], "nginx@a 2/0/1");
    // What it does not see has not failed, for it.
    check(&["nginx"], &["changed"], "+nginx@b 2/0/1");
    check(&["motd"], &["failed"], "quiet");
    check(&["absent"], &[], "quiet");
    // Who did not answer has no state: only who excludes some sees them.
    check(&["!disk"], &[], "nginx@a +motd@a +nginx@b ?d 2/0/1");
    check(&["nginx"], &["failed", "missing"], "nginx@a 2/0/1");
    check(&["!disk"], &["clean"], "quiet");
}

#[test]
fn what_a_route_does_not_see_of_a_minion_goes_on() {
    let events = [
        new(1, &["a", "b"], false),
        states(2, "a", &["nginx", "disk"]),
        states(3, "b", &["nginx"]),
    ];
    let web = |goes_on| narrow("web", &["nginx"], &["failed"], goes_on);
    let rest = || route("rest", &["failed"], &[], false);
    let check = |routes: &[Route], expect: &[&str]| assert_eq!(named(routes, &events), expect);
    check(&[web(false), rest()], &["nginx@a+b 2/0/0", "disk@a 2/0/0"]);
    check(
        &[web(true), rest()],
        &["nginx@a+b 2/0/0", "nginx@a+b disk@a 2/0/0"],
    );
    let disk = narrow("disk", &["disk"], &[], false);
    check(
        &[web(false), disk, rest()],
        &["nginx@a+b 2/0/0", "disk@a 2/0/0", "quiet"],
    );
}

/// A clean run is still the newest, though a route that names states sees nothing of it.
#[test]
fn a_failure_made_good_stays_made_good_for_who_names_its_state() {
    let mut failed = states(1, "a", &["nginx"]);
    failed.event.jid = Jid("20261122010000000000".into());
    let mut clean = states(2, "a", &[]);
    clean.event.jid = Jid("20261122020000000000".into());
    let fold = Fold::of([failed, clean]);
    let routes = [narrow("web", &["nginx"], &["failed"], false)];
    let shares = shares(&routes, Moment::Finish, &fold, &Faults::new());
    assert!(shares[0].digest.failures.is_empty());
    assert_eq!(shares[0].digest.since_clean.len(), 1);
}

#[test]
fn routes_compete_only_with_those_of_their_moment() {
    let events = [new(1, &["a"], false), ret(2, "a", Failed)];
    let on = |name: &str, on| Route {
        on,
        ..route(name, &[], &[], false)
    };
    let routes = [
        on("first", Moment::Return),
        on("second", Moment::Finish),
        on("third", Moment::Return),
        on("start", Moment::Start),
    ];
    let fold = Fold::of(events);
    let said = |moment| {
        let shares = shares(&routes, moment, &fold, &Faults::new());
        let said = shares
            .into_iter()
            .filter(|share| matches!(share.decision, Decision::Say { .. }));
        said.map(|share| share.route.name.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(said(Moment::Return), ["first"]);
    assert_eq!(said(Moment::Finish), ["second"]);
}
