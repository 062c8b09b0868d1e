//! Logs: for people on a terminal, JSON lines elsewhere, always on standard error.
//! It decides no level of any line, only which are shown, and how.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

/// What is shown unless `--log` or `RUST_LOG` says otherwise.
pub const DEFAULT_FILTER: &str = "info";
/// Before what is asked for: the NATS client's connector says with each try what our own lines say once, and the verifier of
/// certificates what they say in the attempt's own words.
const QUIET: &str = "async_nats=warn,async_nats::connector=off,rustls_platform_verifier=off";

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// As text on a terminal, as JSON elsewhere.
    #[default]
    Auto,
    /// For people.
    Text,
    /// An object on each line: `timestamp`, `level`, `target`, `message`, and the line's fields beside them.
    Json,
}

/// The words of `--log-format`.
pub const FORMATS: [&str; 3] = ["auto", "text", "json"];

impl std::str::FromStr for Format {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Format, FormatError> {
        match text {
            "auto" => Ok(Format::Auto),
            "text" => Ok(Format::Text),
            "json" => Ok(Format::Json),
            _ => Err(FormatError),
        }
    }
}

/// None of the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is one of auto, text, json")]
pub struct FormatError;

/// A filter that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("`{filter}` is no log filter: {cause}; write it like info, or async_nats=debug,info")]
pub struct FilterError {
    filter: String,
    cause: tracing_subscriber::filter::ParseError,
}

/// Reads a filter in the syntax of `RUST_LOG`.
///
/// # Errors
/// When it cannot be read.
pub fn filter(written: &str) -> Result<EnvFilter, FilterError> {
    EnvFilter::try_new(format!("{QUIET},{written}")).map_err(|cause| FilterError {
        filter: written.to_owned(),
        cause,
    })
}

/// Sets up the logs of this process. Called once, by `main`.
///
/// # Errors
/// When somebody else did it before.
pub fn start(filter: EnvFilter, format: Format) -> Result<(), TryInitError> {
    let text = match format {
        Format::Auto => std::io::stderr().is_terminal(),
        Format::Text => true,
        Format::Json => false,
    };
    if !text {
        return json(filter, std::io::stderr).try_init();
    }
    let people = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    people.finish().try_init()
}

fn json<W>(filter: EnvFilter, writer: W) -> impl tracing::Subscriber
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
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
    fn what_is_asked_for_wins_over_the_quiet() {
        let lines = log_of("async_nats=debug,info", || {
            tracing::debug!(target: "async_nats", "shown");
        });
        assert_eq!(lines.len(), 1, "{lines:?}");
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

    #[test]
    fn a_format_is_one_of_three_words() {
        for word in FORMATS {
            assert!(word.parse::<Format>().is_ok(), "{word}");
        }
        assert_eq!("logfmt".parse::<Format>(), Err(FormatError));
    }
}
