//! One question of the look-up answered: read, looked up beside the runtime, and sent in parts.
//! It takes no question itself, and does not know where jobs are kept.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::service::{Request, error::Error as ServiceError};
use async_nats::{Client, HeaderMap};
use bytes::Bytes;
use pillarbox_proto::lookup::{LookupReply, LookupRequest, NO_JOB_CACHE, parts};
use pillarbox_proto::wire;
use pillarbox_telemetry::spans::TraceContextExt as _;

use crate::config::{Config, NoJobCache};
use crate::counts::Counts;
use crate::job_cache::{JobCache, LookupError};
use crate::normalize::Origin;
use crate::spans;

/// A return is on the disk up to 10 ms after its event (SALT.md §5): how often it is looked for, and how long after each.
const LOOKS: u32 = 5;
const BETWEEN: Duration = Duration::from_millis(10);
/// More minions than this are not waited for: whoever asks for them does not ask because of an event just heard.
const AWAITED: usize = 64;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("the question cannot be read: {0}")]
    Question(#[from] wire::DecodeError),
    #[error("{0}")]
    NoCache(#[from] NoJobCache),
    #[error("{0}")]
    Lookup(#[from] LookupError),
    #[error("the answer cannot be written: {0}")]
    Answer(#[from] serde_json::Error),
    #[error("the look-up failed: please report it with the jid")]
    Defect(#[from] tokio::task::JoinError),
}

impl Refusal {
    /// As HTTP numbers them, which is what the micro protocol's users expect.
    fn code(&self) -> usize {
        match self {
            Refusal::Question(_) | Refusal::Lookup(LookupError::Jid) => 400,
            Refusal::Lookup(LookupError::TooLarge) => 413,
            Refusal::Lookup(LookupError::Cache(_)) | Refusal::Answer(_) | Refusal::Defect(_) => 500,
            Refusal::NoCache(_) => NO_JOB_CACHE,
        }
    }
}

/// Where questions are answered.
#[derive(Debug)]
pub struct Desk {
    job_cache: Result<JobCache, NoJobCache>,
    pub(super) origin: Origin,
    pub(super) client: Client,
    counts: Arc<Counts>,
    said: Mutex<BTreeSet<String>>,
}

impl Desk {
    /// For the master that the configuration names.
    pub fn new(config: &Config, client: Client, counts: Arc<Counts>) -> Desk {
        Desk {
            job_cache: config.job_cache.clone(),
            origin: config.origin(),
            client,
            counts,
            said: Mutex::default(),
        }
    }

    /// Answers, or says why not.
    pub(super) async fn reply(&self, question: &Request) {
        let sent = match self.answer(&question.message).await {
            Ok((headers, body)) => self.send(question, &headers, &body).await,
            Err(refusal) => self.refuse(question, &refusal).await,
        };
        if let Err(error) = sent {
            self.complain(&format!("an answer cannot be sent: {error}"));
        }
    }

    async fn answer(&self, message: &async_nats::Message) -> Result<(HeaderMap, Bytes), Refusal> {
        let request: LookupRequest = wire::decode(message.headers.as_ref(), &message.payload)?;
        let span = spans::answering(message.headers.as_ref(), &request.jid);
        let answer = self.look_up(request).await;
        span.span().end();
        answer
    }

    async fn look_up(&self, request: LookupRequest) -> Result<(HeaderMap, Bytes), Refusal> {
        let cache = self.job_cache.clone()?;
        if let Some(minions) = request.minions.as_ref().filter(|ids| ids.len() <= AWAITED) {
            let (cache, jid, minions) = (cache.clone(), request.jid.clone(), minions.clone());
            await_returns(move || cache.has_returns(&jid, &minions)).await?;
        }
        let origin = self.origin.clone();
        let read = move || -> Result<_, Refusal> {
            let reply = cache.answer(&origin, &request)?;
            Ok((wire::encode(&reply)?, reply))
        };
        let (encoded, reply) = tokio::task::spawn_blocking(read).await??;
        self.count(&reply);
        Ok(encoded)
    }

    fn count(&self, reply: &LookupReply) {
        let known = reply.knows();
        self.counts
            .lookups
            .one(if known { "answered" } else { "unknown" });
        self.counts.lookup_problems.add(reply.problems.len());
        for problem in &reply.problems {
            self.complain(&format!(
                "a look-up found what it cannot read: {}",
                problem.error
            ));
        }
    }

    /// Every part but the last goes out unasked; the last one is what the service counts.
    async fn send(
        &self,
        question: &Request,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Result<(), async_nats::PublishError> {
        let most = self.client.server_info().max_payload;
        let mut messages = parts(headers, body, most);
        let (last, reply) = (messages.pop(), question.message.reply.clone());
        for (headers, part) in messages {
            if let Some(reply) = &reply {
                self.client
                    .publish_with_headers(reply.clone(), headers, part)
                    .await?;
            }
        }
        match last {
            Some((headers, part)) => question.respond_with_headers(Ok(part), headers).await,
            None => Ok(()),
        }
    }

    async fn refuse(
        &self,
        question: &Request,
        refusal: &Refusal,
    ) -> Result<(), async_nats::PublishError> {
        self.counts.lookups.one("refused");
        if refusal.code() >= 500 {
            self.complain(&format!("nothing can be looked up: {refusal}"));
        }
        let error = ServiceError {
            status: refusal.to_string(),
            code: refusal.code(),
        };
        question.respond(Err(error)).await
    }

    /// Once for each class of problems: they differ in their numbers.
    fn complain(&self, text: &str) {
        let class = text
            .split(|c: char| c.is_ascii_digit())
            .next()
            .unwrap_or(text);
        let mut said = self.said.lock().unwrap_or_else(|e| e.into_inner());
        if said.insert(class.to_owned()) {
            tracing::warn!("{text}; the like is only counted from now on");
        }
    }
}

/// Looks until all are there, for about 50 ms.
async fn await_returns(
    are_there: impl Fn() -> bool + Clone + Send + 'static,
) -> Result<(), tokio::task::JoinError> {
    for _ in 0..LOOKS {
        if tokio::task::spawn_blocking(are_there.clone()).await? {
            break;
        }
        tokio::time::sleep(BETWEEN).await;
    }
    Ok(())
}
