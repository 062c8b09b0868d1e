//! A mail server that keeps what it gets, on 127.0.0.1, and the mails as a reader's program sees them.
//! It judges no mail: what a good one looks like is said by the tests that read it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use mail_parser::{MessageParser, PartType};
use serde::{Deserialize, Serialize};

use certificate::Certificate;

use crate::process::Process;
use crate::scratch::Scratch;
use crate::{tools, wait};

mod certificate;

const SINK: &str = include_str!("mail/sink.py");
/// Who may send where a sink is guarded.
pub const USER: &str = "salt";
/// That user's password.
pub const PASSWORD: &str = "canary of the mail password";

/// How a sink is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Guard {
    /// By anybody, in the clear.
    #[default]
    None,
    /// After `STARTTLS`, with a login.
    StartTls,
    /// With TLS from the first byte, with a login.
    Tls,
}

/// A running sink.
#[derive(Debug)]
pub struct MailSink {
    process: Process,
    port: u16,
    guard: Guard,
    scratch: Scratch,
}

/// What the sink shall do instead of taking everything.
#[derive(Clone, Debug, Default, Serialize)]
pub struct MailScript {
    /// Replies to recipients, always: `"550 5.1.1 unknown"`.
    pub rcpt: BTreeMap<String, String>,
    /// What the next messages are met with, one entry each: a reply (`"451 4.3.0 later"`), `hang` or `drop` (the message
    /// is not kept), `accept-hang` or `accept-drop` (it is kept, and the sender never hears of it),
    /// `accept-hold` (it is kept, and answered after [`MailSink::release`]), `accept`.
    pub data: Vec<String>,
    /// Another password than [`PASSWORD`] is the right one.
    pub password: Option<String>,
}

/// A mail that was taken.
#[derive(Clone, Debug)]
pub struct Mail {
    /// The sender of the envelope.
    pub from: String,
    /// The recipients of the envelope.
    pub to: Vec<String>,
    /// The subject, decoded.
    pub subject: String,
    /// The text part, decoded.
    pub text: String,
    /// The HTML part, decoded; empty if there is none.
    pub html: String,
    /// The message as it came.
    pub raw: Vec<u8>,
    /// Whether it came by TLS.
    pub tls: bool,
    /// Who was logged in.
    pub user: Option<String>,
}

#[derive(Deserialize)]
struct Envelope {
    from: String,
    to: Vec<String>,
    tls: bool,
    user: Option<String>,
}

impl MailSink {
    /// Starts it and waits until it listens.
    ///
    /// # Errors
    /// When it cannot be installed or does not start.
    pub async fn start() -> anyhow::Result<Self> {
        Self::guarded(Guard::None).await
    }

    /// As [`start`](Self::start), with a certificate that the programs must be told to trust, and a login.
    ///
    /// # Errors
    /// When it cannot be installed or does not start.
    pub async fn guarded(guard: Guard) -> anyhow::Result<Self> {
        let python = tools::aiosmtpd().await?;
        let scratch = Scratch::new()?;
        let script = scratch.file("sink.py", SINK)?;
        let home = scratch.dir("mail")?;
        let mut command = Command::new(python);
        command.arg(script).arg(&home).args([USER, PASSWORD]);
        match guard {
            Guard::None => {}
            Guard::StartTls => drop(command.arg("starttls")),
            Guard::Tls => drop(command.arg("tls")),
        }
        if guard != Guard::None {
            let made = Certificate::of_localhost()?;
            scratch.file("mail/authority.pem", &made.authority)?;
            scratch.file("mail/certificate.pem", &made.certificate)?;
            scratch.file("mail/key.pem", &made.key)?;
        }
        let log = scratch.path().join("sink.log");
        let mut process = Process::spawn("mail sink", &mut command, &log)?;
        let port = wait::until(
            Duration::from_secs(60),
            "the mail sink's port",
            async || {
                if let Err(ended) = process.still_runs() {
                    return Some(Err(ended));
                }
                let port = std::fs::read_to_string(home.join("port")).ok()?;
                Some(port.parse().context("the mail sink's port"))
            },
        )
        .await??;
        Ok(Self {
            process,
            port,
            guard,
            scratch,
        })
    }

    /// What goes into a receiver's `smtp:`.
    #[must_use]
    pub fn url(&self) -> String {
        match self.guard {
            Guard::None => format!("smtp://127.0.0.1:{}", self.port),
            Guard::StartTls => format!("smtp://localhost:{}?tls=required", self.port),
            Guard::Tls => format!("smtps://localhost:{}", self.port),
        }
    }

    /// Whom a program must trust to send here: a file for `SSL_CERT_FILE`.
    #[must_use]
    pub fn authority(&self) -> Option<PathBuf> {
        let file = self.home().join("authority.pem");
        (self.guard != Guard::None).then_some(file)
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on it does this. Entries of `data` that were not used are forgotten; the same script twice is one.
    ///
    /// # Errors
    /// When the script cannot be written.
    pub fn obey(&self, script: &MailScript) -> anyhow::Result<()> {
        let new = self
            .scratch
            .file("mail/script.json.new", &serde_json::to_string(script)?)?;
        Ok(std::fs::rename(new, self.home().join("script.json"))?)
    }

    /// What was held is answered.
    ///
    /// # Errors
    /// When it cannot be said.
    pub fn release(&self) -> anyhow::Result<()> {
        self.scratch.file("mail/release", "")?;
        Ok(())
    }

    /// What each message was met with, in order: `accept` or the entry of the script.
    #[must_use]
    pub fn attempts(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.home().join("attempts")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// All mails that were taken, in order.
    ///
    /// # Errors
    /// When the sink has ended, or kept something that is no mail.
    pub fn mails(&self) -> anyhow::Result<Vec<Mail>> {
        let mut envelopes: Vec<PathBuf> = std::fs::read_dir(self.home())?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.with_extension("eml").exists() && has_extension(path, "json"))
            .collect();
        envelopes.sort();
        envelopes.iter().map(|path| read(path)).collect()
    }

    /// Fails if the sink has ended by itself.
    ///
    /// # Errors
    /// With the end of its log.
    pub fn still_runs(&mut self) -> anyhow::Result<()> {
        self.process.still_runs()
    }

    fn home(&self) -> PathBuf {
        self.scratch.path().join("mail")
    }
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}

fn read(envelope: &Path) -> anyhow::Result<Mail> {
    let raw = std::fs::read(envelope.with_extension("eml"))?;
    let Envelope {
        from,
        to,
        tls,
        user,
    } = serde_json::from_slice(&std::fs::read(envelope)?)?;
    let message = MessageParser::default()
        .parse(&raw)
        .context("a mail that no program can read")?;
    let subject = message.subject().unwrap_or_default().to_owned();
    let text = message.body_text(0).unwrap_or_default().into_owned();
    // Where there is no HTML the parser offers the text instead; that is not what a reader of HTML gets.
    let html = message.html_bodies().find_map(|part| {
        if let PartType::Html(html) = &part.body {
            Some(html.to_string())
        } else {
            None
        }
    });
    let html = html.unwrap_or_default();
    Ok(Mail {
        from,
        to,
        subject,
        text,
        html,
        raw,
        tls,
        user,
    })
}
