//! Logs: for people on a terminal, JSON lines otherwise, on standard error.
//! It decides no level of any line, only which are shown.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// What is shown unless `--log` or `RUST_LOG` says otherwise.
pub const DEFAULT_FILTER: &str = "info";
/// Added to a bare level: the NATS client's connector says with each try what our own lines say once.
const CLIENT: &str = "async_nats=warn,async_nats::connector=off";

/// A filter that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{filter}` is no log filter: {cause}; write it like info, or pillarbox_notifier=debug,info"
)]
pub struct FilterError {
    filter: String,
    cause: tracing_subscriber::filter::ParseError,
}

/// Reads a filter in the syntax of `RUST_LOG`. A bare level keeps the NATS client quiet.
///
/// # Errors
/// When it cannot be read.
pub fn filter(written: &str) -> Result<EnvFilter, FilterError> {
    let bare = !written.contains(['=', ',']) && !written.is_empty();
    let full = if bare {
        format!("{written},{CLIENT}")
    } else {
        written.to_owned()
    };
    EnvFilter::try_new(full).map_err(|cause| FilterError {
        filter: written.to_owned(),
        cause,
    })
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

/// Sets up the logs of this process. Called once, by `main`.
pub fn set_up(filter: EnvFilter) {
    if std::io::stderr().is_terminal() {
        let people = tracing_subscriber::fmt().with_env_filter(filter);
        people.with_writer(std::io::stderr).init();
    } else {
        tracing::subscriber::set_global_default(json(filter, std::io::stderr)).unwrap_or_default();
    }
}

/// JSON lines with `timestamp`, `level`, `target`, `message` and the fields side by side.
fn json<W>(filter: EnvFilter, writer: W) -> impl tracing::Subscriber
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_env_filter(filter)
        .with_writer(writer)
        .finish()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn log_of(written: &str, work: impl Fn()) -> Vec<serde_json::Value> {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = json(filter(written).unwrap(), move || writer.clone());
        tracing::subscriber::with_default(subscriber, work);
        let bytes = lines.0.lock().unwrap().clone();
        let text = String::from_utf8(bytes).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn level_message_and_fields_are_top_level() {
        let lines = log_of("info", || {
            tracing::warn!(salt.jid = "20261122012254116336", "the job waits");
            tracing::info!(target: "async_nats", "connected");
            tracing::error!(target: "async_nats::connector", "authorization violation");
            tracing::debug!("not shown");
        });
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert_eq!(lines[0]["level"], "WARN");
        assert_eq!(lines[0]["message"], "the job waits");
        assert_eq!(lines[0]["salt.jid"], "20261122012254116336");
    }

    #[test]
    fn a_filter_that_cannot_be_read_says_so() {
        let error = filter("loud=very").unwrap_err().to_string();
        assert!(
            error.starts_with("`loud=very` is no log filter: "),
            "{error}"
        );
        assert!(filter(DEFAULT_FILTER).is_ok());
    }
}
