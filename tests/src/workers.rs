//! Notifiers alone, on a NATS of the caller's, with a route that tells of failures to a receiver that nobody hears.
//! There is no master and no collector: the benches that use it publish events themselves.

use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::pull;
use pillarbox_proto::subject::Group;
use pillarbox_proto::topology::{Topology, open_name};

use crate::programs::{self, Program};
use crate::scratch::Scratch;
use crate::wait;

const READY: Duration = Duration::from_secs(60);

/// Running notifiers; dropping it ends them.
#[derive(Debug)]
pub struct Workers {
    programs: Vec<Program>,
    /// Their configuration and logs, for as long as they run.
    _scratch: Scratch,
}

impl Workers {
    /// Starts so many at these addresses (separated by commas), and waits until `jetstream` has their consumers.
    ///
    /// # Errors
    /// When they cannot be built or started, or their consumers do not come.
    pub async fn start(
        count: usize,
        urls: &str,
        replicas: usize,
        jetstream: &Context,
    ) -> anyhow::Result<Self> {
        let (built, scratch) = (programs::built().await?, Scratch::new()?);
        let hook = scratch.file("hook", "http://127.0.0.1:9/none")?;
        let config = format!(
            "nats: {{ url: [{urls}], replicas: {replicas} }}\n\
             receivers:\n  - name: nobody\n    slack: {{ webhook_url_file: \"{}\" }}\n\
             routes:\n  - name: all\n    match: {{ outcome: [failed, missing] }}\n    receivers: nobody\n    finish_after: 1h\n",
            hook.display(),
        );
        let config = scratch.file("notifier.yml", &config)?;
        let mut programs = Vec::new();
        for number in 1..=count {
            let name = format!("notifier-{number}");
            let log = scratch.path().join(format!("{name}.log"));
            programs.push(Program::start(&name, &built.notifier, &config, &log)?);
        }
        provisioned(jetstream).await?;
        Ok(Self {
            programs,
            _scratch: scratch,
        })
    }

    /// Fails if one has ended by itself.
    ///
    /// # Errors
    /// With the end of its log.
    pub fn all_run(&mut self) -> anyhow::Result<()> {
        self.programs.iter_mut().try_for_each(Program::still_runs)
    }
}

async fn provisioned(jetstream: &Context) -> anyhow::Result<()> {
    let group = Group::new("main").ok_or_else(|| anyhow::anyhow!("`main` is a group"))?;
    let (stream, consumer) = (Topology::default().open_jobs_name(), open_name(&group));
    let ready = async || {
        let found = jetstream.get_consumer_from_stream::<pull::Config, _, _>(&consumer, &stream);
        found.await.ok()
    };
    wait::until(READY, "the notifiers' consumers", ready).await?;
    Ok(())
}
