//! The connection that a worker works with, and the names it works under.
//! It publishes and subscribes nothing: each loop does its own.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_nats::jetstream::{self, Context};
use async_nats::{ClientError, ConnectOptions, Event};
use pillarbox_proto::subject::Group;
use pillarbox_proto::topology::Topology;
use secrecy::ExposeSecret as _;

use crate::config::{Config, Login};

/// No wait between two tries is longer, however long the server has been away.
const LONGEST_RECONNECT: Duration = Duration::from_secs(2);

/// Events remembered as said; a server has fewer things to say.
const MOST_SAID: usize = 32;

/// What every loop needs to reach its streams and buckets. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Nats {
    /// The connection.
    pub jetstream: Context,
    /// The names of streams and buckets.
    pub topology: Topology,
    /// The group whose work is done here.
    pub group: Group,
    /// This worker's name, unique among all that run: it signs what it has in hand.
    pub worker: String,
}

impl Nats {
    /// The same connection and worker, under the names of another configuration.
    pub fn under(&self, config: &Config) -> Nats {
        Nats {
            topology: config.topology.clone(),
            group: config.group.clone(),
            ..self.clone()
        }
    }
}

/// Why there is no connection, and will be none without a person. A server that is away is no such reason: it is waited for.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The credentials file is none.
    #[error("the file for `credentials` is no credentials file")]
    Credentials(#[source] std::io::Error),
    /// The client refuses to begin.
    #[error("cannot connect to NATS")]
    Connect(#[from] async_nats::ConnectError),
}

/// Connects, and stays connected for ever: returns at once, while the first connection may still be on its way.
///
/// # Errors
/// Only what trying again cannot change.
pub async fn connect(config: &Config) -> Result<Nats, ConnectError> {
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let worker = worker_name(hostname.trim(), std::process::id(), rand::random());
    let client = options(config, &worker)?
        .connect(&config.nats.servers[..])
        .await?;
    Ok(Nats {
        jetstream: jetstream::new(client),
        topology: config.topology.clone(),
        group: config.group.clone(),
        worker,
    })
}

/// A part by chance, since containers share host names and process ids.
fn worker_name(hostname: &str, pid: u32, chance: u32) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let host: String = hostname.chars().take(40).map(plain).collect();
    let host = if host.is_empty() { "host" } else { &host };
    format!("{host}-{pid}-{chance:08x}")
}

fn options(config: &Config, worker: &str) -> Result<ConnectOptions, ConnectError> {
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
    Ok(options
        .name(format!("pillarbox-notifier {worker}"))
        .retry_on_initial_connect()
        .max_reconnects(None)
        .reconnect_delay_callback(reconnect_delay)
        .event_callback(said_once(log)))
}

/// 50 ms, 100 ms, 200 ms, … up to [`LONGEST_RECONNECT`].
fn reconnect_delay(attempts: usize) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1))
        .unwrap_or(u32::MAX)
        .min(10);
    Duration::from_millis(50 << doublings).min(LONGEST_RECONNECT)
}

/// Passes an event on the first time after each connection: while a server is away every try fails alike.
fn said_once<F>(say: F) -> impl Fn(Event) -> std::future::Ready<()> + Send + Sync + 'static
where
    F: Fn(&Event) + Send + Sync + 'static,
{
    let said = Mutex::new(Vec::new());
    move |event| {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        if event == Event::Connected {
            said.clear();
        }
        if !said.contains(&event) {
            say(&event);
            said.truncate(MOST_SAID);
            said.push(event);
        }
        std::future::ready(())
    }
}

/// One sentence for each event.
fn log(event: &Event) {
    match event {
        Event::Connected => tracing::info!("connected to NATS"),
        Event::Disconnected => tracing::warn!("the connection to NATS is lost; trying again"),
        Event::LameDuckMode => tracing::info!("this NATS server is about to stop; moving on"),
        Event::Draining => tracing::debug!("the connection to NATS is being drained"),
        Event::Closed => tracing::info!("the connection to NATS is closed"),
        Event::SlowConsumer(subscription) => tracing::warn!(
            nats.subscription = subscription,
            "messages came faster than they were read and some were dropped; NATS hands them out again"
        ),
        Event::ServerError(error) => tracing::error!(%error, "NATS refuses something"),
        // The client hands the reason over as a text; both of its texts about logins begin so.
        Event::ClientError(ClientError::Other(error)) if error.contains("auth") => tracing::error!(
            error,
            "NATS refuses the login; correct `credentials`, or `user` and `password_file`"
        ),
        Event::ClientError(error) => tracing::warn!(%error, "cannot reach NATS; trying again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reconnects_back_off_to_two_seconds() {
        let millis: Vec<u128> = (0..9).map(|n| reconnect_delay(n).as_millis()).collect();
        assert_eq!(millis, [50, 50, 100, 200, 400, 800, 1600, 2000, 2000]);
        assert_eq!(reconnect_delay(usize::MAX), LONGEST_RECONNECT);
    }

    #[test]
    fn a_worker_is_named_by_host_process_and_chance() {
        let check = |host, expect: &str| assert_eq!(worker_name(host, 4711, 0xbeef), expect);
        check("web1.example.com", "web1-example-com-4711-0000beef");
        check("", "host-4711-0000beef");
    }

    #[test]
    fn an_event_is_said_once_until_the_next_connection() {
        let said = std::sync::Arc::new(Mutex::new(Vec::new()));
        let book = std::sync::Arc::clone(&said);
        let callback = said_once(move |event| book.lock().unwrap().push(event.to_string()));
        let refused = || Event::ClientError(ClientError::Other("IO error".into()));
        let events = [
            refused(),
            refused(),
            Event::Connected,
            Event::Disconnected,
            refused(),
            refused(),
            Event::Connected,
        ];
        for event in events {
            drop(callback(event));
        }
        let expect = [
            "client error: nats: IO error",
            "connected",
            "disconnected",
            "client error: nats: IO error",
            "connected",
        ];
        assert_eq!(*said.lock().unwrap(), expect);
    }
}
