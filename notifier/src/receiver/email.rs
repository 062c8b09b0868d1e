//! One attempt at handing a mail to an SMTP server, and what its replies mean.
//! It neither retries nor writes the words.

use secrecy::SecretString;

/// Where mail goes, and from whom.
#[derive(Debug, Clone)]
pub struct Mailbox {
    /// The server that takes it.
    pub smtp: SmtpServer,
    /// The sender; its domain also ends every `Message-ID`.
    pub from: lettre::message::Mailbox,
    /// The recipients: one mail, and a result for each.
    pub to: Vec<lettre::message::Mailbox>,
}

/// An SMTP server.
#[derive(Debug, Clone)]
pub struct SmtpServer {
    /// Its name, also what its certificate must say.
    pub host: String,
    /// 25, 465 or 587, or any other.
    pub port: u16,
    /// How the connection is protected.
    pub tls: Tls,
    /// User name and password.
    pub login: Option<(String, SecretString)>,
}

/// How a connection to an SMTP server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Not at all: to a loopback address only.
    None,
    /// `STARTTLS`, required.
    StartTls,
    /// TLS from the first byte (`smtps://`).
    Implicit,
}
