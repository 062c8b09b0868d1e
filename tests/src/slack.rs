//! The double of Slack: incoming webhooks and the Web API on 127.0.0.1; it records each request, answers as Slack does, and
//! fails on demand.
//! It shows nothing to anybody; [`reader`] turns a message into what its reader would see.

mod api;
mod double;
pub mod reader;
mod rules;
mod view;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

pub use view::Message;

/// The one token that the Web API takes.
pub const TOKEN: &str = "xoxb-000000000000-canary-of-the-bot-token";

/// What the next request is met with, instead of being judged.
#[derive(Clone, Debug)]
pub enum Fault {
    /// This status and text.
    Answer(u16, String),
    /// 429 with `Retry-After`.
    RateLimited(Duration),
    /// No answer; the connection stays open.
    Hang,
    /// No answer; the connection is closed after the request was read.
    Drop,
    /// As [`Fault::Drop`], but the message was posted: its reader sees it, the sender cannot know.
    PostAndDrop,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// When it had been read.
    pub at: Timestamp,
    /// The path, which for a webhook is the secret.
    pub path: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body, if it was JSON; else its text.
    pub body: Value,
    /// What it was answered with: status and text; nothing for those that got no answer.
    pub answer: Option<(u16, String)>,
    /// Whether a reader sees the message.
    pub posted: bool,
    /// The name of the message that the Web API posted; empty for a webhook's.
    pub ts: String,
}

impl Request {
    /// The method of the Web API that was called, if it was one.
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        self.path.strip_prefix("/api/")
    }
}

/// A running double.
#[derive(Debug)]
pub struct Slack {
    address: SocketAddr,
    seen: Arc<Seen>,
    _server: AbortOnDropHandle<()>,
}

#[derive(Debug, Default)]
struct Seen {
    requests: Mutex<Vec<Request>>,
    faults: Mutex<VecDeque<Fault>>,
    latency: Mutex<Duration>,
    held: watch::Sender<bool>,
    revoked: AtomicBool,
}

impl Slack {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let seen = Arc::new(Seen::default());
        let server = double::serve(listener, Arc::clone(&seen));
        let server = AbortOnDropHandle::new(tokio::spawn(server));
        Ok(Self {
            address,
            seen,
            _server: server,
        })
    }

    /// A webhook's URL, as it would stand in a `webhook_url_file`.
    #[must_use]
    pub fn webhook_url(&self) -> String {
        format!(
            "http://{}/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
            self.address
        )
    }

    /// The Web API, as it would stand in `api_url`.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("http://{}/api/", self.address)
    }

    /// From now on the token is worth nothing, or good again.
    pub fn revoke(&self, revoked: bool) {
        self.seen.revoked.store(revoked, Ordering::SeqCst);
    }

    /// Somebody deletes a message.
    pub fn delete(&self, ts: &str) {
        self.seen.push(Request {
            at: double::now(),
            path: "/api/chat.delete".to_owned(),
            headers: Vec::new(),
            body: serde_json::json!({"ts": ts}),
            answer: None,
            posted: true,
            ts: String::new(),
        });
    }

    /// The next requests meet these faults, in order, after those that are still waiting.
    pub fn fail_with(&self, faults: impl IntoIterator<Item = Fault>) {
        self.seen
            .faults
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(faults);
    }

    /// From now on an answer takes so long; what was posted can be seen at once.
    pub fn answer_after(&self, latency: Duration) {
        *self
            .seen
            .latency
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = latency;
    }

    /// From now on no request is answered until [`release`](Self::release); what was posted can be seen at once.
    pub fn hold(&self) {
        self.seen.held.send_replace(true);
    }

    /// What was held is answered.
    pub fn release(&self) {
        self.seen.held.send_replace(false);
    }

    /// Every request so far, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.seen
            .requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The messages that a reader sees, in order, as they were last changed and without their threads.
    #[must_use]
    pub fn posted(&self) -> Vec<Value> {
        let messages = self.messages().into_iter();
        messages.map(|message| message.body).collect()
    }

    /// The same with their threads.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        view::view(&self.requests())
    }
}

impl Seen {
    fn push(&self, request: Request) {
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(request);
    }
}
