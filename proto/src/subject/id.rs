//! Ids of events (`Nats-Msg-Id`): parts escaped as tokens, joined by `/`. None hashes arguments.
//! An id is what makes an event the same when it is published again; nothing is looked up here.

use super::{Token, hash, minion_token};
use crate::salt::{Jid, MinionId};

/// A return: cluster, jid, `ret`, minion. `jid` is the job's `x-…` where Salt's is irregular.
pub fn ret(cluster: &str, jid: &str, minion: &MinionId) -> String {
    format!(
        "{}/{}/ret/{}",
        Token::new(cluster),
        Token::new(jid),
        minion_token(minion)
    )
}

/// A `new`: cluster, jid, `new` and a hash, since 3008's batch fires several with disjoint minions under one jid.
///
/// `batch` marks 3008's announcement of the whole batch, which may name the same minions as its only chunk.
pub fn new(cluster: &str, jid: &str, published: &Published<'_>) -> String {
    let mut minions: Vec<&str> = published
        .minions
        .iter()
        .map(|minion| minion.0.as_str())
        .collect();
    minions.sort_unstable();
    let head = [
        published.fun,
        published.target_type,
        published.target,
        if published.batch { "batch" } else { "" },
    ];
    let hash = hash(head.into_iter().chain(minions));
    format!("{}/{}/new/{hash}", Token::new(cluster), Token::new(jid))
}

/// What tells one `new` of a jid from another.
#[derive(Debug)]
pub struct Published<'a> {
    /// The functions, joined by commas.
    pub fun: &'a str,
    /// Salt's `tgt_type`; empty for a runner.
    pub target_type: &'a str,
    /// The target as a person would type it; empty for a runner.
    pub target: &'a str,
    /// 3008's announcement of a batch.
    pub batch: bool,
    /// The expected minions, in any order.
    pub minions: &'a [MinionId],
}

/// The end of 3008's batch.
pub fn end(cluster: &str, jid: &str) -> String {
    format!("{}/{}/end", Token::new(cluster), Token::new(jid))
}

/// A sign of life: at most one a minute counts. `minute` is `YYYYMMDDhhmm`.
pub fn beat(cluster: &str, jid: &str, minute: &str) -> String {
    format!(
        "{}/{}/beat/{}",
        Token::new(cluster),
        Token::new(jid),
        Token::new(minute)
    )
}

/// What ran: function, redacted arguments, schedule name. The same whoever runs it and whenever.
pub fn run(fun: &str, args: &[String], schedule: Option<&str>) -> String {
    let schedule = schedule.unwrap_or_default();
    hash(
        [fun]
            .into_iter()
            .chain(args.iter().map(String::as_str))
            .chain([schedule]),
    )
}

/// The job of a return that no `new` announces.
pub fn run_job(run: &str) -> String {
    format!("run-{run}")
}

/// The job of an event with an irregular jid: tag and body are the event.
pub fn irregular_job(tag: &str, body: &[u8]) -> String {
    format!("x-{}", hash([tag, &super::sha256_hex(body)]))
}

/// Whether a job token names runs that share one subject, so that it is read by windows.
pub fn is_run_job(job: &str) -> bool {
    job.starts_with("run-")
}

/// The jid as ids have it: Salt's own, or the irregular job's.
pub fn jid_part<'a>(jid: &'a Jid, irregular: Option<&'a str>) -> &'a str {
    irregular.unwrap_or(&jid.0)
}
