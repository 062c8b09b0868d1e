//! Hears what the programs say over NATS, so that a kill can be aimed at a step of their work.
//! It says nothing itself, and misses what is said while the server is away.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Client;
use futures_util::StreamExt;
use futures_util::stream::select_all;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::timeline::Timeline;

/// Events, work and deliveries, entries of buckets, and acknowledgements.
const WORK: [&str; 4] = ["salt.v1.>", "pillarbox.v1.>", "$KV.>", "$JS.ACK.>"];
/// No kill waits longer for its step.
const PATIENCE: Duration = Duration::from_secs(8);

/// A listener.
#[derive(Debug)]
pub(super) struct Spy {
    steps: watch::Receiver<usize>,
    _task: AbortOnDropHandle<()>,
}

impl Spy {
    /// Notes every step from now on.
    ///
    /// # Errors
    /// When NATS takes no subscription.
    pub(super) async fn start(client: &Client, timeline: Arc<Timeline>) -> anyhow::Result<Self> {
        let mut subscriptions = Vec::new();
        for subject in WORK {
            subscriptions.push(client.subscribe(subject).await?);
        }
        client.flush().await?;
        let (send, steps) = watch::channel(0);
        let task = async move {
            let mut work = select_all(subscriptions);
            while let Some(message) = work.next().await {
                send.send_modify(|steps| *steps += 1);
                let said = said(&message.subject, &message.payload);
                timeline.note(format!("  {:>3} {said}", *send.borrow()));
            }
        };
        Ok(Self {
            steps,
            _task: AbortOnDropHandle::new(tokio::spawn(task)),
        })
    }

    /// Waits for a step, which may never come.
    pub(super) async fn reached(&self, step: usize) {
        let mut steps = self.steps.clone();
        let reached = steps.wait_for(|steps| *steps >= step);
        let _or_not = tokio::time::timeout(PATIENCE, reached).await;
    }
}

/// The subject, and of an acknowledgement or an entry what it says.
fn said(subject: &str, payload: &[u8]) -> String {
    let text = String::from_utf8_lossy(payload);
    let short = match subject.split('.').next() {
        Some("$JS") => text.chars().take(40).collect(),
        Some("$KV") => text.chars().take(400).collect(),
        _ => String::new(),
    };
    format!("{subject} {short}")
}
