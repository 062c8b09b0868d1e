//! One attempt at a Slack incoming webhook, and what its answer means.
//! It neither retries nor renders.

use secrecy::SecretString;

/// An incoming webhook. Its URL is a secret: whoever knows it can post.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// The whole URL.
    pub url: SecretString,
}
