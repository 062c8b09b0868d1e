//! The connection to NATS, and what its own events mean to a person.
//! It publishes nothing; a server that is away is no error, the client comes back by itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_nats::{Client, ConnectOptions, Event};
use pillarbox_proto::lookup;
use pillarbox_proto::subject::{Token, cluster_filter, collector_dead};
use secrecy::ExposeSecret as _;
use tokio::time::Instant;

use super::SELDOM;
use crate::config::{Config, Login};

/// What cannot be started at all; a person must change the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The credentials file is none.
    #[error("the file for `credentials` is no credentials file: {0}")]
    Credentials(#[source] std::io::Error),
    /// The client refuses its options.
    #[error("cannot start the NATS client: {0}")]
    Client(#[from] async_nats::ConnectError),
}

/// A client that connects in the background, now and whenever the connection is lost.
pub(crate) async fn connect(config: &Config) -> Result<Client, ConnectError> {
    let complaints = Arc::new(Complaints::new(&config.cluster, &config.master));
    let options = match &config.nats.login {
        Login::None => ConnectOptions::new(),
        Login::Credentials(text) => ConnectOptions::with_credentials(text.expose_secret())
            .map_err(ConnectError::Credentials)?,
        Login::Nkey(seed) => ConnectOptions::with_nkey(seed.expose_secret().to_owned()),
        Login::Password(user, password) => ConnectOptions::with_user_and_password(
            user.clone(),
            password.expose_secret().to_owned(),
        ),
    };
    let client = options
        .name(format!("pillarbox-collector {}", config.master))
        .retry_on_initial_connect()
        .max_reconnects(None)
        .event_callback(move |event| {
            let complaints = Arc::clone(&complaints);
            async move { complaints.hear(&event) }
        })
        .connect(config.nats.servers.clone())
        .await?;
    Ok(client)
}

/// What the client tells of itself and of the server.
struct Complaints {
    needs: String,
    said: Mutex<HashMap<String, Instant>>,
}

impl Complaints {
    fn new(cluster: &str, master: &str) -> Complaints {
        let cluster = Token::new(cluster);
        let events = cluster_filter(&cluster);
        let letters = collector_dead(&cluster, "any").replace(".any", ".*");
        let lookups = lookup::subject(&cluster, &Token::new(master));
        Complaints {
            needs: format!(
                "its user must be allowed to publish {events} and {letters}, and to answer {lookups}"
            ),
            said: Mutex::default(),
        }
    }

    fn hear(&self, event: &Event) {
        match event {
            Event::Connected => tracing::info!("connected to NATS"),
            Event::Disconnected => {
                tracing::warn!(
                    "the connection to NATS is lost: what Salt fires is held until it is back"
                );
            }
            Event::LameDuckMode => tracing::info!("the NATS server is about to stop"),
            Event::ServerError(error) => self.complain(&error.to_string()),
            Event::ClientError(error) => self.complain(&error.to_string()),
            Event::Draining | Event::Closed | Event::SlowConsumer(_) => {
                tracing::debug!("NATS client: {event}");
            }
        }
    }

    /// One line for many of a kind: they differ in what stands in quotes.
    fn complain(&self, text: &str) {
        let text = text.trim_start_matches("nats: ");
        let kind = text.split('"').next().unwrap_or(text).to_lowercase();
        let now = Instant::now();
        let mut said = self.said.lock().unwrap_or_else(|e| e.into_inner());
        said.retain(|_, at| now.duration_since(*at) < SELDOM);
        if said.contains_key(&kind) {
            return;
        }
        if kind.contains("permissions violation") {
            let needs = &self.needs;
            tracing::error!("NATS does not allow it: {text}; {needs}");
        } else if kind.contains("authorization violation") {
            tracing::error!(
                "NATS does not let the collector in ({text}): are the credentials those of this server?"
            );
        } else {
            tracing::warn!("the NATS client says: {text}");
        }
        said.insert(kind, now);
    }
}
