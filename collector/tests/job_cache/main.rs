//! The job cache: as real masters left it, as nobody should leave it, and what must not get out of it.
//! The service that answers from it is tested end to end.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod captured;
mod configured;
mod damaged;
mod program;
mod secrets;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use pillarbox_collector::job_cache::{HashType, JobCache};
use pillarbox_collector::normalize::Origin;
use pillarbox_proto::lookup::{LookupReply, LookupRequest};
use pillarbox_proto::salt::{Jid, MinionId};
use serde_json::Value;
use sha2::Digest as _;

pub(crate) const JID: &str = "20261122012254116336";

pub(crate) fn origin() -> Origin {
    Origin {
        cluster: "lab".into(),
        master: "salt1".into(),
    }
}

pub(crate) fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

pub(crate) fn request(jid: &str) -> LookupRequest {
    LookupRequest {
        jid: Jid(jid.to_owned()),
        minions: None,
        full: false,
    }
}

pub(crate) fn ids(ids: &[&str]) -> Vec<MinionId> {
    ids.iter().map(|id| MinionId((*id).to_owned())).collect()
}

/// A `cachedir` with one job, that goes away with the test.
pub(crate) struct Cache(PathBuf);

impl Cache {
    /// A job that `salt '*' test.ping` started on web1 and web2.
    pub(crate) fn new() -> Cache {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("pillarbox-cache-{}-{number}", std::process::id());
        let cache = Cache(std::env::temp_dir().join(name));
        cache.write("jid", JID.as_bytes());
        let load = serde_json::json!({"cmd": "publish", "fun": "test.ping", "arg": [], "tgt": "*", "tgt_type": "glob", "user": "root", "jid": JID});
        cache.pack(".load.p", &load);
        cache.pack(".minions.p", &serde_json::json!(["web1", "web2"]));
        cache
    }

    pub(crate) fn root(&self) -> &Path {
        &self.0
    }

    /// A file or a directory of the job.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        let hash = sha2::Sha256::digest(JID);
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let (first, rest) = hash.split_at_checked(2).unwrap();
        self.0.join("jobs").join(first).join(rest).join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    pub(crate) fn pack(&self, name: &str, value: &Value) {
        self.write(name, &rmp_serde::to_vec(value).unwrap());
    }

    /// A return that is fine.
    pub(crate) fn returned(&self, minion: &str) {
        let ret = serde_json::json!({"return": true, "retcode": 0, "success": true});
        self.pack(&format!("{minion}/return.p"), &ret);
    }

    pub(crate) fn cache(&self) -> JobCache {
        at(&self.0)
    }

    pub(crate) fn answer(&self) -> LookupReply {
        self.asked(&request(JID))
    }

    pub(crate) fn asked(&self, request: &LookupRequest) -> LookupReply {
        self.cache().answer(&origin(), request).unwrap()
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn at(dir: &Path) -> JobCache {
    JobCache {
        dir: dir.to_path_buf(),
        hash: HashType::Sha256,
    }
}

/// What is wrong, and whose it is.
pub(crate) fn problems(reply: &LookupReply) -> Vec<(&str, &str)> {
    reply
        .problems
        .iter()
        .map(|problem| {
            (
                problem.minion.as_ref().map_or("-", |id| id.0.as_str()),
                problem.error.as_str(),
            )
        })
        .collect()
}
