//! A receiver of OTLP spans on 127.0.0.1, over gRPC and over HTTP, that keeps what both programs export.
//! It judges nothing: which spans there shall be is said by the test that reads them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;
use tonic::{Request, Response, Status};

use crate::ports;

/// A span, as it was exported.
#[derive(Clone, Debug)]
pub struct Seen {
    /// `service.name` of who exported it.
    pub service: String,
    /// The trace, 32 hex digits.
    pub trace: String,
    /// The span, 16 hex digits.
    pub id: String,
    /// The span above it; empty for none.
    pub parent: String,
    /// Its name.
    pub name: String,
    /// Its attributes, as texts.
    pub attributes: BTreeMap<String, String>,
    /// The spans that it is linked to.
    pub links: Vec<(String, String)>,
    /// Whether it says that something failed.
    pub failed: bool,
    /// When it began and ended, in nanoseconds since 1970.
    pub time: (u64, u64),
    /// All of it, and of its resource, as a text to search.
    pub text: String,
}

impl Seen {
    /// An attribute; empty for none.
    #[must_use]
    pub fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }
}

/// A running receiver.
#[derive(Debug)]
pub struct Spans {
    http: SocketAddr,
    grpc: SocketAddr,
    kept: Kept,
    _servers: [AbortOnDropHandle<()>; 2],
}

type Kept = Arc<Mutex<All>>;

#[derive(Debug, Default)]
struct All {
    seen: Vec<Seen>,
    raw: Vec<Vec<u8>>,
}

impl Spans {
    /// Starts it on two free ports.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start() -> anyhow::Result<Self> {
        let kept = Kept::default();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let http = listener.local_addr()?;
        let router = Router::new().route("/v1/traces", post(over_http));
        let router = router.with_state(Arc::clone(&kept));
        let serve_http = async move {
            let _ended = axum::serve(listener, router).await;
        };
        let grpc = SocketAddr::from(([127, 0, 0, 1], ports::free()?));
        let service = TraceServiceServer::new(Receiver(Arc::clone(&kept)));
        let serve_grpc = async move {
            let server = tonic::transport::Server::builder().add_service(service);
            let _ended = server.serve(grpc).await;
        };
        Ok(Self {
            http,
            grpc,
            kept,
            _servers: [
                AbortOnDropHandle::new(tokio::spawn(serve_http)),
                AbortOnDropHandle::new(tokio::spawn(serve_grpc)),
            ],
        })
    }

    /// The environment of a program that exports over HTTP, soon.
    #[must_use]
    pub fn over_http(&self) -> Vec<(String, String)> {
        environment("http/protobuf", self.http)
    }

    /// The environment of a program that exports over gRPC, soon.
    #[must_use]
    pub fn over_grpc(&self) -> Vec<(String, String)> {
        environment("grpc", self.grpc)
    }

    /// Everything so far, by the time at which it began.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seen = kept.seen.clone();
        seen.sort_by_key(|span| span.time.0);
        seen
    }

    /// Every request so far, in the bytes of OTLP.
    #[must_use]
    pub fn raw(&self) -> Vec<Vec<u8>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.raw.clone()
    }
}

fn environment(protocol: &str, address: SocketAddr) -> Vec<(String, String)> {
    let endpoint = format!("http://{address}");
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

async fn over_http(State(kept): State<Kept>, body: Bytes) -> Result<Bytes, StatusCode> {
    let request = ExportTraceServiceRequest::decode(body).map_err(|_| StatusCode::BAD_REQUEST)?;
    keep(&kept, request);
    Ok(ExportTraceServiceResponse::default().encode_to_vec().into())
}

struct Receiver(Kept);

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        keep(&self.0, request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn keep(kept: &Kept, request: ExportTraceServiceRequest) {
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    kept.raw.push(request.encode_to_vec());
    for of_resource in request.resource_spans {
        let resource = of_resource.resource.unwrap_or_default();
        let about = texts(&resource.attributes);
        let service = about.get("service.name").cloned().unwrap_or_default();
        let spans = of_resource.scope_spans.into_iter().flat_map(|it| it.spans);
        kept.seen
            .extend(spans.map(|span| seen(&service, &format!("{resource:?}"), &span)));
    }
}

fn seen(service: &str, resource: &str, span: &Span) -> Seen {
    let links = span.links.iter();
    Seen {
        service: service.to_owned(),
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        name: span.name.clone(),
        attributes: texts(&span.attributes),
        links: links
            .map(|link| (hex(&link.trace_id), hex(&link.span_id)))
            .collect(),
        failed: span.status.as_ref().is_some_and(|status| status.code == 2),
        time: (span.start_time_unix_nano, span.end_time_unix_nano),
        text: format!("{resource} {span:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &AnyValue| match &value.value {
        Some(any_value::Value::StringValue(text)) => text.clone(),
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        Some(any_value::Value::BoolValue(flag)) => flag.to_string(),
        other => format!("{other:?}"),
    };
    let pair = |it: &KeyValue| Some((it.key.clone(), text(it.value.as_ref()?)));
    attributes.iter().filter_map(pair).collect()
}
