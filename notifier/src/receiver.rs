//! Receivers: who is told, by which transport, and what one attempt at it can come to.
//! It decides nothing about an attempt: what follows is `retry`'s.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use pillarbox_proto::delivery::{Delivery, Notification, Receipt};
use pillarbox_proto::digest::Job;

use crate::render::template::Words;

pub mod slack;

pub mod email;

/// One receiver of the configuration. Its secrets do not print.
#[derive(Debug, Clone)]
pub struct Receiver {
    /// Its name, unique.
    pub name: String,
    /// How it is reached.
    pub transport: Transport,
    /// How old a delivery may become before it is given up; 24 h unless configured.
    pub deadline: Duration,
    /// What is done about a message of which nobody knows whether it arrived.
    pub on_ambiguous: OnAmbiguous,
}

/// How a receiver is reached.
#[derive(Debug, Clone)]
pub enum Transport {
    /// A channel of Slack, by an incoming webhook or as a bot.
    Slack(slack::Slack),
    /// Mail, handed to one SMTP server.
    Email(email::Mailbox),
}

impl Transport {
    /// As in subjects and keys.
    pub fn name(&self) -> &'static str {
        match self {
            Transport::Slack(_) => "slack",
            Transport::Email(_) => "email",
        }
    }
}

/// What is done about a message of which nobody knows whether it arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnAmbiguous {
    /// It is sent again: rather twice than never.
    #[default]
    Resend,
    /// It becomes a dead letter that a person looks at: rather never than twice.
    Hold,
}

/// What one attempt at the outside came to. `why` is what the far side said, bounded, and never a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// The far side has it.
    Delivered(Receipt),
    /// The far side has a part of it, and the next one can be sent at once.
    Begun {
        /// What is known so far.
        receipt: Receipt,
    },
    /// What was said before was to be changed, and cannot be: what is new needs a message of its own.
    Unchangeable {
        /// Its words.
        why: String,
    },
    /// Some recipients are settled: they have it, or were refused for good. The others are tried again, alone.
    Partly {
        /// What is known so far.
        receipt: Receipt,
        /// Not before this: greylisting.
        at_least: Duration,
        /// Why not all.
        why: String,
    },
    /// Not now, says the far side, and means everybody.
    Throttled {
        /// For so long.
        retry_after: Option<Duration>,
        /// Its words.
        why: String,
    },
    /// Nothing was sent, or the far side is in trouble: it would be so for any message.
    Unreached {
        /// What happened.
        why: String,
    },
    /// Nothing was accepted, and it may be this message's affair.
    Retry {
        /// Not before this: greylisting.
        at_least: Duration,
        /// What happened.
        why: String,
    },
    /// It was sent, and no answer came: nobody knows.
    Ambiguous {
        /// What happened.
        why: String,
    },
    /// An answer that makes no sense, as from a proxy that wants a login.
    Unclear {
        /// Its beginning.
        why: String,
    },
    /// A refusal that this version does not know.
    Unheard {
        /// Its words.
        why: String,
    },
    /// Too much, or too rich: a smaller form may be taken.
    TooLarge {
        /// Its words.
        why: String,
    },
    /// The destination will not work before a person has done something.
    Broken {
        /// Its words.
        why: String,
    },
    /// This message will never be taken.
    Refused {
        /// Its words.
        why: String,
    },
}

impl Attempt {
    /// Recipients who never get it, and what was said about them, where others have it.
    pub fn refused(&self) -> Vec<(&str, &str)> {
        let Attempt::Delivered(Receipt::Smtp { recipients, .. }) = self else {
            return Vec::new();
        };
        let refused = recipients
            .iter()
            .filter(|(_, reply)| !reply.starts_with('2'));
        refused
            .map(|(to, reply)| (to.as_str(), reply.as_str()))
            .collect()
    }

    /// Why details are missing below a message that stands.
    pub fn details_refused(&self) -> Option<&str> {
        let Attempt::Delivered(Receipt::Slack {
            details_refused, ..
        }) = self
        else {
            return None;
        };
        details_refused.as_deref()
    }

    /// What the far side said; empty if it took the message.
    pub fn why(&self) -> &str {
        match self {
            Attempt::Delivered(_) | Attempt::Begun { .. } => "",
            Attempt::Partly { why, .. }
            | Attempt::Unchangeable { why }
            | Attempt::Unheard { why }
            | Attempt::Throttled { why, .. }
            | Attempt::Unreached { why }
            | Attempt::Retry { why, .. }
            | Attempt::Ambiguous { why }
            | Attempt::Unclear { why }
            | Attempt::TooLarge { why }
            | Attempt::Broken { why }
            | Attempt::Refused { why } => why,
        }
    }
}

/// What is sent in one attempt.
#[derive(Debug, Clone, Copy)]
pub struct Letter<'a> {
    /// What it is about.
    pub delivery: &'a Delivery,
    /// Something was said of it before: say that this is more of it.
    pub follow_up: bool,
    /// In its smaller form.
    pub smaller: bool,
    /// What an attempt before this one got.
    pub receipt: Option<&'a Receipt>,
    /// The route's own words for it.
    pub words: &'a Words,
    /// The server's clock: a mail's date.
    pub now: Timestamp,
}

/// A receiver's own end of the line, made once.
pub enum Sender {
    /// Posts into a channel.
    Slack(Box<slack::Sender>),
    /// Hands mail to a server.
    Email(Box<email::Sender>),
}

impl Sender {
    /// Makes what all attempts share. It connects to nothing. Times are printed in `zone`.
    pub fn new(transport: &Transport, zone: TimeZone) -> Result<Sender, SetUpError> {
        Ok(match transport {
            Transport::Slack(slack) => Sender::Slack(Box::new(slack::Sender::new(slack, zone)?)),
            Transport::Email(mailbox) => {
                Sender::Email(Box::new(email::Sender::new(mailbox, zone)?))
            }
        })
    }

    /// No attempt takes longer.
    pub fn timeout(&self) -> Duration {
        match self {
            Sender::Slack(_) => slack::TIMEOUT,
            Sender::Email(_) => email::TIMEOUT,
        }
    }

    /// How many attempts a worker makes at once: a channel of Slack takes about one message a second.
    pub fn at_once(&self) -> u32 {
        match self {
            Sender::Slack(_) => 1,
            Sender::Email(_) => 4,
        }
    }

    /// Hash of what a reader would see, however it is sent.
    pub fn seen(&self, notification: &Notification, words: &Words) -> String {
        let facts = &facts(notification);
        match self {
            Sender::Slack(sender) => sender.seen(facts, words),
            Sender::Email(_) => email::seen(facts, words),
        }
    }

    /// Whether what was said can still be changed, and need not be said again.
    pub fn can_change(&self, receipt: Option<&Receipt>) -> bool {
        match self {
            Sender::Slack(sender) => receipt.is_some_and(|receipt| sender.can_change(receipt)),
            Sender::Email(_) => false,
        }
    }

    /// One attempt.
    pub async fn attempt(&self, letter: &Letter<'_>) -> Attempt {
        match self {
            Sender::Slack(sender) => sender.attempt(letter).await,
            Sender::Email(sender) => sender.attempt(letter).await,
        }
    }
}

/// Why a receiver cannot be set up at all.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// No HTTP client: mostly, no certificates of the system are there.
    #[error("no HTTPS client")]
    Http(#[source] reqwest::Error),
    /// The webhook's URL is none. It is not printed.
    #[error("the webhook's URL is no URL")]
    Url,
    /// No TLS for mail: mostly, no certificates of the system are there.
    #[error("no TLS for mail")]
    Tls(#[source] lettre::transport::smtp::Error),
}

/// Who is called, without any secret.
pub(crate) struct Peer {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// `http` or `smtp`.
    pub(crate) protocol: &'static str,
}

/// The far side of a transport. Of a webhook's URL only host and port are no secret.
pub(crate) fn peer(transport: &Transport) -> Peer {
    match transport {
        Transport::Slack(webhook) => {
            let (host, port) = slack::host(webhook);
            let protocol = "http";
            Peer {
                host,
                port,
                protocol,
            }
        }
        Transport::Email(mailbox) => Peer {
            host: mailbox.smtp.host.clone(),
            port: mailbox.smtp.port,
            protocol: "smtp",
        },
    }
}

/// The job that a notification is about.
pub(crate) fn job(notification: &Notification) -> &Job {
    match notification {
        Notification::Start(start) => &start.job,
        Notification::Digest(digest) => &digest.job,
    }
}

/// A notification without what depends on when it was told.
fn facts(notification: &Notification) -> Notification {
    let mut facts = notification.clone();
    if let Notification::Digest(digest) = &mut facts {
        digest.look_up.clear();
    }
    facts
}

/// Something that the far side said, fit for a ledger and a log: one line, without controls, bounded.
fn said(text: &str) -> String {
    const LONGEST: usize = 300;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let plain: String = line
        .chars()
        .filter(|c| !c.is_control())
        .take(LONGEST)
        .collect();
    if plain.chars().count() == LONGEST {
        format!("{plain}…")
    } else {
        plain
    }
}

#[cfg(test)]
pub(crate) mod tests;
