//! What the collector's three pages say: its metrics, whether its loops live, and whether it can do its work just now.
//! It outlives a reload: the loops tell it what to look at, and it tells them nothing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::Client;
use async_nats::connection::State;
use async_nats::jetstream;
use pillarbox_telemetry::http::Pages;
use pillarbox_telemetry::loops::Loops;

use crate::counts::Counts;
use crate::mark::Ears;
use crate::metrics::{self, Now};
use crate::queue::Budget;

/// How long NATS may take to say whether the stream is there.
const ANSWER: Duration = Duration::from_secs(2);

/// What is shown of this process.
#[derive(Debug, Default)]
pub struct Shown {
    /// What was done.
    pub counts: Arc<Counts>,
    /// What runs.
    pub loops: Loops,
    watched: Mutex<Option<Watched>>,
}

/// What the loops work with.
#[derive(Debug, Clone)]
pub struct Watched {
    /// The connection.
    pub client: Client,
    /// The name of `EVENTS`.
    pub stream: String,
    /// The master's event bus, for people.
    pub bus: String,
    /// What waits.
    pub budget: Budget,
    /// How far the bus was heard.
    pub ears: Ears,
}

impl Shown {
    /// The loops begin, or begin again, with these.
    pub fn watch(&self, watched: Watched) {
        *self.watched.lock().unwrap_or_else(PoisonError::into_inner) = Some(watched);
    }

    fn watched(&self) -> Option<Watched> {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.clone()
    }
}

impl Pages for Shown {
    async fn metrics(&self) -> Result<String, std::fmt::Error> {
        let now = self.watched().map(|watched| Now {
            queue: Some((watched.budget.used(), watched.budget.limit())),
            low_water: watched.ears.mark(&watched.budget),
            nats: connected(&watched.client),
        });
        metrics::page(&self.counts, now.unwrap_or_default())
    }

    fn unhealthy(&self) -> Vec<String> {
        self.loops.complaints()
    }

    async fn unready(&self) -> Vec<String> {
        let Some(watched) = self.watched() else {
            return vec!["starting".to_owned()];
        };
        let bus = &watched.bus;
        let deaf = || format!("the master's event bus at {bus} is not connected");
        let mut reasons: Vec<String> = (!self.counts.bus.is_connected())
            .then(deaf)
            .into_iter()
            .collect();
        reasons.extend(no_stream(&watched).await);
        reasons
    }
}

fn connected(client: &Client) -> bool {
    client.connection_state() == State::Connected
}

/// Why nothing can be published, if so.
async fn no_stream(watched: &Watched) -> Option<String> {
    use jetstream::context::GetStreamErrorKind as Kind;
    if !connected(&watched.client) {
        return Some("NATS is not connected".to_owned());
    }
    let stream = &watched.stream;
    let jetstream = jetstream::new(watched.client.clone());
    let asked = tokio::time::timeout(ANSWER, jetstream.get_stream(stream)).await;
    match asked.map(|answer| answer.map_err(|error| error.kind())) {
        Ok(Ok(_)) => None,
        Ok(Err(Kind::JetStream(error)))
            if error.error_code() == jetstream::ErrorCode::STREAM_NOT_FOUND =>
        {
            Some(format!(
                "the stream {stream} does not exist: `pillarbox-notifier provision` or a running notifier creates it"
            ))
        }
        Ok(Err(error)) => Some(format!(
            "NATS does not say whether the stream {stream} is there: {error}"
        )),
        Err(_) => Some(format!(
            "NATS does not answer for the stream {stream}: is JetStream up, and may the collector ask for $JS.API.STREAM.INFO.{stream}?"
        )),
    }
}
