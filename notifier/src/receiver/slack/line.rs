//! The line to Slack: one request, and its answer without any secret.
//! It does not know what an answer means.

use std::time::Duration;

use pillarbox_telemetry::spans::{KeyValue, note};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::super::{Attempt, SetUpError, said};
use super::TIMEOUT;
use super::answer::Answer;
use crate::telemetry;

/// Of an attempt, at most this much until the connection stands.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// More of an answer is not read. The Web API answers with the whole message.
const LONGEST_ANSWER: usize = 256 * 1024;
/// A secret shorter than this is none: removing it would only spoil texts.
const SHORTEST_SECRET: usize = 4;

/// A client, and what must not stand in an answer.
#[derive(Debug)]
pub(super) struct Line {
    client: reqwest::Client,
    secrets: Vec<SecretString>,
}

/// What an answer must not show of a URL: the whole, its path, and the path's last part.
pub(super) fn parts_of_url(url: &SecretString) -> Vec<SecretString> {
    let whole = url.expose_secret();
    let path = whole
        .split_once("://")
        .and_then(|(_, rest)| Some(rest.split_once('/')?.1));
    let parts = [Some(whole), path, whole.rsplit('/').next()];
    parts
        .into_iter()
        .flatten()
        .map(SecretString::from)
        .collect()
}

impl Line {
    /// Makes the client. It connects to nothing.
    pub(super) fn new(secrets: Vec<SecretString>) -> Result<Line, SetUpError> {
        let _ = rustls::crypto::ring::default_provider().install_default(); // an error says: it is installed already
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none()) // a webhook's URL is a secret, and a redirect would take it elsewhere
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .pool_max_idle_per_host(0) // a connection that died while idle would make a clean failure an ambiguous one
            .user_agent(concat!("pillarbox/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| SetUpError::Http(error.without_url()))?;
        Ok(Line { client, secrets })
    }

    /// A request with this body.
    pub(super) fn post(&self, url: &str, body: &Value) -> reqwest::RequestBuilder {
        // Without the charset Slack warns in each answer.
        let kind = (
            reqwest::header::CONTENT_TYPE,
            "application/json; charset=utf-8",
        );
        let request = self.client.post(url).header(kind.0, kind.1);
        request.body(body.to_string())
    }

    /// Sends it. An error says what became of it if no whole answer came.
    pub(super) async fn send(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<Answer, Box<Attempt>> {
        let mut response = request.send().await.map_err(broken_off)?;
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
                Err(error) if status < 300 => return Err(broken_off(error)),
                Err(_) => break,
            }
        }
        body.truncate(LONGEST_ANSWER);
        Ok(Answer {
            status,
            body: self.without_secrets(&String::from_utf8_lossy(&body)),
            retry_after: retry_after.map(Duration::from_secs),
        })
    }

    /// Proxies answer with what they were asked for: "Cannot POST /services/…".
    fn without_secrets(&self, body: &str) -> String {
        let secrets = self.secrets.iter().map(ExposeSecret::expose_secret);
        secrets
            .filter(|secret| secret.len() >= SHORTEST_SECRET)
            .fold(body.to_owned(), |body, secret| body.replace(secret, "…"))
    }
}

/// No answer, or not a whole one. Only before the connection stood is it sure that nothing was sent.
fn broken_off(error: reqwest::Error) -> Box<Attempt> {
    let error = error.without_url();
    let why = said(&telemetry::chain(&error));
    Box::new(if error.is_connect() || error.is_builder() {
        Attempt::Unreached { why }
    } else {
        Attempt::Ambiguous { why }
    })
}
