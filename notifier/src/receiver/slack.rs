//! A receiver in Slack: an incoming webhook, which can only post, or a bot, which updates its message and answers in its thread.
//! It neither retries nor renders.
//!
//! `steps` decides what a bot does next, `line` sends one request, `answer` says what came back.

use std::time::Duration;

use jiff::tz::TimeZone;
use pillarbox_proto::delivery::{Notification, Receipt};
use pillarbox_proto::subject::hash;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::{Attempt, Letter, SetUpError};
use crate::render::slack::{self as layout, Look};
use crate::render::template::Words;
use bot::Bot;
use line::Line;

mod answer;

mod bot;

mod line;

mod steps;

/// One attempt, from connecting to the end of the answer.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// A receiver in Slack.
#[derive(Debug, Clone)]
pub struct Slack {
    /// Who posts.
    pub poster: Poster,
    /// How its messages look.
    pub look: Look,
}

/// Who posts, and where.
#[derive(Debug, Clone)]
pub enum Poster {
    /// An incoming webhook.
    Webhook {
        /// The whole URL: a secret, since whoever knows it can post.
        url: SecretString,
        /// Instead of the webhook's own channel. Slack apps' webhooks ignore it.
        channel: Option<String>,
    },
    /// A bot.
    Bot {
        /// Its token.
        token: SecretString,
        /// The Web API, with a slash at the end.
        api: reqwest::Url,
        /// A channel's name or id.
        channel: String,
    },
}

/// Posts for one receiver.
#[derive(Debug)]
pub enum Sender {
    /// To a webhook.
    Webhook(Webhook),
    /// As a bot.
    Bot(Bot),
}

/// Posts to one webhook.
#[derive(Debug)]
pub struct Webhook {
    url: SecretString,
    channel: Option<String>,
    look: Look,
    zone: TimeZone,
    line: Line,
}

impl Sender {
    /// Makes the client. It connects to nothing.
    pub fn new(slack: &Slack, zone: TimeZone) -> Result<Sender, SetUpError> {
        let look = slack.look.clone();
        match &slack.poster {
            Poster::Webhook { url, channel } => {
                reqwest::Url::parse(url.expose_secret()).map_err(|_| SetUpError::Url)?;
                Ok(Sender::Webhook(Webhook {
                    url: url.clone(),
                    channel: channel.clone(),
                    look,
                    zone,
                    line: Line::new(line::parts_of_url(url))?,
                }))
            }
            Poster::Bot {
                token,
                api,
                channel,
            } => Ok(Sender::Bot(Bot::new(token, api, channel, look, zone)?)),
        }
    }

    /// One attempt.
    pub async fn attempt(&self, letter: &Letter<'_>) -> Attempt {
        match self {
            Sender::Webhook(webhook) => webhook.attempt(letter).await,
            Sender::Bot(bot) => bot.attempt(letter).await,
        }
    }

    /// Hash of what a reader would see, whatever the zone.
    pub fn seen(&self, notification: &Notification, words: &Words) -> String {
        match self {
            Sender::Webhook(webhook) => shows(notification, words, &webhook.look),
            Sender::Bot(bot) => bot.seen(notification, words),
        }
    }

    /// Whether what was said can still be changed, and need not be said again.
    pub fn can_change(&self, receipt: &Receipt) -> bool {
        matches!((self, receipt), (Sender::Bot(_), Receipt::Slack { .. }))
    }
}

impl Webhook {
    async fn attempt(&self, letter: &Letter<'_>) -> Attempt {
        let mut payload = payload(letter, &self.look, &self.zone);
        self.look.dress(&mut payload);
        if let Some(channel) = &self.channel {
            payload["channel"] = channel.as_str().into();
        }
        let request = self.line.post(self.url.expose_secret(), &payload);
        match self.line.send(request).await {
            Ok(answer) => answer::of_webhook(&answer),
            Err(attempt) => *attempt,
        }
    }
}

/// Host and port that are called: of a webhook's URL nothing else is no secret.
pub(super) fn host(slack: &Slack) -> (String, u16) {
    let url = match &slack.poster {
        Poster::Webhook { url, .. } => reqwest::Url::parse(url.expose_secret()).ok(),
        Poster::Bot { api, .. } => Some(api.clone()),
    };
    let host = url.as_ref().and_then(|url| url.host_str());
    let port = url.as_ref().and_then(reqwest::Url::port_or_known_default);
    (
        host.unwrap_or_default().to_owned(),
        port.unwrap_or_default(),
    )
}

/// The message of a letter, in full or in its smaller form.
fn payload(letter: &Letter<'_>, look: &Look, zone: &TimeZone) -> Value {
    let notification = &letter.delivery.notification;
    if letter.smaller {
        layout::smaller(notification, zone, letter.follow_up, letter.words)
    } else {
        layout::styled(
            notification,
            zone,
            letter.follow_up,
            letter.words,
            &look.style,
        )
    }
}

/// Hash of what a message shows, whatever the zone.
pub(crate) fn shows(notification: &Notification, words: &Words, look: &Look) -> String {
    let message = layout::styled(notification, &TimeZone::UTC, false, words, &look.style);
    hash([message.to_string().as_str()])
}

#[cfg(test)]
mod tests;
