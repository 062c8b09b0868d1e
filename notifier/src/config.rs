//! The configuration: from a file that a person wrote to values that cannot be wrong, or every mistake in it at once.
//! It opens no connection; nothing downstream checks again.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use jiff::tz::TimeZone;
use pillarbox_proto::subject::{Group, hash};
use pillarbox_proto::topology::Topology;

use crate::receiver::Receiver;
use crate::route::Route;

mod file;

mod slack;

mod nats;

mod receivers;

mod routes;

mod changes;

mod matchers;

mod templates;

pub use pillarbox_config::mistake::{At, Mistake, Mistakes, Place, Remarks, Warning};
pub use pillarbox_config::nats::{Login, Nats};

use pillarbox_config::{fields, mistake, nearest, secret, value, yaml};

use file::File;
use mistake::Notes;
use value::{Span, address, duration};
use yaml::Text;

/// What is true: how this group of workers is set up.
#[derive(Debug, Clone)]
pub struct Config {
    /// How NATS is reached.
    pub nats: Nats,
    /// The names of streams and buckets, and their replicas.
    pub topology: Topology,
    /// The group whose routes these are.
    pub group: Group,
    /// Printed with each time that people read.
    pub timezone: TimeZone,
    /// Who can be told.
    pub receivers: Vec<Receiver>,
    /// Who is told what, in order.
    pub routes: Vec<Route>,
    /// A run that nobody announced is over this long after its last return.
    pub quiet_after: Duration,
    /// And at most this long after its first.
    pub gather: Duration,
    /// Where a message cannot be changed, the first follow-up comes no sooner after it; each further one waits twice as long.
    pub follow_up: Duration,
    /// Where `/metrics`, `/healthz` and `/readyz` are; nowhere unless written.
    pub http: Option<SocketAddr>,
    /// Hash of the routes as judged: whether two workers, or two versions, decide alike.
    pub hash: String,
    /// What else there is to say of the file.
    pub remarks: Remarks,
}

impl Config {
    /// Whom a route tells: name and transport of each receiver.
    pub fn transports_of<'a>(
        &'a self,
        route: &'a Route,
    ) -> impl Iterator<Item = (&'a str, &'static str)> {
        let told = |receiver: &&Receiver| route.receivers.contains(&receiver.name);
        let receivers = self.receivers.iter().filter(told);
        receivers.map(|receiver| (receiver.name.as_str(), receiver.transport.name()))
    }
}

const QUIET_AFTER: Span = Span {
    key: "quiet_after",
    default: Duration::from_secs(30),
    longest: Duration::from_secs(3600),
    range: "between 1s and 1h",
};
const GATHER: Span = Span {
    key: "gather",
    default: Duration::from_secs(300),
    longest: Duration::from_secs(24 * 3600),
    range: "between 1s and 24h",
};

const FOLLOW_UP: Span = Span {
    key: "follow_up",
    default: Duration::from_secs(600),
    longest: Duration::from_secs(24 * 3600),
    range: "between 1s and 24h",
};

/// Reads a file and the secrets that it names.
///
/// # Errors
/// Every mistake in it, each with its place and what to do.
pub fn load(path: &Path) -> Result<Config, Mistakes> {
    let mut notes = Notes::default();
    let config = match std::fs::read_to_string(path) {
        Ok(text) => read(&text, path, &mut notes),
        Err(error) => {
            let why = error.to_string();
            notes.wrong(Place::START, Mistake::Unreadable { why });
            None
        }
    };
    let remarks = notes.close(path)?;
    let config = config.map(|config| Config { remarks, ..config });
    let needs = "`nats`, `receivers` and `routes`";
    config.ok_or_else(|| Mistakes::one(path, Mistake::EmptyFile { needs }))
}

/// Everything but the reading of the file itself. `None` for mistakes, which are noted, or for no content.
fn read(text: &str, path: &Path, notes: &mut Notes) -> Option<Config> {
    let root = yaml::read(text, notes)?;
    if matches!(root.value, yaml::Value::Nothing) {
        return None;
    }
    let file = File::read(root, notes)?;
    let nats = file.nats.and_then(|nats| nats::read(nats, path, notes));
    let names = receivers::names(&file.receivers);
    let receivers = receivers::judge(file.receivers, path, notes);
    let routes = routes::judge(file.routes, &names, text, notes);
    let quiet_after = duration(file.quiet_after.as_ref(), &QUIET_AFTER, notes);
    let gather = duration(file.gather.as_ref(), &GATHER, notes);
    let follow_up = duration(file.follow_up.as_ref(), &FOLLOW_UP, notes);
    let http = address(file.http.as_ref(), notes);
    let group = group(file.group.as_ref(), notes);
    let timezone = timezone(file.timezone.as_ref(), notes);
    let hash = hash(routes::canonical(&routes).iter().map(String::as_str));
    let (nats, topology) = nats?;
    let (group, remarks) = (group?, Remarks::default());
    Some(Config {
        nats,
        topology,
        group,
        timezone,
        receivers,
        routes,
        quiet_after,
        gather,
        follow_up,
        http,
        hash,
        remarks,
    })
}

fn group(written: Option<&Text>, notes: &mut Notes) -> Option<Group> {
    let name = written.map_or("main", |group| &group.text);
    let group = Group::new(name);
    if let (None, Some(written)) = (&group, written) {
        let name = name.to_owned();
        notes.wrong(written.place, Mistake::NoGroup { name });
    }
    group
}

/// The host's, unless written; UTC where the host does not say.
fn timezone(written: Option<&Text>, notes: &mut Notes) -> TimeZone {
    let Some(written) = written else {
        return TimeZone::try_system().unwrap_or(TimeZone::UTC);
    };
    TimeZone::get(&written.text).unwrap_or_else(|_| {
        let text = written.text.clone();
        notes.wrong(written.place, Mistake::NoTimezone { text });
        TimeZone::UTC
    })
}
