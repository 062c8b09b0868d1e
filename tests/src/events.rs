//! Events as a collector publishes them, for scenarios that need more of them than a master can make.
//! Only benches and the races use it: what a collector makes of a master's bytes is tested with a collector.

use async_nats::jetstream::Context;
use async_nats::jetstream::message::PublishMessage;
use pillarbox_proto::event::{Event, JobNew, JobReturn, Outcome, What};
use pillarbox_proto::salt::{Fun, Jid, MinionId, Target};
use pillarbox_proto::subject::{self, id};
use pillarbox_proto::wire;

const CLUSTER: &str = "prod";
const FUN: &str = "state.apply";
const STAMP: &str = "2026-11-22T01:22:54.116336Z";

/// A jid that no other job of this run has.
#[must_use]
pub fn jid(n: usize) -> Jid {
    Jid(format!("20261122{n:012}"))
}

fn event(jid: &Jid, id: String, what: What) -> Event {
    Event {
        id,
        cluster: CLUSTER.to_owned(),
        master: "salt1".to_owned(),
        jid: jid.clone(),
        job: jid.0.clone(),
        fun: Fun::One(FUN.to_owned()),
        stamp: STAMP.to_owned(),
        received: None,
        recovered: false,
        runner: false,
        redacted: 0,
        trimmed: Vec::new(),
        what,
    }
}

/// A job is published to these minions.
#[must_use]
pub fn new(jid: &Jid, minions: &[&str]) -> Event {
    let minions: Vec<MinionId> = minions
        .iter()
        .map(|id| MinionId((*id).to_owned()))
        .collect();
    let published = id::Published {
        fun: FUN,
        target_type: "glob",
        target: "*",
        batch: false,
        minions: &minions,
    };
    let new = JobNew {
        command: "salt '*' state.apply".to_owned(),
        user: "root".to_owned(),
        target: Some(Target::Expression("*".to_owned())),
        target_type: Some("glob".to_owned()),
        args: Vec::new(),
        missing: Vec::new(),
        test: false,
        batch: false,
        part: None,
        total: None,
        run: id::run(FUN, &[], None),
        minions: minions.clone(),
    };
    event(jid, id::new(CLUSTER, &jid.0, &published), What::New(new))
}

/// A minion returns.
#[must_use]
pub fn ret(jid: &Jid, minion: &str, outcome: Outcome) -> Event {
    let minion = MinionId(minion.to_owned());
    let id = id::ret(CLUSTER, &jid.0, &minion);
    let body = JobReturn {
        minion,
        outcome,
        retcode: None,
        success: None,
        user: None,
        args: Vec::new(),
        schedule: None,
        test: false,
        summary: None,
        failures: Vec::new(),
        changes: Vec::new(),
        slowest: Vec::new(),
        errors: if outcome == Outcome::Failed {
            vec!["No space left on device".to_owned()]
        } else {
            Vec::new()
        },
        reporting_problem: false,
        run: id::run(FUN, &[], None),
    };
    event(jid, id, What::Ret(Box::new(body)))
}

/// Publishes as a collector does, and waits for the acknowledgement: the event's stream sequence.
///
/// # Errors
/// When JetStream does not take it.
pub async fn publish(jetstream: &Context, event: &Event) -> anyhow::Result<u64> {
    let (headers, body) = wire::encode(event)?;
    let message = PublishMessage::build()
        .headers(headers)
        .payload(body)
        .message_id(&event.id);
    let ack = jetstream
        .send_publish(subject::event_subject(event), message)
        .await?
        .await?;
    Ok(ack.sequence)
}
