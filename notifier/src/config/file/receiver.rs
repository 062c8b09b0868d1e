//! What was written below `receivers`: its keys, in their shapes.
//! It does not know whether any of it is true.

use super::super::fields::{Fields, Known};
use super::super::mistake::{Mistake, Notes, Place};
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
    pub(in crate::config) token_file: Option<Text>,
    pub(in crate::config) api_url: Option<Text>,
    pub(in crate::config) channel: Option<Text>,
    pub(in crate::config) style: Option<Text>,
    pub(in crate::config) username: Option<Text>,
    pub(in crate::config) icon_emoji: Option<Text>,
    pub(in crate::config) icon_url: Option<Text>,
    pub(in crate::config) color: Option<Text>,
}

const SLACK: Known = Known {
    of: "`slack`",
    keys: &[
        "webhook_url_file",
        "token_file",
        "channel",
        "style",
        "username",
        "icon_emoji",
        "icon_url",
        "color",
        "api_url",
    ],
    not_yet: &[],
    needed: &[],
    secrets: &[("webhook_url", "webhook_url_file"), ("token", "token_file")],
};

const CHANNEL: &str = "write where the bot posts, like \"#ops\" in quotes, or the channel's id";

impl SlackFile {
    fn read(node: Node, notes: &mut Notes) -> Option<SlackFile> {
        let fields = Fields::open(node, "slack", &SLACK, notes)?;
        SlackFile::belong_together(&fields, notes);
        Some(SlackFile {
            webhook_url_file: fields.text("webhook_url_file", notes),
            token_file: fields.text("token_file", notes),
            api_url: fields.text("api_url", notes),
            channel: fields.text("channel", notes),
            style: fields.text("style", notes),
            username: fields.text("username", notes),
            icon_emoji: fields.text("icon_emoji", notes),
            icon_url: fields.text("icon_url", notes),
            color: fields.text("color", notes),
        })
    }

    fn belong_together(fields: &Fields, notes: &mut Notes) {
        let (webhook, token) = (fields.has("webhook_url_file"), fields.has("token_file"));
        if !webhook && !token {
            notes.wrong(fields.place, Mistake::NoPoster);
        }
        if webhook && token {
            notes.wrong(fields.place_of("token_file"), Mistake::TwoPosters);
        }
        if token && !fields.has("channel") {
            let (of, key) = ("a bot", "channel");
            let advice = CHANNEL;
            notes.wrong(fields.place, Mistake::MissingKey { of, key, advice });
        }
        if !token && fields.has("api_url") {
            let place = fields.place_of("api_url");
            notes.wrong(place, Mistake::OnlyBot { key: "api_url" });
        }
        if fields.has("icon_emoji") && fields.has("icon_url") {
            notes.wrong(fields.place_of("icon_url"), Mistake::TwoIcons);
        }
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
