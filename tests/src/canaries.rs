//! Secrets that a scenario plants, and the search for them, in every dress, in what is kept or said of a run.
//! It plants none itself, and knows what no program does with them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use async_nats::jetstream::{self, stream::RawMessageErrorKind};
use async_nats::{Client, HeaderMap};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use pillarbox_proto::wire;
use tokio_util::task::AbortOnDropHandle;

/// What must be found nowhere.
#[derive(Clone, Debug, Default)]
pub struct Canaries(Vec<String>);

impl Canaries {
    /// A secret: as it is, and as it would stand in a URL, in base64, in hex, or in a list of numbers.
    #[must_use]
    pub fn secret(mut self, secret: &str) -> Self {
        let bytes = secret.as_bytes();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
        self.0.extend([
            secret.to_owned(),
            utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
            secret.replace(' ', "+"),
            secret.replace(' ', "%20"),
            hex,
            numbers.join(", "),
        ]);
        self.base64(bytes)
    }

    /// A password: as a secret, and as a user logs in with it (SMTP's `PLAIN`, HTTP's `Basic`).
    #[must_use]
    pub fn password(self, user: &str, password: &str) -> Self {
        let canaries = self.secret(password);
        let canaries = canaries.base64(format!("\0{user}\0{password}").as_bytes());
        canaries.base64(format!("{user}:{password}").as_bytes())
    }

    fn base64(mut self, bytes: &[u8]) -> Self {
        let dresses = [STANDARD_NO_PAD.encode(bytes), URL_SAFE_NO_PAD.encode(bytes)];
        self.0.extend(dresses);
        self
    }

    /// The canaries in a text, each with what stands around it.
    #[must_use]
    pub fn found_in(&self, text: &str) -> Vec<String> {
        let found = self.0.iter().filter_map(|canary| {
            let at = text.find(canary.as_str())?;
            let before = text.get(..at)?.chars().rev().take(200);
            let around: String = before.collect::<Vec<_>>().into_iter().rev().collect();
            Some(format!("{canary}, after: …{around}"))
        });
        found.collect()
    }
}

/// What was searched: a name, and all of it as text.
pub type Kept = BTreeMap<String, String>;

/// Everything that is said over NATS from now on, by the first words of its subject: also what no stream keeps for long.
#[derive(Debug)]
pub struct Overheard {
    heard: Arc<Mutex<Kept>>,
    _task: AbortOnDropHandle<()>,
}

impl Overheard {
    /// Begins to listen.
    ///
    /// # Errors
    /// When NATS takes no subscription.
    pub async fn start(client: &Client) -> anyhow::Result<Self> {
        let mut all = client.subscribe(">").await?;
        client.flush().await?;
        let heard = Arc::<Mutex<Kept>>::default();
        let keep = Arc::clone(&heard);
        let task = async move {
            while let Some(message) = all.next().await {
                let (subject, headers) = (message.subject.as_str(), message.headers.as_ref());
                let text = shown(subject, headers, &message.payload);
                let mut heard = keep.lock().unwrap_or_else(PoisonError::into_inner);
                *heard.entry(kind(subject)).or_default() += &text;
            }
        };
        Ok(Self {
            heard,
            _task: AbortOnDropHandle::new(tokio::spawn(task)),
        })
    }

    /// All of it.
    #[must_use]
    pub fn heard(&self) -> Kept {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.clone()
    }
}

/// `salt.v1`, `pillarbox.v1.main.deliver`, `$KV.PILLARBOX_LEDGER`, `$JS.API`, `_INBOX`
fn kind(subject: &str) -> String {
    let words: Vec<&str> = subject.split('.').collect();
    let length = match words.first() {
        Some(&"pillarbox") if words.get(2) == Some(&"dead") => 3,
        Some(&"pillarbox") => 4,
        Some(&"_INBOX") => 1,
        _ => 2,
    };
    format!("heard {}", words[..length.min(words.len())].join("."))
}

/// Every message that any stream holds, buckets included, by the name of the stream.
///
/// # Errors
/// When one cannot be read.
pub async fn stored(client: Client) -> anyhow::Result<Kept> {
    let jetstream = jetstream::new(client);
    let names: Vec<String> = jetstream.stream_names().try_collect().await?;
    let mut kept = Kept::new();
    for name in names {
        let stream = jetstream.get_stream(&name).await?;
        let state = &stream.cached_info().state;
        let mut text = String::new();
        for sequence in state.first_sequence.max(1)..=state.last_sequence {
            match stream.get_raw_message(sequence).await {
                Ok(found) => {
                    text += &shown(&found.subject, Some(&found.headers), &found.payload);
                }
                Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => {}
                Err(error) => return Err(error).context(name),
            }
        }
        kept.insert(format!("stored {name}"), text);
    }
    Ok(kept)
}

/// A message as text: raw, and what is compressed in it too.
fn shown(subject: &str, headers: Option<&HeaderMap>, payload: &Bytes) -> String {
    let raw = String::from_utf8_lossy(payload);
    let body = wire::body(headers, payload).unwrap_or_default();
    let body = String::from_utf8_lossy(&body);
    format!("{subject} {headers:?} {raw} {body}\n")
}

#[cfg(test)]
mod tests {
    use super::Canaries;

    #[test]
    fn a_canary_is_found_in_every_dress() {
        let canaries = Canaries::default().password("salt", "hunter two");
        for leak in [
            "password: hunter two",
            "?password=hunter+two&x",
            "?password=hunter%20two",
            "AUTH PLAIN AHNhbHQAaHVudGVyIHR3bw==",
            "Authorization: Basic c2FsdDpodW50ZXIgdHdv",
            "aHVudGVyIHR3bw",
            "68756e7465722074776f",
            "[104, 117, 110, 116, 101, 114, 32, 116, 119, 111]",
        ] {
            assert!(!canaries.found_in(leak).is_empty(), "{leak}");
        }
        assert!(canaries.found_in("hunter and two").is_empty());
    }
}
