//! What the receivers' own tests begin with, and what was said made fit for a log.

use pillarbox_proto::digest::Job;
use pillarbox_proto::salt::{Fun, Jid, Target};
use pillarbox_proto::{delivery::Start, subject::DeliveryKey};

use super::*;

pub(crate) fn receipt() -> Receipt {
    Receipt::SlackWebhook
}

pub(crate) fn delivery() -> Delivery {
    let job = Job {
        cluster: "prod".into(),
        master: "salt1".into(),
        job: "20261122130211654321".into(),
        jid: Jid("20261122130211654321".into()),
        fun: Fun::One("state.apply".into()),
        args: vec![],
        command: None,
        user: Some("alice".into()),
        target: Some(Target::Expression("web*".into())),
        target_type: Some("glob".into()),
        test: false,
        runner: false,
        schedule: None,
    };
    let start = Start {
        job,
        started: "2026-11-22T13:02:11Z".into(),
        minions: Some(3),
        no_key: 0,
        recovered: false,
    };
    Delivery {
        key: DeliveryKey {
            cluster: "prod".into(),
            job: "20261122130211654321".into(),
            route: "audit".into(),
            receiver: "ops".into(),
            transport: "slack".into(),
            moment: "start".into(),
        },
        version: 1,
        created: "2026-11-22T13:02:12Z".into(),
        notification: Notification::Start(Box::new(start)),
    }
}

pub(crate) fn letter(delivery: &Delivery) -> Letter<'_> {
    Letter {
        delivery,
        follow_up: false,
        smaller: false,
        receipt: None,
        words: const {
            &Words {
                subject: None,
                title: None,
                body: None,
            }
        },
        now: "2026-11-22T13:02:13Z".parse().unwrap(),
    }
}

#[test]
fn what_was_said_is_one_bounded_line() {
    assert_eq!(
        said(" 451\r\n4.3.0 try\u{7} later\n"),
        "451 4.3.0 try later"
    );
    assert_eq!(said(&"x".repeat(1000)).chars().count(), 301);
}
