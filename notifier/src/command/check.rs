//! `check`: whether the configuration can be used.
//! It connects to nothing.

use std::process::ExitCode;

use super::Arguments;
use crate::config::Config;
use crate::receiver::email::{Mailbox, Tls};
use crate::receiver::slack::{Poster, Slack};
use crate::receiver::{Receiver, Transport};
use crate::route::Route;

/// Prints what the file comes to, or every mistake.
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "its output is for the person who asked"
)]
pub fn check(arguments: &Arguments) -> ExitCode {
    match arguments.load() {
        Ok(config) => {
            for warning in &config.remarks.warnings {
                eprintln!("warning: {warning}");
            }
            println!("{}", verdict(&config));
            ExitCode::SUCCESS
        }
        Err(mistakes) => super::refuse(&mistakes),
    }
}

/// What a file comes to, in two lines: whether it means what its author thinks.
pub fn verdict(config: &Config) -> String {
    let Config {
        nats,
        group,
        receivers,
        routes,
        ..
    } = config;
    let group = group.token();
    let receivers: Vec<String> = receivers.iter().map(receiver).collect();
    let told = |route: &Route| {
        let (name, on) = (&route.name, route.on.as_str());
        format!("{name} on {on} to {}", route.receivers.join(", "))
    };
    let routes: Vec<String> = routes.iter().map(told).collect();
    format!(
        "ok: group {group}, NATS {nats}, receivers: {}\n    routes: {}",
        receivers.join(", "),
        routes.join("; ")
    )
}

fn receiver(receiver: &Receiver) -> String {
    let Receiver {
        name, transport, ..
    } = receiver;
    match transport {
        Transport::Slack(Slack { poster, .. }) => match poster {
            Poster::Webhook { .. } => format!("{name} (Slack, by a webhook)"),
            Poster::Bot { channel, .. } => format!("{name} (Slack, as a bot in {channel})"),
        },
        Transport::Email(Mailbox { smtp, .. }) => {
            let tls = match smtp.tls {
                Tls::Implicit => "TLS",
                Tls::StartTls => "STARTTLS",
                Tls::None => "no TLS",
            };
            format!("{name} (mail, by {}:{}, {tls})", smtp.host, smtp.port)
        }
    }
}
