//! One delivery, from the ledger to the ack.
//! It takes nothing from the queue and decides nothing: `standing` and `retry` do.

use std::time::Duration;

use async_nats::jetstream::AckKind;
use jiff::Timestamp;
use pillarbox_proto::delivery::{DeadLetter, Delivery, LedgerEntry, LedgerState};
use pillarbox_proto::wire::{self, DecodeError};
use tokio::time::Instant;

use super::standing::{self, Standing, claim, held, record, standing, too_soon};
use super::{DeliverError, Destination, Pulled};
use crate::clock::server_time;
use crate::elapsed::elapsed;
use crate::ledger::{LEASE, LedgerError, Page};
use crate::read_back::timestamp;
use crate::receiver::{Attempt, Letter, job};
use crate::render::template::Words;
use crate::retry::{Fate, SoFar, Verdict, verdict};
use crate::spans::{self, FutureExt as _};

/// A message of a newer Pillarbox waits for a worker that can read it.
const NEWER: Duration = Duration::from_secs(60);
/// Parts of one message that are sent in one go, its smaller forms included: more than any has.
const PARTS: usize = 12;
/// A delivery that another worker has in hand is looked at again after this, or when its lease ends.
const IN_OTHER_HANDS: Duration = Duration::from_secs(2);

/// What a message said of its destination.
pub(super) enum Outcome {
    /// It took a message, or answered in a way that is no trouble of its own.
    Through,
    /// It was not tried.
    Untried,
    /// It was closed, and the pause is written.
    Closed,
}

/// A delivery, what is known of it, and what it is now.
struct Work<'a> {
    message: &'a async_nats::jetstream::Message,
    delivery: Delivery,
    words: Words,
    taken: standing::Taken,
    published: Timestamp,
    destination_failures: u32,
}

impl Destination {
    /// One message.
    pub(super) async fn one(&self, pulled: &Pulled) -> Result<Outcome, DeliverError> {
        let message = &pulled.message;
        let delivery: Delivery = match wire::decode(message.headers.as_ref(), &message.payload) {
            Ok(delivery) => delivery,
            Err(DecodeError::Newer(format)) => {
                self.say_newer(format);
                return self.back(message, NEWER).await;
            }
            Err(error) => return self.unreadable(message, &error).await,
        };
        let page = self.ledger.read(&delivery.key).await?;
        let now = server_time(&self.nats).await?;
        let work = self.work(pulled, delivery, now)?;
        let left = page.lease_left(now);
        match standing(
            page.entry.as_ref(),
            &work.taken,
            left,
            self.receiver.on_ambiguous,
        ) {
            Standing::Done => self.done(message).await,
            Standing::Wait(left) => self.back(message, left.min(IN_OTHER_HANDS)).await,
            Standing::Hold => self.hold(&work, page).await,
            Standing::Send {
                said_before,
                failures,
                in_doubt,
            } => {
                let entry = page.entry.as_ref();
                let receipt = entry.and_then(|entry| entry.receipt.as_ref());
                let in_place = self.sender.can_change(receipt);
                let wait = too_soon(entry, in_place, now, self.config.follow_up);
                if said_before && !wait.is_zero() {
                    return self.back(message, wait).await; // a newer version replaces it meanwhile
                }
                let follow_up = said_before && !in_place;
                self.send(&work, page, follow_up, failures, in_doubt).await
            }
        }
    }

    fn work<'a>(
        &self,
        pulled: &'a Pulled,
        delivery: Delivery,
        now: Timestamp,
    ) -> Result<Work<'a>, DeliverError> {
        let info = pulled.message.info().map_err(DeliverError::Ack)?;
        let words = self.words(pulled, &delivery);
        let (worker, sequence, time) = (&self.nats.worker, info.stream_sequence, info.delivered);
        Ok(Work {
            message: &pulled.message,
            taken: standing::Taken {
                key: delivery.key.clone(),
                version: delivery.version,
                seen: self.sender.seen(&delivery.notification, &words),
                sequence,
                now,
                claimant: format!("{worker} {sequence}.{time}"),
            },
            published: timestamp(info.published),
            destination_failures: pulled.probe.map_or(0, |probe| probe.failures),
            words,
            delivery,
        })
    }

    /// What its route says in words of its own. A route that is gone has none; what a template cannot say, we do.
    fn words(&self, pulled: &Pulled, delivery: &Delivery) -> Words {
        let mut routes = self.config.routes.iter();
        let Some(route) = routes.find(|route| route.name == delivery.key.route) else {
            return Words::default();
        };
        let zone = &self.config.timezone;
        let (words, errors) = route.wording.words(&delivery.notification, zone);
        let again = pulled.message.info().is_ok_and(|info| info.delivered > 1);
        for error in errors.iter().filter(|_| !again) {
            let jid = &job(&delivery.notification).jid;
            tracing::warn!(receiver = %self.receiver.name, route = route.name, "salt.jid" = %jid, %error, "a template could not be filled in; said in the built-in words");
        }
        words
    }

    /// Claims it, sends it, and settles what came of it; again if it has to be smaller, or has a next part. A claim says
    /// what the attempt before it came to, so no part is sent twice.
    async fn send(
        &self,
        work: &Work<'_>,
        mut page: Page,
        follow_up: bool,
        failures: u32,
        in_doubt: u64,
    ) -> Result<Outcome, DeliverError> {
        let mut smaller = false;
        for _ in 0..PARTS {
            // Before the write: the lease is at least as long as this clock says.
            let started = Instant::now();
            let entry = claim(page.entry, &work.taken, in_doubt);
            let revision = match self.ledger.write(&entry, page.revision, &self.streak).await {
                Ok(revision) => revision,
                Err(LedgerError::Refused) => return self.back(work.message, IN_OTHER_HANDS).await,
                Err(error) => return Err(error.into()),
            };
            if started.elapsed() + self.sender.timeout() >= LEASE {
                return self.too_late(work, entry, revision, failures).await;
            }
            let letter = Letter {
                delivery: &work.delivery,
                follow_up,
                smaller,
                receipt: entry.receipt.as_ref(),
                words: &work.words,
                now: work.taken.now,
            };
            let span = spans::deliver(work.message, &work.delivery, entry.attempts);
            let (attempt, took) = self.attempt(&letter).with_context(span.clone()).await;
            let so_far = self.so_far(work, failures, smaller);
            let verdict = verdict(&attempt, &so_far, rand::random());
            spans::decided(&span, &attempt, &verdict.message);
            self.count(work, &attempt, &verdict.message, took);
            self.say(work, &entry, &attempt, &verdict);
            smaller |= verdict.message == Fate::Smaller;
            if !matches!(verdict.message, Fate::Smaller | Fate::Next) {
                return self.settle(work, &entry, revision, &attempt, verdict).await;
            }
            page = Page {
                entry: Some(record(&entry, &work.taken, &attempt, &verdict.message)),
                revision,
                stored: page.stored,
            };
        }
        self.back(work.message, LEASE).await // what has so many parts goes on when the last claim has run out
    }

    /// The call itself, and how long it took.
    async fn attempt(&self, letter: &Letter<'_>) -> (Attempt, Duration) {
        let started = Instant::now();
        let call = spans::call(&self.receiver.transport);
        let attempt = self.sender.attempt(letter).with_context(call.clone()).await;
        spans::answered(&call, &attempt);
        (attempt, started.elapsed())
    }

    fn count(&self, work: &Work<'_>, attempt: &Attempt, fate: &Fate, took: Duration) {
        self.metrics.attempt(&self.receiver, attempt, fate, took);
        if let (Fate::Done, Ok(created)) = (fate, work.delivery.created.parse()) {
            let age = elapsed(created, work.taken.now) + took;
            self.metrics.delivered(&self.receiver, age);
        }
    }

    fn so_far(&self, work: &Work<'_>, failures: u32, smaller: bool) -> SoFar {
        SoFar {
            failures,
            destination_failures: work.destination_failures,
            age: elapsed(work.published, work.taken.now),
            deadline: self.receiver.deadline,
            smaller,
            on_ambiguous: self.receiver.on_ambiguous,
        }
    }

    /// The claim took so long that another worker may take over before an attempt ends: nothing is sent.
    async fn too_late(
        &self,
        work: &Work<'_>,
        mut entry: LedgerEntry,
        revision: u64,
        failures: u32,
    ) -> Result<Outcome, DeliverError> {
        let error = "the claim took too long".to_owned();
        entry.state = LedgerState::Waiting { error, failures };
        match self.ledger.write(&entry, revision, &self.streak).await {
            Ok(_) | Err(LedgerError::Refused) => self.back(work.message, Duration::ZERO).await,
            Err(error) => Err(error.into()),
        }
    }

    /// Pause, dead letter, record, ack: each may be repeated, and none is left out.
    async fn settle(
        &self,
        work: &Work<'_>,
        claimed: &LedgerEntry,
        revision: u64,
        attempt: &Attempt,
        verdict: Verdict,
    ) -> Result<Outcome, DeliverError> {
        if let Some(pause) = verdict.pause {
            let failures = work.destination_failures.saturating_add(1);
            self.pauses
                .close(pause, failures, attempt.why(), &self.streak)
                .await;
        }
        if let Fate::GiveUp { reason } = verdict.message {
            self.bury(work, claimed.attempts, reason, attempt.why())
                .await;
        }
        let entry = record(claimed, &work.taken, attempt, &verdict.message);
        match self.ledger.write(&entry, revision, &self.streak).await {
            Ok(_) => {}
            Err(LedgerError::Refused) => tracing::warn!(
                key = %work.delivery.key,
                "the lease ran out before the end of an attempt was written; the ledger says what another worker did"
            ),
            Err(error) => return Err(error.into()),
        }
        match verdict.message {
            Fate::Again { after, .. } => self.back(work.message, after).await?,
            Fate::Done | Fate::Smaller | Fate::Next | Fate::GiveUp { .. } => {
                self.done(work.message).await?
            }
        };
        Ok(match (verdict.pause, attempt) {
            (Some(_), _) => Outcome::Closed,
            (
                None,
                Attempt::Unreached { .. } | Attempt::Broken { .. } | Attempt::Ambiguous { .. },
            ) => Outcome::Untried,
            (None, _) => Outcome::Through,
        })
    }

    /// It may have arrived, and the receiver wants it held then.
    async fn hold(&self, work: &Work<'_>, page: Page) -> Result<Outcome, DeliverError> {
        let Some(entry) = page.entry else {
            return Ok(Outcome::Untried); // what is held has an entry
        };
        let why = "a worker ended while it sent this: nobody knows whether it arrived";
        self.bury(work, entry.attempts, "ambiguous", why).await;
        match self
            .ledger
            .write(&held(entry, &work.taken), page.revision, &self.streak)
            .await
        {
            Ok(_) => self.done(work.message).await,
            Err(LedgerError::Refused) => self.back(work.message, IN_OTHER_HANDS).await,
            Err(error) => Err(error.into()),
        }
    }

    async fn bury(&self, work: &Work<'_>, attempts: u32, reason: &str, error: &str) {
        let letter = DeadLetter {
            delivery: work.delivery.clone(),
            reason: reason.to_owned(),
            error: error.to_owned(),
            attempts,
            at: work.taken.now.to_string(),
        };
        tracing::error!(
            receiver = %self.receiver.name,
            "salt.jid" = %job(&work.delivery.notification).jid,
            key = %work.delivery.key,
            reason, error, attempts,
            trace_id = spans::trace_of(&work.delivery),
            "a delivery was given up: it is a dead letter"
        );
        self.metrics.dead(&self.receiver.name, reason);
        self.publish_dead(&letter).await;
    }

    /// The ack, and nothing after it.
    pub(super) async fn done(
        &self,
        message: &async_nats::jetstream::Message,
    ) -> Result<Outcome, DeliverError> {
        message.double_ack().await.map_err(DeliverError::Ack)?;
        Ok(Outcome::Untried)
    }

    async fn back(
        &self,
        message: &async_nats::jetstream::Message,
        after: Duration,
    ) -> Result<Outcome, DeliverError> {
        let nak = AckKind::Nak(Some(after));
        message
            .double_ack_with(nak)
            .await
            .map_err(DeliverError::Ack)?;
        Ok(Outcome::Untried)
    }

    /// What is given up is said where it is buried.
    fn say(&self, work: &Work<'_>, entry: &LedgerEntry, attempt: &Attempt, verdict: &Verdict) {
        let jid = &job(&work.delivery.notification).jid;
        let (receiver, attempts, error) = (&self.receiver.name, entry.attempts, attempt.why());
        let (route, trace_id) = (&work.delivery.key.route, spans::trace_of(&work.delivery));
        match (&verdict.message, attempt) {
            (Fate::Done, _) => {
                tracing::info!(%receiver, %route, "salt.jid" = %jid, attempts, trace_id, "delivered");
                for (recipient, reply) in attempt.refused() {
                    tracing::warn!(%receiver, "salt.jid" = %jid, recipient, reply, "a recipient was refused; the others have the mail");
                }
                if let Some(error) = attempt.details_refused() {
                    tracing::warn!(%receiver, "salt.jid" = %jid, error, "details were refused in the message's thread; the message is there");
                }
            }
            (Fate::Again { after, .. }, Attempt::Throttled { .. }) => {
                tracing::info!(%receiver, %route, "salt.jid" = %jid, attempts, error, again_in = ?after, trace_id, "the destination asks for time");
            }
            (Fate::Again { .. }, Attempt::Unchangeable { .. }) => {
                tracing::info!(%receiver, "salt.jid" = %jid, attempts, error, "the message cannot be changed; another one will follow it");
            }
            (Fate::Again { after, .. }, _) => {
                tracing::warn!(%receiver, %route, "salt.jid" = %jid, attempts, error, again_in = ?after, trace_id, "not delivered; tried again");
            }
            (Fate::Smaller, _) => {
                tracing::warn!(%receiver, %route, "salt.jid" = %jid, attempts, error, trace_id, "the message was refused; sending it smaller");
            }
            (Fate::GiveUp { .. } | Fate::Next, _) => {}
        }
    }
}
