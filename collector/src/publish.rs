//! Messages to JetStream: in atomic batches where the server has them, in a window of acknowledgements elsewhere.
//! It never gives up and settles nothing without an acknowledgement; what a refusal means, `verdict` says.
//!
//! Order: messages are sent in the order in which they were heard, and the next ones only when these are settled. A batch
//! is stored whole and in order. In a window an event that was lost with a connection is stored after those that were not:
//! no reader depends on the order within a job.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Client;
use async_nats::connection::State;
use async_nats::jetstream;
use async_nats::jetstream::context::ContextBuilder;
use pillarbox_proto::topology::Topology;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::clock;
use crate::counts::Counts;
use crate::outgoing::{Outbox, Outgoing};
use crate::queue::{Held, Reader, Writer};
use crate::shift::Common;

mod atomic;
mod batch;
pub mod connect;
pub mod recent;
mod verdict;
mod window;

use atomic::{Batch, Batches};
use recent::Recent;
use verdict::Trouble;

/// How long an acknowledgement may take: a cluster chooses a new leader in 5 to 6 s (NATS.md §3.4).
const ACK: Duration = Duration::from_secs(8);
/// How often the same complaint is said.
const SELDOM: Duration = Duration::from_secs(60);
/// How often a lost connection is asked whether it is back.
const LOOK: Duration = Duration::from_millis(50);

/// Publishes events until their queue ends. What JetStream refuses for itself goes on as a dead letter.
pub async fn events(
    mut publisher: Publisher,
    mut events: Reader<Outgoing>,
    letters: Writer<Outgoing>,
    outbox: Outbox,
) {
    let mut waiting = Vec::new();
    while events.recv_many(&mut waiting, batch::MESSAGES).await > 0 {
        for (event, error) in publisher.settle(std::mem::take(&mut waiting)).await {
            publisher.counts.refused.one();
            bury(event, &error, &letters, &outbox);
        }
    }
}

/// Their spans end here.
fn acknowledged(chunk: &[Held<Outgoing>]) {
    for held in chunk {
        held.item.publishing.acknowledged();
    }
}

/// The event becomes a dead letter, and the rest goes on.
fn bury(event: Held<Outgoing>, error: &str, letters: &Writer<Outgoing>, outbox: &Outbox) {
    let Held { item, charge } = event;
    let Some(source) = item.source else {
        return; // a dead letter never comes this way
    };
    item.publishing.refused(error);
    tracing::error!(
        salt.jid = %source.jid, salt.tag = %source.tag, subject = %item.subject,
        "JetStream refused an event twice for itself ({error}): it becomes a dead letter"
    );
    match outbox.refused(&source, error, &clock::now().to_string()) {
        Ok(item) => {
            let charge = charge.beside(item.bytes());
            if letters.pass(Held { item, charge }).is_err() {
                tracing::error!(salt.jid = %source.jid, "a dead letter is lost: its publisher is gone");
            }
        }
        Err(error) => tracing::error!("a dead letter cannot be written as JSON: {error}"),
    }
}

/// Publishes dead letters until their queue ends.
pub async fn letters(mut publisher: Publisher, mut letters: Reader<Outgoing>) {
    while let Some(letter) = letters.recv().await {
        for (letter, error) in publisher.settle(vec![letter]).await {
            let subject = &letter.item.subject;
            tracing::error!(%subject, "JetStream refused a dead letter, and it is lost: {error}");
        }
    }
}

/// The connection of the shift that began last, and which streams it is for.
#[derive(Debug, Clone)]
pub struct Newest {
    /// Their names.
    pub topology: Topology,
    /// The connection.
    pub client: Client,
}

/// One stream's publisher.
#[derive(Debug)]
pub struct Publisher {
    client: Client,
    newest: watch::Receiver<Option<Newest>>,
    topology: Topology,
    jetstream: jetstream::Context,
    /// The stream, for sentences.
    stream: String,
    kind: Kind,
    counts: Arc<Counts>,
    batches: Batches,
    recent: Recent,
    known: Known,
    trouble: Option<Trouble>,
    backoff: Backoff,
}

/// What a publisher publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Job events.
    Events,
    /// Dead letters.
    Letters,
}

/// Events that the stream held already: said at once, then at most once a minute.
#[derive(Debug, Default)]
struct Known {
    unsaid: u64,
    said: Option<Instant>,
}

impl Known {
    /// One more. How many there are to say, if it is time to.
    fn say(&mut self, now: Instant) -> Option<u64> {
        self.unsaid += 1;
        if self
            .said
            .is_some_and(|said| now.duration_since(said) < SELDOM)
        {
            return None;
        }
        self.said = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

/// What JetStream will not have, and why.
type Refused = (Held<Outgoing>, String);

impl Publisher {
    /// Publishes messages of this kind to their stream.
    pub fn new(client: &Client, topology: &Topology, kind: Kind, known: &Common) -> Publisher {
        let stream = match kind {
            Kind::Events => topology.events_name(),
            Kind::Letters => topology.dead_letters_name(),
        };
        Publisher {
            client: client.clone(),
            newest: known.newest.subscribe(),
            topology: topology.clone(),
            jetstream: jetstream_of(client),
            stream,
            kind,
            counts: Arc::clone(&known.counts),
            batches: Batches::new(clock::unique()),
            recent: known.recent.clone(),
            known: Known::default(),
            trouble: None,
            backoff: Backoff::default(),
        }
    }

    /// Returns when every message is stored, or refused twice for itself.
    ///
    /// What this process has sent before goes by itself, after the others: one known id spoils a whole batch.
    async fn settle(&mut self, messages: Vec<Held<Outgoing>>) -> Vec<Refused> {
        let (fresh, again): (Vec<_>, Vec<_>) = messages
            .into_iter()
            .partition(|held| self.recent.first(&held.item.id));
        let sizes: Vec<usize> = fresh.iter().map(|held| held.item.bytes()).collect();
        let mut fresh = fresh.into_iter();
        let mut refused = Vec::new();
        for range in batch::cut(&sizes) {
            let chunk: Vec<_> = fresh.by_ref().take(range.len()).collect();
            let sent = match self.batch(&chunk).await {
                Batch::Stored => {
                    acknowledged(&chunk);
                    continue;
                }
                Batch::NotStored => false,
                Batch::Unknown => true,
            };
            refused.extend(self.one_by_one(chunk, sent).await);
        }
        refused.extend(self.one_by_one(again, true).await);
        refused
    }

    async fn batch(&mut self, chunk: &[Held<Outgoing>]) -> Batch {
        self.connected().await;
        let answer = self.batches.publish(&self.client, chunk).await;
        match answer {
            Ok(()) => {
                self.counts.batches.one();
                self.counts.published.add(chunk.len());
                self.works();
                Batch::Stored
            }
            Err(atomic::NoBatch::NotTried) => Batch::NotStored,
            Err(error) => {
                self.counts.batches_refused.one();
                tracing::debug!(
                    "an atomic batch of {} events was not stored: {error}; publishing them one by one",
                    chunk.len()
                );
                error.stored()
            }
        }
    }

    /// The stream knew an id that this process had never sent. A dead letter's id is that of its bytes: nothing to say.
    fn known(&mut self, message: &Outgoing) {
        let Some(source) = &message.source else {
            return;
        };
        self.counts.duplicates.one();
        if let Some(events) = self.known.say(Instant::now()) {
            tracing::warn!(
                salt.jid = %source.jid, salt.tag = %source.tag, id = %message.id, events,
                "{} held {events} events already that this collector never sent, this one the last: \
                 it was restarted, or another collector reads the same bus",
                self.stream
            );
        }
    }

    /// Says once what is awaited, and waits a moment.
    async fn wait_out(&mut self, trouble: Trouble) {
        if self.trouble.as_ref() != Some(&trouble) {
            let stream = &self.stream;
            match &trouble {
                Trouble::NoStream => tracing::warn!(
                    %stream,
                    "waiting for the stream {stream}: `pillarbox-notifier provision` or a running notifier creates it"
                ),
                Trouble::NoAnswer => tracing::warn!(
                    %stream,
                    "{stream} does not acknowledge; sending again until it does"
                ),
                Trouble::Other(why) => tracing::warn!(
                    %stream,
                    "{stream} does not take events now ({why}); sending again until it does"
                ),
            }
            self.trouble = Some(trouble);
        }
        tokio::time::sleep(self.backoff.next(clock::chance())).await;
    }

    fn works(&mut self) {
        self.backoff.reset();
        if self.trouble.take().is_some() {
            tracing::info!(stream = %self.stream, "{} takes events again", self.stream);
        }
    }

    /// Nothing is sent into a lost connection: the client would keep it in memory, and every retry again.
    ///
    /// What an old shift has left goes by the newest shift's connection while its own does not stand: the login that the old
    /// one has may be wrong for ever.
    async fn connected(&mut self) {
        while self.client.connection_state() != State::Connected {
            match self.newest_that_stands() {
                Some(client) => {
                    self.jetstream = jetstream_of(&client);
                    self.client = client;
                }
                None => tokio::time::sleep(LOOK).await,
            }
        }
    }

    /// To the same streams: with another prefix they are somebody else's.
    fn newest_that_stands(&self) -> Option<Client> {
        let newest = self.newest.borrow();
        let Newest { topology, client } = newest.as_ref()?;
        let stands = client.connection_state() == State::Connected;
        (stands && *topology == self.topology).then(|| client.clone())
    }
}

fn jetstream_of(client: &Client) -> jetstream::Context {
    ContextBuilder::new().timeout(ACK).build(client.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn known_events_are_said_at_once_and_then_once_a_minute() {
        let (mut known, now) = (Known::default(), Instant::now());
        assert_eq!(known.say(now), Some(1));
        assert_eq!(known.say(now + SELDOM / 2), None);
        assert_eq!(known.say(now + SELDOM), Some(2));
        assert_eq!(known.say(now + SELDOM), None);
    }
}
