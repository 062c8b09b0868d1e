//! Logs and traces of this program: under which name, and what stops it at once.
//! How either is written is `pillarbox_telemetry`'s, which both programs share.

use pillarbox_telemetry::logs::{self, Format};
use pillarbox_telemetry::spans::{self, ExportError, Exporter};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::TryInitError;

/// `service.name` of its spans, unless `OTEL_SERVICE_NAME` says otherwise.
const SERVICE: &str = "pillarbox-notifier";

/// Sets up the logs of this process. Called once, by `main`.
///
/// # Errors
/// When somebody else did it before.
pub fn set_up(filter: EnvFilter, format: Format) -> Result<(), TryInitError> {
    logs::start(filter, format)
}

/// Sets up traces, if the environment asks for them. Inside the runtime.
///
/// # Errors
/// When what `OTEL_*` says cannot be followed.
pub fn traces() -> Result<Exporter, ExportError> {
    spans::start(SERVICE, env!("CARGO_PKG_VERSION"))
}

/// An error and everything under it, as one sentence of a log line: `cannot read JOBS: timed out`.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}"); // some libraries repeat their source in their own text
        }
        source = cause.source();
    }
    text
}
