//! Receivers: who is told, by which transport.
//! It sends nothing itself: one attempt at the outside is `slack`'s or `email`'s, and what follows from it is `retry`'s.

use std::time::Duration;

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
    /// An incoming webhook of Slack.
    Slack(slack::Webhook),
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
