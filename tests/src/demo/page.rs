//! The demo's page on 127.0.0.1: three files, a stream of what is on the board, and each mail's HTML in a box of its own.
//! It decides nothing of what is shown, and asks nothing of anybody outside.
//!
//! Texts come from far away (comments of states, names of minions). The page makes words of them and never markup; the
//! header below forbids it scripts and styles that are not its own, even if it had a mistake; and a mail's HTML has no
//! scripts, no origin and no network.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use futures_util::stream::{self, Stream, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use super::board::{Board, List, Shown};

const INDEX: &str = include_str!("page/index.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");
const ICON: &str = include_str!("page/icon.svg");

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";
/// A mail has its styles in its elements, and nothing else.
const MAIL_POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; frame-ancestors 'self'";
/// How soon a browser that lost the stream asks again.
const RETRY: Duration = Duration::from_secs(1);

/// Served until it is dropped.
#[derive(Debug)]
pub(super) struct Page {
    address: SocketAddr,
    _server: AbortOnDropHandle<()>,
}

impl Page {
    pub(super) async fn start(board: Arc<Board>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let app = Router::new()
            .route("/", get(index))
            .route("/page.css", get(|| file("text/css", STYLE)))
            .route("/page.js", get(|| file("text/javascript", SCRIPT)))
            .route("/icon.svg", get(|| file("image/svg+xml", ICON)))
            .route("/feed", get(feed))
            .route("/mail/{id}", get(mail))
            .layer(middleware::from_fn(guarded))
            .with_state(board);
        let serve = async move {
            let _never_ends = axum::serve(listener, app).await;
        };
        Ok(Self {
            address,
            _server: AbortOnDropHandle::new(tokio::spawn(serve)),
        })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

/// With all that is on the board, so that it is never seen empty. As a block of data: it is not run, and does not end early.
async fn index(State(board): State<Arc<Board>>) -> Html<String> {
    let shown = board.since(0);
    let revision = shown.last().map_or(0, |newest| newest.revision);
    let shown: Vec<Value> = shown.iter().map(data).collect();
    let data = json!({ "revision": revision, "shown": shown }).to_string();
    Html(INDEX.replace("BOARD", &data.replace('<', "\\u003c")))
}

async fn file(kind: &'static str, content: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, kind)], content)
}

/// A name that somebody else's page made to mean this machine gets no answer; and every answer carries the policy.
async fn guarded(request: Request, next: Next) -> Response {
    if !is_ours(request.headers()) {
        let told = "open this page by the address that the demo prints\n";
        return (StatusCode::MISDIRECTED_REQUEST, told).into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let policy = headers.entry(header::CONTENT_SECURITY_POLICY);
    policy.or_insert(HeaderValue::from_static(POLICY));
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn is_ours(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|it| it.to_str().ok());
    let host: Option<Uri> = host.and_then(|it| it.parse().ok());
    let name = host.as_ref().and_then(Uri::host);
    name.is_some_and(|name| ["127.0.0.1", "localhost", "[::1]"].contains(&name))
}

/// What came on the board after `?since=`, and then what comes; after a lost connection only what came since.
async fn feed(
    State(board): State<Arc<Board>>,
    uri: Uri,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let asked = uri.query().and_then(|it| it.strip_prefix("since="));
    let heard = headers.get("last-event-id").and_then(|it| it.to_str().ok());
    let last = heard.or(asked).and_then(|it| it.parse().ok()).unwrap_or(0);
    let changes = board.changes();
    let news = stream::unfold(
        (board, changes, last),
        async |(board, mut changes, last)| {
            loop {
                changes.borrow_and_update();
                let new = board.since(last);
                if let Some(newest) = new.last() {
                    let last = newest.revision;
                    return Some((stream::iter(new), (board, changes, last)));
                }
                changes.changed().await.ok()?;
            }
        },
    );
    let events = news.flatten().map(|shown| Ok(event(&shown)));
    Sse::new(events).keep_alive(KeepAlive::default())
}

fn event(shown: &Shown) -> Event {
    Event::default()
        .id(shown.revision.to_string())
        .event(shown.list.name())
        .retry(RETRY)
        .data(data(shown).to_string())
}

fn data(shown: &Shown) -> Value {
    let list = shown.list.name();
    json!({ "list": list, "id": shown.id, "place": shown.place, "what": shown.what })
}

async fn mail(State(board): State<Arc<Board>>, Path(id): Path<String>) -> Response {
    let mail = board.find(List::Mail, &id);
    let html = mail
        .as_ref()
        .and_then(|it| it.get("html"))
        .and_then(Value::as_str);
    match html {
        Some(html) => {
            let policy = [(header::CONTENT_SECURITY_POLICY, MAIL_POLICY)];
            (policy, Html(html.to_owned())).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
