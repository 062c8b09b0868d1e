//! A shift: all of a worker's loops under one configuration, from the moment that it can be worked under until relieved.
//! It reads no file and hears no signal; when one shift follows another, the library's `run` decides.

use std::sync::Arc;
use std::time::Duration;

use pillarbox_telemetry::loops::Running;
use tokio_util::sync::CancellationToken;

use crate::clock::server_time;
use crate::config::Config;
use crate::http::Shown;
use crate::nats::{self, Nats};
use crate::provision::{self, Provisioned};
use crate::receiver::{Receiver, Sender};
use crate::{RunError, deliver, digest, intake, stranded, sweep, telemetry};

/// How long the server may take to say that it has read everything.
const LAST_WORD: Duration = Duration::from_secs(2);

/// A configuration that can be worked under.
pub struct Shift {
    /// What is true in it.
    pub config: Arc<Config>,
    nats: Nats,
    senders: Vec<(Receiver, Sender)>,
}

impl Shift {
    /// Makes the receivers ready, and connects unless the one before has the same connection.
    ///
    /// # Errors
    /// What cannot be helped by trying again.
    pub async fn prepare(config: Config, before: Option<&Shift>) -> Result<Shift, RunError> {
        let sender = |receiver: &Receiver| {
            let sender = Sender::new(&receiver.transport, config.timezone.clone());
            sender.map(|sender| (receiver.clone(), sender))
        };
        let senders = config.receivers.iter().map(sender);
        let senders = senders
            .collect::<Result<_, _>>()
            .map_err(RunError::Receiver)?;
        let kept = before.filter(|before| before.config.nats == config.nats);
        let nats = match kept {
            Some(before) => before.nats.under(&config),
            None => nats::connect(&config).await?,
        };
        Ok(Shift {
            config: Arc::new(config),
            nats,
            senders,
        })
    }

    /// The worker's name in what it has in hand.
    pub fn worker(&self) -> &str {
        &self.nats.worker
    }

    /// From now on the pages are about this shift; everything that it needs is there, or not yet.
    pub fn show(&self, shown: &Shown, provisioned: bool) {
        shown.watch(&self.nats, &self.config, provisioned);
    }

    /// Creates or updates what is needed on NATS. `None` if `shutdown` came first.
    pub async fn provision(&self, shutdown: &CancellationToken) -> Option<Provisioned> {
        until_provisioned(&self.nats, &self.config, shutdown).await
    }

    /// Works until `relieved`, then finishes what is in hand.
    pub fn work(
        &mut self,
        relieved: CancellationToken,
        shown: Arc<Shown>,
    ) -> impl Future<Output = ()> + use<> {
        let (nats, config) = (self.nats.clone(), Arc::clone(&self.config));
        let senders = std::mem::take(&mut self.senders);
        async move {
            let loops = || (nats.clone(), Arc::clone(&config), relieved.clone());
            let running = |name: &str| shown.loops.running(name, &relieved);
            let metrics = || Arc::clone(&shown.metrics);
            let mut deliveries = tokio::task::JoinSet::new();
            for to in senders {
                let running = running(&format!("deliver {}", to.0.name));
                let (nats, config, relieved) = loops();
                let work = deliver::run(nats, config, to, relieved, metrics());
                deliveries.spawn(with(running, work));
            }
            let (one, two, three, four) = (loops(), loops(), loops(), loops());
            let intake = intake::run(one.0, one.1, one.2, metrics());
            let digest = digest::run(two.0, two.1, two.2, metrics());
            let sweep = sweep::run(three.0, three.1, three.2);
            let stranded = stranded::run(four.0, four.1, four.2);
            tokio::join!(
                deliveries.join_all(),
                with(running("intake"), intake),
                with(running("digest"), digest),
                with(running("sweep"), sweep),
                with(running("stranded"), stranded),
            );
            // Its answer comes after everything that was sent before it: no ack is lost with the process.
            let _ = tokio::time::timeout(LAST_WORD, server_time(&nats)).await;
        }
    }
}

/// A loop that is known to run.
async fn with(running: Running, work: impl Future<Output = ()>) {
    work.await;
    drop(running);
}

/// NATS may be away, or its cluster without a leader yet: tried until it works. `None` if `shutdown` came first.
async fn until_provisioned(
    nats: &Nats,
    config: &Config,
    shutdown: &CancellationToken,
) -> Option<Provisioned> {
    const AGAIN: Duration = Duration::from_secs(1);
    let mut said = String::new();
    while !shutdown.is_cancelled() {
        match provision::provision(nats, &config.receivers, &config.routes).await {
            Ok(done) => {
                let (created, changed) = (done.created.join(","), done.changed.join(","));
                tracing::info!(
                    created,
                    changed,
                    kept = done.kept,
                    "streams and consumers are as they should be"
                );
                return Some(done);
            }
            Err(error) => {
                let text = error.to_string();
                if said != text {
                    tracing::warn!(
                        error = telemetry::chain(&error),
                        "cannot provision yet; trying again"
                    );
                    said = text;
                }
            }
        }
        let _ = tokio::time::timeout(AGAIN, shutdown.cancelled()).await;
    }
    None
}
