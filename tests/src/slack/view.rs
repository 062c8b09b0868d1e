//! What a reader sees in the end: messages as they were last changed, each with its thread.
//! It answers no request: it reads what was answered.

use serde_json::Value;

use super::Request;

/// A message in a channel.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its name in the Web API; empty for a webhook's.
    pub ts: String,
    /// As it was last changed.
    pub body: Value,
    /// What was said in its thread, in order.
    pub replies: Vec<Value>,
    /// How often it was changed.
    pub changes: usize,
}

/// Every message that stands, in the order of posting.
pub(super) fn view(requests: &[Request]) -> Vec<Message> {
    let mut messages: Vec<Message> = Vec::new();
    for request in requests.iter().filter(|request| request.posted) {
        let body = request.body.clone();
        let named = |key: &str| request.body.get(key).and_then(Value::as_str);
        let (thread, ts) = (named("thread_ts"), named("ts"));
        let of = |ts: &str| messages.iter().position(|message| message.ts == ts);
        match (request.method(), thread.and_then(of), ts.and_then(of)) {
            (Some("chat.update"), _, Some(at)) => {
                messages[at].body = body;
                messages[at].changes += 1;
            }
            (Some("chat.postMessage"), Some(at), _) => messages[at].replies.push(body),
            (Some("chat.delete"), _, Some(at)) => drop(messages.remove(at)),
            _ => messages.push(Message {
                ts: request.ts.clone(),
                body,
                replies: Vec::new(),
                changes: 0,
            }),
        }
    }
    messages
}
