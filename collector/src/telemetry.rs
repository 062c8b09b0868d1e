//! Logs: for people on a terminal, JSON lines elsewhere, always on standard error.
//! It exports no metric and no trace.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

/// async-nats would tell its connection's story once more, at each try: `publish::connect` tells it once.
const QUIET: &str = "async_nats=warn,async_nats::connector=off";

/// Why logs cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter of `--log` or `RUST_LOG` is none.
    #[error("`{filter}` is no log filter: {source}")]
    Filter {
        /// As given.
        filter: String,
        /// What is wrong with it.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Somebody else did it before.
    #[error("logs are set up already: {0}")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Sets up logs. `filter` is as in `RUST_LOG`: a level, or levels by module.
pub fn start(filter: &str) -> Result<(), TelemetryError> {
    use tracing_subscriber::util::SubscriberInitExt as _;
    let filter = EnvFilter::try_new(format!("{QUIET},{filter}")).map_err(|source| {
        TelemetryError::Filter {
            filter: filter.to_owned(),
            source,
        }
    })?;
    let logs = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        logs.with_target(false).finish().try_init()?;
    } else {
        logs.json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .finish()
            .try_init()?;
    }
    Ok(())
}
