//! Notifications that nobody sent: each kind that a route may tell of, for its templates to be tried on.
//! It knows no template.

use pillarbox_proto::delivery::{Notification, Start};
use pillarbox_proto::digest::{About, Digest, Finding, Job, Missing, Standing, State, Totals};
use pillarbox_proto::event::Outcome;
use pillarbox_proto::salt::{Fun, Jid, MinionId, Target};

use crate::route::{Moment, Taken};

const JID: &str = "20261122130211654321";

/// What a route of this moment may tell: of each outcome that it wants one.
pub(super) fn of(on: Moment, wants: impl Fn(Taken) -> bool) -> Vec<Notification> {
    if on == Moment::Start {
        return vec![start()];
    }
    let wanted = Taken::ALL
        .into_iter()
        .filter(|taken| wants(*taken) && (on == Moment::Finish || *taken != Taken::Missing));
    wanted
        .map(|taken| Notification::Digest(Box::new(digest(taken, on == Moment::Return))))
        .collect()
}

fn job() -> Job {
    Job {
        cluster: "prod".into(),
        master: "salt1".into(),
        job: JID.into(),
        jid: Jid(JID.into()),
        fun: Fun::One("state.apply".into()),
        args: vec!["nginx".into()],
        command: Some("salt -G 'roles:web' state.apply nginx".into()),
        user: Some("sudo_alice".into()),
        target: Some(Target::Expression("roles:web".into())),
        target_type: Some("grain".into()),
        test: false,
        runner: false,
        schedule: None,
    }
}

fn start() -> Notification {
    Notification::Start(Box::new(Start {
        job: job(),
        started: "2026-11-22T13:02:11Z".into(),
        minions: Some(3),
        no_key: 0,
        recovered: false,
    }))
}

fn standing() -> Standing {
    Standing {
        minion: MinionId("web1".into()),
        still: None,
    }
}

fn finding(function: &str, id: &str) -> Finding {
    Finding {
        about: About::State(State {
            function: function.into(),
            id: id.into(),
            name: id.into(),
            sls: Some("nginx.init".into()),
        }),
        comment: "a comment".into(),
        output: String::new(),
        diff: String::new(),
        minions: vec![standing()],
        held_back: Vec::new(),
    }
}

fn digest(taken: Taken, of_return: bool) -> Digest {
    let failed = || vec![finding("pkg.installed", "nginx-extras")];
    let changed = || vec![finding("file.managed", "/etc/motd")];
    let (failures, changes) = match taken {
        Taken::Outcome(Outcome::Failed) => (failed(), changed()),
        Taken::Outcome(Outcome::Changed | Outcome::Pending) => (vec![], changed()),
        Taken::Outcome(Outcome::Clean) | Taken::Missing => (vec![], vec![]),
    };
    let missing = (taken == Taken::Missing).then(|| Missing {
        standing: standing(),
        running: false,
    });
    let count = |counted: Taken| u32::from(counted == taken);
    Digest {
        look_up: vec![],
        job: job(),
        started: "2026-11-22T13:02:11Z".into(),
        ended: Some("2026-11-22T13:02:53Z".into()),
        totals: Totals {
            expected: Some(1),
            returned: u32::from(taken != Taken::Missing),
            failed: count(Taken::Outcome(Outcome::Failed)),
            pending: count(Taken::Outcome(Outcome::Pending)),
            changed: count(Taken::Outcome(Outcome::Changed)),
            clean: count(Taken::Outcome(Outcome::Clean)),
            missing: count(Taken::Missing),
        },
        failures,
        changes,
        missing: missing.into_iter().collect(),
        no_key: Vec::new(),
        since_clean: Vec::new(),
        slowest: Vec::new(),
        notes: Vec::new(),
        halted: None,
        of_return: of_return.then(|| standing().minion),
    }
}
