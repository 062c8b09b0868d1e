//! Subjects, tokens, ids and hashes: how everything on NATS is named.
//! It neither publishes nor subscribes; a name is the same wherever it is made.
//!
//! A token is bounded *after* escaping: a subject line over 4 KiB makes the server close the connection, again and again.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::event::{Event, Outcome, What};
use crate::salt::{Jid, MinionId};

/// Longest cluster or job token, in bytes.
const NAME_BYTES: usize = 64;
/// Longest function, dots included, in bytes.
const FUN_BYTES: usize = 96;
/// Longest minion token in an id, in bytes.
const MINION_BYTES: usize = 255;
/// A hash as written: 16 bytes in hex.
const HASH_BYTES: usize = 32;

/// One part of a subject or key, escaped and bounded: `A-Za-z0-9_-` and `=XX` for every other byte.
///
/// A text too long becomes its beginning, `=` and its hash; the body of a message has the full text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(String);

impl Token {
    /// A cluster, a job, a group, a receiver: 64 bytes at most.
    pub fn new(text: &str) -> Token {
        Token::bounded(text, NAME_BYTES)
    }

    fn bounded(text: &str, max: usize) -> Token {
        let escaped = if text.is_empty() {
            "=".to_owned()
        } else {
            escape(text, b"-_")
        };
        Token(bound(escaped, text, max))
    }

    /// A token read back from a subject; `None` if none of ours looks so.
    pub fn parse(token: &str) -> Option<Token> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=".contains(&byte);
        (!token.is_empty() && token.len() <= MINION_BYTES && token.bytes().all(plain))
            .then(|| Token(token.to_owned()))
    }

    /// As it stands in a subject.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn escape(text: &str, plain: &[u8]) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("={byte:02X}"));
        }
    }
    escaped
}

/// Cuts an escaped text to `max` bytes, so that two texts never become one token: what looks like a cut one is hashed too.
fn bound(escaped: String, text: &str, max: usize) -> String {
    let keep = max - HASH_BYTES - 1;
    let looks_cut = escaped.len() == max
        && escaped.as_bytes().get(keep) == Some(&b'=')
        && escaped
            .bytes()
            .skip(keep + 1)
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if escaped.len() <= max && !looks_cut {
        return escaped;
    }
    let mut prefix: String = escaped.chars().take(keep).collect();
    if let Some(at) = prefix.rfind('=').filter(|at| at + 3 > prefix.len()) {
        prefix.truncate(at); // never in the middle of an escape
    }
    format!("{}={}", prefix.trim_end_matches('.'), hash([text]))
}

/// The first 16 bytes of SHA-256 over the parts as a JSON array, in lower-case hex: every hash that Pillarbox writes.
pub fn hash<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let array = serde_json::Value::from_iter(parts);
    hex(&Sha256::digest(array.to_string())[..HASH_BYTES / 2])
}

/// The whole SHA-256 of some bytes, in lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A function at the end of a subject, with Salt's own dot where that is possible.
fn fun_tokens(fun: &str) -> String {
    let dots = !fun.split('.').any(str::is_empty);
    let escaped = match (fun.is_empty(), dots) {
        (true, _) => "=".to_owned(),
        (false, true) => escape(fun, b"-_."),
        (false, false) => escape(fun, b"-_"),
    };
    bound(escaped, fun, FUN_BYTES)
}

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

/// Names of one group of workers: everything but `EVENTS` carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group(Token);

impl Group {
    /// `None` for the names that subjects need for themselves, and for an empty one: `dead` and `lookup` stand where a group
    /// does, and `collector` does so among the dead letters.
    pub fn new(name: &str) -> Option<Group> {
        (!matches!(name, "dead" | "lookup" | "collector" | "")).then(|| Group(Token::new(name)))
    }

    /// Its token.
    pub fn token(&self) -> &Token {
        &self.0
    }

    /// The job that somebody wants to hear about, not settled yet.
    pub fn open(&self, cluster: &Token, job: &Token) -> String {
        format!("pillarbox.v1.{}.open.{cluster}.{job}", self.0)
    }

    /// Every open job.
    pub fn open_filter(&self) -> String {
        format!("pillarbox.v1.{}.open.>", self.0)
    }

    /// The check that nothing slipped in while the open message with this stream sequence was settled.
    pub fn verify(&self, cluster: &Token, job: &Token, open_sequence: u64) -> String {
        format!(
            "pillarbox.v1.{}.verify.{cluster}.{job}.{open_sequence}",
            self.0
        )
    }

    /// A route's messages above its storm limit in one window.
    pub fn storm(&self, route: &Token, window: &Token) -> String {
        format!("pillarbox.v1.{}.storm.{route}.{window}", self.0)
    }

    /// Everything of this group on `OPEN_JOBS`.
    pub fn work_filter(&self) -> String {
        format!("pillarbox.v1.{}.>", self.0)
    }

    /// One delivery.
    pub fn deliver(&self, key: &DeliveryKey) -> String {
        format!(
            "pillarbox.v1.{}.deliver.{}.{}.{}",
            self.0,
            Token::new(&key.receiver),
            key.transport,
            key.hash()
        )
    }

    /// Every delivery to one receiver by one transport.
    pub fn deliver_filter(&self, receiver: &str, transport: &str) -> String {
        format!(
            "pillarbox.v1.{}.deliver.{}.{transport}.*",
            self.0,
            Token::new(receiver)
        )
    }

    /// A delivery that was given up.
    pub fn dead(&self, receiver: &str, reason: &str) -> String {
        format!(
            "pillarbox.v1.dead.{}.{}.{}",
            self.0,
            Token::new(receiver),
            Token::new(reason)
        )
    }

    /// The key of `JOBS` for a job.
    pub fn job_key(&self, cluster: &Token, job: &Token) -> String {
        format!("{}.{cluster}.{job}", self.0)
    }

    /// The key of `LEDGER` for a delivery.
    pub fn ledger_key(&self, key: &DeliveryKey) -> String {
        format!("{}.{}", self.0, key.hash())
    }

    /// The key of `PAUSES` for a destination.
    pub fn pause_key(&self, receiver: &str, transport: &str) -> String {
        format!("{}.{}.{transport}", self.0, Token::new(receiver))
    }

    /// The key of `FAULTS` for a minion and what ran on it.
    pub fn fault_key(&self, cluster: &Token, run: &str, minion: &MinionId) -> String {
        format!("{}.{cluster}.{run}.{}", self.0, minion_token(minion))
    }

    /// The keys of `FAULTS` of everything that ran as `run`.
    pub fn fault_filter(&self, cluster: &Token, run: &str) -> String {
        format!("{}.{cluster}.{run}.*", self.0)
    }
}

/// A minion in a key or id.
pub fn minion_token(minion: &MinionId) -> Token {
    Token::bounded(&minion.0, MINION_BYTES)
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
        f.write_str(&self.parts().map(|part| Token::new(part).0).join("/"))
    }
}

/// Ids of events (`Nats-Msg-Id`): parts escaped as tokens, joined by `/`. None hashes arguments.
pub mod id {
    use super::{Jid, MinionId, Token, hash, minion_token};

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
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tokens_are_readable_where_they_can_be() {
        let check = |text: &str, expect: &str| assert_eq!(Token::new(text).as_str(), expect);
        check("prod", "prod");
        check("web1.example.com", "web1=2Eexample=2Ecom");
        check("", "=");
        check("a=b", "a=3Db");
        check("ü", "=C3=BC");
    }

    #[test]
    fn functions_keep_salts_dot() {
        let check = |fun: &str, expect: &str| assert_eq!(fun_tokens(fun), expect);
        check("state.apply", "state.apply");
        check("", "=");
        check("a..b", "a=2E=2Eb");
        check(".x", "=2Ex");
        check("state.*", "state.=2A");
        assert!(fun_tokens(&"x.".repeat(2500)).len() <= FUN_BYTES);
        assert!(
            !fun_tokens(&"x.".repeat(2500)).contains(".="),
            "no empty token before the hash"
        );
    }

    #[test]
    fn filters_say_what_a_subject_can() {
        let check = |fun: &str, expect: &str| assert_eq!(fun_filter(fun), expect);
        check("*", ">");
        check("state.*", "state.>");
        check("state.apply", "state.apply");
        check("*.sls", ">");
        check("E@state\\..*", ">");
        check("!test.ping", ">");
        check("state.s*", ">");
        assert_eq!(
            event_filter(EventKind::Ret(Outcome::Failed), "state.*"),
            "salt.v1.*.*.ret.failed.state.>"
        );
    }

    #[test]
    fn a_hash_is_sixteen_bytes_of_sha_256_over_a_json_array() {
        // printf '["a","b"]' | sha256sum | cut -c1-32
        assert_eq!(
            hash(["a", "b"]),
            "0473ef2dc0d324ab659d3580c1134e9d".to_owned()
        );
    }

    #[test]
    fn ids_tell_a_batch_from_its_only_chunk() {
        let minions = [MinionId("b".into()), MinionId("a".into())];
        let of = |batch| {
            let published = id::Published {
                fun: "test.ping",
                target_type: "list",
                target: "a,b",
                batch,
                minions: &minions,
            };
            id::new("prod", "20261122012254116336", &published)
        };
        assert_ne!(of(true), of(false));
        assert!(of(true).starts_with("prod/20261122012254116336/new/"));
    }

    #[test]
    fn group_names_that_subjects_need_are_refused() {
        assert!(
            Group::new("dead").is_none()
                && Group::new("lookup").is_none()
                && Group::new("collector").is_none()
                && Group::new("").is_none()
        );
        assert_eq!(
            Group::new("main").unwrap().work_filter(),
            "pillarbox.v1.main.>"
        );
    }

    proptest! {
        #[test]
        fn tokens_are_bounded_and_valid_in_subjects_and_keys(text in ".{0,200}") {
            let token = Token::new(&text);
            prop_assert!(token.as_str().len() <= NAME_BYTES);
            prop_assert_eq!(Token::parse(token.as_str()), Some(token));
        }

        #[test]
        fn different_texts_are_different_tokens(a in "[a-f0-9=.]{0,70}", b in "[a-f0-9=.]{0,70}") {
            prop_assert_eq!(a == b, Token::new(&a) == Token::new(&b));
        }

        #[test]
        fn functions_are_bounded_and_make_no_empty_token(fun in ".{0,300}") {
            let tokens = fun_tokens(&fun);
            prop_assert!(tokens.len() <= FUN_BYTES);
            prop_assert!(tokens.split('.').all(|token| Token::parse(token).is_some()), "{}", tokens);
        }
    }
}
