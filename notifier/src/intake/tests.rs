//! What is said of a return the moment it comes: to whom, under which key, and with which numbers.

use std::path::Path;

use pillarbox_proto::event::{JobNew, JobReturn, Outcome};
use pillarbox_proto::salt::{Fun, Jid, Target};

use super::*;

const JID: &str = "20261122130211000001";

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

fn new(user: &str) -> Event {
    let ids = ["web1", "web2", "web3"].map(|id| MinionId(id.into()));
    let new = JobNew {
        command: "salt 'web*' state.apply".into(),
        user: user.into(),
        target: Some(Target::Expression("web*".into())),
        target_type: Some("glob".into()),
        args: vec![],
        minions: ids.to_vec(),
        missing: vec![MinionId("web9".into())],
        test: false,
        batch: false,
        part: None,
        total: None,
        run: "run".into(),
    };
    event(JID, What::New(new))
}

fn ret(outcome: Outcome) -> JobReturn {
    JobReturn {
        minion: MinionId("web2".into()),
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
        errors: vec![],
        reporting_problem: false,
        run: "run".into(),
    }
}

fn told(job: &str, new: Option<Event>, outcome: Outcome) -> Vec<Delivery> {
    let config = crate::config::load(Path::new("tests/config/on_return.yaml")).unwrap();
    let ret = ret(outcome);
    let returned = Stored {
        context: None,
        sequence: 7,
        at: Timestamp::UNIX_EPOCH,
        event: event(job, What::Ret(Box::new(ret.clone()))),
    };
    let (event, at) = (returned.event.clone(), returned.at);
    let fold = of_one(new, returned, &ret.minion);
    said(&config, returns(&config, &fold), &event, &ret.minion, at)
}

fn routes(deliveries: &[Delivery]) -> Vec<&str> {
    let routes = deliveries.iter();
    routes.map(|delivery| delivery.key.route.as_str()).collect()
}

#[test]
fn a_return_goes_down_the_list_of_its_moment() {
    let check = |user: &str, outcome: Outcome, expect: &[&str]| {
        assert_eq!(
            routes(&told(JID, Some(new(user)), outcome)),
            expect,
            "{user}"
        );
    };
    check("sudo_alice", Outcome::Failed, &["failed", "alices"]);
    check("sudo_alice", Outcome::Clean, &["alices"]);
    check("root", Outcome::Failed, &["failed", "rest"]);
    check("root", Outcome::Changed, &["rest"]);
    // Nobody announced it: whose it is and at whom it was aimed is the empty text.
    let own = told("run-1", None, Outcome::Failed);
    assert_eq!(routes(&own), ["failed", "rest"]);
}

#[test]
fn it_counts_itself_alone_and_has_a_key_of_its_own() {
    for (job, new) in [(JID, Some(new("root"))), ("run-1", None)] {
        let deliveries = told(job, new, Outcome::Failed);
        let Delivery {
            key,
            version,
            notification,
            ..
        } = &deliveries[0];
        let expect = "return:web2:20261122130211000001";
        assert_eq!((key.moment.as_str(), *version), (expect, 1));
        assert_eq!(key.job, job);
        let Notification::Digest(digest) = notification else {
            panic!("{notification:?}")
        };
        let totals = digest.totals;
        assert_eq!((totals.returned, totals.failed, totals.missing), (1, 1, 0));
        assert_eq!(totals.expected.unwrap_or(1), 1);
        assert!(digest.missing.is_empty() && digest.no_key.is_empty());
        assert_eq!(digest.of_return, Some(MinionId("web2".into())));
    }
}
