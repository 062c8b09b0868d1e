//! One attempt at handing a mail to an SMTP server, and what its replies mean for each recipient.
//! It neither retries nor writes the words.
//!
//! lettre's own transport gives up at the first refused recipient, so the conversation is led here (DELIVERY.md §C4).

use std::error::Error as _;
use std::time::Duration;

use jiff::tz::TimeZone;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Ehlo, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::transport::smtp::response::Response;
use pillarbox_proto::delivery::Notification;
use pillarbox_proto::subject::hash;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, timeout, timeout_at};

use super::{Attempt, Letter, SetUpError, said};
use crate::render;
use crate::render::template::Words;
use recipients::{Left, Recipients};
use reply::{Meaning, Stage, meaning};

mod mail;

mod recipients;

mod reply;

/// One attempt, from connecting to the reply to the mail.
pub const TIMEOUT: Duration = Duration::from_secs(40);

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

/// Hands mail to one server.
pub struct Sender {
    mailbox: Mailbox,
    zone: TimeZone,
    tls: Option<TlsParameters>,
}

/// A connection that may send, and what the server said of itself.
struct Session {
    connection: AsyncSmtpConnection,
    /// The largest mail it takes, in bytes (RFC 1870); 0 for not said.
    size: usize,
}

impl Sender {
    /// Makes what all attempts share. It connects to nothing.
    pub fn new(mailbox: &Mailbox, zone: TimeZone) -> Result<Sender, SetUpError> {
        let tls = match mailbox.smtp.tls {
            Tls::None => None,
            Tls::StartTls | Tls::Implicit => {
                let parameters = TlsParameters::new(mailbox.smtp.host.clone());
                Some(parameters.map_err(SetUpError::Tls)?)
            }
        };
        Ok(Sender {
            mailbox: mailbox.clone(),
            zone,
            tls,
        })
    }

    /// One attempt, for the recipients that no attempt before it has settled.
    pub async fn attempt(&self, letter: &Letter<'_>) -> Attempt {
        let notification = &letter.delivery.notification;
        let content = render::email::mail(notification, &self.zone, letter.follow_up, letter.words);
        let raw = match mail::compose(&self.mailbox, letter, content) {
            Ok(raw) => raw,
            Err(error) => {
                return Attempt::Refused {
                    why: said(&format!("no mail can be made of it: {error}")),
                };
            }
        };
        let message_id = mail::message_id(&self.mailbox, letter);
        let recipients = Recipients::new(&self.mailbox.to, letter.receipt, message_id);
        let sent = self.send(&raw, recipients, Instant::now() + TIMEOUT).await;
        sent.unwrap_or_else(|attempt| *attempt)
    }

    /// The conversation. Until the mail's first byte every failure is a clean one.
    async fn send(
        &self,
        raw: &[u8],
        mut recipients: Recipients,
        deadline: Instant,
    ) -> Result<Attempt, Box<Attempt>> {
        let late = |_| {
            Box::new(Attempt::Unreached {
                why: "no answer from the mail server in time".into(),
            })
        };
        let mut session = timeout_at(deadline, self.open()).await.map_err(late)??;
        let envelope = self.envelope(&mut session, raw, &mut recipients);
        let accepted = timeout_at(deadline, envelope).await.map_err(late)??;
        if accepted.is_empty() {
            quit(session).await;
            return Ok(recipients.attempt("no recipient was accepted"));
        }
        let answer = timeout_at(deadline, session.connection.message(raw)).await;
        match answer {
            Ok(Ok(response)) => {
                let reply = self.reply(&response);
                for address in accepted {
                    recipients.settled(address, &reply);
                }
                quit(session).await;
                Ok(recipients.attempt(&reply))
            }
            Ok(Err(error)) if error.status().is_some() => {
                self.not_taken(Stage::Body, &error, accepted, recipients)
            }
            Ok(Err(error)) => Ok(Attempt::Ambiguous {
                why: self.text(&error),
            }),
            Err(_) => Ok(Attempt::Ambiguous {
                why: "the mail was sent, and no answer came in time".into(),
            }),
        }
    }

    /// Connects, protects the connection, and logs in.
    async fn open(&self) -> Result<Session, Box<Attempt>> {
        let smtp = &self.mailbox.smtp;
        let failed = |error| Box::new(self.failed(Stage::Session, &error));
        let hello = ClientId::default();
        let mut connection = match (smtp.tls, &self.tls) {
            (Tls::Implicit, tls) => {
                let to = (smtp.host.as_str(), smtp.port);
                AsyncSmtpConnection::connect_tokio1(to, None, &hello, tls.clone(), None)
                    .await
                    .map_err(failed)?
            }
            (Tls::None | Tls::StartTls, tls) => {
                let stream = self.connect().await?;
                let mut plain =
                    AsyncSmtpConnection::connect_with_transport(Box::new(stream), &hello)
                        .await
                        .map_err(failed)?;
                if let Some(tls) = tls {
                    plain.starttls(tls.clone(), &hello).await.map_err(failed)?;
                }
                plain
            }
        };
        let greeting = connection.command(Ehlo::new(hello)).await.map_err(failed)?;
        if let Some((user, password)) = &smtp.login {
            let login = Credentials::new(user.clone(), password.expose_secret().to_owned());
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            let answer = connection.auth(&mechanisms, &login).await;
            answer.map_err(|error| Box::new(self.failed(Stage::Auth, &error)))?;
        }
        Ok(Session {
            connection,
            size: size(&greeting),
        })
    }

    async fn connect(&self) -> Result<tokio::net::TcpStream, Box<Attempt>> {
        let smtp = &self.mailbox.smtp;
        let unreached = |error: std::io::Error| Attempt::Unreached {
            why: said(&format!("cannot connect: {error}")),
        };
        let stream = tokio::net::TcpStream::connect((smtp.host.as_str(), smtp.port))
            .await
            .map_err(unreached)?;
        let peer = stream.peer_addr().map_err(unreached)?;
        if smtp.tls == Tls::None && !peer.ip().is_loopback() {
            let why = "mail without TLS goes to a loopback address only".to_owned();
            return Err(Box::new(Attempt::Broken { why }));
        }
        // Without it each mail waits 40 ms for a delayed ACK (DELIVERY.md §C4).
        stream.set_nodelay(true).map_err(unreached)?;
        Ok(stream)
    }

    /// `MAIL`, `RCPT` for each, `DATA`: who was accepted. None: there is nothing to send.
    async fn envelope(
        &self,
        session: &mut Session,
        raw: &[u8],
        recipients: &mut Recipients,
    ) -> Result<Vec<lettre::Address>, Box<Attempt>> {
        let open = recipients.open();
        let parameters = parameters(session, raw, &open)?;
        let connection = &mut session.connection;
        let from = Some(self.mailbox.from.email.clone());
        let answer = connection.command(Mail::new(from, parameters)).await;
        answer.map_err(|error| Box::new(self.failed(Stage::Mail, &error)))?;
        let mut accepted = Vec::new();
        for address in open {
            match connection.command(Rcpt::new(address.clone(), vec![])).await {
                Ok(_) => accepted.push(address),
                Err(error) => self.not_accepted(address, &error, recipients)?,
            }
        }
        if accepted.is_empty() {
            return Ok(accepted);
        }
        match connection.command(Data).await {
            Ok(_) => Ok(accepted),
            Err(error) => {
                let recipients = std::mem::take(recipients);
                let attempt = self.not_taken(Stage::Data, &error, accepted, recipients);
                Err(attempt.map_or_else(|attempt| attempt, Box::new))
            }
        }
    }

    /// One recipient was not accepted: its own affair, unless the connection is gone.
    fn not_accepted(
        &self,
        address: lettre::Address,
        error: &lettre::transport::smtp::Error,
        recipients: &mut Recipients,
    ) -> Result<(), Box<Attempt>> {
        let Some(code) = error.status() else {
            return Err(Box::new(self.failed(Stage::Rcpt, error)));
        };
        let text = self.text(error);
        let left = match meaning(Stage::Rcpt, code.into(), &text) {
            Meaning::Busy => {
                return Err(Box::new(Attempt::Unreached {
                    why: format!("{code} {text}"),
                }));
            }
            Meaning::Later { at_least } => Left::Later { at_least },
            Meaning::Broken => Left::Broken,
            Meaning::Refused | Meaning::TooLarge => {
                recipients.settled(address, &format!("{code} {text}"));
                return Ok(());
            }
        };
        recipients.left(address, left, &format!("{code} {text}"));
        Ok(())
    }

    /// The server answered, and did not take the mail: so for all whom it had accepted.
    fn not_taken(
        &self,
        stage: Stage,
        error: &lettre::transport::smtp::Error,
        accepted: Vec<lettre::Address>,
        mut recipients: Recipients,
    ) -> Result<Attempt, Box<Attempt>> {
        let attempt = self.failed(stage, error);
        let Attempt::Retry { at_least, why } = attempt else {
            return Err(Box::new(attempt));
        };
        for address in accepted {
            recipients.left(address, Left::Later { at_least }, &why);
        }
        Ok(recipients.attempt(&why))
    }

    /// What a failure means for the whole mail.
    fn failed(&self, stage: Stage, error: &lettre::transport::smtp::Error) -> Attempt {
        let text = self.text(error);
        let Some(code) = error.status() else {
            return if error.is_client() || not_trusted(error) {
                Attempt::Broken { why: text }
            } else {
                Attempt::Unreached { why: text }
            };
        };
        let why = format!("{code} {text}");
        match meaning(stage, code.into(), &text) {
            Meaning::Busy => Attempt::Unreached { why },
            Meaning::Later { at_least } => Attempt::Retry { at_least, why },
            Meaning::TooLarge => Attempt::TooLarge { why },
            Meaning::Broken => Attempt::Broken { why },
            Meaning::Refused => Attempt::Refused { why },
        }
    }

    /// A positive reply.
    fn reply(&self, response: &Response) -> String {
        let text = response.message().collect::<Vec<_>>().join(" ");
        self.scrubbed(&format!("{} {text}", response.code()))
    }

    /// An error's words, or of a reply its text.
    fn text(&self, error: &lettre::transport::smtp::Error) -> String {
        match error.source().filter(|_| error.status().is_some()) {
            Some(text) => self.scrubbed(&text.to_string()),
            None => self.scrubbed(&error.to_string()),
        }
    }

    /// A server may answer with what it was told.
    fn scrubbed(&self, text: &str) -> String {
        match &self.mailbox.smtp.login {
            Some((_, password)) => said(&text.replace(password.expose_secret(), "…")),
            None => said(text),
        }
    }
}

/// Hash of what a reader would see, whatever the zone.
pub fn seen(notification: &Notification, words: &Words) -> String {
    let mail = render::email::mail(notification, &TimeZone::UTC, false, words);
    hash([mail.subject.as_str(), &mail.text, &mail.html])
}

/// What `MAIL` says of a mail, if the server can take it.
fn parameters(
    session: &Session,
    raw: &[u8],
    to: &[lettre::Address],
) -> Result<Vec<MailParameter>, Box<Attempt>> {
    let mut parameters = Vec::new();
    if session.size > 0 {
        if raw.len() > session.size {
            let why = format!("{} bytes, and the server takes {}", raw.len(), session.size);
            return Err(Box::new(Attempt::TooLarge { why }));
        }
        parameters.push(MailParameter::Size(raw.len()));
    }
    if !raw.is_ascii() || !to.iter().all(|to| to.to_string().is_ascii()) {
        let server = session.connection.server_info();
        if !server.supports_feature(Extension::SmtpUtfEight) {
            let why = "an address is not ASCII, and the server has no SMTPUTF8".to_owned();
            return Err(Box::new(Attempt::Broken { why }));
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    Ok(parameters)
}

/// The largest mail that a server takes, from its answer to `EHLO`; 0 if it does not say.
fn size(greeting: &Response) -> usize {
    let sizes = greeting
        .message()
        .filter_map(|line| line.strip_prefix("SIZE "));
    sizes
        .filter_map(|size| size.trim().parse().ok())
        .next()
        .unwrap_or(0)
}

/// TLS did not come about: a certificate, a name, a protocol. lettre hides rustls's error under two of its own and an `io::Error`.
fn not_trusted(error: &lettre::transport::smtp::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        let inner = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        if inner.is_some_and(|inner| inner.is::<rustls::Error>()) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// The mail is settled; the goodbye may fail.
async fn quit(mut session: Session) {
    let _ = timeout(Duration::from_secs(1), session.connection.quit()).await;
}

#[cfg(test)]
mod tests;
