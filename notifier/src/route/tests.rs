//! What each matcher matches, at each moment: tables.

use std::time::Duration;

use pillarbox_proto::event::JobNew;
use pillarbox_proto::highstate::StateReturn;
use pillarbox_proto::salt::{Fun, Jid, MinionId, Target};

use super::*;

const JID: &str = "20261122130211654321";

fn job() -> Job {
    Job {
        cluster: "prod".into(),
        master: "salt1".into(),
        job: JID.into(),
        jid: Jid(JID.into()),
        fun: Fun::One("state.apply".into()),
        args: vec!["nginx".into(), "pillar={a: b c}".into()],
        command: None,
        user: Some("sudo_alice".into()),
        target: Some(Target::Expression("roles:web".into())),
        target_type: Some("grain".into()),
        test: false,
        runner: false,
        schedule: None,
    }
}

fn route(key: &str, patterns: &[&str]) -> Route {
    let mut route = Route {
        name: "r".into(),
        on: Moment::Finish,
        matchers: Matchers::default(),
        receivers: vec![],
        goes_on: false,
        finish_after: Duration::ZERO,
        wording: Wording::default(),
    };
    let matcher = Matcher::parse(patterns).unwrap();
    let matchers = &mut route.matchers;
    match key {
        "cluster" => matchers.cluster = matcher,
        "master" => matchers.master = matcher,
        "fun" => matchers.fun = matcher,
        "user" => matchers.user = matcher,
        "target" => matchers.target = matcher,
        "target_type" => matchers.target_type = matcher,
        "schedule" => matchers.schedule = matcher,
        "args" => matchers.args = matcher,
        "minion" => matchers.minion = matcher,
        "outcome" => matchers.outcome = matcher,
        "state" => matchers.state = matcher,
        "sls" => matchers.sls = matcher,
        _ => panic!("{key}"),
    }
    route
}

#[test]
fn each_matcher_of_a_job_matches_its_own_field() {
    let check = |key: &str, patterns: &[&str], expect: bool| {
        let takes = route(key, patterns).takes_job(&job());
        assert_eq!(takes, expect, "{key}: {patterns:?}");
    };
    for (key, matching, other) in [
        ("cluster", "pr*", "lab"),
        ("master", "salt[12]", "salt3"),
        ("fun", "state.*", "cmd.run"),
        ("target", "roles:*", "web*"),
        ("target_type", "grain*", "glob"),
        ("args", "nginx *", "nginx"),
        ("args", "E@nginx pillar=.*", "*nginx"),
        ("args", "*{a: b c}", "'*"),
    ] {
        check(key, &[matching], true);
        check(key, &[other], false);
        check(key, &[&format!("!{matching}")], false);
        check(key, &[&format!("!{other}")], true);
        check(key, &[other, matching], true);
    }
    check("schedule", &["hourly"], false);
    check("schedule", &["!hourly"], true);
    check("schedule", &[""], true);
}

#[test]
fn who_uses_sudo_goes_by_both_names() {
    let check = |user: Option<&str>, patterns: &[&str], expect: bool| {
        let user = user.map(str::to_owned);
        let takes = route("user", patterns).takes_job(&Job { user, ..job() });
        assert_eq!(takes, expect, "{patterns:?}");
    };
    check(Some("sudo_alice"), &["alice"], true);
    check(Some("sudo_alice"), &["sudo_alice"], true);
    check(Some("sudo_alice"), &["sudo_*"], true);
    check(Some("sudo_alice"), &["!alice"], false);
    check(Some("sudo_alice"), &["!sudo_*"], false);
    check(Some("sudo_alice"), &["root"], false);
    check(Some("alice"), &["sudo_alice"], false);
    check(Some("alice"), &["!sudo_*"], true);
    check(None, &["alice"], false);
    check(None, &["!root"], true);
}

#[test]
fn test_is_a_flag() {
    let check = |wanted: Option<bool>, test: bool, expect: bool| {
        let mut route = route("fun", &[]);
        route.matchers.test = wanted;
        assert_eq!(route.takes_job(&Job { test, ..job() }), expect);
    };
    check(None, true, true);
    check(Some(true), true, true);
    check(Some(true), false, false);
    check(Some(false), false, true);
    check(Some(false), true, false);
}

fn state(
    function: &str,
    id: &str,
    name: &str,
    sls: Option<&str>,
    result: Option<bool>,
) -> StateReturn {
    StateReturn {
        function: function.into(),
        id: id.into(),
        name: name.into(),
        sls: sls.map(str::to_owned),
        result,
        ..StateReturn::default()
    }
}

fn body(outcome: Outcome) -> JobReturn {
    JobReturn {
        minion: MinionId("web1".into()),
        outcome,
        retcode: None,
        success: None,
        user: None,
        args: vec!["base".into()],
        schedule: Some("hourly".into()),
        test: false,
        summary: None,
        failures: vec![],
        changes: vec![],
        slowest: vec![],
        errors: vec![],
        reporting_problem: false,
        run: "r".into(),
    }
}

/// A failed package of `nginx`, a changed file of `motd`, and a change that test mode announces, of no SLS.
fn mixed() -> JobReturn {
    let failed = state(
        "pkg.installed",
        "nginx",
        "nginx-extras",
        Some("nginx"),
        Some(false),
    );
    let changed = state(
        "file.managed",
        "motd",
        "/etc/motd",
        Some("motd"),
        Some(true),
    );
    let would = state("user.present", "deploy", "deploy", None, None);
    JobReturn {
        failures: vec![failed],
        changes: vec![changed, would],
        ..body(Outcome::Failed)
    }
}

/// Ids of the states in a half, errors as `!`, and the outcome.
fn half(body: Option<JobReturn>) -> String {
    let Some(body) = body else {
        return "nothing".to_owned();
    };
    let states = body.failures.iter().chain(&body.changes);
    let mut words: Vec<String> = states.map(|state| state.id.clone()).collect();
    words.extend(body.errors.iter().map(|_| "!".to_owned()));
    words.insert(0, format!("{}:", body.outcome.as_str()));
    words.join(" ")
}

#[test]
fn states_that_do_not_match_are_taken_away_and_what_is_left_decides() {
    let check = |key: &str, patterns: &[&str], body: &JobReturn, seen: &str, left: &str| {
        let parted = route(key, patterns).matchers.part(body);
        let halves = (half(parted.seen), half(parted.left));
        assert_eq!(
            halves,
            (seen.to_owned(), left.to_owned()),
            "{key}: {patterns:?}"
        );
    };
    let all = "failed: nginx motd deploy";
    check("minion", &["*"], &mixed(), all, "nothing");
    // By id, name and function.
    check(
        "state",
        &["nginx"],
        &mixed(),
        "failed: nginx",
        "pending: motd deploy",
    );
    check(
        "state",
        &["/etc/*"],
        &mixed(),
        "changed: motd",
        "failed: nginx deploy",
    );
    check(
        "state",
        &["user.*"],
        &mixed(),
        "pending: deploy",
        "failed: nginx motd",
    );
    check(
        "state",
        &["!pkg.*"],
        &mixed(),
        "pending: motd deploy",
        "failed: nginx",
    );
    check("state", &["absent"], &mixed(), "nothing", all);
    // An SLS that Salt does not say is the empty text.
    check(
        "sls",
        &["nginx*"],
        &mixed(),
        "failed: nginx",
        "pending: motd deploy",
    );
    check(
        "sls",
        &["!nginx"],
        &mixed(),
        "pending: motd deploy",
        "failed: nginx",
    );
    check(
        "sls",
        &[""],
        &mixed(),
        "pending: deploy",
        "failed: nginx motd",
    );
    // What has no state is the empty text too.
    let render_error = JobReturn {
        errors: vec!["Rendering SLS 'base:nginx' failed".into()],
        ..body(Outcome::Failed)
    };
    check("sls", &["nginx"], &render_error, "nothing", "failed: !");
    check("sls", &["!nginx"], &render_error, "failed: !", "nothing");
    check("state", &["*"], &body(Outcome::Clean), "clean:", "nothing");
    check("state", &["?*"], &body(Outcome::Clean), "nothing", "clean:");
    let says_nothing = body(Outcome::Failed);
    check("state", &["!x"], &says_nothing, "failed:", "nothing");
    check("state", &["x"], &says_nothing, "nothing", "failed:");
}

fn event(job: &str, what: What) -> Event {
    Event {
        id: "id".into(),
        cluster: "prod".into(),
        master: "salt1".into(),
        jid: Jid(JID.into()),
        job: job.into(),
        fun: Fun::One("state.apply".into()),
        stamp: "2026-11-22T13:02:53Z".into(),
        received: None,
        recovered: false,
        runner: false,
        redacted: 0,
        trimmed: vec![],
        what,
    }
}

fn new() -> Event {
    let new = JobNew {
        command: "salt -G 'roles:web' state.apply nginx".into(),
        user: "sudo_alice".into(),
        target: Some(Target::Expression("roles:web".into())),
        target_type: Some("grain".into()),
        args: vec!["nginx".into()],
        minions: vec![MinionId("web1".into())],
        missing: vec![],
        test: false,
        batch: false,
        part: None,
        total: None,
        run: "r".into(),
    };
    event(JID, What::New(new))
}

/// Whether a route that asks for this opens a job: by its `new`, by a return of it, and by a run that nobody announced.
#[test]
fn a_job_is_opened_by_what_may_match_and_by_nothing_else() {
    let ret = || What::Ret(Box::new(mixed()));
    let check = |key: &str, patterns: &[&str], expect: [bool; 3]| {
        let routes = [route(key, patterns)];
        let opened = [new(), event(JID, ret()), event("run-1", ret())];
        let opened = opened.map(|event| opens(&routes, &event));
        assert_eq!(opened, expect, "{key}: {patterns:?}");
    };
    check("fun", &["state.*"], [true, true, true]);
    check("fun", &["cmd.*"], [false, false, false]);
    check("cluster", &["lab"], [false, false, false]);
    // A return does not say whose job it was: the digest knows.
    check("user", &["bob"], [false, true, true]);
    check("master", &["salt2"], [false, true, true]);
    check("target", &["db*"], [false, true, false]);
    check("target_type", &["glob"], [false, true, false]);
    check("args", &["base"], [false, true, true]);
    check("args", &["other"], [false, true, false]);
    check("schedule", &["hourly"], [false, true, true]);
    check("schedule", &["daily"], [false, true, false]);
    // A `new` does not say what comes of it.
    check("minion", &["db*"], [true, false, false]);
    check("outcome", &["changed"], [true, false, false]);
    check("outcome", &["missing"], [true, false, false]);
    check("state", &["nginx"], [true, true, true]);
    check("state", &["absent"], [true, false, false]);
    check("sls", &["!motd"], [true, true, true]);
}

#[test]
fn what_is_left_may_be_what_is_asked_for() {
    let mut changed = route("outcome", &["changed"]);
    assert!(!opens(
        std::slice::from_ref(&changed),
        &event(JID, What::Ret(Box::new(mixed())))
    ));
    changed.matchers.sls = Matcher::parse(&["motd"]).unwrap();
    assert!(opens(
        std::slice::from_ref(&changed),
        &event(JID, What::Ret(Box::new(mixed())))
    ));
    assert!(changed.may_want(Outcome::Failed) && !changed.may_want(Outcome::Clean));
}

#[test]
fn each_moment_has_routes_of_its_own() {
    let on = |on| Route {
        on,
        ..route("fun", &["state.*"])
    };
    let all = [on(Moment::Start), on(Moment::Return), on(Moment::Finish)];
    let ret = event(JID, What::Ret(Box::new(mixed())));
    for (at, one) in all.iter().enumerate() {
        let only = std::slice::from_ref(one);
        let spoken = [
            !starts(only, &job()).is_empty(),
            returns(only, &ret, &mixed()),
            opens(only, &ret),
        ];
        assert_eq!(spoken, [at == 0, at == 1, at == 2]);
    }
}
