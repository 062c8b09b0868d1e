//! What was written: the keys of a configuration file, in their shapes, each text at its place.
//! It does not know whether any of it is true: no path is opened, no name looked up.

use super::fields::{Fields, Known};
use super::mistake::{Mistake, Notes};
use super::yaml::{Node, Text};

mod receiver;

mod route;

pub(super) use receiver::{EmailFile, ReceiverFile, SlackFile};
pub(super) use route::{MatchFile, RouteFile};

/// A configuration file.
pub(super) struct File {
    /// `nats`
    pub(super) nats: Option<Node>,
    /// `group`
    pub(super) group: Option<Text>,
    /// `timezone`
    pub(super) timezone: Option<Text>,
    /// `quiet_after`
    pub(super) quiet_after: Option<Text>,
    /// `gather`
    pub(super) gather: Option<Text>,
    /// `follow_up`
    pub(super) follow_up: Option<Text>,
    /// `http`
    pub(super) http: Option<Text>,
    /// `receivers`
    pub(super) receivers: Vec<ReceiverFile>,
    /// `routes`
    pub(super) routes: Vec<RouteFile>,
}

const FILE: Known = Known {
    of: "the file",
    keys: &[
        "nats",
        "group",
        "timezone",
        "receivers",
        "routes",
        "quiet_after",
        "gather",
        "follow_up",
        "http",
    ],
    not_yet: &["links", "silences"],
    needed: &[(
        "nats",
        "write where it is, like nats: { url: nats://nats.example.com:4222 }",
    )],
    secrets: &[],
};

impl File {
    /// Reads the root of a file.
    pub(super) fn read(root: Node, notes: &mut Notes) -> Option<File> {
        let fields = Fields::open(root, "the file", &FILE, notes)?;
        Some(File {
            nats: fields.node("nats"),
            group: fields.text("group", notes),
            timezone: fields.text("timezone", notes),
            quiet_after: fields.text("quiet_after", notes),
            gather: fields.text("gather", notes),
            follow_up: fields.text("follow_up", notes),
            http: fields.text("http", notes),
            receivers: each(
                &fields,
                ("receivers", "receiver"),
                ReceiverFile::read,
                notes,
            ),
            routes: each(&fields, ("routes", "route"), RouteFile::read, notes),
        })
    }
}

/// Reads a list that must not be empty. Entries that cannot be read are noted and left out.
fn each<T>(
    fields: &Fields,
    (key, of): (&str, &'static str),
    read: fn(Node, &mut Notes) -> Option<T>,
    notes: &mut Notes,
) -> Vec<T> {
    let Some(list) = fields.list(key, notes) else {
        return Vec::new();
    };
    if list.is_empty() {
        notes.wrong(fields.place_of(key), Mistake::Nothing { of });
    }
    list.into_iter()
        .filter_map(|node| read(node, notes))
        .collect()
}
