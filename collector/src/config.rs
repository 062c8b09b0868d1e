//! The collector's configuration: what was written becomes what is true, or every mistake at once.
//! It connects to nothing; it reads the files that the configuration names, so that a missing one is a mistake here.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use pillarbox_proto::topology::Topology;
use secrecy::SecretString;

mod master;
mod mistake;
mod nats;
mod section;
pub(crate) mod size;
mod yaml;

pub use mistake::Mistakes;
pub use nats::{Login, Nats};

use master::Master;
use section::Section;
use yaml::{Place, Placed};

/// Where the file is unless said otherwise.
pub const DEFAULT_FILE: &str = "/etc/pillarbox/collector.yaml";
const MASTER_FILE: &str = "/etc/salt/master";
/// Salt's `sock_dir` unless the master's file says otherwise (SALT.md §2).
pub(crate) const SOCK_DIR: &str = "/var/run/salt/master";
/// Salt's `max_event_size` unless the master's file says otherwise (SALT.md §4).
const MAX_EVENT_SIZE: usize = 1 << 20;
/// Salt's `tcp_master_pub_port` (SALT.md §2).
const PUB_PORT: u16 = 4512;
/// The smallest bound of a frame: a raised `max_event_size` that nobody told us is no reason to drop the connection.
const MIN_MAX_FRAME: usize = 16 << 20;
const QUEUE: usize = 64 << 20;
const MIN_QUEUE: usize = 4 << 20;

/// What is true.
#[derive(Debug)]
pub struct Config {
    /// The master's name, as `<name>_master` names it as a minion of its own runners.
    pub master: String,
    /// A name for masters that see the same minions.
    pub cluster: String,
    /// Its event bus.
    pub bus: Bus,
    /// Where events go.
    pub nats: Nats,
    /// Bytes that may wait, frames and events together.
    pub queue: usize,
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
    pub fn read(file: &Path, hostname: &str) -> Result<Config, Mistakes> {
        let mut mistakes = Mistakes::new(file);
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) => {
                let hint = "`--config FILE` names another";
                mistakes.add(Place::START, format!("cannot read it: {error}; {hint}"));
                return mistakes.or(None);
            }
        };
        let config = Config::parse(&text, hostname, &mut mistakes);
        mistakes.or(config)
    }

    fn parse(text: &str, hostname: &str, mistakes: &mut Mistakes) -> Option<Config> {
        let root = match yaml::parse(text) {
            Ok(root) => root,
            Err((place, text)) => {
                mistakes.add(place, text);
                return None;
            }
        };
        let known = ["master", "cluster", "salt", "nats", "queue", "http"];
        let top = Section::new("", &root, &known, mistakes);
        let salt = Salt::read(&top, mistakes);
        let nats = Nats::read(&top, mistakes);
        let queue = queue(&top, mistakes);
        let http = http(&top, mistakes);
        let master = match top.text("master", mistakes) {
            Some(name) => name.value,
            None => salt
                .master
                .id
                .clone()
                .unwrap_or_else(|| hostname.to_owned()),
        };
        let cluster = top.text("cluster", mistakes);
        Some(Config {
            cluster: cluster.map_or_else(|| master.clone(), |name| name.value),
            master,
            bus: salt.bus(queue),
            nats: nats?,
            queue,
            http,
        })
    }

    /// How everything on NATS is named.
    pub fn topology(&self) -> Topology {
        Topology {
            prefix: self.nats.prefix.clone(),
            ..Topology::default()
        }
    }
}

fn queue(top: &Section<'_>, mistakes: &mut Mistakes) -> usize {
    match top.size("queue", mistakes) {
        None => QUEUE,
        Some(Placed { value, place }) if value < MIN_QUEUE => {
            let least = size::show(MIN_QUEUE);
            mistakes.add(
                place,
                format!("queue: at least {least}, or one large return does not fit"),
            );
            QUEUE
        }
        Some(size) => size.value,
    }
}

/// An address and a port: a host name may be several addresses, and none of them is meant more than another.
fn http(top: &Section<'_>, mistakes: &mut Mistakes) -> Option<SocketAddr> {
    let written = top.text("http", mistakes)?;
    let address = written.value.parse().ok();
    if address.is_none() {
        let text = format!(
            "http: `{}` is no address with a port; write it like 127.0.0.1:9464, or 0.0.0.0:9464 for all the world",
            written.value
        );
        mistakes.add(written.place, text);
    }
    address
}

/// The `salt` section over the master's own file over Salt's defaults.
struct Salt {
    master: Master,
}

impl Salt {
    fn read(top: &Section<'_>, mistakes: &mut Mistakes) -> Salt {
        let nothing = Placed {
            value: yaml::Node::Null,
            place: top.place(),
        };
        let known = [
            "config",
            "sock_dir",
            "max_event_size",
            "user",
            "ipc_mode",
            "tcp_master_pub_port",
        ];
        let node = top.get("salt").unwrap_or(&nothing);
        let salt = Section::new("salt", node, &known, mistakes);
        let sock_dir = salt.text("sock_dir", mistakes);
        let known_without = top.get("master").is_some() && sock_dir.is_some();
        let mut master = Salt::master(&salt, known_without, mistakes);
        master.sock_dir = sock_dir.map(|dir| dir.value.into()).or(master.sock_dir);
        if let Some(size) = salt.size("max_event_size", mistakes) {
            master.max_event_size = Some(size.value);
        }
        if let Some(user) = salt.text("user", mistakes) {
            master.user = Some(user.value);
        }
        Salt::ipc(&salt, &mut master, mistakes);
        Salt { master }
    }

    /// The master's own file. It may be missing where this file says all that is needed of it.
    fn master(salt: &Section<'_>, known_without: bool, mistakes: &mut Mistakes) -> Master {
        let named = salt.text("config", mistakes);
        let file = named.as_ref().map_or(MASTER_FILE, |file| &file.value);
        let place = named.as_ref().map_or(salt.place(), |file| file.place);
        match master::read(Path::new(file)) {
            Ok(master) => master,
            Err(master::MasterError::Read { .. }) if known_without => Master::default(),
            Err(error @ master::MasterError::Read { .. }) => {
                let hint = "without it, `master` and `salt.sock_dir` must be set here";
                mistakes.add(place, format!("salt.config: {error}; {hint}"));
                Master::default()
            }
            Err(error @ master::MasterError::Parse { .. }) => {
                mistakes.add(place, format!("salt.config: {error}"));
                Master::default()
            }
        }
    }

    fn ipc(salt: &Section<'_>, master: &mut Master, mistakes: &mut Mistakes) {
        if let Some(mode) = salt.text("ipc_mode", mistakes) {
            if !matches!(mode.value.as_str(), "ipc" | "tcp") {
                let text = format!("salt.ipc_mode: `{}` is neither ipc nor tcp", mode.value);
                mistakes.add(mode.place, text);
            }
            master.ipc_mode = Some(mode.value);
        }
        if let Some(port) = salt.text("tcp_master_pub_port", mistakes) {
            master.tcp_master_pub_port = port.value.parse().ok();
            if master.tcp_master_pub_port.is_none() {
                let text = format!("salt.tcp_master_pub_port: `{}` is no port", port.value);
                mistakes.add(port.place, text);
            }
        }
    }

    /// A frame may be four times an event's bound, which Salt measures in Python's sizes, and never more than the queue.
    fn bus(&self, queue: usize) -> Bus {
        let master = &self.master;
        let event = master.max_event_size.unwrap_or(MAX_EVENT_SIZE);
        let dir = master.sock_dir.clone().unwrap_or_else(|| SOCK_DIR.into());
        let port = master.tcp_master_pub_port.unwrap_or(PUB_PORT);
        Bus {
            socket: match master.ipc_mode.as_deref() {
                Some("tcp") => Socket::Tcp((Ipv4Addr::LOCALHOST, port).into()),
                Some(_) | None => Socket::Unix(dir.join("master_event_pub.ipc")),
            },
            max_frame: event.saturating_mul(4).max(MIN_MAX_FRAME).min(queue),
            user: master.user.clone().unwrap_or_else(|| "root".to_owned()),
        }
    }
}

/// A secret's file, without the newline that editors add.
fn secret(file: &Placed<String>, path: &str, mistakes: &mut Mistakes) -> Option<SecretString> {
    match std::fs::read_to_string(&file.value) {
        Ok(text) if text.trim().is_empty() => {
            mistakes.add(file.place, format!("{path}: {} is empty", file.value));
            None
        }
        Ok(text) => Some(text.trim_end_matches(['\r', '\n']).to_owned().into()),
        Err(error) => {
            let text = format!("{path}: cannot read {}: {error}", file.value);
            mistakes.add(file.place, text);
            None
        }
    }
}

#[cfg(test)]
mod tests;
