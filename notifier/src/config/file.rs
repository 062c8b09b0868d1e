//! What was written: the keys of a configuration file, in their shapes, each text at its place.
//! It does not know whether any of it is true: no path is opened, no name looked up.

use super::fields::{Fields, Known};
use super::mistake::{Mistake, Notes, Place};
use super::yaml::{Node, Text};

/// A configuration file.
pub(super) struct File {
    /// `nats`
    pub(super) nats: Option<NatsFile>,
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
        let nats = fields
            .node("nats")
            .and_then(|node| NatsFile::read(node, notes));
        Some(File {
            nats,
            group: fields.text("group", notes),
            timezone: fields.text("timezone", notes),
            quiet_after: fields.text("quiet_after", notes),
            gather: fields.text("gather", notes),
            follow_up: fields.text("follow_up", notes),
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

/// `nats`
pub(super) struct NatsFile {
    pub(super) url: Option<Vec<Text>>,
    pub(super) credentials: Option<Text>,
    pub(super) user: Option<Text>,
    pub(super) password_file: Option<Text>,
    pub(super) prefix: Option<Text>,
    pub(super) replicas: Option<Text>,
}

const NATS: Known = Known {
    of: "`nats`",
    keys: &[
        "url",
        "credentials",
        "user",
        "password_file",
        "prefix",
        "replicas",
    ],
    not_yet: &["tls", "token_file", "nkey_file"],
    needed: &[("url", "write the server, like nats://nats.example.com:4222")],
    secrets: &[("password", "password_file")],
};

impl NatsFile {
    fn read(node: Node, notes: &mut Notes) -> Option<NatsFile> {
        let fields = Fields::open(node, "nats", &NATS, notes)?;
        fields.not_both("user", "credentials", notes);
        fields.together("user", "password_file", notes);
        Some(NatsFile {
            url: fields.texts("url", notes),
            credentials: fields.text("credentials", notes),
            user: fields.text("user", notes),
            password_file: fields.text("password_file", notes),
            prefix: fields.text("prefix", notes),
            replicas: fields.text("replicas", notes),
        })
    }
}

/// One of `receivers`.
pub(super) struct ReceiverFile {
    pub(super) place: Place,
    pub(super) name: Option<Text>,
    /// How many transports are written.
    pub(super) transports: usize,
    pub(super) slack: Option<SlackFile>,
    pub(super) email: Option<EmailFile>,
    pub(super) deadline: Option<Text>,
    pub(super) on_ambiguous: Option<Text>,
}

const RECEIVER: Known = Known {
    of: "a receiver",
    keys: &["name", "slack", "email", "deadline", "on_ambiguous"],
    not_yet: &["webhook", "fallback", "diffs", "owners", "heartbeat"],
    needed: &[("name", "give it one, it stands in messages and logs")],
    secrets: &[],
};

impl ReceiverFile {
    fn read(node: Node, notes: &mut Notes) -> Option<ReceiverFile> {
        let fields = Fields::open(node, "receivers", &RECEIVER, notes)?;
        let slack = fields
            .node("slack")
            .and_then(|node| SlackFile::read(node, notes));
        let email = fields
            .node("email")
            .and_then(|node| EmailFile::read(node, notes));
        Some(ReceiverFile {
            place: fields.place,
            name: fields.text("name", notes),
            transports: usize::from(fields.has("slack")) + usize::from(fields.has("email")),
            slack,
            email,
            deadline: fields.text("deadline", notes),
            on_ambiguous: fields.text("on_ambiguous", notes),
        })
    }
}

/// `slack` of a receiver.
pub(super) struct SlackFile {
    pub(super) webhook_url_file: Option<Text>,
}

const SLACK: Known = Known {
    of: "`slack`",
    keys: &["webhook_url_file"],
    not_yet: &[
        "token",
        "token_file",
        "channel",
        "style",
        "username",
        "icon_emoji",
        "color",
    ],
    needed: &[(
        "webhook_url_file",
        "write the path of a file that holds the webhook's URL",
    )],
    secrets: &[("webhook_url", "webhook_url_file")],
};

impl SlackFile {
    fn read(node: Node, notes: &mut Notes) -> Option<SlackFile> {
        let fields = Fields::open(node, "slack", &SLACK, notes)?;
        Some(SlackFile {
            webhook_url_file: fields.text("webhook_url_file", notes),
        })
    }
}

/// `email` of a receiver.
pub(super) struct EmailFile {
    pub(super) smtp: Option<Text>,
    pub(super) username: Option<Text>,
    pub(super) password_file: Option<Text>,
    pub(super) from: Option<Text>,
    pub(super) to: Option<Vec<Text>>,
}

const EMAIL: Known = Known {
    of: "`email`",
    keys: &["smtp", "username", "password_file", "from", "to"],
    not_yet: &["owners"],
    needed: &[
        ("smtp", "write the server, like smtps://mail.example.com"),
        ("from", "write the sender, like \"Salt <salt@example.com>\""),
        ("to", "write who gets the mails, like [ops@example.com]"),
    ],
    secrets: &[("password", "password_file")],
};

impl EmailFile {
    fn read(node: Node, notes: &mut Notes) -> Option<EmailFile> {
        let fields = Fields::open(node, "email", &EMAIL, notes)?;
        fields.together("username", "password_file", notes);
        Some(EmailFile {
            smtp: fields.text("smtp", notes),
            username: fields.text("username", notes),
            password_file: fields.text("password_file", notes),
            from: fields.text("from", notes),
            to: fields.texts("to", notes),
        })
    }
}

/// One of `routes`.
pub(super) struct RouteFile {
    pub(super) name: Option<Text>,
    pub(super) on: Option<Text>,
    pub(super) matches: MatchFile,
    pub(super) receivers: Option<Vec<Text>>,
    pub(super) goes_on: Option<bool>,
    pub(super) finish_after: Option<Text>,
}

const ROUTE: Known = Known {
    of: "a route",
    keys: &[
        "name",
        "on",
        "match",
        "receivers",
        "continue",
        "finish_after",
    ],
    not_yet: &[
        "repeat",
        "after",
        "recovered",
        "storm",
        "stale_after",
        "subject",
        "title",
        "template",
    ],
    needed: &[
        ("name", "give it one, it stands in messages and logs"),
        ("receivers", "write whom it tells, like [ops-mail]"),
    ],
    secrets: &[],
};

impl RouteFile {
    fn read(node: Node, notes: &mut Notes) -> Option<RouteFile> {
        let fields = Fields::open(node, "routes", &ROUTE, notes)?;
        let matches = fields
            .node("match")
            .and_then(|node| MatchFile::read(node, notes));
        Some(RouteFile {
            name: fields.text("name", notes),
            on: fields.text("on", notes),
            matches: matches.unwrap_or_default(),
            receivers: fields.texts("receivers", notes),
            goes_on: fields.flag("continue", notes),
            finish_after: fields.text("finish_after", notes),
        })
    }
}

/// `match` of a route.
#[derive(Default)]
pub(super) struct MatchFile {
    pub(super) fun: Option<Vec<Text>>,
    pub(super) target: Option<Vec<Text>>,
    pub(super) minion: Option<Vec<Text>>,
    pub(super) outcome: Option<Vec<Text>>,
}

const MATCH: Known = Known {
    of: "`match`",
    keys: &["fun", "target", "minion", "outcome"],
    not_yet: &[
        "cluster",
        "master",
        "user",
        "target_type",
        "state",
        "sls",
        "schedule",
        "test",
        "args",
    ],
    needed: &[],
    secrets: &[],
};

impl MatchFile {
    fn read(node: Node, notes: &mut Notes) -> Option<MatchFile> {
        let fields = Fields::open(node, "match", &MATCH, notes)?;
        Some(MatchFile {
            fun: fields.texts("fun", notes),
            target: fields.texts("target", notes),
            minion: fields.texts("minion", notes),
            outcome: fields.texts("outcome", notes),
        })
    }
}
