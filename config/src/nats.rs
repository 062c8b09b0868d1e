//! `nats`, as both programs write it: which servers, as whom, and what names of streams begin with.
//! It connects to nothing.

use std::fmt;
use std::path::Path;

use async_nats::ServerAddr;
use secrecy::{ExposeSecret as _, SecretString};

use crate::fields::Fields;
use crate::mistake::{Mistake, Notes};
use crate::secret;
use crate::yaml::Text;

/// How NATS is reached.
#[derive(Debug, Clone)]
pub struct Nats {
    /// The servers; one is enough, the others of a cluster are learned.
    pub servers: Vec<ServerAddr>,
    /// As whom.
    pub login: Login,
    /// What names of streams begin with, if it is written.
    pub prefix: Option<String>,
}

/// As whom a program connects.
#[derive(Debug, Clone)]
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

/// For a person who checks a file: `nats://a:4222, nats://b:4222 as alice`.
impl fmt::Display for Nats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = |it: &ServerAddr| format!("{}://{}:{}", it.scheme(), it.host(), it.port());
        let urls: Vec<String> = self.servers.iter().map(url).collect();
        f.write_str(&urls.join(", "))?;
        match &self.login {
            Login::None => f.write_str(" as nobody"),
            Login::Credentials(_) => f.write_str(" with credentials"),
            Login::Nkey(_) => f.write_str(" with an NKey"),
            Login::Password(user, _) => write!(f, " as {user}"),
        }
    }
}

impl PartialEq for Login {
    fn eq(&self, other: &Login) -> bool {
        let same =
            |one: &SecretString, two: &SecretString| one.expose_secret() == two.expose_secret();
        match (self, other) {
            (Login::None, Login::None) => true,
            (Login::Credentials(one), Login::Credentials(two))
            | (Login::Nkey(one), Login::Nkey(two)) => same(one, two),
            (Login::Password(user, one), Login::Password(other, two)) => {
                user == other && same(one, two)
            }
            (Login::None | Login::Credentials(_) | Login::Nkey(_) | Login::Password(..), _) => {
                false
            }
        }
    }
}

impl PartialEq for Nats {
    fn eq(&self, other: &Nats) -> bool {
        let urls = |nats: &Nats| format!("{:?}", nats.servers); // an address has no equality of its own
        self.login == other.login && self.prefix == other.prefix && urls(self) == urls(other)
    }
}

const EXAMPLE: &str = "nats://nats.example.com:4222";
/// What to write where `url` is missing.
pub const URL_ADVICE: &str = "write the server, like nats://nats.example.com:4222";
/// Leaves room in a stream's name, and keeps subjects of buckets short.
const PREFIX_BYTES: usize = 32;

impl Nats {
    /// The keys `url`, `credentials`, `nkey_file`, `user`, `password_file` and `prefix` of an open mapping.
    pub fn read(fields: &Fields, beside: &Path, notes: &mut Notes) -> Option<Nats> {
        fields.not_both("user", "credentials", notes);
        fields.not_both("user", "nkey_file", notes);
        fields.not_both("credentials", "nkey_file", notes);
        fields.together("user", "password_file", notes);
        let urls = fields.texts("url", notes);
        let login = as_whom(fields, beside, notes);
        let prefix = prefix(fields, notes);
        let servers = urls?.iter().filter_map(|url| server(url, notes)).collect();
        Some(Nats {
            servers,
            login,
            prefix,
        })
    }
}

fn server(written: &Text, notes: &mut Notes) -> Option<ServerAddr> {
    if written.text.contains('@') {
        let user = "user";
        notes.wrong(written.place, Mistake::LoginInUrl { user });
        return None;
    }
    let server = written.text.parse::<ServerAddr>().ok();
    let server = server.filter(|server| !server.host().is_empty());
    if server.is_none() {
        let mistake = Mistake::NoServer {
            of: "NATS",
            text: written.text.clone(),
            example: EXAMPLE,
        };
        notes.wrong(written.place, mistake);
    }
    server
}

fn as_whom(fields: &Fields, beside: &Path, notes: &mut Notes) -> Login {
    let mut file = |key| {
        let written = fields.text(key, notes)?;
        secret::read(key, &written, beside, notes)
    };
    let credentials = file("credentials").map(|text| credentials(&text));
    let nkey = file("nkey_file").map(Login::Nkey);
    let user = fields.text("user", notes);
    let password_file = fields.text("password_file", notes);
    let password = login(user.as_ref(), password_file.as_ref(), beside, notes);
    let password = password.map(|(user, password)| Login::Password(user, password));
    credentials.or(nkey).or(password).unwrap_or(Login::None)
}

/// Where its last line does not end, the NATS client finds no key in it.
fn credentials(text: &SecretString) -> Login {
    let whole = format!("{}\n", text.expose_secret());
    Login::Credentials(whole.into())
}

/// A user's name and the password from its file. That both are written is known.
pub fn login(
    user: Option<&Text>,
    password_file: Option<&Text>,
    beside: &Path,
    notes: &mut Notes,
) -> Option<(String, SecretString)> {
    let password = secret::read("password_file", password_file?, beside, notes);
    Some((user?.text.clone(), password?))
}

/// Stream names take no dot, no space and no wildcard (NATS ADR-6).
fn prefix(fields: &Fields, notes: &mut Notes) -> Option<String> {
    let prefix = fields.text("prefix", notes)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if prefix.text.len() > PREFIX_BYTES || !prefix.text.chars().all(plain) {
        let text = prefix.text.clone();
        notes.wrong(prefix.place, Mistake::NoPrefix { text });
    }
    Some(prefix.text)
}
