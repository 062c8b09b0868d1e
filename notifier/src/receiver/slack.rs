//! One attempt at a Slack incoming webhook, and what its answer means.
//! It neither retries nor renders.

use std::time::Duration;

use jiff::tz::TimeZone;
use pillarbox_proto::delivery::{Notification, Receipt};
use pillarbox_proto::subject::hash;
use pillarbox_telemetry::spans::{KeyValue, note};
use secrecy::{ExposeSecret, SecretString};

use super::{Attempt, Letter, SetUpError, said};
use crate::{render, telemetry};

/// One attempt, from connecting to the end of the answer.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// Of that, at most this much until the connection stands.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// More of an answer is not read.
const LONGEST_ANSWER: usize = 4096;

/// An incoming webhook. Its URL is a secret: whoever knows it can post.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// The whole URL.
    pub url: SecretString,
}

/// Posts to one webhook.
#[derive(Debug)]
pub struct Sender {
    webhook: Webhook,
    zone: TimeZone,
    client: reqwest::Client,
}

impl Sender {
    /// Makes the client. It connects to nothing.
    pub fn new(webhook: &Webhook, zone: TimeZone) -> Result<Sender, SetUpError> {
        let _ = rustls::crypto::ring::default_provider().install_default(); // an error says: it is installed already
        reqwest::Url::parse(webhook.url.expose_secret()).map_err(|_| SetUpError::Url)?;
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none()) // the URL is a secret, and a redirect would take it elsewhere
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .pool_max_idle_per_host(0) // a connection that died while idle would make a clean failure an ambiguous one
            .user_agent(concat!("pillarbox/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| SetUpError::Http(error.without_url()))?;
        Ok(Sender {
            webhook: webhook.clone(),
            zone,
            client,
        })
    }

    /// One attempt.
    pub async fn attempt(&self, letter: &Letter<'_>) -> Attempt {
        let notification = &letter.delivery.notification;
        let payload = if letter.smaller {
            render::slack::smaller(notification, &self.zone, letter.follow_up)
        } else {
            render::slack::message(notification, &self.zone, letter.follow_up)
        };
        let url = self.webhook.url.expose_secret();
        match self.client.post(url).json(&payload).send().await {
            Ok(response) => self.answer(response).await,
            Err(error) => broken_off(error),
        }
    }

    async fn answer(&self, mut response: reqwest::Response) -> Attempt {
        let status = response.status().as_u16();
        note(KeyValue::new(
            "http.response.status_code",
            i64::from(status),
        ));
        let retry_after = response.headers().get(reqwest::header::RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let mut body = Vec::new();
        while body.len() < LONGEST_ANSWER {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                // A status that says no is an answer, however it ends.
                Err(error) if status < 300 => return broken_off(error),
                Err(_) => break,
            }
        }
        body.truncate(LONGEST_ANSWER);
        let body = self.without_url(&String::from_utf8_lossy(&body));
        classify(status, &body, retry_after.map(Duration::from_secs))
    }

    /// Proxies answer with what they were asked for: "Cannot POST /services/…".
    fn without_url(&self, body: &str) -> String {
        let url = self.webhook.url.expose_secret();
        let path = url
            .split_once("://")
            .and_then(|(_, rest)| Some(rest.split_once('/')?.1));
        let token = url.rsplit('/').next().filter(|token| token.len() > 3);
        let secrets = [Some(url), path.filter(|path| path.len() > 3), token];
        secrets
            .into_iter()
            .flatten()
            .fold(body.to_owned(), |body, secret| body.replace(secret, "…"))
    }
}

/// Host and port of its URL.
pub(super) fn host(webhook: &Webhook) -> (String, u16) {
    let url = reqwest::Url::parse(webhook.url.expose_secret()).ok();
    let host = url.as_ref().and_then(|url| url.host_str());
    let port = url.as_ref().and_then(reqwest::Url::port_or_known_default);
    (
        host.unwrap_or_default().to_owned(),
        port.unwrap_or_default(),
    )
}

/// Hash of what a reader would see, whatever the zone.
pub fn seen(notification: &Notification) -> String {
    hash([render::slack::message(notification, &TimeZone::UTC, false)
        .to_string()
        .as_str()])
}

/// No answer, or not a whole one. Only before the connection stood is it sure that nothing was sent.
fn broken_off(error: reqwest::Error) -> Attempt {
    let error = error.without_url();
    let why = said(&telemetry::chain(&error));
    if error.is_connect() || error.is_builder() {
        Attempt::Unreached { why }
    } else {
        Attempt::Ambiguous { why }
    }
}

/// What an answer means: DELIVERY.md §B4, as far as a webhook can say it.
fn classify(status: u16, body: &str, retry_after: Option<Duration>) -> Attempt {
    let word = word(body);
    let why = said(&format!("HTTP {status} {}", body.trim()));
    if status == 429 || matches!(word.as_str(), "ratelimited" | "rate_limited") {
        return Attempt::Throttled { retry_after, why };
    }
    match (status, word.as_str()) {
        (200..=299, "ok") => Attempt::Delivered(Receipt::SlackWebhook),
        // "Some aspect of the operation may have succeeded".
        (_, "internal_error" | "fatal_error") => Attempt::Ambiguous { why },
        (408 | 500..=599, _) => Attempt::Unreached { why },
        (300..=399, _) => Attempt::Broken { why },
        (_, word) if TOO_LARGE.contains(&word) => Attempt::TooLarge { why },
        (413, _) => Attempt::TooLarge { why },
        (_, word) if BROKEN.contains(&word) => Attempt::Broken { why },
        (_, word) if OURS.contains(&word) => Attempt::Refused { why },
        (401 | 403 | 404 | 410, _) => Attempt::Broken { why },
        (400..=499, _) => Attempt::Refused { why },
        _ => Attempt::Unclear { why },
    }
}

/// The word that an answer is: its text, or the `error` of a JSON that is not `ok`.
fn word(body: &str) -> String {
    let Ok(json) = serde_json::from_str::<serde_json::Value>(body) else {
        return body.trim().to_owned();
    };
    match (
        json.get("ok").and_then(serde_json::Value::as_bool),
        json.get("error"),
    ) {
        (Some(true), _) => "ok".to_owned(),
        (_, Some(error)) => error.as_str().unwrap_or_default().to_owned(),
        _ => body.trim().to_owned(),
    }
}

/// Send smaller.
const TOO_LARGE: [&str; 13] = [
    "invalid_blocks",
    "invalid_blocks_format",
    "msg_blocks_too_long",
    "invalid_payload",
    "invalid_attachments",
    "attachment_payload_limit_exceeded",
    "msg_too_long",
    "too_many_attachments",
    "markdown_text_conflict",
    "block_mismatch",
    "metadata_too_large",
    "invalid_metadata_format",
    "metadata_must_be_sent_from_app",
];

/// A person must do something: channel, rights, credential, hook.
const BROKEN: [&str; 38] = [
    "message_limit_exceeded",
    "channel_not_found",
    "user_not_found",
    "not_in_channel",
    "is_archived",
    "channel_is_archived",
    "is_inactive",
    "team_not_found",
    "restricted_action",
    "restricted_action_read_only_channel",
    "restricted_action_thread_only_channel",
    "posting_to_general_channel_denied",
    "action_prohibited",
    "no_permission",
    "access_denied",
    "app_access_restricted",
    "ekm_access_denied",
    "messages_tab_disabled",
    "accesslimited",
    "not_authed",
    "invalid_auth",
    "invalid_token",
    "token_revoked",
    "token_expired",
    "account_inactive",
    "missing_scope",
    "not_allowed_token_type",
    "two_factor_setup_required",
    "org_login_required",
    "enterprise_is_restricted",
    "team_access_not_granted",
    "no_service",
    "no_service_id",
    "no_team",
    "no_active_hooks",
    "team_disabled",
    "method_deprecated",
    "deprecated_endpoint",
];

/// Our bug.
const OURS: [&str; 9] = [
    "no_text",
    "missing_text_or_fallback_or_attachments",
    "invalid_arg_name",
    "invalid_array_arg",
    "invalid_charset",
    "invalid_form_data",
    "invalid_post_type",
    "missing_post_type",
    "invalid_json",
];

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::receiver::tests::{delivery, letter};

    #[test]
    fn every_answer_has_its_meaning() {
        let check = |status: u16, body: &str, expect: &str| {
            let attempt = classify(status, body, None);
            let name = format!("{attempt:?}");
            assert!(name.starts_with(expect), "{status} {body}: {name}");
        };
        check(200, "ok", "Delivered");
        check(200, "ok\n", "Delivered");
        check(200, r#"{"ok":true}"#, "Delivered");
        check(200, "<html>please log in", "Unclear");
        check(200, r#"{"ok":false,"error":"ratelimited"}"#, "Throttled");
        check(429, "", "Throttled");
        check(
            429,
            r#"{"retry_after":1,"ok":false,"error":"rate_limited"}"#,
            "Throttled",
        );
        check(500, "rollup_error", "Unreached");
        for status in [408, 500, 502, 503, 504] {
            check(status, "", "Unreached");
        }
        check(500, "internal_error", "Ambiguous");
        check(200, r#"{"ok":false,"error":"fatal_error"}"#, "Ambiguous");
        check(301, "", "Broken");
        check(400, "invalid_payload", "TooLarge");
        check(413, "", "TooLarge");
        check(400, "user_not_found", "Broken");
        check(403, "action_prohibited", "Broken");
        check(403, "invalid_token", "Broken");
        check(404, "channel_not_found", "Broken");
        check(404, "no_service", "Broken");
        check(404, "whatever", "Broken");
        check(410, "channel_is_archived", "Broken");
        check(410, "whatever", "Broken");
        check(400, "no_text", "Refused");
        check(400, "whatever", "Refused");
        for word in TOO_LARGE {
            check(400, word, "TooLarge");
        }
        for word in BROKEN {
            check(400, word, "Broken");
        }
        for word in OURS {
            check(400, word, "Refused");
        }
    }

    const TOKEN: &str = "T000/B000/never-to-be-seen";

    fn sender(origin: &str) -> Sender {
        let url = format!("{origin}/services/{TOKEN}");
        Sender::new(&Webhook { url: url.into() }, TimeZone::UTC).unwrap()
    }

    /// Takes one connection, reads the request, and answers this.
    async fn double(answer: &'static str) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 16384]).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        origin
    }

    async fn attempt(origin: &str) -> Attempt {
        sender(origin).attempt(&letter(&delivery())).await
    }

    #[tokio::test]
    async fn no_error_shows_the_url() {
        let sender_text = format!("{:?}", sender("http://127.0.0.1:1"));
        assert!(!sender_text.contains(TOKEN), "{sender_text}");
        let none = Sender::new(&Webhook { url: TOKEN.into() }, TimeZone::UTC).unwrap_err();
        assert!(!format!("{none} {none:?}").contains(TOKEN));
        let refused = attempt("http://127.0.0.1:1").await;
        let dropped = attempt(&double("").await).await;
        let moved = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/T000/B000/never-to-be-seen\r\ncontent-length: 0\r\n\r\n";
        let moved = attempt(&double(moved).await).await;
        let echo = "HTTP/1.1 404 Not Found\r\ncontent-length: 48\r\n\r\nCannot POST /services/T000/B000/never-to-be-seen";
        let echo = attempt(&double(echo).await).await;
        assert!(
            matches!(&echo, Attempt::Broken { why } if why.contains("Cannot POST /")),
            "{echo:?}"
        );
        for attempt in [&refused, &dropped, &moved, &echo] {
            assert!(!format!("{attempt:?}").contains(TOKEN), "{attempt:?}");
        }
        assert!(matches!(refused, Attempt::Unreached { .. }), "{refused:?}");
        assert!(matches!(dropped, Attempt::Ambiguous { .. }), "{dropped:?}");
        assert!(matches!(moved, Attempt::Broken { .. }), "{moved:?}");
    }

    #[tokio::test]
    async fn an_answer_is_read_with_its_retry_after() {
        let throttled =
            "HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n";
        let seven = Some(Duration::from_secs(7));
        let attempt = attempt(&double(throttled).await).await;
        assert!(
            matches!(attempt, Attempt::Throttled { retry_after, .. } if retry_after == seven),
            "{attempt:?}"
        );
    }
}
