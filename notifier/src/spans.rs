//! The notifier's spans: an event is taken in, a digest is made, a delivery is attempted, its far side is called.
//! It exports none of them, makes none while traces are off, and puts no secret into any.

use async_nats::HeaderMap;
use async_nats::jetstream::Message;
use pillarbox_proto::delivery::{Delivery, Receipt};
use pillarbox_proto::digest::Job;
use pillarbox_proto::event::{Event, What};
use pillarbox_proto::trace::{self, Parent};
use pillarbox_telemetry::spans::{
    self, Context, KeyValue, SpanBuilder, SpanKind, Status, TraceContextExt as _,
};

use crate::digest::fold::{Fold, Stored};
use crate::receiver::{self, Attempt, Transport};
use crate::retry::Fate;

pub use pillarbox_telemetry::spans::{FutureExt, note, trace_id};

/// Links of a digest at most: a job of ten thousand returns is told by the first of them.
const LINKS: usize = 64;

/// The span of an event that is passed on, below its publishing.
pub fn intake(event: &Event, message: &Message) -> Context {
    let parent = trace::extract(message.headers.as_ref());
    spans::of_job((&event.cluster, &event.job), parent, || {
        let mut about = taken(message);
        about.extend([
            KeyValue::new("salt.event", event.kind()),
            KeyValue::new("salt.jid", event.jid.0.clone()),
            KeyValue::new("salt.fun", event.fun.to_string()),
            KeyValue::new("salt.master", event.master.clone()),
        ]);
        if let What::Ret(ret) = &event.what {
            about.push(KeyValue::new("salt.minion", ret.minion.0.clone()));
        }
        SpanBuilder::from_name("intake")
            .with_kind(SpanKind::Consumer)
            .with_attributes(about)
    })
}

/// OpenTelemetry's words for messaging.
fn taken(message: &Message) -> Vec<KeyValue> {
    let mut about = vec![
        KeyValue::new("messaging.system", "nats"),
        KeyValue::new("messaging.operation.name", "process"),
        KeyValue::new("messaging.operation.type", "process"),
        KeyValue::new("messaging.destination.name", message.subject.to_string()),
    ];
    if let Ok(info) = message.info() {
        let consumer = info.consumer.to_owned();
        about.push(KeyValue::new("messaging.consumer.group.name", consumer));
        about.push(KeyValue::new("messaging.nats.delivered", info.delivered));
    }
    about
}

/// The span of a digest that is told: below what opened the job, and linked to the events that it folds.
pub fn digest(fold: &Fold, parent: Option<Parent>, events: &[Parent]) -> Context {
    let Some(job) = spans::on().then(|| fold.job()).flatten() else {
        return Context::new();
    };
    spans::of_job((&job.cluster, &job.job), parent, || {
        let own = |event: &&Parent| Some(**event) != parent;
        let links = events.iter().filter(own).take(LINKS).copied();
        let mut about = about(&job);
        let events = fold.last().map_or(0, |(sequence, _)| sequence);
        about.push(KeyValue::new("pillarbox.version", signed(events)));
        SpanBuilder::from_name("digest")
            .with_kind(SpanKind::Internal)
            .with_attributes(about)
            .with_links(links.map(spans::link).collect())
    })
}

/// The spans of a job's events, first ones first, each once.
pub fn of_events(events: &[Stored]) -> Vec<Parent> {
    let mut seen: Vec<Parent> = Vec::new();
    for parent in events.iter().filter_map(|stored| stored.context) {
        if seen.len() > LINKS {
            break;
        }
        if !seen.contains(&parent) {
            seen.push(parent);
        }
    }
    seen
}

/// The span of a question about a job's returns to a collector, below the digest that asks. Work in it `with_context`, and
/// [`inject`] it into the question's headers.
pub fn look_up(master: &str) -> Context {
    spans::child(|| {
        SpanBuilder::from_name("look-up")
            .with_kind(SpanKind::Client)
            .with_attributes([
                KeyValue::new("messaging.system", "nats"),
                KeyValue::new("salt.master", master.to_owned()),
            ])
    })
}

/// What is done because of a message, without a span of its own.
pub fn because_of(message: &Message) -> Context {
    match trace::extract(message.headers.as_ref()) {
        Some(parent) if spans::on() => spans::remote(parent),
        Some(_) | None => Context::new(),
    }
}

/// Puts the span that is being worked in into a message's headers.
pub fn inject(headers: &mut HeaderMap) {
    if let Some(here) = spans::here() {
        trace::inject(headers, here);
    }
}

/// The span of one attempt at a delivery, below what made the delivery.
pub fn deliver(message: &Message, delivery: &Delivery, attempt: u32) -> Context {
    let parent = trace::extract(message.headers.as_ref());
    let key = &delivery.key;
    spans::of_job((&key.cluster, &key.job), parent, || {
        let mut about = about(receiver::job(&delivery.notification));
        about.extend(taken(message));
        about.extend([
            KeyValue::new("pillarbox.route", key.route.clone()),
            KeyValue::new("pillarbox.receiver", key.receiver.clone()),
            KeyValue::new("pillarbox.transport", key.transport.clone()),
            KeyValue::new("pillarbox.moment", key.moment.clone()),
            KeyValue::new("pillarbox.version", signed(delivery.version)),
            KeyValue::new("pillarbox.attempt", i64::from(attempt)),
        ]);
        SpanBuilder::from_name("deliver")
            .with_kind(SpanKind::Consumer)
            .with_attributes(about)
    })
}

/// What the attempt came to, and what follows.
pub fn decided(cx: &Context, attempt: &Attempt, fate: &Fate) {
    let span = cx.span();
    let verdict = match fate {
        Fate::Done => "done",
        Fate::Again { .. } => "again",
        Fate::Next => "next part",
        Fate::Smaller => "smaller",
        Fate::GiveUp { .. } => "given up",
    };
    span.set_attribute(KeyValue::new("pillarbox.verdict", verdict));
    span.set_status(status(attempt));
}

/// The call of the far side, below the attempt. Of where it goes only the host is said: a webhook's path is a secret.
pub fn call(transport: &Transport) -> Context {
    spans::child(|| {
        let peer = receiver::peer(transport);
        let mut about = vec![
            KeyValue::new("server.address", peer.host),
            KeyValue::new("server.port", i64::from(peer.port)),
            KeyValue::new("network.protocol.name", peer.protocol),
        ];
        if peer.protocol == "http" {
            about.push(KeyValue::new("http.request.method", "POST"));
        }
        let name = if peer.protocol == "http" {
            "POST"
        } else {
            "SMTP"
        };
        SpanBuilder::from_name(name)
            .with_kind(SpanKind::Client)
            .with_attributes(about)
    })
}

/// What the far side made of it.
pub fn answered(cx: &Context, attempt: &Attempt) {
    if let Attempt::Delivered(Receipt::Smtp { reply, .. }) = attempt {
        let code = reply.split(' ').next().unwrap_or_default().to_owned();
        cx.span()
            .set_attribute(KeyValue::new("smtp.response.code", code));
    }
    cx.span().set_status(status(attempt));
}

/// What was said, without a secret: receivers see to that, since ledger and log have it too.
fn status(attempt: &Attempt) -> Status {
    if let Attempt::Delivered(_) = attempt {
        Status::Ok
    } else {
        Status::error(attempt.why().to_owned())
    }
}

fn about(job: &Job) -> Vec<KeyValue> {
    vec![
        KeyValue::new("salt.jid", job.jid.0.clone()),
        KeyValue::new("salt.fun", job.fun.to_string()),
        KeyValue::new("salt.master", job.master.clone()),
    ]
}

/// The trace of a job, for its log lines; nothing while traces are off.
pub fn trace_of(delivery: &Delivery) -> Option<String> {
    spans::on().then(|| trace::trace_id(&delivery.key.cluster, &delivery.key.job))
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
