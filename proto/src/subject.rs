//! Subjects and keys: how everything on NATS is named.
//! It neither publishes nor subscribes; a name is the same wherever it is made.
//!
//! A token is bounded *after* escaping: a subject line over 4 KiB makes the server close the connection, again and again.

mod token;

mod group;

pub mod id;

use std::fmt;

pub use group::Group;
pub use token::{Token, hash, minion_token, sha256_hex};

use crate::event::{Event, Outcome, What};
use token::{escape, fun_tokens};

/// Where an event is published: `salt.v1.<cluster>.<job>.{new|ret.<outcome>|end|beat}.<fun>`.
pub fn event_subject(event: &Event) -> String {
    let job = job_prefix(&Token::new(&event.cluster), &Token::new(&event.job));
    let fun = fun_tokens(event.fun.subject_name());
    match &event.what {
        What::Ret(ret) => format!("{job}.ret.{}.{fun}", ret.outcome.as_str()),
        What::New(_) | What::End(_) | What::Beat(_) => format!("{job}.{}.{fun}", event.kind()),
    }
}

fn job_prefix(cluster: &Token, job: &Token) -> String {
    format!("salt.v1.{cluster}.{job}")
}

/// Every event of one job.
pub fn job_filter(cluster: &Token, job: &Token) -> String {
    format!("{}.>", job_prefix(cluster, job))
}

/// The `new`s of one job.
pub fn job_news_filter(cluster: &Token, job: &Token) -> String {
    format!("{}.new.>", job_prefix(cluster, job))
}

/// Every event of one cluster: what its collectors may publish.
pub fn cluster_filter(cluster: &Token) -> String {
    format!("salt.v1.{cluster}.>")
}

/// Which kind of event a subject announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// A job was published.
    New,
    /// A minion returned, with this outcome.
    Ret(Outcome),
    /// 3008's batch is complete.
    End,
    /// It still runs.
    Beat,
}

/// What an event's subject says, without opening its body.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EventSubject {
    /// The cluster's token.
    pub cluster: Token,
    /// The job's token.
    pub job: Token,
    /// The kind, and a return's outcome.
    pub kind: EventKind,
}

impl EventSubject {
    /// Reads a subject of `EVENTS`; `None` if it is none.
    pub fn parse(subject: &str) -> Option<EventSubject> {
        let mut tokens = subject.strip_prefix("salt.v1.")?.split('.');
        let cluster = Token::parse(tokens.next()?)?;
        let job = Token::parse(tokens.next()?)?;
        let kind = match tokens.next()? {
            "new" => EventKind::New,
            "end" => EventKind::End,
            "beat" => EventKind::Beat,
            "ret" => {
                let outcome = tokens.next()?;
                EventKind::Ret(Outcome::ALL.into_iter().find(|o| o.as_str() == outcome)?)
            }
            _ => return None,
        };
        tokens.next()?;
        Some(EventSubject { cluster, job, kind })
    }
}

/// The subject filter that carries events of a kind whose function matches, widened to `>` where a subject cannot say it.
///
/// `fun` is a Salt glob; only `*`, `module.*` and a literal can be said.
pub fn event_filter(kind: EventKind, fun: &str) -> String {
    let kind = match kind {
        EventKind::New => "new".to_owned(),
        EventKind::Ret(outcome) => format!("ret.{}", outcome.as_str()),
        EventKind::End => "end".to_owned(),
        EventKind::Beat => "beat".to_owned(),
    };
    format!("salt.v1.*.*.{kind}.{}", fun_filter(fun))
}

fn fun_filter(fun: &str) -> String {
    let glob = |text: &str| text.contains(['*', '?', '[', '!', '@']);
    match fun.split_once('.') {
        Some((module, "*")) if !glob(module) && !module.is_empty() => {
            format!("{}.>", escape(module, b"-_"))
        }
        _ if !glob(fun) && !fun.is_empty() => fun_tokens(fun),
        _ => ">".to_owned(),
    }
}

/// An event that the collector could not read or could not publish.
pub fn collector_dead(cluster: &Token, reason: &str) -> String {
    format!(
        "pillarbox.v1.dead.collector.{cluster}.{}",
        Token::new(reason)
    )
}

/// The key of `COLLECTORS` for a master's collector.
pub fn collector_key(cluster: &str, master: &str) -> String {
    format!("{}.{}", Token::new(cluster), Token::new(master))
}

/// What a delivery is about, and whom it is for: doing it again is recognised by it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct DeliveryKey {
    /// The cluster's name.
    pub cluster: String,
    /// The job.
    pub job: String,
    /// The route that took it.
    pub route: String,
    /// The receiver's name.
    pub receiver: String,
    /// `slack`, `email` or `webhook`.
    pub transport: String,
    /// `start`, `return:<minion>:<jid>`, `digest`, or `digest:<window>` for a `run-…` job.
    pub moment: String,
}

impl DeliveryKey {
    fn parts(&self) -> [&str; 6] {
        [
            &self.cluster,
            &self.job,
            &self.route,
            &self.receiver,
            &self.transport,
            &self.moment,
        ]
    }

    /// The hash that stands for it in subjects and keys.
    pub fn hash(&self) -> String {
        hash(self.parts())
    }
}

impl fmt::Display for DeliveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            &self
                .parts()
                .map(|part| Token::new(part).to_string())
                .join("/"),
        )
    }
}

#[cfg(test)]
mod tests;
