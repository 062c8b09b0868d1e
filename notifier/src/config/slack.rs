//! `slack` of a receiver: who posts, where, and how it looks.
//! It posts nothing and asks Slack nothing: whether a channel or a token exists is seen when a message is sent.

use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};

use super::file::SlackFile;
use super::mistake::{Mistake, Notes, Warning};
use super::receivers::is_loopback;
use super::secret;
use super::value::choice;
use super::yaml::Text;
use crate::receiver::slack::{Poster, Slack};
use crate::render::slack::{Icon, Look, Style};

/// Where the Web API is, unless `api_url` says so.
const API: &str = "https://slack.com/api/";
/// How long a user name may be.
const LONGEST_NAME: usize = 80;

/// Judges it.
pub(super) fn judge(file: &SlackFile, beside: &Path, notes: &mut Notes) -> Option<Slack> {
    let channel = file.channel.as_ref();
    let is_bot = file.token_file.is_some();
    let channel = channel.and_then(|written| self::channel(written, is_bot, notes));
    let look = look(file, notes);
    let poster = match (&file.webhook_url_file, &file.token_file) {
        (Some(written), None) => Poster::Webhook {
            url: webhook(written, beside, notes)?,
            channel,
        },
        (None, Some(written)) => {
            let token = token(written, beside, notes);
            let api = api(file.api_url.as_ref(), notes);
            Poster::Bot {
                token: token?,
                api: api?,
                channel: channel?,
            }
        }
        (None, None) | (Some(_), Some(_)) => return None, // noted where it was read
    };
    Some(Slack { poster, look })
}

fn webhook(written: &Text, beside: &Path, notes: &mut Notes) -> Option<SecretString> {
    let url = secret::read("webhook_url_file", written, beside, notes)?;
    let path = secret::path(written, beside);
    match url_kind(url.expose_secret()) {
        UrlKind::Safe => {}
        UrlKind::Open => notes.warn(written.place, Warning::Unencrypted { path }),
        UrlKind::None => notes.wrong(written.place, Mistake::NoWebhook { path }),
    }
    Some(url)
}

/// A bot's token begins with `xoxb-`. Others are a person's, or an app's that cannot post: Slack would say so later.
fn token(written: &Text, beside: &Path, notes: &mut Notes) -> Option<SecretString> {
    let token = secret::read("token_file", written, beside, notes)?;
    let path = secret::path(written, beside);
    let text = token.expose_secret();
    let fits_a_header = text.bytes().all(|byte| byte.is_ascii_graphic());
    if !fits_a_header || text.contains("://") {
        notes.wrong(written.place, Mistake::NoToken { path });
        return None;
    }
    if !text.starts_with("xoxb-") {
        notes.warn(written.place, Warning::NoBotToken { path });
    }
    Some(token)
}

/// With a slash at its end, so that a method's name can follow. What is sent there has the token in it.
fn api(written: Option<&Text>, notes: &mut Notes) -> Option<reqwest::Url> {
    let text = written.map_or(API, |written| written.text.as_str());
    let slashed = format!("{}/", text.trim_end_matches('/'));
    let url = reqwest::Url::parse(&slashed).ok();
    let url =
        url.filter(|url| url.query().is_none() && matches!(url_kind(url.as_str()), UrlKind::Safe));
    if let (None, Some(written)) = (&url, written) {
        let text = text.to_owned();
        notes.wrong(written.place, Mistake::NoApi { text });
    }
    url
}

/// `#name`, or an id of a channel, a group, a direct message or a user. A bare name means nothing to the Web API's
/// updates, and a person's `@name` nothing at all; custom integrations' webhooks take both.
fn channel(written: &Text, is_bot: bool, notes: &mut Notes) -> Option<String> {
    let text = written.text.as_str();
    let is_name = |name: &str| {
        let odd = |c: char| c.is_whitespace() || c.is_uppercase() || ",#@<>&:".contains(c);
        !name.is_empty() && name.chars().count() <= LONGEST_NAME && !name.contains(odd)
    };
    let is_id = text.len() >= 9
        && text.starts_with(['C', 'G', 'D', 'U', 'W'])
        && text
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    let person = text.strip_prefix('@').is_some_and(is_name);
    if is_id || text.strip_prefix('#').is_some_and(is_name) || (person && !is_bot) {
        return Some(text.to_owned());
    }
    let text = text.to_owned();
    let mistake = if person {
        Mistake::NoPerson { text }
    } else {
        Mistake::NoChannel { text }
    };
    notes.wrong(written.place, mistake);
    None
}

fn look(file: &SlackFile, notes: &mut Notes) -> Look {
    let words: (&[&str], &[bool]) = (&["modern", "classic"], &[false, true]);
    let classic = choice(file.style.as_ref(), "style", words, false, notes);
    if let (false, Some(written)) = (classic, &file.color) {
        notes.wrong(written.place, Mistake::OnlyClassic { key: "color" });
    }
    let color = file.color.as_ref().map(|written| color(written, notes));
    let username = file
        .username
        .as_ref()
        .map(|written| username(written, notes));
    Look {
        style: if classic {
            Style::Classic { color }
        } else {
            Style::Modern
        },
        username,
        icon: icon(file, notes),
    }
}

fn color(written: &Text, notes: &mut Notes) -> String {
    let text = written.text.clone();
    let digits = text.strip_prefix('#').unwrap_or_default();
    let is_hex = digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_hex && !matches!(text.as_str(), "good" | "warning" | "danger") {
        let text = text.clone();
        notes.wrong(written.place, Mistake::NoColor { text });
    }
    text
}

fn username(written: &Text, notes: &mut Notes) -> String {
    let name = written.text.trim().to_owned();
    if name.is_empty() || name.chars().count() > LONGEST_NAME {
        let mistake = Mistake::OutOfRange {
            key: "username",
            text: format!("`{name}`"),
            expected: "1 to 80 characters",
        };
        notes.wrong(written.place, mistake);
    }
    name
}

fn icon(file: &SlackFile, notes: &mut Notes) -> Option<Icon> {
    if let Some(written) = &file.icon_emoji {
        let inner = written
            .text
            .strip_prefix(':')
            .and_then(|text| text.strip_suffix(':'));
        let good = inner.is_some_and(|name| {
            !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_uppercase())
        });
        if !good {
            let text = written.text.clone();
            notes.wrong(written.place, Mistake::NoEmoji { text });
        }
        return Some(Icon::Emoji(written.text.clone()));
    }
    let written = file.icon_url.as_ref()?;
    if !matches!(url_kind(&written.text), UrlKind::Safe) {
        let text = written.text.clone();
        notes.wrong(written.place, Mistake::NoImage { text });
    }
    Some(Icon::Url(written.text.clone()))
}

enum UrlKind {
    Safe,
    Open,
    None,
}

fn url_kind(url: &str) -> UrlKind {
    let Ok(url) = reqwest::Url::parse(url) else {
        return UrlKind::None;
    };
    match (url.scheme(), url.host_str()) {
        ("https", Some(_)) => UrlKind::Safe,
        ("http", Some(host)) if is_loopback(host) => UrlKind::Safe,
        ("http", Some(_)) => UrlKind::Open,
        _ => UrlKind::None,
    }
}
