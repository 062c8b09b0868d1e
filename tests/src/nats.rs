//! Real nats-servers with JetStream on 127.0.0.1: one, or a cluster of three.
//! They keep port and store over a restart, and know nothing of Pillarbox's streams.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use crate::process::Process;
use crate::scratch::Scratch;
use crate::{ports, tools, wait};

const READY: Duration = Duration::from_secs(60);
const GRACE: Duration = Duration::from_secs(10);

/// One server; its store is removed with the scratch directory that it was started in.
#[derive(Debug)]
pub struct Nats {
    process: Option<Process>,
    program: PathBuf,
    name: String,
    port: u16,
    monitor: u16,
    config: PathBuf,
    scratch: Arc<Scratch>,
}

impl Nats {
    /// A single server in a scratch directory of its own, ready to take streams.
    ///
    /// # Errors
    /// When it cannot be installed, or does not become ready.
    pub async fn start() -> anyhow::Result<Self> {
        let mut server = Self::prepared().await?;
        server.restart().await?;
        Ok(server)
    }

    /// As [`start`](Self::start), but not running before its first [`restart`](Self::restart).
    ///
    /// # Errors
    /// When it cannot be installed.
    pub async fn prepared() -> anyhow::Result<Self> {
        Self::configured("nats", Arc::new(Scratch::new()?), "").await
    }

    /// As [`prepared`](Self::prepared), with these lines at the end of its configuration.
    ///
    /// # Errors
    /// When it cannot be installed.
    pub async fn prepared_with(more: &str) -> anyhow::Result<Self> {
        Self::configured("nats", Arc::new(Scratch::new()?), more).await
    }

    async fn configured(name: &str, scratch: Arc<Scratch>, more: &str) -> anyhow::Result<Self> {
        let (port, monitor) = (ports::free()?, ports::free()?);
        let store = scratch.dir(name)?;
        let store = store.display();
        let text = format!(
            "server_name: {name}\nlisten: \"127.0.0.1:{port}\"\nhttp: \"127.0.0.1:{monitor}\"\n\
             jetstream {{ store_dir: \"{store}\", sync_interval: always }}\n{more}"
        );
        let config = scratch.file(&format!("{name}.conf"), &text)?;
        let program = tools::nats_server().await?;
        Ok(Self {
            process: None,
            program,
            name: name.to_owned(),
            port,
            monitor,
            config,
            scratch,
        })
    }

    /// Starts it again, with the port and the store that it had; a running one is ended first.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.launch().await?;
        self.ready().await
    }

    async fn launch(&mut self) -> anyhow::Result<()> {
        self.terminate().await?;
        let log = self.scratch.path().join(format!("{}.log", self.name));
        let mut command = Command::new(&self.program);
        command.arg("--config").arg(&self.config);
        self.process = Some(Process::spawn(&self.name, &mut command, &log)?);
        Ok(())
    }

    /// Waits until the server says of itself that all of it works, JetStream included.
    async fn ready(&mut self) -> anyhow::Result<()> {
        let what = format!("{} to be healthy", self.name);
        let url = format!("127.0.0.1:{}", self.monitor);
        let process = self.process.as_mut().context("it was not started")?;
        wait::until(READY, &what, async || match process.still_runs() {
            Err(ended) => Some(Err(ended)),
            Ok(()) => healthy(&url).await.then_some(Ok(())),
        })
        .await?
    }

    /// Where clients connect: `nats://127.0.0.1:<port>`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// A connection to it.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn client(&self) -> anyhow::Result<async_nats::Client> {
        let client = async_nats::connect(self.url()).await;
        client.with_context(|| format!("cannot connect to {}", self.url()))
    }

    /// The process id, while it runs.
    #[must_use]
    pub fn id(&self) -> Option<i32> {
        self.process.as_ref().map(Process::id)
    }

    /// `kill -9`.
    ///
    /// # Errors
    /// When it outlives that.
    pub async fn kill_9(&mut self) -> anyhow::Result<()> {
        match self.process.take() {
            Some(mut process) => process.kill_9().await,
            None => Ok(()),
        }
    }

    /// Asks it to end, and waits for it.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn terminate(&mut self) -> anyhow::Result<()> {
        if let Some(mut process) = self.process.take() {
            process.terminate(GRACE).await?;
        }
        Ok(())
    }
}

/// Whether `/healthz` answers 200.
async fn healthy(address: &str) -> bool {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let ask = async {
        let mut stream = tokio::net::TcpStream::connect(address).await.ok()?;
        let request = b"GET /healthz HTTP/1.0\r\n\r\n";
        stream.write_all(request).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        Some(answer.lines().next()?.contains(" 200 "))
    };
    ask.await.unwrap_or(false)
}

/// Three servers that form one cluster, so that streams can have three replicas.
#[derive(Debug)]
pub struct NatsCluster {
    /// The servers; one that is killed can be restarted alone.
    pub servers: Vec<Nats>,
}

impl NatsCluster {
    /// Starts all three and waits until they have found each other and elected a leader.
    ///
    /// # Errors
    /// When one cannot be started, or they do not come together.
    pub async fn start() -> anyhow::Result<Self> {
        let scratch = Arc::new(Scratch::new()?);
        let routes = [ports::free()?, ports::free()?, ports::free()?];
        let all = routes
            .map(|port| format!("\"nats://127.0.0.1:{port}\""))
            .join(", ");
        let mut servers = Vec::new();
        for (name, port) in ["n1", "n2", "n3"].into_iter().zip(routes) {
            let cluster = format!(
                "cluster {{ name: pillarbox, listen: \"127.0.0.1:{port}\", routes: [{all}] }}\n"
            );
            servers.push(Nats::configured(name, Arc::clone(&scratch), &cluster).await?);
        }
        for server in &mut servers {
            server.launch().await?;
        }
        for server in &mut servers {
            server.ready().await?;
        }
        let cluster = Self { servers };
        cluster.takes_three_replicas().await?;
        Ok(cluster)
    }

    /// A leader may be elected before it has heard of all its peers: a stream says when it has.
    async fn takes_three_replicas(&self) -> anyhow::Result<()> {
        const PROBE: &str = "READY";
        let first = self.servers.first().context("a cluster has servers")?;
        let jetstream = async_nats::jetstream::new(first.client().await?);
        let config = async_nats::jetstream::stream::Config {
            name: PROBE.to_owned(),
            num_replicas: self.servers.len(),
            ..Default::default()
        };
        let created = async || jetstream.create_stream(&config).await.ok();
        wait::until(READY, "three servers that hold a stream", created).await?;
        jetstream.delete_stream(PROBE).await?;
        Ok(())
    }

    /// The addresses of all three, as clients take them: separated by commas.
    #[must_use]
    pub fn url(&self) -> String {
        self.servers
            .iter()
            .map(Nats::url)
            .collect::<Vec<_>>()
            .join(",")
    }
}
