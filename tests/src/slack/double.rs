//! The HTTP side of the double: reads a request, records it, and answers or fails as it was told.
//! What a payload must look like is not decided here but in `rules`.

use std::collections::BTreeMap;
use std::net::{Shutdown, SocketAddr, TcpStream as StdStream};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::serve::{IncomingStream, Listener};
use jiff::Timestamp;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};

use super::api::{self, Call};
use super::{Fault, Request, Seen, rules, view};

/// Serves until the task is aborted.
pub(super) async fn serve(listener: TcpListener, seen: Arc<Seen>) {
    let wires = Wires::default();
    let app = Router::new()
        .route("/services/{*rest}", post(request))
        .route("/api/{method}", post(request))
        .with_state((seen, wires.clone()))
        .into_make_service_with_connect_info::<Peer>();
    let _never_ends = axum::serve(Cuttable { listener, wires }, app).await;
}

type Shared = (Arc<Seen>, Wires);

async fn request(
    State((seen, wires)): State<Shared>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    uri: Uri,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response {
    let fault = seen
        .faults
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .pop_front();
    let parsed: Option<Value> = serde_json::from_slice(&bytes).ok();
    let ts = seen.next_ts();
    let judged = seen.judged(&uri, &headers, parsed.as_ref(), &ts);
    let (answer, posted) = match &fault {
        None => (Some(judged.clone()), is_yes(&judged)),
        Some(Fault::Answer(status, text)) => {
            let answer = (*status, text.clone());
            (Some(answer.clone()), is_yes(&answer))
        }
        Some(Fault::RateLimited(_)) => (Some((429, rate_limited(&uri).to_owned())), false),
        Some(Fault::Hang | Fault::Drop) => (None, false),
        Some(Fault::PostAndDrop) => (None, true),
    };
    let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
    let request = Request {
        at: now(),
        path: uri.path().to_owned(),
        headers: headers
            .iter()
            .map(|(k, v)| (k.to_string(), lossy(v.as_bytes())))
            .collect(),
        body: parsed.unwrap_or_else(text),
        answer,
        posted,
        ts,
    };
    let reply = request.answer.clone();
    seen.push(request);
    let latency = *seen.latency.lock().unwrap_or_else(PoisonError::into_inner);
    tokio::time::sleep(latency).await;
    let _ = seen.held.subscribe().wait_for(|held| !held).await;
    match (fault, reply) {
        (Some(Fault::Hang), _) => std::future::pending().await,
        (Some(Fault::RateLimited(pause)), reply) => {
            let retry_after = [(header::RETRY_AFTER, pause.as_secs().to_string())];
            let text = reply.map(|(_, text)| text).unwrap_or_default();
            (StatusCode::TOO_MANY_REQUESTS, retry_after, text).into_response()
        }
        (_, Some((status, text))) => {
            let status = StatusCode::from_u16(status);
            (status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), text).into_response()
        }
        (_, None) => {
            wires.cut(peer);
            std::future::pending().await
        }
    }
}

impl Seen {
    /// A webhook's answer, or the Web API's.
    fn judged(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
        body: Option<&Value>,
        ts: &str,
    ) -> (u16, String) {
        let Some(method) = uri.path().strip_prefix("/api/") else {
            let (status, text) = rules::judge(body);
            return (status, text.to_owned());
        };
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let call = Call {
            method,
            authorization: headers
                .get(header::AUTHORIZATION)
                .and_then(|value| value.to_str().ok()),
            body,
            ts,
            messages: &view::view(&requests),
            revoked: self.revoked.load(Ordering::SeqCst),
        };
        (200, api::answer(&call).to_string())
    }

    fn next_ts(&self) -> String {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        format!("1795356131.{:06}", requests.len() + 1)
    }
}

fn is_yes((status, text): &(u16, String)) -> bool {
    *status == 200 && !text.contains(r#""ok":false"#)
}

fn rate_limited(uri: &Uri) -> &'static str {
    if uri.path().starts_with("/api/") {
        r#"{"ok":false,"error":"ratelimited"}"#
    } else {
        "ratelimited"
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the outside world: when a message came is a fact of the double"
)]
pub(super) fn now() -> Timestamp {
    Timestamp::now()
}

/// The far end's address.
#[derive(Clone, Copy)]
struct Peer(SocketAddr);

impl Connected<IncomingStream<'_, Cuttable>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Cuttable>) -> Self {
        Self(*stream.remote_addr())
    }
}

/// A second hand on each open connection, to close it under the server's feet.
#[derive(Clone, Default)]
struct Wires(Arc<Mutex<BTreeMap<SocketAddr, StdStream>>>);

impl Wires {
    fn keep(&self, peer: SocketAddr, stream: StdStream) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(peer, stream);
    }

    fn cut(&self, peer: SocketAddr) {
        let wire = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&peer);
        if let Some(stream) = wire {
            let _already_closed = stream.shutdown(Shutdown::Both);
        }
    }
}

/// A listener that keeps a second hand on what it accepts.
struct Cuttable {
    listener: TcpListener,
    wires: Wires,
}

impl Listener for Cuttable {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            let Ok((stream, peer)) = self.listener.accept().await else {
                continue;
            };
            let Ok(stream) = stream.into_std() else {
                continue;
            };
            if let Ok(second) = stream.try_clone() {
                self.wires.keep(peer, second);
            }
            if let Ok(stream) = TcpStream::from_std(stream) {
                return (stream, peer);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}
