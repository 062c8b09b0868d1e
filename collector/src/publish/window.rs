//! A window of publishes whose acknowledgements are polled together, again and again until each message is settled.
//! It knows no batches; what an answer means, [`super::verdict`] says.

use async_nats::jetstream::message::PublishMessage;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::verdict::{Trouble, Verdict, verdict};
use super::{Kind, Publisher, Refused};
use crate::outgoing::Outgoing;
use crate::queue::Held;

/// Unacknowledged publishes at a time: more raises latency and hardly throughput (NATS.md §3.1).
const WINDOW: usize = 256;
/// A message that is not settled.
#[derive(Debug)]
struct Pending {
    held: Held<Outgoing>,
    /// It may have reached the stream already.
    sent: bool,
    /// It was refused for itself.
    refused: bool,
}

/// What became of a message in a window.
enum Judged {
    Settled,
    Again(Pending),
    Refused(Refused),
}

impl Publisher {
    /// Every message for itself, a window at a time, until each is settled.
    pub(super) async fn one_by_one(
        &mut self,
        chunk: Vec<Held<Outgoing>>,
        sent: bool,
    ) -> Vec<Refused> {
        let pending = |held| Pending {
            held,
            sent,
            refused: false,
        };
        let mut pending: Vec<Pending> = chunk.into_iter().map(pending).collect();
        let mut refused = Vec::new();
        while !pending.is_empty() {
            self.connected().await;
            let rest = pending.split_off(pending.len().min(WINDOW));
            let verdicts = self.window(&pending).await;
            let mut again = Vec::new();
            let mut trouble = None;
            for (message, verdict) in pending.into_iter().zip(verdicts) {
                match self.judge(message, verdict, &mut trouble) {
                    Judged::Settled => {}
                    Judged::Again(message) => again.push(message),
                    Judged::Refused(message) => refused.push(message),
                }
            }
            again.extend(rest);
            pending = again;
            match trouble {
                Some(trouble) => self.wait_out(trouble).await,
                None => self.works(),
            }
        }
        refused
    }

    /// Sends a window in order and polls its acknowledgements together: each one's time runs from its first poll.
    async fn window(&self, pending: &[Pending]) -> Vec<Verdict> {
        let mut verdicts = vec![Verdict::Later(Trouble::NoAnswer); pending.len()];
        let mut acks = FuturesUnordered::new();
        for (n, message) in pending.iter().enumerate() {
            let Outgoing {
                subject,
                headers,
                payload,
                ..
            } = &message.held.item;
            let publish = PublishMessage::build()
                .headers(headers.clone())
                .payload(payload.clone());
            match self.jetstream.send_publish(subject.clone(), publish).await {
                Ok(ack) => acks.push(async move { (n, ack.await) }),
                Err(error) => verdicts[n] = verdict(Err(error)),
            }
        }
        while let Some((n, answer)) = acks.next().await {
            verdicts[n] = verdict(answer);
        }
        verdicts
    }

    fn judge(
        &mut self,
        mut message: Pending,
        verdict: Verdict,
        trouble: &mut Option<Trouble>,
    ) -> Judged {
        match verdict {
            Verdict::Stored => {
                self.published().one();
                message.held.item.publishing.acknowledged();
                Judged::Settled
            }
            Verdict::Known => {
                self.published().one();
                if !message.sent {
                    self.known(&message.held.item);
                }
                message.held.item.publishing.acknowledged();
                Judged::Settled
            }
            Verdict::Refused(error) if message.refused => Judged::Refused((message.held, error)),
            Verdict::Refused(_) => {
                message.refused = true;
                Judged::Again(message)
            }
            Verdict::Later(why) => {
                self.counts.retries.one();
                message.sent |= why != Trouble::NoStream;
                *trouble = Some(why);
                Judged::Again(message)
            }
        }
    }

    fn published(&self) -> &crate::counts::Count {
        match self.kind {
            Kind::Events => &self.counts.published,
            Kind::Letters => &self.counts.dead,
        }
    }
}
