//! The collector's configuration: what was written becomes what is true, or every mistake at once.
//! It connects to nothing; it reads the files that the configuration names, so that a missing one is a mistake here.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use pillarbox_config::fields::{Fields, Known};
use pillarbox_config::mistake::{Mistake, Notes, Place};
use pillarbox_config::value;
use pillarbox_config::yaml::{self, Node, Text};
use pillarbox_proto::topology::Topology;

mod cache;
mod changes;
mod master;
mod salt;

pub use cache::NoJobCache;
pub use pillarbox_config::mistake::{Mistakes, Remarks};
pub use pillarbox_config::nats::{Login, Nats};
pub(crate) use pillarbox_config::size;

pub(crate) use salt::{Found, MASTER_FILE};

use crate::job_cache::JobCache;
use crate::normalize::Origin;
use salt::Salt;

/// Where the file is unless said otherwise.
pub const DEFAULT_FILE: &str = "/etc/pillarbox/collector.yaml";
const QUEUE: usize = 64 << 20;
const MIN_QUEUE: usize = 4 << 20;

const FILE: Known = Known {
    of: "the file",
    keys: &["master", "cluster", "salt", "nats", "queue", "http"],
    not_yet: &["redact"],
    needed: &[(
        "nats",
        "write where it is, like nats: { url: nats://nats.example.com:4222 }",
    )],
    secrets: &[],
};

const NATS: Known = Known {
    of: "`nats`",
    keys: &[
        "url",
        "credentials",
        "nkey_file",
        "user",
        "password_file",
        "prefix",
    ],
    not_yet: &["tls", "token_file"],
    needed: &[("url", pillarbox_config::nats::URL_ADVICE)],
    secrets: &[("password", "password_file"), ("token", "token_file")],
};

/// What is true.
#[derive(Debug, Clone)]
pub struct Config {
    /// The master's name, as `<name>_master` names it as a minion of its own runners.
    pub master: String,
    /// A name for masters that see the same minions.
    pub cluster: String,
    /// Its event bus.
    pub bus: Bus,
    /// Where it keeps its jobs, or why there is nothing to look up.
    pub job_cache: Result<JobCache, NoJobCache>,
    /// Where events go.
    pub nats: Nats,
    /// Bytes that may wait, frames and events together.
    pub queue: usize,
    /// What else there is to say of the file.
    pub remarks: Remarks,
    /// Where `/metrics`, `/healthz` and `/readyz` are; nowhere unless written.
    pub http: Option<SocketAddr>,
}

/// The master's event bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bus {
    /// Where it is.
    pub socket: Socket,
    /// A longer frame is damage: the connection is dropped.
    pub max_frame: usize,
    /// Who owns the socket: Salt's `user`.
    pub user: String,
}

/// Where the bus is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Socket {
    /// `<sock_dir>/master_event_pub.ipc`
    Unix(PathBuf),
    /// `ipc_mode: tcp`
    Tcp(SocketAddr),
}

impl std::fmt::Display for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Socket::Unix(path) => path.display().fmt(f),
            Socket::Tcp(address) => address.fmt(f),
        }
    }
}

impl Config {
    /// Reads a file and what it names. `hostname` stands in for the master's id where nothing says it.
    ///
    /// # Errors
    /// Every mistake in it, each with its place and what to do.
    pub fn read(file: &Path, hostname: &str) -> Result<Config, Mistakes> {
        let mut notes = Notes::default();
        let config = match std::fs::read_to_string(file) {
            Ok(text) => Config::parse(&text, file, hostname, &mut notes),
            Err(error) => {
                let why = error.to_string();
                notes.wrong(Place::START, Mistake::Unreadable { why });
                None
            }
        };
        let remarks = notes.close(file)?;
        let config = config.map(|config| Config { remarks, ..config });
        let needs = "`nats`";
        config.ok_or_else(|| Mistakes::one(file, Mistake::EmptyFile { needs }))
    }

    /// Everything but the reading of the file itself. `None` for mistakes, which are noted, or for no content.
    fn parse(text: &str, file: &Path, hostname: &str, notes: &mut Notes) -> Option<Config> {
        let root = yaml::read(text, notes)?;
        if matches!(root.value, yaml::Value::Nothing) {
            return None;
        }
        let top = Fields::open(root, "the file", &FILE, notes)?;
        let salt = Salt::read(&top, file, notes);
        let nats = top.node("nats").and_then(|node| nats(node, file, notes));
        let queue = queue(&top, notes);
        let http = http(&top, notes);
        let name = named(&top, "master", notes).or_else(|| salt.id().map(str::to_owned));
        let master = name.unwrap_or_else(|| hostname.to_owned());
        Some(Config {
            cluster: named(&top, "cluster", notes).unwrap_or_else(|| master.clone()),
            master,
            bus: salt.bus(queue),
            job_cache: salt.job_cache(),
            nats: nats?,
            queue,
            remarks: Remarks::default(),
            http,
        })
    }

    /// Whose events these are.
    pub fn origin(&self) -> Origin {
        Origin {
            cluster: self.cluster.clone(),
            master: self.master.clone(),
        }
    }

    /// How everything on NATS is named.
    pub fn topology(&self) -> Topology {
        let mut topology = Topology::default();
        if let Some(prefix) = &self.nats.prefix {
            topology.prefix.clone_from(prefix);
        }
        topology
    }
}

fn nats(node: Node, beside: &Path, notes: &mut Notes) -> Option<Nats> {
    let fields = Fields::open(node, "nats", &NATS, notes)?;
    Nats::read(&fields, beside, notes)
}

/// A name that says something.
fn named(top: &Fields, key: &str, notes: &mut Notes) -> Option<String> {
    let Text { place, text } = top.text(key, notes)?;
    if text.trim().is_empty() {
        let key = key.to_owned();
        notes.wrong(place, Mistake::NoValue { key });
        return None;
    }
    Some(text)
}

fn queue(top: &Fields, notes: &mut Notes) -> usize {
    let written = top.text("queue", notes);
    match (value::size(written.as_ref(), "queue", notes), written) {
        (Some(bytes), Some(written)) if bytes < MIN_QUEUE => {
            let mistake = Mistake::OutOfRange {
                key: "queue",
                text: written.text,
                expected: "at least 4MiB, or one large return does not fit",
            };
            notes.wrong(written.place, mistake);
            QUEUE
        }
        (bytes, _) => bytes.unwrap_or(QUEUE),
    }
}

/// Where the pages are: an address and a port.
fn http(top: &Fields, notes: &mut Notes) -> Option<SocketAddr> {
    let written = top.text("http", notes);
    value::address(written.as_ref(), notes)
}
