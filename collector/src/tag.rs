//! A tag of the event bus told apart: which event of a job it announces, or what else it is.
//! It reads no payload, and decides nothing about noise.

/// What a tag announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag<'a> {
    /// `salt/job/<jid>/new`
    JobNew {
        /// As in the tag.
        jid: &'a str,
    },
    /// `salt/job/<jid>/ret/<id>`
    JobRet {
        /// As in the tag.
        jid: &'a str,
        /// The rest of the tag, whatever it holds.
        minion: &'a str,
    },
    /// `salt/run/<jid>/new`: a runner, an orchestration.
    RunNew {
        /// As in the tag.
        jid: &'a str,
    },
    /// `salt/run/<jid>/ret`
    RunRet {
        /// As in the tag.
        jid: &'a str,
    },
    /// `salt/batch/<jid>/new`: 3008's announcement of a batch.
    BatchNew {
        /// As in the tag.
        jid: &'a str,
    },
    /// `salt/batch/<jid>/complete`, or `…/halted` where it stopped early (`salt/utils/batch_state.py`).
    BatchComplete {
        /// As in the tag.
        jid: &'a str,
    },
    /// Counted, and nothing more.
    Other(OtherTag),
}

/// What is on the bus besides jobs (SALT.md §4), for counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OtherTag {
    /// `<jid>`: who is expected, said once more by 3006 and 3007.
    Targets,
    /// `salt/job/<jid>/publish`: the load as sent, 3007 and 3008.
    Publish,
    /// `salt/job/<jid>/prog/…`, `salt/batch/<jid>/progress`.
    Progress,
    /// `salt/job/<jid>/sub/<id>/error/<fun>`: a failed state, said once more.
    SubError,
    /// `salt/run/<jid>/args`: a step of an orchestration.
    RunArgs,
    /// `salt/wheel/…`
    Wheel,
    /// `syndic/<id>/<tag>`: a lower master's event, heard under its own tag too.
    SyndicTwin,
    /// `syndic_start`, `salt/syndic/…`
    Syndic,
    /// `salt/presence/…`
    Presence,
    /// `salt/auth`
    Auth,
    /// `salt/key`, `key`
    Key,
    /// `minion_start`, `salt/minion/<id>/start`
    Start,
    /// `minion/refresh/<id>`, `resource/refresh/<id>`
    Refresh,
    /// `salt/beacon/…`
    Beacon,
    /// `salt/state_result/…`: a state with `fire_event`.
    StateResult,
    /// `_salt_error`: an exception on a minion.
    SaltError,
    /// Whatever people fire themselves, and what is new.
    Custom,
}

impl OtherTag {
    /// As in metrics and summaries.
    pub fn as_str(self) -> &'static str {
        match self {
            OtherTag::Targets => "targets",
            OtherTag::Publish => "publish",
            OtherTag::Progress => "progress",
            OtherTag::SubError => "sub-error",
            OtherTag::RunArgs => "run-args",
            OtherTag::Wheel => "wheel",
            OtherTag::SyndicTwin => "syndic-twin",
            OtherTag::Syndic => "syndic",
            OtherTag::Presence => "presence",
            OtherTag::Auth => "auth",
            OtherTag::Key => "key",
            OtherTag::Start => "start",
            OtherTag::Refresh => "refresh",
            OtherTag::Beacon => "beacon",
            OtherTag::StateResult => "state-result",
            OtherTag::SaltError => "salt-error",
            OtherTag::Custom => "custom",
        }
    }
}

impl<'a> Tag<'a> {
    /// Reads a tag. Every text is some tag.
    pub fn parse(tag: &'a str) -> Tag<'a> {
        let mut parts = tag.splitn(4, '/');
        let mut part = || parts.next().unwrap_or_default();
        let (root, kind, jid, rest) = (part(), part(), part(), part());
        if root != "salt" || jid.is_empty() {
            return Tag::Other(other(tag));
        }
        match (kind, rest) {
            ("job", "new") => Tag::JobNew { jid },
            ("job", rest) => match rest.strip_prefix("ret/").filter(|id| !id.is_empty()) {
                Some(minion) => Tag::JobRet { jid, minion },
                None => Tag::Other(other(tag)),
            },
            ("run", "new") => Tag::RunNew { jid },
            ("run", "ret") => Tag::RunRet { jid },
            ("batch", "new") => Tag::BatchNew { jid },
            ("batch", "complete" | "halted") => Tag::BatchComplete { jid },
            _ => Tag::Other(other(tag)),
        }
    }
}

fn other(tag: &str) -> OtherTag {
    let parts: Vec<&str> = tag.splitn(5, '/').collect();
    match parts.as_slice() {
        ["syndic", _, ..] => OtherTag::SyndicTwin,
        ["syndic_start"] | ["salt", "syndic", ..] => OtherTag::Syndic,
        ["salt", "job", _, "publish"] => OtherTag::Publish,
        ["salt", "job", _, "prog", ..] | ["salt", "batch", _, "progress"] => OtherTag::Progress,
        ["salt", "job", _, "sub", ..] => OtherTag::SubError,
        ["salt", "run", _, "args"] => OtherTag::RunArgs,
        ["salt", "wheel", ..] => OtherTag::Wheel,
        ["salt", "presence", ..] => OtherTag::Presence,
        ["salt", "auth", ..] => OtherTag::Auth,
        ["salt", "key", ..] | ["key"] => OtherTag::Key,
        ["minion_start"] | ["salt", "minion", _, "start"] => OtherTag::Start,
        ["minion" | "resource", "refresh", ..] => OtherTag::Refresh,
        ["salt", "beacon", ..] => OtherTag::Beacon,
        ["salt", "state_result", ..] => OtherTag::StateResult,
        ["_salt_error"] => OtherTag::SaltError,
        [jid] if jid.len() >= 20 && jid.bytes().all(|b| b.is_ascii_digit() || b == b'_') => {
            OtherTag::Targets
        }
        _ => OtherTag::Custom,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_told_apart() {
        let jid = "20261122012254116336";
        let check = |tag: &str, expect: Tag<'_>| assert_eq!(Tag::parse(tag), expect, "{tag}");
        check("salt/job/20261122012254116336/new", Tag::JobNew { jid });
        let minion = "web1.example.com";
        let tag = "salt/job/20261122012254116336/ret/web1.example.com";
        check(tag, Tag::JobRet { jid, minion });
        let minion = "odd/id";
        check(
            "salt/job/20261122012254116336/ret/odd/id",
            Tag::JobRet { jid, minion },
        );
        check("salt/run/20261122012254116336/new", Tag::RunNew { jid });
        check("salt/run/20261122012254116336/ret", Tag::RunRet { jid });
        check("salt/batch/20261122012254116336/new", Tag::BatchNew { jid });
        check(
            "salt/batch/20261122012254116336/complete",
            Tag::BatchComplete { jid },
        );
        check(
            "salt/job/req/ret/a",
            Tag::JobRet {
                jid: "req",
                minion: "a",
            },
        );
    }

    #[test]
    fn the_rest_is_named_for_counting() {
        let check =
            |tag: &str, expect: OtherTag| assert_eq!(Tag::parse(tag), Tag::Other(expect), "{tag}");
        check("20261122012254116336", OtherTag::Targets);
        check("salt/job/20261122012254116336/publish", OtherTag::Publish);
        check(
            "salt/job/20261122012254116336/sub/web1/error/state.sls",
            OtherTag::SubError,
        );
        check(
            "salt/job/20261122012254116336/prog/web1/0",
            OtherTag::Progress,
        );
        check(
            "salt/batch/20261122012254116336/progress",
            OtherTag::Progress,
        );
        check("salt/run/20261122012254116336/args", OtherTag::RunArgs);
        check(
            "syndic/s1/salt/job/20261122012254116336/new",
            OtherTag::SyndicTwin,
        );
        check("syndic/s1/20261122012254116336", OtherTag::SyndicTwin);
        check("salt/syndic/s1/start", OtherTag::Syndic);
        check("salt/minion/web1/start", OtherTag::Start);
        check("salt/presence/present", OtherTag::Presence);
        check("salt/job//new", OtherTag::Custom);
        check("salt/job/20261122012254116336/ret/", OtherTag::Custom);
        check("salt/job/20261122012254116336/ret", OtherTag::Custom);
        check("cmd.run", OtherTag::Custom);
        check("", OtherTag::Custom);
    }
}
