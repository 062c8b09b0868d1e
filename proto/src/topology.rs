//! Streams, consumers and buckets as values: what exists on NATS, and how each is configured.
//! It creates nothing: `pillarbox-notifier provision` does, and nobody else.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::stream::{
    Compression, Config, DiscardPolicy, RetentionPolicy, StorageType,
};

use crate::subject::{Group, Token};

/// A message that was handed out and neither acknowledged nor extended comes back after this.
pub const ACK_WAIT: Duration = Duration::from_secs(30);
/// Within this a `Nats-Msg-Id` is stored once.
pub const DUPLICATE_WINDOW: Duration = Duration::from_secs(600);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const GIB: i64 = 1 << 30;

/// One installation in one NATS account: the prefix of its streams and buckets, and their replicas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    /// `PILLARBOX_` unless configured.
    pub prefix: String,
    /// 1 on a single server, 3 on a cluster.
    pub replicas: usize,
}

impl Default for Topology {
    fn default() -> Self {
        Topology {
            prefix: "PILLARBOX_".to_owned(),
            replicas: 1,
        }
    }
}

/// The key-value buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bucket {
    /// Per (cluster, job): how far it is settled, and what was decided.
    Jobs,
    /// Per delivery key: its state.
    Ledger,
    /// Per (cluster, run, minion): the present row of failures.
    Faults,
    /// Destinations that said "not now".
    Pauses,
    /// Mutes.
    Silences,
    /// Storm windows.
    Storms,
    /// One low-water mark per collector.
    Collectors,
}

impl Bucket {
    /// Every bucket.
    pub const ALL: [Bucket; 7] = [
        Bucket::Jobs,
        Bucket::Ledger,
        Bucket::Faults,
        Bucket::Pauses,
        Bucket::Silences,
        Bucket::Storms,
        Bucket::Collectors,
    ];

    fn name(self) -> &'static str {
        match self {
            Bucket::Jobs => "JOBS",
            Bucket::Ledger => "LEDGER",
            Bucket::Faults => "FAULTS",
            Bucket::Pauses => "PAUSES",
            Bucket::Silences => "SILENCES",
            Bucket::Storms => "STORMS",
            Bucket::Collectors => "COLLECTORS",
        }
    }

    /// `JOBS` outlives `EVENTS` and `LEDGER` outlives `DEAD_LETTERS`, so that a late event or re-send is still recognised.
    fn max_age(self) -> Duration {
        match self {
            Bucket::Jobs => 14 * DAY,
            Bucket::Ledger => 45 * DAY,
            Bucket::Pauses | Bucket::Storms => 2 * DAY,
            Bucket::Faults | Bucket::Silences | Bucket::Collectors => Duration::ZERO,
        }
    }
}

impl Topology {
    /// The name of `EVENTS`.
    pub fn events_name(&self) -> String {
        format!("{}EVENTS", self.prefix)
    }

    /// The name of `OPEN_JOBS`.
    pub fn open_jobs_name(&self) -> String {
        format!("{}OPEN_JOBS", self.prefix)
    }

    /// The name of `DELIVERIES`.
    pub fn deliveries_name(&self) -> String {
        format!("{}DELIVERIES", self.prefix)
    }

    /// The name of `DEAD_LETTERS`.
    pub fn dead_letters_name(&self) -> String {
        format!("{}DEAD_LETTERS", self.prefix)
    }

    /// The name of a bucket.
    pub fn bucket_name(&self, bucket: Bucket) -> String {
        format!("{}{}", self.prefix, bucket.name())
    }

    /// Every stream that a group needs, buckets included.
    pub fn streams(&self, group: &Group) -> Vec<Config> {
        let mut streams = vec![
            self.events(),
            self.open_jobs(group),
            self.deliveries(group),
            self.dead_letters(),
        ];
        streams.extend(Bucket::ALL.map(|bucket| self.bucket(bucket)));
        streams
    }

    /// Job events: 7 days. No schedules and no roll-ups: both would let one collector write into another's subjects (NATS.md §6).
    pub fn events(&self) -> Config {
        Config {
            name: self.events_name(),
            subjects: vec!["salt.v1.>".to_owned()],
            max_age: 7 * DAY,
            max_bytes: 8 * GIB,
            duplicate_window: DUPLICATE_WINDOW,
            compression: Some(Compression::S2),
            allow_direct: true,
            allow_atomic_publish: true,
            deny_delete: true,
            deny_purge: true,
            ..self.file()
        }
    }

    /// Open jobs: one message per subject, and a second is refused. That refusal is the whole of the locking.
    ///
    /// No `max_*` beside it and no age: nothing may push an open job out. Its subjects name the group, and each group adds
    /// its own: `pillarbox.v1.*.open.>` would overlap with `pillarbox.v1.dead.>`, which JetStream refuses (error 10065).
    pub fn open_jobs(&self, group: &Group) -> Config {
        Config {
            name: self.open_jobs_name(),
            subjects: ["open", "verify", "storm"]
                .map(|kind| format!("pillarbox.v1.{}.{kind}.>", group.token()))
                .into(),
            retention: RetentionPolicy::WorkQueue,
            max_messages_per_subject: 1,
            discard: DiscardPolicy::New,
            discard_new_per_subject: true,
            ..self.file()
        }
    }

    /// Deliveries: one message per subject, where a newer version replaces a waiting older one. Each group adds its subject.
    pub fn deliveries(&self, group: &Group) -> Config {
        Config {
            name: self.deliveries_name(),
            subjects: vec![format!("pillarbox.v1.{}.deliver.>", group.token())],
            retention: RetentionPolicy::WorkQueue,
            max_messages_per_subject: 1,
            discard: DiscardPolicy::Old,
            ..self.file()
        }
    }

    /// Dead letters: 30 days.
    pub fn dead_letters(&self) -> Config {
        Config {
            name: self.dead_letters_name(),
            subjects: vec!["pillarbox.v1.dead.>".to_owned()],
            max_age: 30 * DAY,
            max_bytes: GIB,
            duplicate_window: DUPLICATE_WINDOW,
            ..self.file()
        }
    }

    /// A bucket's stream, without direct get: a replica that lags would answer with an old revision.
    pub fn bucket(&self, bucket: Bucket) -> Config {
        let name = self.bucket_name(bucket);
        Config {
            name: format!("KV_{name}"),
            subjects: vec![format!("$KV.{name}.>")],
            max_messages_per_subject: 1,
            max_age: bucket.max_age(),
            discard: DiscardPolicy::New,
            allow_rollup: true,
            deny_delete: true,
            allow_direct: false,
            ..self.file()
        }
    }

    /// One name for a file stream without limits: a limit is each stream's own decision.
    fn file(&self) -> Config {
        Config {
            storage: StorageType::File,
            num_replicas: self.replicas,
            max_messages: -1,
            max_bytes: -1,
            max_messages_per_subject: -1,
            max_consumers: -1,
            max_message_size: -1,
            ..Config::default()
        }
    }
}

/// The durable of the intake: what the group's routes can match.
pub fn intake_consumer(group: &Group, filters: Vec<String>, start: DeliverPolicy) -> pull::Config {
    pull::Config {
        filter_subjects: filters,
        deliver_policy: start,
        ..durable(intake_name(group))
    }
}

/// The intake's name.
pub fn intake_name(group: &Group) -> String {
    format!("intake-{}", group.token())
}

/// The durable of open and verify items.
pub fn open_consumer(group: &Group) -> pull::Config {
    pull::Config {
        filter_subject: group.work_filter(),
        ..durable(open_name(group))
    }
}

/// The name of the durable of open and verify items.
pub fn open_name(group: &Group) -> String {
    format!("open-{}", group.token())
}

/// The durable of one receiver and transport: a slow one takes nobody's slots.
pub fn deliver_consumer(group: &Group, receiver: &str, transport: &str) -> pull::Config {
    pull::Config {
        filter_subject: group.deliver_filter(receiver, transport),
        ..durable(deliver_name(group, receiver, transport))
    }
}

/// The name of a receiver's durable.
pub fn deliver_name(group: &Group, receiver: &str, transport: &str) -> String {
    format!(
        "deliver-{}-{}-{transport}",
        group.token(),
        Token::new(receiver)
    )
}

/// A finite `max_deliver` would wedge a job for ever, a finite `max_ack_pending` would let waiting jobs stop new ones.
fn durable(name: String) -> pull::Config {
    pull::Config {
        durable_name: Some(name),
        ack_policy: AckPolicy::Explicit,
        ack_wait: ACK_WAIT,
        max_deliver: -1,
        max_ack_pending: -1,
        max_waiting: 4096,
        ..pull::Config::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_carry_the_prefix_and_the_group() {
        let topology = Topology {
            prefix: "TEAM_A_".into(),
            replicas: 3,
        };
        let group = Group::new("main").unwrap();
        let names: Vec<String> = topology
            .streams(&group)
            .into_iter()
            .map(|stream| stream.name)
            .collect();
        assert_eq!(
            names[..4],
            [
                "TEAM_A_EVENTS",
                "TEAM_A_OPEN_JOBS",
                "TEAM_A_DELIVERIES",
                "TEAM_A_DEAD_LETTERS"
            ]
        );
        assert!(names.contains(&"KV_TEAM_A_JOBS".to_owned()));
        assert!(
            topology
                .streams(&group)
                .iter()
                .all(|stream| stream.num_replicas == 3)
        );
        assert_eq!(
            deliver_name(&group, "ops.slack", "slack"),
            "deliver-main-ops=2Eslack-slack"
        );
    }

    #[test]
    fn nothing_untrusted_gets_schedules_or_rollups() {
        let events = Topology::default().events();
        assert!(
            !events.allow_message_schedules
                && !events.allow_rollup
                && !events.allow_message_counter
        );
    }
}
