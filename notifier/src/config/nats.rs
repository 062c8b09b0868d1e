//! `nats`: which servers, as whom, and the names of streams there.
//! It connects to nothing.

use std::path::{Path, PathBuf};

use async_nats::ServerAddr;
use pillarbox_proto::topology::Topology;
use secrecy::SecretString;

use super::file::NatsFile;
use super::mistake::{Mistake, Notes};
use super::secret;
use super::yaml::Text;

/// How NATS is reached.
#[derive(Debug, Clone)]
pub struct NatsConfig {
    /// The servers; one is enough, the others of a cluster are learned.
    pub url: Vec<ServerAddr>,
    /// A credentials file (JWT and seed), which exists.
    pub credentials: Option<PathBuf>,
    /// User name and password.
    pub login: Option<(String, SecretString)>,
}

const EXAMPLE: &str = "nats://nats.example.com:4222";
/// Leaves room in a stream's name, and keeps subjects of buckets short.
const PREFIX_BYTES: usize = 32;

/// Judges `nats`.
pub(super) fn judge(
    file: NatsFile,
    beside: &Path,
    notes: &mut Notes,
) -> Option<(NatsConfig, Topology)> {
    let topology = topology(&file, notes);
    let credentials = file.credentials.as_ref().and_then(|written| {
        let readable = secret::read("credentials", written, beside, notes);
        readable.map(|_| secret::path(written, beside))
    });
    let login = login(
        file.user.as_ref(),
        file.password_file.as_ref(),
        beside,
        notes,
    );
    let url = file.url?;
    let url: Vec<ServerAddr> = url.iter().filter_map(|url| server(url, notes)).collect();
    let config = NatsConfig {
        url,
        credentials,
        login,
    };
    Some((config, topology))
}

fn server(written: &Text, notes: &mut Notes) -> Option<ServerAddr> {
    if written.text.contains('@') {
        let user = "user";
        notes.wrong(written.place, Mistake::LoginInUrl { user });
        return None;
    }
    match written.text.parse::<ServerAddr>() {
        Ok(server) if !server.host().is_empty() => Some(server),
        Ok(_) | Err(_) => {
            let text = written.text.clone();
            notes.wrong(
                written.place,
                Mistake::NoServer {
                    of: "NATS",
                    text,
                    example: EXAMPLE,
                },
            );
            None
        }
    }
}

/// A user's name and the password from its file. That both are written is known.
pub(super) fn login(
    user: Option<&Text>,
    password_file: Option<&Text>,
    beside: &Path,
    notes: &mut Notes,
) -> Option<(String, SecretString)> {
    let password = secret::read("password_file", password_file?, beside, notes);
    Some((user?.text.clone(), password?))
}

fn topology(file: &NatsFile, notes: &mut Notes) -> Topology {
    let mut topology = Topology::default();
    if let Some(prefix) = &file.prefix {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if prefix.text.len() > PREFIX_BYTES || !prefix.text.chars().all(plain) {
            let text = prefix.text.clone();
            notes.wrong(prefix.place, Mistake::NoPrefix { text });
        }
        topology.prefix.clone_from(&prefix.text);
    }
    if let Some(replicas) = &file.replicas {
        match replicas.text.parse() {
            Ok(n @ (1 | 3 | 5)) => topology.replicas = n,
            Ok(_) | Err(_) => {
                let (key, text) = ("replicas", replicas.text.clone());
                let expected = "1 on a single server, 3 or 5 on a cluster";
                notes.wrong(
                    replicas.place,
                    Mistake::OutOfRange {
                        key,
                        text,
                        expected,
                    },
                );
            }
        }
    }
    topology
}
