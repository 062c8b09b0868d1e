//! Asking collectors what their master's job cache knows of a job: the event's master first, then the cluster's others.
//! It waits for nobody longer than two seconds in all, and does not decide what is asked or what an answer changes.

use std::time::Duration;

use async_nats::{Message, StatusCode};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use pillarbox_proto::lookup::{self, ERROR_HEADER, LookupReply, LookupRequest, Parts};
use pillarbox_proto::subject::Token;
use pillarbox_proto::topology::Bucket;
use pillarbox_proto::wire;
use tokio::time::{Instant, timeout_at};

use crate::nats::Nats;
use crate::read_back::subjects;
use crate::spans::{self, FutureExt as _};

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

/// Asks about a job of one cluster: its master, and if that knows nothing of it, the cluster's others. An answer that knows
/// nothing is returned only if nobody knows more.
///
/// # Errors
/// When nobody answers.
pub async fn ask(
    nats: &Nats,
    cluster: &Token,
    master: &str,
    request: &LookupRequest,
) -> Result<LookupReply, LookupError> {
    let until = Instant::now() + PATIENCE;
    let master = Token::new(master);
    let first = one(nats, cluster, &master, request, Instant::now() + FIRST).await;
    if first.as_ref().is_ok_and(LookupReply::knows) {
        return first;
    }
    let others = others(nats, cluster, &master).await;
    let asked = others
        .iter()
        .map(|other| one(nats, cluster, other, request, until));
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
    master: &Token,
    request: &LookupRequest,
    until: Instant,
) -> Result<LookupReply, LookupError> {
    let span = spans::look_up(master.as_str());
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
        return Err(LookupError::Refused(refused.to_string()));
    }
    let Some(body) = parts
        .add(headers, message.payload.clone())
        .map_err(unreadable)?
    else {
        return Ok(None);
    };
    wire::decode(headers, &body).map(Some).map_err(unreadable)
}
