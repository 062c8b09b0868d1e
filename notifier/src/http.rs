//! What a notifier's three pages say: its metrics, whether its loops live, and whether it can do its work just now.
//! It outlives a reload: the loops tell it what to look at, and it tells them nothing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::connection::State;
use futures_util::future::join_all;
use pillarbox_proto::topology::{deliver_name, intake_name};
use pillarbox_telemetry::http::Pages;
use pillarbox_telemetry::loops::Loops;

use crate::config::Config;
use crate::metrics::Metrics;
use crate::nats::Nats;
use crate::provision::{filters, not_heard};
use crate::receiver::Receiver;

/// How long NATS may take to say what is asked for a page.
const ANSWER: Duration = Duration::from_secs(2);

/// What is shown of this process.
#[derive(Debug, Default)]
pub struct Shown {
    /// What was done.
    pub metrics: Arc<Metrics>,
    /// What runs.
    pub loops: Loops,
    watched: Mutex<Option<Watched>>,
}

/// What the loops work with.
#[derive(Debug, Clone)]
struct Watched {
    nats: Nats,
    config: Arc<Config>,
    provisioned: bool,
}

impl Shown {
    /// The loops begin, or begin again, with these; everything that they need is there, or not yet.
    pub fn watch(&self, nats: &Nats, config: &Arc<Config>, provisioned: bool) {
        if !provisioned {
            self.metrics.begin();
        }
        let watched = Watched {
            nats: nats.clone(),
            config: Arc::clone(config),
            provisioned,
        };
        *self.watched.lock().unwrap_or_else(PoisonError::into_inner) = Some(watched);
    }

    fn watched(&self) -> Option<Watched> {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.clone()
    }
}

impl Pages for Shown {
    async fn metrics(&self) -> Result<String, std::fmt::Error> {
        let watched = self.watched();
        let connected = watched.as_ref().is_some_and(|it| it.nats.connected());
        self.metrics.nats(connected);
        if let Some(Watched {
            nats,
            config,
            provisioned: true,
        }) = &watched
            && connected
        {
            let sampled = join_all(
                config
                    .receivers
                    .iter()
                    .map(|receiver| self.sample(nats, receiver)),
            );
            let _ = tokio::time::timeout(ANSWER, sampled).await; // what is not known keeps its last value
        }
        self.metrics.page()
    }

    fn unhealthy(&self) -> Vec<String> {
        self.loops.complaints()
    }

    async fn unready(&self) -> Vec<String> {
        let Some(Watched {
            nats,
            config,
            provisioned,
        }) = self.watched()
        else {
            return vec!["starting".to_owned()];
        };
        if !nats.connected() {
            return vec!["NATS is not connected".to_owned()];
        }
        if !provisioned {
            return vec!["streams and consumers are not there yet: the log says why".to_owned()];
        }
        match tokio::time::timeout(ANSWER, heard(&nats)).await {
            Ok(Ok(heard)) => not_heard(&heard, filters(&config.routes))
                .into_iter()
                .map(|filter| format!("the group's intake does not carry {filter}: restart this worker, or run `pillarbox-notifier provision`"))
                .collect(),
            Ok(Err(error)) => vec![format!("NATS does not say what the intake carries: {error}")],
            Err(_) => vec!["NATS does not answer: is JetStream up?".to_owned()],
        }
    }
}

impl Shown {
    async fn sample(&self, nats: &Nats, receiver: &Receiver) {
        let stream = nats.topology.deliveries_name();
        let name = deliver_name(&nats.group, &receiver.name, receiver.transport.name());
        let Ok(stream) = nats.jetstream.get_stream_no_info(stream).await else {
            return;
        };
        if let Ok(info) = stream.consumer_info(name).await {
            let in_hand = u64::try_from(info.num_ack_pending).unwrap_or_default();
            self.metrics.waiting(receiver, info.num_pending + in_hand);
        }
    }
}

/// The filters of the group's intake.
async fn heard(nats: &Nats) -> Result<Vec<String>, async_nats::Error> {
    let stream = nats.topology.events_name();
    let stream = nats.jetstream.get_stream_no_info(stream).await?;
    let config = stream.consumer_info(intake_name(&nats.group)).await?.config;
    let one = (!config.filter_subject.is_empty()).then_some(config.filter_subject);
    Ok(config.filter_subjects.into_iter().chain(one).collect())
}

impl Nats {
    fn connected(&self) -> bool {
        self.jetstream.client().connection_state() == State::Connected
    }
}
