//! What has arrived so far on a scenario's way, from EVENTS to Slack and mail, and waiting for it.
//! It judges nothing: what the texts shall be is said by the scenario.

use std::time::Duration;

use anyhow::Context;
use async_nats::jetstream::{self, consumer::pull};
use futures_util::TryStreamExt;
use pillarbox_proto::subject::Group;
use pillarbox_proto::topology::{Bucket, Topology, intake_name};
use pillarbox_proto::wire;
use serde_json::Value;

use crate::mail::Mail;
use crate::slack::reader;
use crate::stack::Stack;
use crate::wait;

/// For anything: what takes longer is lost.
const DEADLINE: Duration = Duration::from_secs(90);

impl<M> Stack<M> {
    /// Waits for so many messages in Slack: all of them, as their readers see them.
    ///
    /// # Errors
    /// When one of the programs ends, or fewer have come in time.
    pub async fn told(&mut self, count: usize) -> anyhow::Result<Vec<String>> {
        let what = format!("message {count} in Slack");
        wait::until(DEADLINE, &what, async || {
            let seen = self.slack.posted();
            if seen.len() >= count {
                return Some(Ok(seen.iter().map(reader::plain).collect()));
            }
            self.all_run().err().map(Err)
        })
        .await?
    }

    /// Waits for so many mails: all of them.
    ///
    /// # Errors
    /// When one of the programs ends, or fewer have come in time.
    pub async fn mailed(&mut self, count: usize) -> anyhow::Result<Vec<Mail>> {
        let what = format!("mail {count}");
        wait::until(DEADLINE, &what, async || match self.mail.mails() {
            Ok(mails) if mails.len() >= count => Some(Ok(mails)),
            Ok(_) => self.all_run().err().map(Err),
            Err(error) => Some(Err(error)),
        })
        .await?
    }

    /// Waits until EVENTS holds so many events: their subjects and bodies, in their order.
    ///
    /// # Errors
    /// When one of the programs ends, or fewer have come in time.
    pub async fn events(&mut self, count: u64) -> anyhow::Result<Vec<(String, Value)>> {
        self.bodies(&Topology::default().events_name(), count).await
    }

    /// As [`events`](Self::events), of DEAD_LETTERS.
    ///
    /// # Errors
    /// When one of the programs ends, or fewer have come in time.
    pub async fn dead_letters(&mut self, count: u64) -> anyhow::Result<Vec<(String, Value)>> {
        self.bodies(&Topology::default().dead_letters_name(), count)
            .await
    }

    /// Every entry of LEDGER, as text.
    ///
    /// # Errors
    /// When the bucket cannot be read.
    pub async fn ledger(&self) -> anyhow::Result<Vec<String>> {
        let jetstream = jetstream::new(self.nats.client().await?);
        let name = Topology::default().bucket_name(Bucket::Ledger);
        let bucket = jetstream.get_key_value(name).await?;
        let mut entries = Vec::new();
        for key in bucket.keys().await?.try_collect::<Vec<_>>().await? {
            let entry = bucket.get(key).await?.unwrap_or_default();
            entries.push(String::from_utf8_lossy(&entry).into_owned());
        }
        Ok(entries)
    }

    /// Waits until everything in EVENTS has been worked on: no job is open, and nothing is to be delivered.
    ///
    /// # Errors
    /// When one of the programs ends, or it is not so in time.
    pub async fn settled(&mut self) -> anyhow::Result<()> {
        let client = self.nats.client().await?;
        let jetstream = jetstream::new(client);
        wait::until(DEADLINE, "every job to be settled and told", async || {
            if matches!(at_rest(&jetstream).await, Ok(true)) {
                return Some(Ok(()));
            }
            self.all_run().err().map(Err)
        })
        .await?
    }

    async fn bodies(&mut self, stream: &str, count: u64) -> anyhow::Result<Vec<(String, Value)>> {
        let jetstream = jetstream::new(self.nats.client().await?);
        let what = format!("message {count} in {stream}");
        let messages = wait::until(DEADLINE, &what, async || {
            let found = jetstream.get_stream(stream).await.ok()?;
            let messages = found.cached_info().state.messages;
            if messages >= count {
                return Some(Ok(messages));
            }
            self.all_run().err().map(Err)
        })
        .await??;
        let found = jetstream.get_stream(stream).await?;
        let mut bodies = Vec::new();
        for sequence in 1..=messages {
            let message = found.get_raw_message(sequence).await?;
            let body = wire::decode(Some(&message.headers), &message.payload);
            bodies.push((message.subject.to_string(), body.context("a body")?));
        }
        Ok(bodies)
    }
}

/// Looked at in the order in which an event travels, so that nothing is between two looks: the intake has passed
/// everything on, no job is open, and no delivery waits.
pub(crate) async fn at_rest(jetstream: &jetstream::Context) -> anyhow::Result<bool> {
    let (topology, group) = (Topology::default(), Group::new("main").context("a group")?);
    let events = jetstream.get_stream(topology.events_name()).await?;
    let mut intake = events
        .get_consumer::<pull::Config>(&intake_name(&group))
        .await
        .map_err(anyhow::Error::from_boxed)?;
    let intake = intake.info().await?;
    if intake.num_pending > 0 || intake.num_ack_pending > 0 {
        return Ok(false);
    }
    let open = jetstream.get_stream(topology.open_jobs_name()).await?;
    let filter = "pillarbox.v1.main.open.>";
    let open: Vec<_> = open.info_with_subjects(filter).await?.try_collect().await?;
    let deliveries = jetstream.get_stream(topology.deliveries_name()).await?;
    Ok(open.is_empty() && deliveries.cached_info().state.messages == 0)
}
