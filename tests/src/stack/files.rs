//! The configuration files that a scenario's programs begin with, and the secrets that they name.
//! It starts nothing.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::Scenario;
use crate::mail::{self, MailSink};
use crate::scratch::Scratch;
use crate::slack::{self, Slack};

impl Scenario {
    /// Whom the server lets in.
    pub(super) fn accounts(&self) -> String {
        if self.nats_users.is_empty() {
            return String::new();
        }
        let users = self.nats_users.join(", ");
        format!(
            "accounts {{ A {{ jetstream: enabled, users: [ {users}, {{ user: guest, password: guest }} ] }} }}\n\
             no_auth_user: guest\n"
        )
    }

    /// What stands inside `nats: { … }` of either file.
    pub(super) fn nats_section(&self, scratch: &Scratch, url: &str) -> anyhow::Result<String> {
        let Some(password) = &self.nats_password else {
            return Ok(format!("url: \"{url}\""));
        };
        let file = scratch.file("nats-password", password)?;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600))?;
        let file = file.display();
        Ok(format!(
            "url: \"{url}\", user: pillarbox, password_file: \"{file}\""
        ))
    }

    pub(super) fn notifiers_file(
        &self,
        scratch: &Scratch,
        nats: &str,
        slack: &Slack,
        mail: &MailSink,
    ) -> anyhow::Result<PathBuf> {
        let mut receivers = self.receivers.clone();
        let webhook = slack.webhook_url();
        let secrets = [
            ("{slack}", "webhook", webhook.as_str()),
            ("{token}", "token", slack::TOKEN),
            ("{password}", "password", mail::PASSWORD),
        ];
        for (place, name, content) in secrets {
            let file = scratch.file(name, content)?;
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600))?;
            receivers = receivers.replace(place, &file.display().to_string());
        }
        let receivers = receivers.replace("{api}", &slack.api_url());
        let receivers = receivers.replace("{smtp}", &mail.url());
        let Self {
            globals, routes, ..
        } = self;
        let config =
            format!("nats: {{ {nats} }}\n{globals}receivers:\n{receivers}\nroutes:\n{routes}\n");
        scratch.file("notifier.yml", &config)
    }
}
