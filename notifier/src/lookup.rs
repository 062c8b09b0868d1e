//! Asking collectors what their master's job cache knows of a job: the event's master first, then the cluster's others.
//! It waits for nobody longer than two seconds in all, and does not decide what is asked or what an answer changes.

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::{Message, StatusCode};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use pillarbox_proto::lookup::{
    self, ERROR_CODE_HEADER, ERROR_HEADER, LookupReply, LookupRequest, NO_JOB_CACHE, Parts,
};
use pillarbox_proto::salt::MinionId;
use pillarbox_proto::subject::Token;
use pillarbox_proto::topology::Bucket;
use pillarbox_proto::wire;
use tokio::time::{Instant, timeout_at};

use crate::digest::fold::{Ask, Fold};
use crate::nats::Nats;
use crate::read_back::subjects;
use crate::spans::{self, FutureExt as _};
use crate::telemetry;

/// All answers to one message's questions come within this, or it goes without.
pub const PATIENCE: Duration = Duration::from_secs(2);
/// Of that, what the event's own master has for itself.
const FIRST: Duration = Duration::from_secs(1);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// No collector is there.
    #[error("no collector listens")]
    Nobody,
    /// None answered in time.
    #[error("no collector answered within {} s", PATIENCE.as_secs())]
    Late,
    /// The master keeps no job cache: there is nothing to be missed.
    #[error("{0}")]
    NoJobCache(String),
    /// A collector refused, in its words.
    #[error("{0}")]
    Refused(String),
    /// NATS took no question.
    #[error("cannot ask over NATS")]
    Nats(#[source] async_nats::Error),
    /// What came is no answer.
    #[error("cannot read the answer")]
    Unreadable(#[source] async_nats::Error),
}

fn unreadable<E: Into<async_nats::Error>>(source: E) -> LookupError {
    LookupError::Unreadable(source.into())
}

/// The fold with what the masters' job caches add about these minions; `None` if there is nothing to ask.
pub async fn enriched(
    nats: &Nats,
    cluster: &Token,
    fold: &Fold,
    minions: &BTreeSet<MinionId>,
) -> Option<Fold> {
    let question = |asked: Ask| async move {
        let answer = ask(nats, cluster, &asked.master, &asked.request).await;
        (asked, answer)
    };
    let questions: FuturesUnordered<_> = fold.asks(minions).into_iter().map(question).collect();
    let answers: Vec<_> = questions.collect().await;
    let mut enriched = (!answers.is_empty()).then(|| fold.clone())?;
    for (asked, answer) in answers {
        match answer {
            Ok(reply) => enriched.learn(&asked, reply),
            Err(LookupError::NoJobCache(_)) => {}
            Err(error) => {
                let why = telemetry::chain(&error);
                tracing::info!(salt.jid = %asked.request.jid, salt.master = asked.master, why, "no look-up: telling what the bus had");
                enriched.unanswered(&asked, &why);
            }
        }
    }
    enriched.say_what_is_cut(minions);
    Some(enriched)
}

/// Asks about a job of one cluster: its master, and if that knows nothing of it, the cluster's others. An answer that knows
/// nothing is returned only if nobody knows more.
///
/// # Errors
/// When nobody answers.
async fn ask(
    nats: &Nats,
    cluster: &Token,
    master: &str,
    request: &LookupRequest,
) -> Result<LookupReply, LookupError> {
    let until = Instant::now() + PATIENCE;
    let (name, master) = (master, Token::new(master));
    let soon = Instant::now() + FIRST;
    let first = one(nats, cluster, (name, &master), request, soon).await;
    if first.as_ref().is_ok_and(LookupReply::knows) {
        return first;
    }
    let others = others(nats, cluster, &master).await;
    let asked = others
        .iter()
        .map(|other| one(nats, cluster, (other.as_str(), other), request, until));
    let mut answers: FuturesUnordered<_> = asked.collect();
    while let Some(answer) = answers.next().await {
        if answer.as_ref().is_ok_and(LookupReply::knows) {
            return answer;
        }
    }
    first
}

/// The cluster's other collectors, as far as they ever wrote how far they heard. None where that cannot be read.
async fn others(nats: &Nats, cluster: &Token, master: &Token) -> Vec<Token> {
    let bucket = nats.topology.bucket_name(Bucket::Collectors);
    let prefix = format!("$KV.{bucket}.{cluster}.");
    let filter = format!("{prefix}*");
    let known = subjects(nats, &format!("KV_{bucket}"), &filter).await;
    let keys = known.map(|(_, subjects)| subjects).unwrap_or_default();
    let masters = keys
        .keys()
        .filter_map(|key| Token::parse(key.strip_prefix(&prefix)?));
    masters.filter(|other| other != master).collect()
}

/// One collector's answer, in a span of its own.
async fn one(
    nats: &Nats,
    cluster: &Token,
    (name, master): (&str, &Token),
    request: &LookupRequest,
    until: Instant,
) -> Result<LookupReply, LookupError> {
    let span = spans::look_up(name);
    let answer = answer(nats, cluster, master, request, until);
    answer.with_context(span).await
}

async fn answer(
    nats: &Nats,
    cluster: &Token,
    master: &Token,
    request: &LookupRequest,
    until: Instant,
) -> Result<LookupReply, LookupError> {
    let client = nats.jetstream.client();
    let (mut headers, body) = wire::encode(request).map_err(unreadable)?;
    spans::inject(&mut headers);
    let asked = |error: async_nats::Error| LookupError::Nats(error);
    let inbox = client.new_inbox();
    let answered = async {
        let mut answers = client
            .subscribe(inbox.clone())
            .await
            .map_err(|error| asked(error.into()))?;
        let subject = lookup::subject(cluster, master);
        let sent = client.publish_with_reply_and_headers(subject, inbox, headers, body);
        sent.await.map_err(|error| asked(error.into()))?;
        let mut parts = Parts::default();
        while let Some(message) = answers.next().await {
            if let Some(reply) = part(&mut parts, &message)? {
                return Ok(reply);
            }
        }
        Err(LookupError::Late) // the connection was closed
    };
    timeout_at(until, answered)
        .await
        .unwrap_or(Err(LookupError::Late))
}

/// One message of an answer; the answer, if it is the last of it.
fn part(parts: &mut Parts, message: &Message) -> Result<Option<LookupReply>, LookupError> {
    if message.status == Some(StatusCode::NO_RESPONDERS) {
        return Err(LookupError::Nobody);
    }
    let headers = message.headers.as_ref();
    if let Some(refused) = headers.and_then(|headers| headers.get(ERROR_HEADER)) {
        let code = headers.and_then(|headers| headers.get(ERROR_CODE_HEADER));
        return Err(match code.and_then(|code| code.as_str().parse().ok()) {
            Some(NO_JOB_CACHE) => LookupError::NoJobCache(refused.to_string()),
            Some(_) | None => LookupError::Refused(refused.to_string()),
        });
    }
    let Some(body) = parts
        .add(headers, message.payload.clone())
        .map_err(unreadable)?
    else {
        return Ok(None);
    };
    wire::decode(headers, &body).map(Some).map_err(unreadable)
}
