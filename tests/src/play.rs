//! What a master fires, built as bytes for its double: jobs, their returns, schedules and 3008's batches.
//! The shapes are those of captured events (3008.5); nothing here knows what a collector makes of them.

use std::path::Path;

use pillarbox_proto::subject::sha256_hex;
use serde_json::{Value, json};

use crate::bus::{Framing, frame};

/// A job that somebody runs from the master. Times and jids are fixed, so that messages can be compared as a whole.
#[derive(Clone, Debug)]
pub struct Job {
    jid: String,
    fun: String,
    args: Vec<Value>,
    user: String,
    target: Value,
    target_type: String,
    minions: Vec<String>,
}

/// What a minion returns of a state run.
#[derive(Clone, Copy, Debug)]
pub enum Return<'a> {
    /// One state, and it was so already.
    Clean,
    /// `/etc/motd` was changed.
    Changed,
    /// In test mode: `/etc/motd` would be changed.
    Pending,
    /// The package `nginx-extras` failed, with this comment.
    Failed(&'a str),
}

impl Job {
    /// `salt '*' <fun>`, run by alice via sudo. The number tells the jobs of a scenario apart.
    #[must_use]
    pub fn new(number: u32, fun: &str) -> Self {
        Self {
            jid: format!("20261122130211{number:06}"),
            fun: fun.to_owned(),
            args: Vec::new(),
            user: "sudo_alice".to_owned(),
            target: "*".into(),
            target_type: "glob".to_owned(),
            minions: Vec::new(),
        }
    }

    /// With these arguments.
    #[must_use]
    pub fn args(mut self, args: &[&str]) -> Self {
        self.args = args.iter().map(|arg| Value::from(*arg)).collect();
        self
    }

    /// On this target, a glob, which means these minions.
    #[must_use]
    pub fn on(mut self, target: &str, minions: &[&str]) -> Self {
        self.target = target.into();
        self.minions = minions.iter().map(|id| (*id).to_owned()).collect();
        self
    }

    /// On these minions, by a list: what a batch does with each of its chunks.
    #[must_use]
    pub fn on_list(mut self, minions: &[&str]) -> Self {
        self = self.on("", minions);
        self.target = self.minions.clone().into();
        "list".clone_into(&mut self.target_type);
        self
    }

    /// Its jid.
    #[must_use]
    pub fn jid(&self) -> &str {
        &self.jid
    }

    /// `salt/job/<jid>/new`
    #[must_use]
    pub fn new_event(&self) -> Vec<u8> {
        let Self {
            jid,
            fun,
            args,
            user,
            target,
            target_type,
            minions,
        } = self;
        let data = json!({
            "jid": jid, "tgt_type": target_type, "tgt": target, "user": user, "fun": fun, "arg": args,
            "minions": minions, "missing": [], "_stamp": stamp(11),
        });
        bare(&format!("salt/job/{jid}/new"), &data)
    }

    /// `salt/job/<jid>/ret/<minion>`
    #[must_use]
    pub fn ret(&self, minion: &str, states: Return<'_>) -> Vec<u8> {
        self.ret_of(minion, &states.states(), states.retcode())
    }

    /// As [`ret`](Self::ret), of a function that is no state.
    #[must_use]
    pub fn ret_of(&self, minion: &str, returned: &Value, retcode: u8) -> Vec<u8> {
        let Self { jid, fun, args, .. } = self;
        let mut data = json!({
            "cmd": "_return", "id": minion, "success": retcode == 0, "return": returned, "retcode": retcode,
            "jid": jid, "fun": fun, "fun_args": args, "user": self.user, "_stamp": stamp(53),
        });
        if fun.starts_with("state.") {
            data["out"] = "highstate".into();
        }
        bare(&format!("salt/job/{jid}/ret/{minion}"), &data)
    }

    /// What the master keeps of it in the job cache below `cachedir`: its load, and what these minions returned.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, cachedir: &Path, returns: &[(&str, Return<'_>)]) -> anyhow::Result<()> {
        let hash = sha256_hex(self.jid.as_bytes());
        let (first, rest) = hash.split_at(2);
        let dir = cachedir.join("jobs").join(first).join(rest);
        std::fs::create_dir_all(&dir)?;
        std::fs::write(dir.join("jid"), &self.jid)?;
        let load = json!({
            "cmd": "publish", "tgt": self.target, "fun": self.fun, "arg": self.args, "tgt_type": self.target_type,
            "ret": "", "jid": self.jid, "kwargs": {}, "user": self.user,
        });
        std::fs::write(dir.join(".load.p"), rmp_serde::to_vec_named(&load)?)?;
        std::fs::write(dir.join(".minions.p"), rmp_serde::to_vec(&self.minions)?)?;
        for (minion, states) in returns {
            let kept = json!({ "return": states.states(), "retcode": states.retcode(), "success": states.retcode() == 0 });
            std::fs::create_dir_all(dir.join(minion))?;
            let path = dir.join(minion).join("return.p");
            std::fs::write(path, rmp_serde::to_vec_named(&kept)?)?;
            let out = rmp_serde::to_vec("highstate")?;
            std::fs::write(dir.join(minion).join("out.p"), out)?;
        }
        Ok(())
    }

    /// `new` and the same return of every minion.
    #[must_use]
    pub fn whole(&self, states: Return<'_>) -> Vec<u8> {
        let rets = self.minions.iter().map(|minion| self.ret(minion, states));
        std::iter::once(self.new_event())
            .chain(rets)
            .flatten()
            .collect()
    }

    /// `salt/batch/<jid>/new` of 3008: all minions of the batch, before the `new` of its first chunk.
    #[must_use]
    pub fn batch_new(&self) -> Vec<u8> {
        self.batch("new", &json!([]))
    }

    /// `salt/batch/<jid>/complete`: these minions did not answer.
    #[must_use]
    pub fn batch_complete(&self, silent: &[&str]) -> Vec<u8> {
        self.batch("complete", &json!(silent))
    }

    fn batch(&self, what: &str, silent: &Value) -> Vec<u8> {
        let Self { jid, fun, user, .. } = self;
        let (target, target_type) = (&self.target, &self.target_type);
        let failed: serde_json::Map<String, Value> = silent
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|id| Some((id.as_str()?.to_owned(), "timeout".into())))
            .collect();
        let data = json!({
            "jid": jid, "fun": fun, "tgt": target, "tgt_type": target_type, "user": user, "driver": "cli",
            "state": {
                "jid": jid, "all_minions": self.minions, "pending": [], "active": {}, "done": {}, "failed": failed,
                "wait": [], "batch_size": 1, "fun": fun, "arg": self.args, "kwargs": {}, "tgt": target,
                "tgt_type": target_type, "failhard": false, "batch_wait": 0, "timeout": 8, "gather_job_timeout": 4,
                "last_progress": 1.0, "created": 1.0, "halted": false, "halted_reason": null, "driver": "cli",
                "ret": "", "user": user,
            },
            "_stamp": stamp(if what == "new" { 11 } else { 53 }),
        });
        bare(&format!("salt/batch/{jid}/{what}"), &data)
    }
}

/// The return of a scheduled `state.apply base`: a jid of its own, and nobody announced it.
#[must_use]
pub fn scheduled(number: u32, minion: &str, states: Return<'_>) -> Vec<u8> {
    let jid = format!("20261122020001{number:06}");
    let data = json!({
        "cmd": "_return", "id": minion, "fun": "state.apply", "fun_args": ["base"], "schedule": "hourly", "jid": jid,
        "pid": 22087, "return": states.states(), "retcode": states.retcode(), "success": true, "_stamp": stamp(53),
        "out": "highstate", "ts": 1_795_310_863, "arg": ["base"], "tgt_type": "glob", "tgt": minion,
    });
    bare(&format!("salt/job/{jid}/ret/{minion}"), &data)
}

/// The same minute for everything: 14:02 in Berlin.
fn stamp(second: u32) -> String {
    format!("2026-11-22T13:02:{second:02}.116336+00:00")
}

#[expect(
    clippy::expect_used,
    reason = "JSON is always MessagePack, and these are small"
)]
fn bare(tag: &str, data: &Value) -> Vec<u8> {
    frame(Framing::Bare, tag, data).expect("an event")
}

impl Return<'_> {
    fn retcode(self) -> u8 {
        match self {
            Return::Clean | Return::Changed | Return::Pending => 0,
            Return::Failed(_) => 2,
        }
    }

    fn states(self) -> Value {
        let (key, name, changes, result, comment) = match self {
            Return::Clean => (
                "test_|-calm_|-calm_|-nop",
                "calm",
                json!({}),
                json!(true),
                "Success!",
            ),
            Return::Changed => (
                MOTD,
                "/etc/motd",
                json!({"diff": "-a\n+b"}),
                json!(true),
                "File /etc/motd updated",
            ),
            Return::Pending => (
                MOTD,
                "/etc/motd",
                json!({"newfile": "/etc/motd"}),
                json!(null),
                "The file /etc/motd is set to be changed",
            ),
            Return::Failed(comment) => (
                "pkg_|-nginx-extras_|-nginx-extras_|-installed",
                "nginx-extras",
                json!({}),
                json!(false),
                comment,
            ),
        };
        json!({ key: {
            "name": name, "changes": changes, "result": result, "comment": comment, "__sls__": "nginx.init",
            "__run_num__": 0, "start_time": "13:02:12.068662", "duration": 2.5, "__id__": name,
        }})
    }
}

const MOTD: &str = "file_|-/etc/motd_|-/etc/motd_|-managed";
