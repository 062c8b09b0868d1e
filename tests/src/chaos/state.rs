//! What JetStream says at the end of a run: whether anything is still to be done, and what the ledger says.
//! It changes nothing, and does not wait.

use std::collections::BTreeMap;

use anyhow::Context as _;
use async_nats::jetstream::Context;
use futures_util::TryStreamExt;
use pillarbox_proto::delivery::LedgerEntry;
use pillarbox_proto::subject::{self, DeliveryKey, Group, Token};
use pillarbox_proto::topology::{Bucket, Topology, intake_name};
use pillarbox_proto::wire;
use pillarbox_proto::work::{JobEntry, VerifyItem};

use super::capture::Capture;
use super::judge::{Key, Kind};

/// As the stack's configuration has it.
const CLUSTER: &str = "prod";

/// JetStream, read with the names that a group has there.
#[derive(Debug)]
pub(super) struct State {
    jetstream: Context,
    topology: Topology,
    group: Group,
}

impl State {
    /// Of the group of a configuration that names none.
    ///
    /// # Errors
    /// Never: `main` is a group's name.
    pub(super) fn new(jetstream: Context) -> anyhow::Result<Self> {
        Ok(Self {
            jetstream,
            topology: Topology::default(),
            group: Group::new("main").context("main")?,
        })
    }

    /// What is still to be done; nothing when everything is settled and told.
    ///
    /// # Errors
    /// When NATS does not answer.
    pub(super) async fn left(&self, capture: &Capture) -> anyhow::Result<Option<String>> {
        let events = self.messages(&self.topology.events_name()).await?;
        if events != capture.events {
            return Ok(Some(format!("{events} of {} events", capture.events)));
        }
        // What a killed worker had in hand comes back to another one after 30 s.
        let unread = self.unread().await?;
        if unread > 0 {
            return Ok(Some(format!("{unread} events to be passed on")));
        }
        let open = self.open_jobs().await?;
        if open > 0 {
            return Ok(Some(format!("{open} open jobs")));
        }
        for jid in &capture.jobs {
            let (last, settled) = self.settled(jid).await?;
            if settled != last {
                return Ok(Some(format!("{jid}: settled to {settled} of {last}")));
            }
        }
        let deliveries = self.messages(&self.topology.deliveries_name()).await?;
        Ok((deliveries > 0).then(|| format!("{deliveries} deliveries")))
    }

    /// Events that the intake has not acknowledged yet.
    async fn unread(&self) -> anyhow::Result<u64> {
        let name = self.topology.events_name();
        let events = self.jetstream.get_stream_no_info(name).await?;
        let intake = events
            .consumer_info(intake_name(&self.group))
            .await
            .context("the intake")?;
        Ok(intake.num_pending + u64::try_from(intake.num_ack_pending)?)
    }

    /// How many dead letters there are.
    ///
    /// # Errors
    /// When NATS does not answer.
    pub(super) async fn dead(&self) -> anyhow::Result<usize> {
        self.messages(&self.topology.dead_letters_name()).await
    }

    /// Whether a check is kept for a job, so that a late return is found though no route is told of it.
    ///
    /// # Errors
    /// When NATS does not answer.
    pub(super) async fn awaits(&self, jid: &str) -> anyhow::Result<bool> {
        let name = self.topology.open_jobs_name();
        let stream = self.jetstream.get_stream_no_info(name).await?;
        let checks = format!("pillarbox.v1.main.verify.{CLUSTER}.{jid}.*");
        let checks = stream.info_with_subjects(checks).await?;
        let checks: Vec<(String, usize)> = checks.try_collect().await?;
        for (subject, _) in checks {
            let check = stream.get_last_raw_message_by_subject(&subject).await?;
            let check: VerifyItem = wire::decode(Some(&check.headers), &check.payload)?;
            if check.awaiting {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What the ledger says of the three messages about each job.
    ///
    /// # Errors
    /// When NATS does not answer, or an entry cannot be read.
    pub(super) async fn ledger(
        &self,
        jobs: &[String],
    ) -> anyhow::Result<BTreeMap<Key, LedgerEntry>> {
        let name = self.topology.bucket_name(Bucket::Ledger);
        let store = self.jetstream.get_key_value(name).await?;
        let mut ledger = BTreeMap::new();
        for jid in jobs {
            for kind in Kind::ALL {
                let key = self.group.ledger_key(&delivery(jid, kind));
                if let Some(entry) = store.get(key).await? {
                    ledger.insert((jid.clone(), kind), wire::decode_entry(&entry)?);
                }
            }
        }
        Ok(ledger)
    }

    async fn messages(&self, stream: &str) -> anyhow::Result<usize> {
        let stream = self.jetstream.get_stream(stream).await?;
        Ok(usize::try_from(stream.cached_info().state.messages)?)
    }

    async fn open_jobs(&self) -> anyhow::Result<usize> {
        let name = self.topology.open_jobs_name();
        let stream = self.jetstream.get_stream_no_info(name).await?;
        let subjects = stream.info_with_subjects(self.group.open_filter()).await?;
        let subjects: Vec<(String, usize)> = subjects.try_collect().await?;
        Ok(subjects.len())
    }

    /// A job's last event, and how far it is settled.
    async fn settled(&self, jid: &str) -> anyhow::Result<(u64, u64)> {
        let (cluster, job) = (Token::new(CLUSTER), Token::new(jid));
        let events = self.topology.events_name();
        let events = self.jetstream.get_stream_no_info(events).await?;
        let filter = subject::job_filter(&cluster, &job);
        let last = events.get_last_raw_message_by_subject(&filter).await?;
        let jobs = self.topology.bucket_name(Bucket::Jobs);
        let jobs = self.jetstream.get_key_value(jobs).await?;
        let entry = jobs.get(self.group.job_key(&cluster, &job)).await?;
        let entry = entry.map(|entry| wire::decode_entry::<JobEntry>(&entry));
        let settled = entry.transpose()?.map_or(0, |entry| entry.settled_to);
        Ok((last.sequence, settled))
    }
}

/// The key of a message, as `super::ROUTES` and the stack's receivers name it.
fn delivery(jid: &str, kind: Kind) -> DeliveryKey {
    let (route, receiver, transport, moment) = match kind {
        Kind::Start => ("audit", "ops-slack", "slack", "start"),
        Kind::Digest => ("failures-and-changes", "ops-slack", "slack", "digest"),
        Kind::Mail => ("failures-and-changes", "ops-mail", "email", "digest"),
    };
    DeliveryKey {
        cluster: CLUSTER.to_owned(),
        job: jid.to_owned(),
        route: route.to_owned(),
        receiver: receiver.to_owned(),
        transport: transport.to_owned(),
        moment: moment.to_owned(),
    }
}
