//! What the Web API answers to a method: `chat.postMessage`, `chat.update` and threads, by the documented errors.
//! It posts nothing by itself: what stands is read from the requests so far.

use serde_json::{Value, json};

use super::view::Message;
use super::{TOKEN, rules};

/// One call.
pub(super) struct Call<'a> {
    pub(super) method: &'a str,
    /// The header, whole.
    pub(super) authorization: Option<&'a str>,
    pub(super) body: Option<&'a Value>,
    /// The name that a new message would get.
    pub(super) ts: &'a str,
    /// What stands.
    pub(super) messages: &'a [Message],
    /// Whether the token has been revoked.
    pub(super) revoked: bool,
}

/// The answer's body; its status is 200 whatever it says.
pub(super) fn answer(call: &Call<'_>) -> Value {
    match judged(call) {
        Ok((channel, ts)) => {
            json!({"ok": true, "channel": channel, "ts": ts, "message": call.body})
        }
        Err(error) => json!({"ok": false, "error": error}),
    }
}

fn judged(call: &Call<'_>) -> Result<(String, String), &'static str> {
    match call.authorization {
        None => return Err("not_authed"),
        Some(_) if call.revoked => return Err("token_revoked"),
        Some(header) if header == format!("Bearer {TOKEN}") => {}
        Some(_) => return Err("invalid_auth"),
    }
    let body = call.body.ok_or("invalid_json")?;
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    let channel = text("channel")
        .and_then(channel_id)
        .ok_or("channel_not_found")?;
    let stands = |ts: &str| call.messages.iter().any(|message| message.ts == ts);
    let ts = match (call.method, text("thread_ts"), text("ts")) {
        ("chat.postMessage", Some(thread), _) if !stands(thread) => {
            return Err("thread_not_found");
        }
        ("chat.postMessage", ..) => call.ts,
        // An update takes ids alone.
        ("chat.update", ..) if text("channel") != Some(channel.as_str()) => {
            return Err("channel_not_found");
        }
        ("chat.update", ..) if text("text").is_some_and(|text| text.chars().count() > 4000) => {
            return Err("msg_too_long");
        }
        ("chat.update", _, Some(ts)) if stands(ts) => ts,
        ("chat.update", ..) => return Err("message_not_found"),
        _ => return Err("unknown_method"),
    };
    match rules::judge(Some(body)) {
        (200, _) => Ok((channel, ts.to_owned())),
        (_, "invalid_payload") => Err("invalid_json"),
        (_, error) => Err(error),
    }
}

/// Every channel that is named is there, except `#nowhere`.
fn channel_id(channel: &str) -> Option<String> {
    match channel.strip_prefix('#') {
        Some("nowhere") => None,
        Some(name) => Some(format!("C0{}", name.to_uppercase())),
        None => channel.starts_with('C').then(|| channel.to_owned()),
    }
}
