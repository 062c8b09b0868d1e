//! The real Slack and the real mail server that the environment may name, beside the doubles.
//! It sends nothing: it is receivers in the notifiers' configuration. No value is ever printed, right or wrong.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use percent_encoding::percent_decode_str;
use serde_json::json;
use url::Url;

use crate::process::SECRETS;
use crate::scratch::Scratch;

/// An incoming webhook's address; and what [`FORM`] shows.
const SLACK: &str = SECRETS[0];
const SMTP: &str = SECRETS[1];
/// What [`SMTP`] looks like, for whoever wrote it differently.
const FORM: &str = "smtps://user:password@host:465/?from=salt@example.com&to=ops@example.com";

/// What is wanted. It has no `Debug`: it is made of secrets.
#[derive(Default)]
pub(super) struct Outside {
    slack: Option<Url>,
    mail: Option<MailServer>,
}

struct MailServer {
    /// Without login and addresses.
    server: String,
    host: String,
    login: Option<(String, String)>,
    from: String,
    to: Vec<String>,
}

impl Outside {
    /// Reads both variables; an empty one is none.
    pub(super) fn read(variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<Self> {
        let value = |name: &str| variable(name).filter(|it| !it.trim().is_empty());
        let slack = value(SLACK).map(|it| webhook(it.trim())).transpose();
        let mail = value(SMTP).map(|it| mail_server(it.trim())).transpose();
        let mail = mail.with_context(|| format!("{SMTP} must look like {FORM}"))?;
        Ok(Self {
            slack: slack
                .with_context(|| format!("{SLACK} must be an incoming webhook's address"))?,
            mail,
        })
    }

    /// Whom it goes to, in words that may be read by everybody.
    pub(super) fn said(&self) -> Vec<String> {
        let slack = self.slack.as_ref().and_then(Url::host_str);
        let slack = slack.map(|host| format!("Slack, by the webhook of {SLACK} ({host})"));
        let mail = self.mail.as_ref();
        let mail = mail.map(|it| {
            format!(
                "{}, by the server of {SMTP} ({})",
                it.to.join(", "),
                it.host
            )
        });
        slack.into_iter().chain(mail).collect()
    }

    /// The names of its receivers: one for Slack, one for mail.
    pub(super) fn names(&self) -> (Option<&'static str>, Option<&'static str>) {
        let slack = self.slack.as_ref().map(|_| "real-slack");
        (slack, self.mail.as_ref().map(|_| "real-mail"))
    }

    /// What stands below `receivers:`; secrets go into files below `scratch` that nobody else may read.
    pub(super) fn receivers(&self, scratch: &Scratch) -> anyhow::Result<String> {
        let mut yaml = String::new();
        if let Some(url) = &self.slack {
            let file = secret(scratch, "real-webhook", url.as_str())?;
            let slack = json!({"name": "real-slack", "slack": {"webhook_url_file": file}});
            yaml += &format!("\n  - {slack}\n");
        }
        if let Some(mail) = &self.mail {
            let mut email = json!({"smtp": mail.server, "from": mail.from, "to": mail.to});
            if let Some((user, password)) = &mail.login {
                email["username"] = user.as_str().into();
                email["password_file"] = json!(secret(scratch, "real-password", password)?);
            }
            let mail = json!({"name": "real-mail", "email": email});
            yaml += &format!("\n  - {mail}\n");
        }
        Ok(yaml)
    }
}

fn secret(scratch: &Scratch, name: &str, content: &str) -> anyhow::Result<PathBuf> {
    let path = scratch.path().join(name);
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(&path);
    let written = file.and_then(|mut file| file.write_all(content.as_bytes()));
    written.with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

fn webhook(written: &str) -> anyhow::Result<Url> {
    let url = Url::parse(written).context("it is no address")?;
    let Some(host) = url.host_str().filter(|it| !it.is_empty()) else {
        bail!("it names no host");
    };
    let safe = url.scheme() == "https" || (url.scheme() == "http" && is_here(host));
    ensure!(
        safe,
        "it must begin with https:// (http:// only to this machine itself)"
    );
    ensure!(
        url.path().len() > 1,
        "it ends after the host: the path is missing"
    );
    Ok(url)
}

fn mail_server(written: &str) -> anyhow::Result<MailServer> {
    let url = Url::parse(written).context("it is no address")?;
    let scheme = url.scheme();
    ensure!(
        ["smtp", "smtps"].contains(&scheme),
        "it must begin with smtps:// (TLS) or smtp:// (STARTTLS)"
    );
    let Some(host) = url.host_str().filter(|it| !it.is_empty()) else {
        bail!("it names no host");
    };
    ensure!(
        matches!(url.path(), "" | "/"),
        "behind the host only ?from=…&to=… may stand"
    );
    let port = url.port().map_or(String::new(), |port| format!(":{port}"));
    let (from, to) = addresses(url.query().unwrap_or_default())?;
    Ok(MailServer {
        server: format!("{scheme}://{host}{port}"),
        host: host.to_owned(),
        login: login(&url)?,
        from,
        to,
    })
}

/// From whom, and to whom.
fn addresses(query: &str) -> anyhow::Result<(String, Vec<String>)> {
    let (mut from, mut to) = (None, Vec::new());
    for pair in query.split('&').filter(|it| !it.is_empty()) {
        match pair.split_once('=') {
            Some(("from", value)) => from = Some(address(value, "from")?),
            Some(("to", value)) => {
                for value in value.split(',') {
                    to.push(address(value, "to")?);
                }
            }
            _ => bail!("only from= and to= may stand behind the question mark"),
        }
    }
    ensure!(!to.is_empty(), "it does not say to whom: to= is missing");
    Ok((
        from.context("it does not say from whom: from= is missing")?,
        to,
    ))
}

fn login(url: &Url) -> anyhow::Result<Option<(String, String)>> {
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        ("", Some(_)) | (_, None) => bail!("a login needs both, user and password"),
        (user, Some(password)) => Ok(Some((decoded(user)?, decoded(password)?))),
    }
}

/// `a@b` or `Name <a@b>`; what else is wrong with it the notifier says.
fn address(written: &str, key: &str) -> anyhow::Result<String> {
    let text = decoded(written)?.trim().to_owned();
    let bare = text
        .split_once('<')
        .map_or(text.as_str(), |(_, it)| it.trim_end_matches('>'));
    let parts = bare
        .split_once('@')
        .filter(|(name, domain)| !name.is_empty() && !domain.is_empty());
    ensure!(
        parts.is_some() && !bare.contains(char::is_whitespace),
        "{key}= is no mail address"
    );
    Ok(text)
}

/// `%40` is `@`; a plus sign is a plus sign.
fn decoded(written: &str) -> anyhow::Result<String> {
    let text = percent_decode_str(written).decode_utf8();
    Ok(text
        .context("it is not UTF-8 behind its percent signs")?
        .into_owned())
}

fn is_here(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse()
            .is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::{Outside, SLACK, SMTP};
    use crate::scratch::Scratch;

    fn read(slack: &str, smtp: &str) -> anyhow::Result<Outside> {
        Outside::read(|name| match name {
            SLACK => Some(slack.to_owned()),
            SMTP => Some(smtp.to_owned()),
            _ => None,
        })
    }

    /// Not one word of what was written is repeated.
    #[track_caller]
    fn check_refused(slack: &str, smtp: &str, why: &str) {
        let Err(error) = read(slack, smtp) else {
            panic!("{slack}{smtp} was taken");
        };
        let said = format!("{error:#}");
        assert!(said.contains(why), "{said}");
        assert!(!said.contains("s3cret"), "{said}");
    }

    #[test]
    fn nothing_is_wanted_where_nothing_is_set() {
        let none = read(" ", "").unwrap();
        assert_eq!(none.names(), (None, None));
        assert!(none.said().is_empty());
    }

    #[test]
    fn what_cannot_work_is_refused_without_being_repeated() {
        check_refused("hooks.slack.com/s3cret", "", "is no address");
        check_refused("http://hooks.slack.com/s3cret", "", "https://");
        check_refused("https://s3cret.example.com", "", "path is missing");
        check_refused("", "s3cret", "is no address");
        check_refused(
            "",
            "https://s3cret.example.com/?from=a@b&to=c@d",
            "smtps://",
        );
        check_refused("", "smtps://u:s3cret@h/?from=a@b", "to= is missing");
        check_refused("", "smtps://u:s3cret@h/?to=a@b", "from= is missing");
        check_refused("", "smtps://u@h/?from=s3cret@b&to=a@b", "both");
        check_refused(
            "",
            "smtps://u:p@h/?from=s3cret&to=a@b",
            "from= is no mail address",
        );
        check_refused(
            "",
            "smtps://u:p@h/?from=a@b&to=a@b,s3cret",
            "to= is no mail address",
        );
        check_refused(
            "",
            "smtps://u:p@h/?from=a@b&to=a@b&password=s3cret",
            "only from=",
        );
        check_refused(
            "",
            "smtps://u:p@h/s3cret?from=a@b&to=a@b",
            "behind the host",
        );
    }

    #[test]
    fn secrets_stand_in_files_and_nowhere_else() {
        let smtp = "smtps://me%40x.example:s3cr%2Fet@mail.example.com:465/?from=Salt%20%3Ca@x.example%3E&to=b+c@x.example,d@x.example";
        let outside = read("https://hooks.slack.com/services/s3cret", smtp).unwrap();
        let scratch = Scratch::new().unwrap();
        let yaml = outside.receivers(&scratch).unwrap();
        for part in [
            r#""name":"real-slack""#,
            r#""smtp":"smtps://mail.example.com:465""#,
            r#""username":"me@x.example""#,
            r#""from":"Salt <a@x.example>""#,
            r#""to":["b+c@x.example","d@x.example"]"#,
        ] {
            assert!(yaml.contains(part), "{yaml}");
        }
        let said = outside.said().join("\n");
        for text in [&yaml, &said] {
            assert!(!text.contains("s3cr"), "{text}");
        }
        for (name, content) in [
            ("real-webhook", "https://hooks.slack.com/services/s3cret"),
            ("real-password", "s3cr/et"),
        ] {
            let file = scratch.path().join(name);
            let mode = std::fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            assert_eq!(std::fs::read_to_string(file).unwrap(), content);
        }
    }
}
