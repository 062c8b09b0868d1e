//! Logs and traces of this program: under which name, and what stops it at once.
//! How either is written is `pillarbox_telemetry`'s, which both programs share.

use pillarbox_telemetry::logs::{self, FilterError, Format};
use pillarbox_telemetry::spans::{self, ExportError, Exporter};

/// `service.name` of its spans, unless `OTEL_SERVICE_NAME` says otherwise.
const SERVICE: &str = "pillarbox-collector";

/// Why nothing can be shown.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter of `--log` or `RUST_LOG` is none.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// Somebody else did it before.
    #[error("logs are set up already: {0}")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
    /// What `OTEL_*` says cannot be followed.
    #[error(transparent)]
    Export(#[from] ExportError),
}

/// Sets up logs. `filter` is as in `RUST_LOG`: a level, or levels by module.
pub fn start(filter: &str, format: Format) -> Result<(), TelemetryError> {
    Ok(logs::start(logs::filter(filter)?, format)?)
}

/// Sets up traces, if the environment asks for them. Inside the runtime.
pub fn traces() -> Result<Exporter, TelemetryError> {
    Ok(spans::start(SERVICE, env!("CARGO_PKG_VERSION"))?)
}
