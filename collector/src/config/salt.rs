//! `salt`: what is written there over the master's own configuration over Salt's defaults.
//! It looks for no socket: whether one is there changes while the collector runs.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use pillarbox_config::fields::{Fields, Known};
use pillarbox_config::mistake::{Mistake, Notes, Place};
use pillarbox_config::secret;
use pillarbox_config::value::{choice, size};
use pillarbox_config::yaml::{Node, Text};

use super::cache::{self, NoJobCache};
use super::master::{self, Master, MasterError};
use super::{Bus, Socket};
use crate::job_cache::{HashType, JobCache};

/// The master's configuration unless said otherwise.
pub(crate) const MASTER_FILE: &str = "/etc/salt/master";
/// Salt's `sock_dir` unless the master's file says otherwise (SALT.md §2).
pub(crate) const SOCK_DIR: &str = "/var/run/salt/master";
/// Salt's `cachedir` unless the master's file says otherwise (SALT.md §5).
pub(crate) const CACHEDIR: &str = "/var/cache/salt/master";
/// Salt's `max_event_size` unless the master's file says otherwise (SALT.md §4).
const MAX_EVENT_SIZE: usize = 1 << 20;
/// Salt's `user` unless the master's file says otherwise.
const USER: &str = "root";
/// Salt's `tcp_master_pub_port` (SALT.md §2).
const PUB_PORT: u16 = 4512;
/// The smallest bound of a frame: a raised `max_event_size` that nobody told us is no reason to drop the connection.
const MIN_MAX_FRAME: usize = 16 << 20;

const SALT: Known = Known {
    of: "`salt`",
    keys: &[
        "config",
        "sock_dir",
        "max_event_size",
        "user",
        "ipc_mode",
        "tcp_master_pub_port",
        "cachedir",
        "hash_type",
    ],
    not_yet: &["state_output"],
    needed: &[],
    secrets: &[],
};

/// What is known of the master.
pub(super) struct Salt {
    master: Master,
    /// What this file says of `hash_type`; the master's own may name one that is not known, and starts all the same.
    hash: Option<HashType>,
}

/// What a new configuration is filled in with: the master's own, Salt's defaults where it says nothing.
pub(crate) struct Found {
    /// Why the master's configuration says nothing, if it does not.
    pub(crate) nothing: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) sock_dir: PathBuf,
    pub(crate) cachedir: PathBuf,
    pub(crate) hash_type: String,
    pub(crate) user: String,
    pub(crate) max_event_size: usize,
    pub(crate) ipc_mode: String,
    pub(crate) port: u16,
}

impl Found {
    /// Looks into a master's configuration.
    pub(crate) fn look(file: &Path) -> Found {
        let (master, nothing) = match master::read(file) {
            Ok(master) => (master, None),
            Err(error) => (Master::default(), Some(error.to_string())),
        };
        let text = |text: Option<String>, unless: &str| text.unwrap_or_else(|| unless.to_owned());
        Found {
            nothing,
            id: master.id,
            sock_dir: master.sock_dir.unwrap_or_else(|| SOCK_DIR.into()),
            cachedir: master.cachedir.unwrap_or_else(|| CACHEDIR.into()),
            hash_type: text(master.hash_type, "sha256"),
            user: text(master.user, USER),
            max_event_size: master.max_event_size.unwrap_or(MAX_EVENT_SIZE),
            ipc_mode: text(master.ipc_mode, "ipc"),
            port: master.tcp_master_pub_port.unwrap_or(PUB_PORT),
        }
    }
}

impl Salt {
    /// Reads `salt` of `top`, and the master's own file.
    pub(super) fn read(top: &Fields, beside: &Path, notes: &mut Notes) -> Salt {
        let written = top.node("salt").map_or(Written::default(), |node| {
            Written::read(node, notes).unwrap_or_default()
        });
        let known_without = top.has("master") && written.sock_dir.is_some();
        let place = top.place_of("salt");
        let master = written.masters_own(known_without, place, beside, notes);
        let hash = cache::hash_type(written.hash_type.as_ref(), notes);
        let master = written.over(master, notes);
        Salt { master, hash }
    }

    /// The master's `id`, if it has one.
    pub(super) fn id(&self) -> Option<&str> {
        self.master.id.as_deref()
    }

    /// Where it keeps its jobs.
    pub(super) fn job_cache(&self) -> Result<JobCache, NoJobCache> {
        cache::of(&self.master, self.hash)
    }

    /// A frame may be four times an event's bound, which Salt measures in Python's sizes, and never more than the queue.
    pub(super) fn bus(&self, queue: usize) -> Bus {
        let Salt { master, .. } = self;
        let event = master.max_event_size.unwrap_or(MAX_EVENT_SIZE);
        let dir = master.sock_dir.clone().unwrap_or_else(|| SOCK_DIR.into());
        let port = master.tcp_master_pub_port.unwrap_or(PUB_PORT);
        Bus {
            socket: match master.ipc_mode.as_deref() {
                Some("tcp") => Socket::Tcp((Ipv4Addr::LOCALHOST, port).into()),
                Some(_) | None => Socket::Unix(dir.join("master_event_pub.ipc")),
            },
            max_frame: event.saturating_mul(4).max(MIN_MAX_FRAME).min(queue),
            user: master.user.clone().unwrap_or_else(|| USER.to_owned()),
        }
    }
}

/// `salt`, as it was written.
#[derive(Default)]
struct Written {
    config: Option<Text>,
    sock_dir: Option<Text>,
    max_event_size: Option<Text>,
    user: Option<Text>,
    ipc_mode: Option<Text>,
    port: Option<Text>,
    cachedir: Option<Text>,
    hash_type: Option<Text>,
}

impl Written {
    fn read(node: Node, notes: &mut Notes) -> Option<Written> {
        let fields = Fields::open(node, "salt", &SALT, notes)?;
        Some(Written {
            config: fields.text("config", notes),
            sock_dir: fields.text("sock_dir", notes),
            max_event_size: fields.text("max_event_size", notes),
            user: fields.text("user", notes),
            ipc_mode: fields.text("ipc_mode", notes),
            port: fields.text("tcp_master_pub_port", notes),
            cachedir: fields.text("cachedir", notes),
            hash_type: fields.text("hash_type", notes),
        })
    }

    /// The master's own file. It may be missing where this file says all that is needed of it.
    fn masters_own(
        &self,
        known_without: bool,
        place: Place,
        beside: &Path,
        notes: &mut Notes,
    ) -> Master {
        let named = self.config.as_ref();
        let file = named.map_or(PathBuf::from(MASTER_FILE), |it| secret::path(it, beside));
        let error = match master::read(&file) {
            Ok(master) => return master,
            Err(MasterError::Read { .. }) if known_without => return Master::default(),
            Err(error) => error,
        };
        let advice = match error {
            MasterError::Read { .. } => {
                "name the right one in `salt: { config: … }`, or write `master` and `salt: { sock_dir: … }` here"
            }
            MasterError::Parse { .. } => "Salt would not start with it either",
        };
        let why = error.to_string();
        let place = named.map_or(place, |it| it.place);
        notes.wrong(place, Mistake::MasterFile { why, advice });
        Master::default()
    }

    fn over(self, master: Master, notes: &mut Notes) -> Master {
        let text = |text: Option<Text>| text.map(|text| text.text);
        let max_event_size = size(self.max_event_size.as_ref(), "max_event_size", notes);
        let modes: (&[&str], &[&str]) = (&["ipc", "tcp"], &["ipc", "tcp"]);
        let mode = self.ipc_mode.as_ref();
        let ipc_mode = mode.map(|_| choice(mode, "ipc_mode", modes, "ipc", notes).to_owned());
        Master {
            sock_dir: text(self.sock_dir).map(PathBuf::from).or(master.sock_dir),
            user: text(self.user).or(master.user),
            max_event_size: max_event_size.or(master.max_event_size),
            ipc_mode: ipc_mode.or(master.ipc_mode),
            tcp_master_pub_port: port(self.port.as_ref(), notes).or(master.tcp_master_pub_port),
            cachedir: text(self.cachedir)
                .map(PathBuf::from)
                .or(master.cachedir.clone()),
            ..master
        }
    }
}

fn port(written: Option<&Text>, notes: &mut Notes) -> Option<u16> {
    let written = written?;
    let port = written.text.parse().ok().filter(|port| *port != 0);
    if port.is_none() {
        let mistake = Mistake::OutOfRange {
            key: "tcp_master_pub_port",
            text: written.text.clone(),
            expected: "a port between 1 and 65535",
        };
        notes.wrong(written.place, mistake);
    }
    port
}
