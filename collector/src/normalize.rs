//! STAND-IN for the core's normaliser: just enough to compile and try the shell.
//! Not to be merged: the core's file wins.

use pillarbox_proto::event::{Event, JobNew, JobReturn, Outcome, What};
use pillarbox_proto::salt::{Fun, Jid, MinionId};
use pillarbox_proto::subject::{id, sha256_hex};

/// Whose bus.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The cluster.
    pub cluster: String,
    /// The master.
    pub master: String,
}

/// What a frame's body says.
#[derive(Debug)]
pub enum Reading {
    /// A job event.
    Event(Box<Event>),
    /// A job event that nobody wants.
    Noise {
        /// Why.
        reason: NoiseReason,
        /// It.
        event: Box<Event>,
    },
    /// Another tag.
    Other(OtherTag),
    /// A job event that cannot be read.
    Unreadable(Unreadable),
}

/// Why nobody wants it.
#[derive(Debug, Clone, Copy)]
pub enum NoiseReason {
    /// `saltutil.find_job`
    FindJob,
}

/// Another tag.
#[derive(Debug, Clone, Copy)]
pub enum OtherTag {
    /// Any.
    Other,
}

/// A job event that cannot be read.
#[derive(Debug)]
pub struct Unreadable {
    /// Its tag.
    pub tag: String,
    /// Of tag and payload.
    pub length: usize,
    /// Of tag and payload.
    pub sha256: String,
    /// Why.
    pub error: String,
}

/// Reads a body.
pub fn normalize(origin: &Origin, body: &[u8], received: Option<&str>) -> Reading {
    let split = body
        .windows(2)
        .position(|w| w == b"\n\n")
        .unwrap_or(body.len());
    let tag = String::from_utf8_lossy(&body[..split]).into_owned();
    let parts: Vec<&str> = tag.split('/').collect();
    let (jid, what, minion) = match parts.as_slice() {
        ["salt", "job", jid, "new"] => (*jid, "new", ""),
        ["salt", "job", jid, "ret", minion] => (*jid, "ret", *minion),
        _ => return Reading::Other(OtherTag::Other),
    };
    let payload = &body[(split + 2).min(body.len())..];
    if payload
        .first()
        .is_none_or(|b| !(0x80..=0x8f).contains(b) && *b != 0xde)
    {
        return Reading::Unreadable(Unreadable {
            length: body.len(),
            sha256: sha256_hex(body),
            error: "the payload is no map".to_owned(),
            tag,
        });
    }
    let find_job = payload.windows(8).any(|w| w == b"find_job");
    let minions = [MinionId(minion.to_owned())];
    let (id, what) = if what == "new" {
        let published = id::Published {
            fun: "test.ping",
            target_type: "glob",
            target: "*",
            batch: false,
            minions: &[],
        };
        let new = JobNew {
            command: "salt '*' test.ping".into(),
            user: "root".into(),
            target: None,
            target_type: None,
            args: vec![],
            minions: vec![],
            missing: vec![],
            test: false,
            batch: false,
            part: None,
            run: String::new(),
        };
        (id::new(&origin.cluster, jid, &published), What::New(new))
    } else {
        let ret = JobReturn {
            minion: minions[0].clone(),
            outcome: Outcome::Clean,
            retcode: None,
            success: None,
            user: None,
            args: vec![],
            schedule: None,
            test: false,
            summary: None,
            failures: vec![],
            changes: vec![],
            errors: vec![String::from_utf8_lossy(payload).into_owned()],
            reporting_problem: false,
            run: String::new(),
        };
        (
            id::ret(&origin.cluster, jid, &minions[0]),
            What::Ret(Box::new(ret)),
        )
    };
    let event = Box::new(Event {
        id,
        cluster: origin.cluster.clone(),
        master: origin.master.clone(),
        jid: Jid(jid.to_owned()),
        job: jid.to_owned(),
        fun: Fun::One("test.ping".into()),
        stamp: String::new(),
        received: received.map(str::to_owned),
        recovered: false,
        runner: false,
        redacted: 0,
        trimmed: vec![],
        what,
    });
    if find_job {
        return Reading::Noise {
            reason: NoiseReason::FindJob,
            event,
        };
    }
    Reading::Event(event)
}
