//! The way out of spans: OTLP over gRPC or HTTP, in batches, from a bounded queue; what it cannot take is dropped and counted.
//! It makes no span. It says once that nobody takes them, and once that somebody does again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_otlp::tonic_types::transport::ClientTlsConfig;
use opentelemetry_otlp::{
    OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT,
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL, SpanExporter, WithTonicConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Span, SpanData, SpanProcessor,
};

/// Spans that may wait, unless `OTEL_BSP_MAX_QUEUE_SIZE` says otherwise: a burst of a few thousand events, some 10 MiB.
const QUEUE: usize = 8192;

/// What the environment says cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Another protocol.
    #[error("OTEL_EXPORTER_OTLP_PROTOCOL is `{0}`: it is grpc or http/protobuf")]
    Protocol(String),
    /// The exporter cannot be made of it.
    #[error("the OTEL_EXPORTER_OTLP_* variables make no exporter: {why}")]
    Build {
        /// The SDK's words, without the endpoint, which may carry a key.
        why: String,
    },
}

/// What became of spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// The receiver took them.
    pub sent: u64,
    /// The receiver did not.
    pub failed: u64,
    /// Too many waited.
    pub dropped: u64,
}

/// The same, as they are counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    sent: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
    waiting: AtomicUsize,
    refused: AtomicBool,
}

impl Tally {
    pub(super) fn counts(&self, order: Ordering) -> Counts {
        Counts {
            sent: self.sent.load(order),
            failed: self.failed.load(order),
            dropped: self.dropped.load(order),
        }
    }

    /// A batch has left the queue.
    fn left(&self, spans: usize, result: &OTelSdkResult) {
        self.waiting.fetch_sub(spans, Ordering::Relaxed);
        let count = if result.is_ok() {
            &self.sent
        } else {
            &self.failed
        };
        count.fetch_add(u64::try_from(spans).unwrap_or(u64::MAX), Ordering::Relaxed);
        let refused = self.refused.swap(result.is_err(), Ordering::Relaxed);
        match result {
            Err(error) if !refused => {
                let error = without_endpoint(&error.to_string(), endpoint().as_deref());
                tracing::warn!("spans cannot be exported: {error}; jobs are told all the same");
            }
            Ok(()) if refused => tracing::info!("spans are exported again"),
            Ok(()) | Err(_) => {}
        }
    }
}

impl From<opentelemetry_otlp::ExporterBuildError> for ExportError {
    fn from(error: opentelemetry_otlp::ExporterBuildError) -> Self {
        let why = without_endpoint(&error.to_string(), endpoint().as_deref());
        ExportError::Build { why }
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn endpoint() -> Option<String> {
    variable(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT).or_else(|| variable(OTEL_EXPORTER_OTLP_ENDPOINT))
}

/// An endpoint may carry a key in its path, or a login.
fn without_endpoint(text: &str, endpoint: Option<&str>) -> String {
    endpoint.map_or_else(
        || text.to_owned(),
        |endpoint| text.replace(endpoint.trim_end_matches('/'), "…"),
    )
}

/// Off unless an endpoint is named; and off where a standard variable says so.
pub(super) fn wanted() -> bool {
    let disabled = variable("OTEL_SDK_DISABLED").is_some_and(|on| on.eq_ignore_ascii_case("true"));
    let none = variable("OTEL_TRACES_EXPORTER").is_some_and(|exporter| exporter == "none");
    endpoint().is_some() && !disabled && !none
}

/// The processor, and what it counts.
pub(super) fn processor() -> Result<(impl SpanProcessor + 'static, Arc<Tally>), ExportError> {
    let tally = Arc::new(Tally::default());
    let limit = variable("OTEL_BSP_MAX_QUEUE_SIZE").and_then(|size| size.parse().ok());
    let limit = limit.unwrap_or(QUEUE);
    let exporter = Counted {
        exporter: exporter()?,
        tally: Arc::clone(&tally),
    };
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(limit)
        .build();
    let batches = BatchSpanProcessor::builder(exporter)
        .with_batch_config(batches)
        .build();
    let gate = Gate {
        batches,
        tally: Arc::clone(&tally),
        limit,
    };
    Ok((gate, tally))
}

fn exporter() -> Result<SpanExporter, ExportError> {
    let _ = rustls::crypto::ring::default_provider().install_default(); // an error says: it is installed already
    let protocol = variable(OTEL_EXPORTER_OTLP_TRACES_PROTOCOL);
    let protocol = protocol.or_else(|| variable(OTEL_EXPORTER_OTLP_PROTOCOL));
    Ok(match protocol.as_deref() {
        Some("grpc") => {
            let grpc = SpanExporter::builder().with_tonic();
            if endpoint().is_some_and(|endpoint| endpoint.starts_with("https:")) {
                grpc.with_tls_config(ClientTlsConfig::new().with_enabled_roots())
                    .build()?
            } else {
                grpc.build()?
            }
        }
        None | Some("http/protobuf") => SpanExporter::builder().with_http().build()?,
        Some(other) => return Err(ExportError::Protocol(other.to_owned())),
    })
}

/// Lets in what fits into the queue.
#[derive(Debug)]
struct Gate {
    batches: BatchSpanProcessor,
    tally: Arc<Tally>,
    limit: usize,
}

impl SpanProcessor for Gate {
    fn on_start(&self, span: &mut Span, cx: &Context) {
        self.batches.on_start(span, cx);
    }

    fn on_end(&self, span: SpanData) {
        if !span.span_context.is_sampled() {
            return;
        }
        if self.tally.waiting.fetch_add(1, Ordering::Relaxed) < self.limit {
            self.batches.on_end(span);
        } else {
            self.tally.waiting.fetch_sub(1, Ordering::Relaxed);
            self.tally.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batches.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.batches.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.batches.set_resource(resource);
    }
}

/// Counts what leaves.
#[derive(Debug)]
struct Counted {
    exporter: SpanExporter,
    tally: Arc<Tally>,
}

impl opentelemetry_sdk::trace::SpanExporter for Counted {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let result = self.exporter.export(batch).await;
        self.tally.left(spans, &result);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_sdk::error::OTelSdkError;

    use super::*;

    #[test]
    fn what_leaves_is_counted() {
        let tally = Tally::default();
        tally.waiting.store(5, Ordering::Relaxed);
        tally.left(3, &Ok(()));
        tally.left(2, &Err(OTelSdkError::InternalFailure("away".into())));
        let counts = Counts {
            sent: 3,
            failed: 2,
            dropped: 0,
        };
        assert_eq!(tally.counts(Ordering::Relaxed), counts);
        assert_eq!(tally.waiting.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn an_endpoint_is_not_repeated() {
        let check =
            |text: &str, endpoint, expect| assert_eq!(without_endpoint(text, endpoint), expect);
        check("no", None, "no");
        let endpoint = Some("https://o.example.com/key-4711/");
        check(
            "url (https://o.example.com/key-4711/v1/traces)",
            endpoint,
            "url (…/v1/traces)",
        );
    }
}
