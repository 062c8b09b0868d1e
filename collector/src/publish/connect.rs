//! The connection to NATS, and what its own events mean to a person.
//! It publishes nothing; a server that is away is no error, the client comes back by itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_nats::{Client, ConnectOptions, Event};
use pillarbox_proto::subject::{Token, cluster_filter, collector_dead};
use secrecy::ExposeSecret as _;
use tokio::time::Instant;

use super::SELDOM;
use crate::config::{Config, Login};

/// What cannot be started at all; a person must change the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The credentials file is none.
    #[error("nats.credentials is no credentials file: {0}")]
    Credentials(#[source] std::io::Error),
    /// The client refuses its options.
    #[error("cannot start the NATS client: {0}")]
    Client(#[from] async_nats::ConnectError),
}

/// A client that connects in the background, now and whenever the connection is lost.
pub(crate) async fn connect(config: &Config) -> Result<Client, ConnectError> {
    let complaints = Arc::new(Complaints::new(&config.cluster));
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
    fn new(cluster: &str) -> Complaints {
        let cluster = Token::new(cluster);
        let events = cluster_filter(&cluster);
        let letters = collector_dead(&cluster, "any").replace(".any", ".*");
        Complaints {
            needs: format!("its user must be allowed to publish {events} and {letters}"),
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
        let kind = text.split('"').next().unwrap_or(text).to_owned();
        let now = Instant::now();
        let mut said = self.said.lock().unwrap_or_else(|e| e.into_inner());
        if said
            .get(&kind)
            .is_some_and(|at| now.duration_since(*at) < SELDOM)
        {
            return;
        }
        if kind.to_lowercase().contains("violation") {
            let needs = &self.needs;
            tracing::error!("NATS does not allow it: {text}; {needs}");
        } else {
            tracing::warn!("NATS: {text}");
        }
        said.retain(|_, at| now.duration_since(*at) < SELDOM);
        said.insert(kind, now);
    }
}
