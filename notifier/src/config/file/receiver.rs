//! What was written below `receivers`: its keys, in their shapes.
//! It does not know whether any of it is true.

use super::super::fields::{Fields, Known};
use super::super::mistake::{Notes, Place};
use super::super::yaml::{Node, Text};

/// One of `receivers`.
pub(in crate::config) struct ReceiverFile {
    pub(in crate::config) place: Place,
    pub(in crate::config) name: Option<Text>,
    /// How many transports are written.
    pub(in crate::config) transports: usize,
    pub(in crate::config) slack: Option<SlackFile>,
    pub(in crate::config) email: Option<EmailFile>,
    pub(in crate::config) deadline: Option<Text>,
    pub(in crate::config) on_ambiguous: Option<Text>,
}

const RECEIVER: Known = Known {
    of: "a receiver",
    keys: &["name", "slack", "email", "deadline", "on_ambiguous"],
    not_yet: &["webhook", "fallback", "diffs", "owners", "heartbeat"],
    needed: &[("name", "give it one, it stands in messages and logs")],
    secrets: &[],
};

impl ReceiverFile {
    pub(super) fn read(node: Node, notes: &mut Notes) -> Option<ReceiverFile> {
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
pub(in crate::config) struct SlackFile {
    pub(in crate::config) webhook_url_file: Option<Text>,
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
pub(in crate::config) struct EmailFile {
    pub(in crate::config) smtp: Option<Text>,
    pub(in crate::config) username: Option<Text>,
    pub(in crate::config) password_file: Option<Text>,
    pub(in crate::config) from: Option<Text>,
    pub(in crate::config) to: Option<Vec<Text>>,
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
