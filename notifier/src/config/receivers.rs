//! `receivers`: each with its name, its one transport, and its secrets read.
//! It sends nothing and tries no address.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use lettre::message::Mailbox as Address;

use super::file::{EmailFile, ReceiverFile};
use super::mistake::{Mistake, Notes};
use super::value::{Span, choice, duration};
use super::yaml::Text;
use super::{nats, slack};
use crate::receiver::email::{Mailbox, SmtpServer, Tls};
use crate::receiver::{OnAmbiguous, Receiver, Transport};

const EXAMPLE: &str = "smtp://mail.example.com:587 or smtps://mail.example.com";
/// What demands STARTTLS of this host itself, too.
const TLS_REQUIRED: &str = "tls=required";
/// The ledger remembers a delivery longer than this.
const DEADLINE: Span = Span {
    key: "deadline",
    default: Duration::from_secs(24 * 3600),
    longest: Duration::from_secs(30 * 24 * 3600),
    range: "between 1s and 720h",
};

/// Judges `receivers`.
pub(super) fn judge(files: Vec<ReceiverFile>, beside: &Path, notes: &mut Notes) -> Vec<Receiver> {
    let mut lines = BTreeMap::new();
    let mut receivers = Vec::new();
    for file in files {
        let name = name("receiver", file.name.as_ref(), &mut lines, notes);
        let transport = transport(&file, beside, notes);
        let deadline = duration(file.deadline.as_ref(), &DEADLINE, notes);
        let words: (&[&str], &[OnAmbiguous]) = (
            &["resend", "hold"],
            &[OnAmbiguous::Resend, OnAmbiguous::Hold],
        );
        let on_ambiguous = choice(
            file.on_ambiguous.as_ref(),
            "on_ambiguous",
            words,
            OnAmbiguous::default(),
            notes,
        );
        if let (Some(name), Some(transport)) = (name, transport) {
            receivers.push(Receiver {
                name,
                transport,
                deadline,
                on_ambiguous,
            });
        }
    }
    receivers
}

/// Every name that is written, right or wrong.
pub(super) fn names(files: &[ReceiverFile]) -> Vec<String> {
    let names = files.iter().filter_map(|file| file.name.as_ref());
    let mut names: Vec<String> = names.map(|name| name.text.clone()).collect();
    names.dedup();
    names
}

/// A name that is there, and nobody else's.
pub(super) fn name(
    of: &'static str,
    written: Option<&Text>,
    lines: &mut BTreeMap<String, usize>,
    notes: &mut Notes,
) -> Option<String> {
    let written = written?;
    if written.text.trim().is_empty() {
        let key = "name".to_owned();
        notes.wrong(written.place, Mistake::NoValue { key });
        return None;
    }
    if let Some(line) = lines.get(&written.text) {
        let (name, line) = (written.text.clone(), *line);
        notes.wrong(written.place, Mistake::TwiceName { of, name, line });
        return None;
    }
    lines.insert(written.text.clone(), written.place.line);
    Some(written.text.clone())
}

fn transport(file: &ReceiverFile, beside: &Path, notes: &mut Notes) -> Option<Transport> {
    if file.transports != 1 {
        let count = file.transports;
        notes.wrong(file.place, Mistake::Transports { count });
    }
    let slack = file
        .slack
        .as_ref()
        .and_then(|slack| slack::judge(slack, beside, notes));
    let email = file
        .email
        .as_ref()
        .and_then(|email| mailbox(email, beside, notes));
    slack.map(Transport::Slack).or(email.map(Transport::Email))
}

/// Names and addresses of this very host.
pub(super) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse()
            .is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

fn mailbox(file: &EmailFile, beside: &Path, notes: &mut Notes) -> Option<Mailbox> {
    let (user, password_file) = (file.username.as_ref(), file.password_file.as_ref());
    let login = nats::login(user, password_file, beside, notes);
    let server = file
        .smtp
        .as_ref()
        .and_then(|written| server(written, notes));
    let from = file
        .from
        .as_ref()
        .and_then(|written| address(written, notes));
    let to = file.to.iter().flatten();
    let to: Vec<Address> = to.filter_map(|written| address(written, notes)).collect();
    let (host, port, tls) = server?;
    let smtp = SmtpServer {
        host,
        port,
        tls,
        login,
    };
    Some(Mailbox {
        smtp,
        from: from?,
        to,
    })
}

fn address(written: &Text, notes: &mut Notes) -> Option<Address> {
    let address = written.text.parse().ok();
    if address.is_none() {
        let text = written.text.clone();
        notes.wrong(written.place, Mistake::NoAddress { text });
    }
    address
}

/// `smtp://` demands STARTTLS, of this host itself only with `?tls=required`; `smtps://` is TLS from the first byte.
fn server(written: &Text, notes: &mut Notes) -> Option<(String, u16, Tls)> {
    if written.text.contains('@') {
        let user = "username";
        notes.wrong(written.place, Mistake::LoginInUrl { user });
        return None;
    }
    let parsed = reqwest::Url::parse(&written.text).ok().and_then(|url| {
        let host = url.host_str().filter(|host| !host.is_empty())?.to_owned();
        let required = url.query() == Some(TLS_REQUIRED);
        let bare = (required || url.query().is_none()) && matches!(url.path(), "" | "/");
        let (port, tls) = match url.scheme() {
            "smtps" => (465, Tls::Implicit),
            "smtp" if is_loopback(&host) && !required => (25, Tls::None),
            "smtp" => (587, Tls::StartTls),
            _ => return None,
        };
        bare.then(|| (host, url.port().unwrap_or(port), tls))
    });
    if parsed.is_none() {
        let (of, text) = ("mail", written.text.clone());
        notes.wrong(
            written.place,
            Mistake::NoServer {
                of,
                text,
                example: EXAMPLE,
            },
        );
    }
    parsed
}
