//! The collector's two spans of an event: it was received from the bus, and it is published until it is acknowledged.
//! It exports none of them, and makes none while traces are off.

use std::time::SystemTime;

use async_nats::HeaderMap;
use jiff::Timestamp;
use pillarbox_proto::event::{Event, What};
use pillarbox_proto::salt::Jid;
use pillarbox_proto::trace::{self, Parent, SALT_TRACEPARENT};
use pillarbox_telemetry::spans::{
    self, Context, KeyValue, SpanBuilder, SpanKind, Status, TraceContextExt as _,
};
use serde::Deserialize;

use crate::outgoing::Outgoing;

/// The span of a message's publishing; nothing while traces are off.
#[derive(Debug, Clone, Default)]
pub struct Publishing(Option<Context>);

impl Publishing {
    /// JetStream has it.
    pub fn acknowledged(&self) {
        if let Some(cx) = &self.0 {
            cx.span().set_status(Status::Ok);
            cx.span().end();
        }
    }

    /// JetStream will never have it.
    pub fn refused(&self, error: &str) {
        if let Some(cx) = &self.0 {
            cx.span().set_status(Status::error(error.to_owned()));
            cx.span().end();
        }
    }
}

/// The message with its event's spans: received `at`, from `body`, and from now on being published.
pub(crate) fn traced(mut message: Outgoing, event: &Event, body: &[u8], at: Timestamp) -> Outgoing {
    if !spans::on() {
        return message;
    }
    let job = (event.cluster.as_str(), event.job.as_str());
    let salt = salt_context(body);
    let received = spans::of_job(job, None, || {
        let links = salt.map(spans::link).into_iter().collect();
        let span = SpanBuilder::from_name("receive").with_kind(SpanKind::Consumer);
        let span = span.with_start_time(SystemTime::from(at));
        span.with_attributes(about(event)).with_links(links)
    });
    let publishing = spans::child_of(&received, || {
        let span = SpanBuilder::from_name("publish").with_kind(SpanKind::Producer);
        span.with_attributes(sent(&message))
    });
    received.span().end();
    if let Some(parent) = spans::parent(&publishing) {
        trace::inject(&mut message.headers, parent);
    }
    if let Some(salt) = salt {
        message.headers.insert(SALT_TRACEPARENT, salt.to_string());
    }
    message.publishing = Publishing(Some(publishing));
    message
}

/// The answer to a look-up, below the question; nothing while traces are off.
pub(crate) fn answering(headers: Option<&HeaderMap>, jid: &Jid) -> Context {
    let Some(asked) = trace::extract(headers).filter(|_| spans::on()) else {
        return Context::new();
    };
    spans::child_of(&spans::remote(asked), || {
        let span = SpanBuilder::from_name("answer").with_kind(SpanKind::Server);
        span.with_attributes([KeyValue::new("salt.jid", jid.0.clone())])
    })
}

fn about(event: &Event) -> Vec<KeyValue> {
    let mut about = vec![
        KeyValue::new("salt.event", event.kind()),
        KeyValue::new("salt.jid", event.jid.0.clone()),
        KeyValue::new("salt.fun", event.fun.to_string()),
        KeyValue::new("salt.master", event.master.clone()),
    ];
    if let What::Ret(ret) = &event.what {
        about.push(KeyValue::new("salt.minion", ret.minion.0.clone()));
        about.push(KeyValue::new("salt.outcome", ret.outcome.as_str()));
    }
    about
}

/// OpenTelemetry's words for messaging.
fn sent(message: &Outgoing) -> Vec<KeyValue> {
    let size = i64::try_from(message.payload.len()).unwrap_or(i64::MAX);
    vec![
        KeyValue::new("messaging.system", "nats"),
        KeyValue::new("messaging.operation.name", "publish"),
        KeyValue::new("messaging.operation.type", "send"),
        KeyValue::new("messaging.destination.name", message.subject.clone()),
        KeyValue::new("messaging.message.id", message.id.clone()),
        KeyValue::new("messaging.message.body.size", size),
    ]
}

/// What Salt 3008 puts into an event's data where its own tracing is on (`salt/utils/tracing.py`, `inject`).
///
/// Read from the bytes, and beside the event: a context is nothing that a job is about.
fn salt_context(body: &[u8]) -> Option<Parent> {
    #[derive(Deserialize)]
    struct Data<'d> {
        #[serde(borrow)]
        traceparent: Option<&'d str>,
    }
    let at = body.windows(2).position(|two| two == b"\n\n")?;
    let data: Data<'_> = rmp_serde::from_slice(body.get(at + 2..)?).ok()?;
    Parent::parse(data.traceparent?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn salts_own_context_is_read_at_the_top_alone() {
        let check = |data: serde_json::Value, expect: Option<u64>| {
            let mut body = b"salt/job/1/new\n\n".to_vec();
            body.extend(rmp_serde::to_vec_named(&data).unwrap());
            assert_eq!(salt_context(&body).map(|parent| parent.span), expect);
        };
        let context = "00-0af7651916cd43dd8448eb211c80319c-00000000000004d2-01";
        check(
            serde_json::json!({ "jid": "1", "traceparent": context, "return": [1] }),
            Some(1234),
        );
        check(
            serde_json::json!({ "jid": "1", "return": { "traceparent": context } }),
            None,
        );
        check(serde_json::json!({ "traceparent": "00-1-2-03" }), None);
        check(serde_json::json!({ "traceparent": 7 }), None);
        assert_eq!(salt_context(b"salt/job/1/new"), None);
    }

    #[test]
    fn without_traces_a_publishing_is_nothing() {
        Publishing::default().acknowledged();
        Publishing::default().refused("no");
    }
}
