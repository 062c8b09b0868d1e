//! A job's files made the events again that the master fired when it wrote them: tags and payloads, for the normaliser.
//! It reads no value: each stands in a payload as it stood in its file, which is MessagePack of the same kind.

use pillarbox_proto::salt::Jid;

use crate::frame::scan::{self, content, first_value};

/// A file that is not what Salt writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Damaged {
    #[error("is no MessagePack, or ends within it")]
    NotWhole,
    #[error("is no map")]
    NoMap,
}

/// An event as it stood on the bus.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fired {
    pub(crate) tag: String,
    pub(crate) payload: Vec<u8>,
}

/// Who made a `.load.p`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Maker {
    /// Somebody published the job.
    Publish,
    /// A return that nobody had published: a schedule's, or `salt-call`'s.
    Return,
    /// A runner or an orchestration, when it had ended.
    Runner,
}

/// A job's `.load.p`.
#[derive(Debug)]
pub(crate) struct LoadFile<'f> {
    map: &'f [u8],
    pub(crate) maker: Maker,
}

impl<'f> LoadFile<'f> {
    /// Tells who made it.
    pub(crate) fn read(bytes: &'f [u8]) -> Result<LoadFile<'f>, Damaged> {
        let map = whole(bytes)?;
        scan::map(map).ok_or(Damaged::NoMap)?;
        let text = |key: &str| field(map, key).and_then(content);
        let runner = text("cmd").is_none()
            && text("fun").is_some_and(|fun| fun.starts_with(b"runner."))
            && field(map, "return").is_some_and(|event| field(event, "fun").is_some());
        let maker = match text("cmd") {
            _ if runner => Maker::Runner,
            Some(b"_return") => Maker::Return,
            None if field(map, "return").is_some() => Maker::Return,
            Some(_) | None => Maker::Publish,
        };
        Ok(LoadFile { map, maker })
    }

    /// The `new` of the job; none where nobody published it. `batch` is 3008's `.batch.p`, which knows the whole batch,
    /// while the load is that of its last part.
    pub(crate) fn announced(&self, jid: &Jid, batch: Option<&[u8]>) -> Option<Fired> {
        let from = |map, keys: &[&'static str]| {
            let fields = keys.iter().map(|key| (*key, field(map, key)));
            fields.collect::<Vec<_>>()
        };
        let (tag, payload) = match (self.maker, batch) {
            (Maker::Return, _) => return None,
            (Maker::Runner, _) => ("run", field(self.map, "return")?.to_vec()),
            (Maker::Publish, Some(batch)) => {
                let mut fields = from(batch, &["fun", "tgt", "tgt_type", "user"]);
                fields.push(("state", Some(batch)));
                ("batch", payload(&fields))
            }
            (Maker::Publish, None) => {
                let keys = ["fun", "arg", "tgt", "tgt_type", "user"];
                ("job", payload(&from(self.map, &keys)))
            }
        };
        let tag = format!("salt/{tag}/{jid}/new");
        Some(Fired { tag, payload })
    }
}

/// A minion's files.
#[derive(Debug)]
pub(crate) struct ReturnFiles<'f> {
    /// `return.p`, or the return alone as very old masters wrote it.
    map: Result<&'f [u8], &'f [u8]>,
    /// `out.p`
    out: Option<&'f [u8]>,
}

impl<'f> ReturnFiles<'f> {
    /// From the bytes of `return.p` and of `out.p`.
    pub(crate) fn read(ret: &'f [u8], out: Option<&'f [u8]>) -> Result<ReturnFiles<'f>, Damaged> {
        let value = whole(ret)?;
        let map = field(value, "return").map_or(Err(value), |_| Ok(value));
        let out = out.and_then(|out| whole(out).ok());
        Ok(ReturnFiles { map, out })
    }

    /// The `ret` of it. What ran stands in the load alone.
    pub(crate) fn ret(&self, jid: &Jid, minion: &str, load: Option<&LoadFile<'_>>) -> Fired {
        if load.is_some_and(|load| load.maker == Maker::Runner) {
            let (tag, payload) = (format!("salt/run/{jid}/ret"), self.returned().to_vec());
            return Fired { tag, payload };
        }
        let said = |key| load.and_then(|load| field(load.map, key));
        let own = |key| self.map.ok().and_then(|map| field(map, key));
        let payload = payload(&[
            ("fun", said("fun")),
            ("fun_args", said("fun_args").or(said("arg"))),
            ("user", said("user")),
            ("schedule", said("schedule")),
            ("out", self.out),
            ("retcode", own("retcode")),
            ("success", own("success")),
            ("return", Some(self.returned())),
        ]);
        let tag = format!("salt/job/{jid}/ret/{minion}");
        Fired { tag, payload }
    }

    /// What the minion returned; of a runner what it itself did, without the event around it.
    pub(crate) fn whole(&self, load: Option<&LoadFile<'_>>) -> &'f [u8] {
        let returned = self.returned();
        match load.map(|load| load.maker) {
            Some(Maker::Runner) => field(returned, "return").unwrap_or(returned),
            Some(Maker::Publish | Maker::Return) | None => returned,
        }
    }

    fn returned(&self) -> &'f [u8] {
        match self.map {
            Ok(map) => field(map, "return").unwrap_or_default(),
            Err(bare) => bare,
        }
    }
}

/// The first value of a file, if it is all there.
fn whole(bytes: &[u8]) -> Result<&[u8], Damaged> {
    first_value(bytes)
        .map(|(value, _)| value)
        .ok_or(Damaged::NotWhole)
}

/// A key's value in a map; of equal keys the last, as Python reads them.
fn field<'f>(value: &'f [u8], wanted: &str) -> Option<&'f [u8]> {
    let (pairs, mut rest) = scan::map(value)?;
    let mut found = None;
    for _ in 0..pairs {
        let (key, behind) = first_value(rest)?;
        let (value, behind) = first_value(behind)?;
        if content(key) == Some(wanted.as_bytes()) {
            found = Some(value);
        }
        rest = behind;
    }
    found
}

/// A map of at most 15 fields with short names; what is absent is left out.
fn payload(fields: &[(&str, Option<&[u8]>)]) -> Vec<u8> {
    let fields: Vec<(&str, &[u8])> = fields
        .iter()
        .filter_map(|(key, value)| Some((*key, (*value)?)))
        .collect();
    let short = |length: usize| u8::try_from(length).unwrap_or_default();
    let mut bytes = vec![0x80 | short(fields.len())];
    for (key, value) in fields {
        bytes.push(0xa0 | short(key.len()));
        bytes.extend_from_slice(key.as_bytes());
        bytes.extend_from_slice(value);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn packed(value: &Value) -> Vec<u8> {
        rmp_serde::to_vec(value).unwrap()
    }

    fn shown(fired: &Fired) -> (&str, Value) {
        (&fired.tag, rmp_serde::from_slice(&fired.payload).unwrap())
    }

    fn jid() -> Jid {
        Jid("1".into())
    }

    #[test]
    fn a_return_is_the_event_that_the_master_fired() {
        let check = |load: Value, ret: Value, out: Option<&str>, tag: &str, expect: Value| {
            let (load, ret) = (packed(&load), packed(&ret));
            let out = out.map(|out| packed(&json!(out)));
            let load = LoadFile::read(&load).unwrap();
            let files = ReturnFiles::read(&ret, out.as_deref()).unwrap();
            let fired = files.ret(&jid(), "web1", Some(&load));
            assert_eq!(shown(&fired), (tag, expect));
        };
        check(
            json!({"cmd": "publish", "fun": "state.apply", "arg": ["x"], "user": "root", "tgt": "*", "ret": ""}),
            json!({"return": {"a": 1}, "retcode": 2, "success": false}),
            Some("highstate"),
            "salt/job/1/ret/web1",
            json!({"fun": "state.apply", "fun_args": ["x"], "user": "root", "out": "highstate",
                   "retcode": 2, "success": false, "return": {"a": 1}}),
        );
        check(
            json!({"cmd": "_return", "fun": "a.b", "fun_args": ["y"], "arg": [], "schedule": "hourly", "return": 1}),
            json!({"return": true}),
            None,
            "salt/job/1/ret/web1",
            json!({"fun": "a.b", "fun_args": ["y"], "schedule": "hourly", "return": true}),
        );
        let bare = json!({"stdout": "very old"});
        check(
            json!({"cmd": "publish", "fun": "a.b", "arg": []}),
            bare.clone(),
            None,
            "salt/job/1/ret/web1",
            json!({"fun": "a.b", "fun_args": [], "return": bare}),
        );
        let event =
            json!({"fun": "runner.state.orchestrate", "return": {"data": {}}, "success": true});
        check(
            json!({"id": "salt1_master", "fun": "runner.state.orchestrate", "return": event}),
            json!({"return": event}),
            None,
            "salt/run/1/ret",
            event,
        );
    }

    #[test]
    fn what_was_published_is_the_event_that_announced_it() {
        let check = |load: Value, batch: Option<Value>, expect: Option<(&str, Value)>| {
            let (load, batch) = (packed(&load), batch.as_ref().map(packed));
            let fired = LoadFile::read(&load)
                .unwrap()
                .announced(&jid(), batch.as_deref());
            assert_eq!(fired.as_ref().map(shown), expect);
        };
        let load = json!({"cmd": "publish", "fun": "a.b", "arg": [1], "tgt": ["w"], "tgt_type": "list", "user": "u", "kwargs": {}});
        let expect =
            json!({"fun": "a.b", "arg": [1], "tgt": ["w"], "tgt_type": "list", "user": "u"});
        check(load.clone(), None, Some(("salt/job/1/new", expect)));
        let batch = json!({"fun": "a.b", "arg": [1], "tgt": "*", "tgt_type": "glob", "user": "u", "all_minions": ["w"]});
        let expect =
            json!({"fun": "a.b", "tgt": "*", "tgt_type": "glob", "user": "u", "state": batch});
        check(load, Some(batch), Some(("salt/batch/1/new", expect)));
        check(
            json!({"cmd": "_return", "fun": "a.b", "return": 1}),
            None,
            None,
        );
        let event = json!({"fun": "runner.a.b", "fun_args": [1], "user": "u"});
        let load = json!({"fun": "runner.a.b", "return": event});
        check(load, None, Some(("salt/run/1/new", event)));
    }

    #[test]
    fn what_is_not_whole_is_said() {
        let whole = packed(&json!({"return": [1, 2, 3], "retcode": 0}));
        for end in 0..whole.len() {
            let cut = whole.get(..end).unwrap();
            assert_eq!(ReturnFiles::read(cut, None).unwrap_err(), Damaged::NotWhole);
            assert_eq!(LoadFile::read(cut).unwrap_err(), Damaged::NotWhole);
        }
    }
}
