//! The `nats` section: which servers, and as whom.
//! It does not connect; [`crate::publish`] does.

use async_nats::ServerAddr;
use secrecy::SecretString;

use super::mistake::Mistakes;
use super::secret;
use super::section::Section;
use super::yaml::{Node, Placed};

/// Where events go.
#[derive(Debug)]
pub struct Nats {
    /// One server, or several of a cluster.
    pub servers: Vec<ServerAddr>,
    /// As whom.
    pub login: Login,
    /// `PILLARBOX_`: names of streams begin with it.
    pub prefix: String,
}

/// As whom the collector connects.
#[derive(Debug)]
pub enum Login {
    /// As nobody.
    None,
    /// With a `.creds` file: a JWT and its key.
    Credentials(SecretString),
    /// With an NKey's seed.
    Nkey(SecretString),
    /// With a name and a password.
    Password(String, SecretString),
}

impl Nats {
    pub(super) fn read(top: &Section<'_>, mistakes: &mut Mistakes) -> Option<Nats> {
        let nothing = Placed {
            value: Node::Null,
            place: top.place(),
        };
        let known = [
            "url",
            "credentials",
            "nkey_file",
            "user",
            "password_file",
            "prefix",
        ];
        let node = top.get("nats").unwrap_or(&nothing);
        let nats = Section::new("nats", node, &known, mistakes);
        let servers = servers(&nats, mistakes);
        let login = login(&nats, mistakes);
        let prefix = prefix(&nats, mistakes);
        Some(Nats {
            servers: servers?,
            login: login?,
            prefix: prefix?,
        })
    }
}

fn servers(nats: &Section<'_>, mistakes: &mut Mistakes) -> Option<Vec<ServerAddr>> {
    let urls = nats.texts("url", mistakes);
    if urls.is_empty() {
        let text = "nats.url: missing; write it like nats://127.0.0.1:4222";
        mistakes.add(nats.place(), text);
        return None;
    }
    let mut servers = Vec::new();
    for url in &urls {
        match url.value.parse::<ServerAddr>() {
            Ok(server) if server.has_user_pass() => {
                let text = "nats.url: a password in a URL ends in logs; use user and password_file";
                mistakes.add(url.place, text);
            }
            Ok(server) => servers.push(server),
            Err(error) => {
                let text = format!("nats.url: `{}`: {error}", url.value);
                mistakes.add(url.place, text);
            }
        }
    }
    (servers.len() == urls.len()).then_some(servers)
}

fn login(nats: &Section<'_>, mistakes: &mut Mistakes) -> Option<Login> {
    let credentials = nats.text("credentials", mistakes);
    let nkey = nats.text("nkey_file", mistakes);
    let user = nats.text("user", mistakes);
    let password = nats.text("password_file", mistakes);
    match (credentials, nkey, user, password) {
        (None, None, None, None) => Some(Login::None),
        (Some(file), None, None, None) => {
            secret(&file, "nats.credentials", mistakes).map(Login::Credentials)
        }
        (None, Some(file), None, None) => {
            secret(&file, "nats.nkey_file", mistakes).map(Login::Nkey)
        }
        (None, None, Some(user), Some(file)) => {
            let password = secret(&file, "nats.password_file", mistakes)?;
            Some(Login::Password(user.value, password))
        }
        (None, None, Some(user), None) => {
            mistakes.add(user.place, "nats.user: password_file is missing");
            None
        }
        (None, None, None, Some(file)) => {
            mistakes.add(file.place, "nats.password_file: user is missing");
            None
        }
        _ => {
            let text = "nats: use one of credentials, nkey_file, or user with password_file";
            mistakes.add(nats.place(), text);
            None
        }
    }
}

/// Stream names take no dot, no space and no wildcard (NATS ADR-6).
fn prefix(nats: &Section<'_>, mistakes: &mut Mistakes) -> Option<String> {
    let Some(prefix) = nats.text("prefix", mistakes) else {
        return Some(pillarbox_proto::topology::Topology::default().prefix);
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !prefix.value.chars().all(plain) {
        let text = format!("nats.prefix: `{}`: only A-Z a-z 0-9 _ -", prefix.value);
        mistakes.add(prefix.place, text);
        return None;
    }
    Some(prefix.value)
}
