//! What was written below `routes`: its keys, in their shapes.
//! It does not know whether any of it is true.

use super::super::fields::{Fields, Known};
use super::super::mistake::Notes;
use super::super::yaml::{Node, Text};

/// One of `routes`.
pub(in crate::config) struct RouteFile {
    pub(in crate::config) name: Option<Text>,
    pub(in crate::config) on: Option<Text>,
    pub(in crate::config) matches: MatchFile,
    pub(in crate::config) receivers: Option<Vec<Text>>,
    pub(in crate::config) goes_on: Option<bool>,
    pub(in crate::config) finish_after: Option<Text>,
    pub(in crate::config) subject: Option<Text>,
    pub(in crate::config) title: Option<Text>,
    pub(in crate::config) template: Option<Text>,
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
        "subject",
        "title",
        "template",
    ],
    not_yet: &["repeat", "after", "recovered", "storm", "stale_after"],
    needed: &[
        ("name", "give it one, it stands in messages and logs"),
        ("receivers", "write whom it tells, like [ops-mail]"),
    ],
    secrets: &[],
};

impl RouteFile {
    pub(super) fn read(node: Node, notes: &mut Notes) -> Option<RouteFile> {
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
            subject: fields.text("subject", notes),
            title: fields.text("title", notes),
            template: fields.text("template", notes),
        })
    }
}

/// `match` of a route.
#[derive(Default)]
pub(in crate::config) struct MatchFile {
    pub(in crate::config) cluster: Option<Vec<Text>>,
    pub(in crate::config) master: Option<Vec<Text>>,
    pub(in crate::config) fun: Option<Vec<Text>>,
    pub(in crate::config) user: Option<Vec<Text>>,
    pub(in crate::config) target: Option<Vec<Text>>,
    pub(in crate::config) target_type: Option<Vec<Text>>,
    pub(in crate::config) minion: Option<Vec<Text>>,
    pub(in crate::config) outcome: Option<Vec<Text>>,
    pub(in crate::config) state: Option<Vec<Text>>,
    pub(in crate::config) sls: Option<Vec<Text>>,
    pub(in crate::config) schedule: Option<Vec<Text>>,
    pub(in crate::config) args: Option<Vec<Text>>,
    pub(in crate::config) test: Option<bool>,
}

const MATCH: Known = Known {
    of: "`match`",
    keys: &[
        "cluster",
        "master",
        "fun",
        "user",
        "target",
        "target_type",
        "minion",
        "outcome",
        "state",
        "sls",
        "schedule",
        "test",
        "args",
    ],
    not_yet: &[],
    needed: &[],
    secrets: &[],
};

impl MatchFile {
    fn read(node: Node, notes: &mut Notes) -> Option<MatchFile> {
        let fields = Fields::open(node, "match", &MATCH, notes)?;
        Some(MatchFile {
            cluster: fields.texts("cluster", notes),
            master: fields.texts("master", notes),
            fun: fields.texts("fun", notes),
            user: fields.texts("user", notes),
            target: fields.texts("target", notes),
            target_type: fields.texts("target_type", notes),
            minion: fields.texts("minion", notes),
            outcome: fields.texts("outcome", notes),
            state: fields.texts("state", notes),
            sls: fields.texts("sls", notes),
            schedule: fields.texts("schedule", notes),
            args: fields.texts("args", notes),
            test: fields.flag("test", notes),
        })
    }
}
