//! A bot: `chat.postMessage` for a message and for its thread, `chat.update` when it changes.
//! It makes one request an attempt and keeps nothing: what it did stands in the receipt.

use jiff::tz::TimeZone;
use pillarbox_proto::delivery::{Notification, Receipt};
use pillarbox_proto::subject::hash;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::super::{Attempt, Letter, SetUpError};
use super::answer::{self, Posted};
use super::line::Line;
use super::steps::{self, Said, Step};
use super::{payload, shows};
use crate::render::slack::{self as layout, Detail, Look};
use crate::render::template::Words;

/// Posts as a bot into one channel.
#[derive(Debug)]
pub struct Bot {
    token: SecretString,
    api: reqwest::Url,
    channel: String,
    look: Look,
    zone: TimeZone,
    line: Line,
}

impl Bot {
    pub(super) fn new(
        token: &SecretString,
        api: &reqwest::Url,
        channel: &str,
        look: Look,
        zone: TimeZone,
    ) -> Result<Bot, SetUpError> {
        Ok(Bot {
            token: token.clone(),
            api: api.clone(),
            channel: channel.to_owned(),
            look,
            zone,
            line: Line::new(vec![token.clone()])?,
        })
    }

    /// Hash of what a reader would see in the channel and in the thread, whatever the zone.
    pub(super) fn seen(&self, notification: &Notification, words: &Words) -> String {
        let (details, _) = layout::details(notification, &TimeZone::UTC, words);
        let shown = shows(notification, words, &self.look);
        let ids = details.iter().map(|detail| detail.id.as_str());
        hash(std::iter::once(shown.as_str()).chain(ids))
    }

    /// The next step of what there is to do.
    pub(super) async fn attempt(&self, letter: &Letter<'_>) -> Attempt {
        let notification = &letter.delivery.notification;
        let shows = shows(notification, letter.words, &self.look);
        let (details, more) = layout::details(notification, &self.zone, letter.words);
        let done = match steps::next(letter.receipt, &shows, &details) {
            Step::Post => self.post(letter, &shows).await,
            Step::Update(said) => self.update(letter, said, &shows).await,
            Step::Reply(said, details) => self.reply(letter, said, &details, more).await,
            Step::Nothing(said) => Ok(said.showing(&shows)),
        };
        let receipt = match done {
            Ok(receipt) => receipt,
            Err(attempt) => return *attempt,
        };
        match steps::next(Some(&receipt), &shows, &details) {
            Step::Update(_) | Step::Reply(..) => Attempt::Begun { receipt },
            Step::Nothing(_) | Step::Post => Attempt::Delivered(receipt),
        }
    }

    async fn post(&self, letter: &Letter<'_>, shows: &str) -> Result<Receipt, Box<Attempt>> {
        let mut payload = payload(letter, &self.look, &self.zone);
        payload["channel"] = self.channel.as_str().into();
        payload["client_msg_id"] = message_id(letter, "message").into();
        self.look.dress(&mut payload);
        let posted = answer::of_post(&self.call("chat.postMessage", &payload).await?)?;
        Ok(match posted {
            Some(Posted { channel, ts }) => Receipt::Slack {
                channel,
                ts,
                shows: shows.to_owned(),
                details: Vec::new(),
                details_refused: None,
            },
            None => Receipt::SlackWebhook,
        })
    }

    async fn update(
        &self,
        letter: &Letter<'_>,
        said: Said<'_>,
        shows: &str,
    ) -> Result<Receipt, Box<Attempt>> {
        let mut payload = payload(letter, &self.look, &self.zone);
        payload["channel"] = said.channel.into();
        payload["ts"] = said.ts.into();
        // What is not stated stays as it was: another style, or the smaller form, would stand beside the old one.
        for part in ["blocks", "attachments"] {
            if payload[part].is_null() {
                payload[part] = json!([]);
            }
        }
        let answer = self.call("chat.update", &payload).await;
        let answer = answer.map_err(|attempt| answer::repeatable(*attempt))?;
        answer::of_update(&answer)?;
        Ok(said.showing(shows))
    }

    /// Details that are refused are let go: the message itself is there.
    async fn reply(
        &self,
        letter: &Letter<'_>,
        said: Said<'_>,
        details: &[Detail],
        more: usize,
    ) -> Result<Receipt, Box<Attempt>> {
        let (mut payload, count) = if letter.smaller {
            layout::smaller_reply(details)
        } else {
            layout::reply(details, more)
        };
        let told = details.get(..count).unwrap_or(details);
        let ids: String = told.iter().map(|detail| detail.id.as_str()).collect();
        payload["channel"] = said.channel.into();
        payload["thread_ts"] = said.ts.into();
        payload["client_msg_id"] = message_id(letter, &ids).into();
        self.look.dress(&mut payload);
        let answer = self.call("chat.postMessage", &payload).await?;
        let Err(attempt) = answer::of_reply(&answer) else {
            return Ok(said.with(told, None));
        };
        let hopeless = matches!(*attempt, Attempt::Refused { .. });
        let too_large = matches!(*attempt, Attempt::TooLarge { .. });
        if hopeless || (too_large && letter.smaller) {
            return Ok(said.with(details, Some(attempt.why().to_owned())));
        }
        Err(attempt)
    }

    async fn call(&self, method: &str, payload: &Value) -> Result<answer::Answer, Box<Attempt>> {
        let url = format!("{}{method}", self.api);
        let request = self.line.post(&url, payload);
        let request = request.bearer_auth(self.token.expose_secret());
        self.line.send(request).await
    }
}

/// The same for the same part of the same version, as a UUID: Slack knows the field, and does not promise to look at it
/// (DELIVERY.md §B7).
fn message_id(letter: &Letter<'_>, part: &str) -> String {
    let (key, version) = (letter.delivery.key.hash(), letter.delivery.version);
    let hash = hash([key.as_str(), &version.to_string(), part]);
    let digits: Vec<char> = hash.chars().collect();
    let run = |from: usize, to: usize| -> String {
        digits.get(from..to).unwrap_or_default().iter().collect()
    };
    // Version 8, "custom", and the variant of RFC 9562.
    format!(
        "{}-{}-8{}-8{}-{}",
        run(0, 8),
        run(8, 12),
        run(13, 16),
        run(17, 20),
        run(20, 32)
    )
}
