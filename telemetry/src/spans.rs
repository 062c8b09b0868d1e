//! Spans in the trace of a job, exported over OTLP as the standard `OTEL_*` variables say; without an endpoint there are none.
//! It names no span: whoever does the work does, and says what is worth knowing of it.
//!
//! The tracer is this process's own, as OpenTelemetry's context is its thread's: no decision reads either, and what is
//! handed from hand to hand stays free of both. Where traces are off, a span costs one look at a pointer.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use std::time::Duration;

use opentelemetry::trace::{
    Link, SpanContext, SpanId, TraceFlags, TraceId, TraceState, Tracer as _, TracerProvider as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, SdkTracer, SdkTracerProvider};
use pillarbox_proto::trace::{self, Parent};

pub use opentelemetry::context::FutureExt;
pub use opentelemetry::trace::{SpanBuilder, SpanKind, Status, TraceContextExt};
pub use opentelemetry::{Context, KeyValue};

mod export;

use export::Tally;
pub use export::{Counts, ExportError};

/// How long the last spans may take to leave.
const LAST_SPANS: Duration = Duration::from_secs(3);

struct Tracing {
    tracer: SdkTracer,
    tally: std::sync::Arc<Tally>,
}

static TRACING: OnceLock<Tracing> = OnceLock::new();

/// The exporter; it ends last, after all that makes spans.
#[derive(Debug)]
#[must_use = "its end sends the last spans"]
pub struct Exporter(Option<SdkTracerProvider>);

/// Begins to export, if the environment names an endpoint. Called once, inside the runtime.
///
/// # Errors
/// When what the environment says cannot be followed.
pub fn start(service: &'static str, version: &'static str) -> Result<Exporter, ExportError> {
    if !export::wanted() {
        return Ok(Exporter(None));
    }
    let (processor, tally) = export::processor()?;
    let provider = SdkTracerProvider::builder()
        .with_id_generator(JobIds)
        .with_resource(resource(service, version))
        .with_span_processor(processor)
        .build();
    let tracer = provider.tracer("pillarbox");
    let _ = TRACING.set(Tracing { tracer, tally }); // a second start changes nothing
    Ok(Exporter(Some(provider)))
}

/// What the environment says of this process, and our own name where it says none.
fn resource(service: &'static str, version: &'static str) -> Resource {
    let named = Resource::builder().build();
    let name = named.get(&opentelemetry::Key::from_static_str("service.name"));
    let unnamed = name.is_none_or(|name| name.as_str().starts_with("unknown_service"));
    let builder = Resource::builder().with_attribute(KeyValue::new("service.version", version));
    if unnamed {
        builder.with_service_name(service).build()
    } else {
        builder.build()
    }
}

impl Exporter {
    /// Sends what waits, for a bounded time.
    pub async fn end(self) {
        let Some(provider) = self.0 else { return };
        let ended = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(LAST_SPANS));
        if let Ok(Err(error)) = ended.await {
            tracing::debug!("not every span was sent: {error}");
        }
    }
}

/// What became of the spans so far; `None` where traces are off.
pub fn counts() -> Option<Counts> {
    TRACING
        .get()
        .map(|tracing| tracing.tally.counts(Ordering::Relaxed))
}

/// Whether spans are made at all.
pub fn on() -> bool {
    TRACING.get().is_some()
}

/// A span in the trace of a job, as the child of what a message's headers name. A parent in another trace becomes a link.
pub fn of_job(
    (cluster, job): (&str, &str),
    parent: Option<Parent>,
    span: impl FnOnce() -> SpanBuilder,
) -> Context {
    let Some(Tracing { tracer, .. }) = TRACING.get() else {
        return Context::new();
    };
    let trace = trace::trace(cluster, job);
    let (ours, others) = match parent {
        Some(parent) if parent.trace == trace => (Some(parent), None),
        other => (None, other),
    };
    let mut span = span();
    let about = [("salt.cluster", cluster), ("salt.job", job)];
    let about = about.map(|(key, value)| KeyValue::new(key, value.to_owned()));
    span.attributes.get_or_insert_default().extend(about);
    if let Some(other) = others {
        span.links.get_or_insert_default().push(link(other));
    }
    let above = ours.map_or_else(Context::new, remote);
    NEXT_TRACE.set(trace);
    let span = tracer.build_with_context(span, &above);
    NEXT_TRACE.set(0);
    above.with_span(span)
}

/// A span below the one that is being worked in; none where there is none above.
pub fn child(span: impl FnOnce() -> SpanBuilder) -> Context {
    Context::map_current(|above| child_of(above, span))
}

/// A span below this one.
pub fn child_of(above: &Context, span: impl FnOnce() -> SpanBuilder) -> Context {
    match TRACING.get() {
        Some(Tracing { tracer, .. }) if above.has_active_span() => {
            above.with_span(tracer.build_with_context(span(), above))
        }
        Some(_) | None => Context::new(),
    }
}

/// The span that is being worked in, for the headers of what follows from it.
pub fn here() -> Option<Parent> {
    Context::map_current(parent)
}

/// A span, for the headers of what follows from it.
pub fn parent(cx: &Context) -> Option<Parent> {
    let span = cx.span();
    let context = span.span_context();
    context.is_valid().then(|| Parent {
        trace: u128::from_be_bytes(context.trace_id().to_bytes()),
        span: u64::from_be_bytes(context.span_id().to_bytes()),
        sampled: context.is_sampled(),
    })
}

/// The trace that is being worked in, for a log line.
pub fn trace_id() -> Option<String> {
    here().map(|parent| format!("{:032x}", parent.trace))
}

/// Says something of the span that is being worked in.
pub fn note(attribute: KeyValue) {
    Context::map_current(|cx| cx.span().set_attribute(attribute));
}

/// Somewhere else's span, to work in.
pub fn remote(parent: Parent) -> Context {
    Context::new().with_remote_span_context(context(parent))
}

/// Another span that has to do with this one, and is not its parent.
pub fn link(other: Parent) -> Link {
    Link::with_context(context(other))
}

fn context(parent: Parent) -> SpanContext {
    SpanContext::new(
        TraceId::from(parent.trace),
        SpanId::from(parent.span),
        TraceFlags::default().with_sampled(parent.sampled),
        true,
        TraceState::default(),
    )
}

thread_local! {
    /// The trace of the span that is being made: the SDK takes a root's trace id from its generator alone.
    static NEXT_TRACE: Cell<u128> = const { Cell::new(0) };
}

/// The trace id is the job's, so that samplers see it; span ids are random.
#[derive(Debug)]
struct JobIds;

impl IdGenerator for JobIds {
    fn new_trace_id(&self) -> TraceId {
        match NEXT_TRACE.take() {
            0 => RandomIdGenerator::default().new_trace_id(),
            trace => TraceId::from(trace),
        }
    }

    fn new_span_id(&self) -> SpanId {
        RandomIdGenerator::default().new_span_id()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_tracer_there_are_no_spans() {
        let made = || -> SpanBuilder { panic!("a span was described for nobody") };
        let cx = of_job(("prod", "1"), None, made);
        assert_eq!(parent(&cx), None);
        let _here = cx.attach();
        assert_eq!(parent(&child(made)), None);
        assert_eq!((here(), trace_id(), on()), (None, None, false));
    }

    #[test]
    fn a_root_takes_the_trace_that_is_waiting_for_it() {
        NEXT_TRACE.set(7);
        assert_eq!(JobIds.new_trace_id(), TraceId::from(7));
        assert_ne!(JobIds.new_trace_id(), TraceId::from(7), "once");
    }
}
