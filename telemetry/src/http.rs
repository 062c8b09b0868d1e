//! Three pages over HTTP: `/metrics` for Prometheus, `/healthz` and `/readyz` for whoever starts and stops programs.
//! What stands on them is the program's own, behind [`Pages`].

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use tokio::net::TcpListener;

/// What a program shows.
pub trait Pages: Send + Sync + 'static {
    /// The metrics, as OpenMetrics text.
    fn metrics(&self) -> impl Future<Output = Result<String, std::fmt::Error>> + Send;

    /// What is wrong with the process itself, so that only a restart helps: a line each.
    fn unhealthy(&self) -> Vec<String>;

    /// What keeps it from working just now: a line each.
    fn unready(&self) -> impl Future<Output = Vec<String>> + Send;
}

/// The pages cannot be shown.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}, as `http` says")]
pub struct ListenError {
    address: SocketAddr,
    #[source]
    source: std::io::Error,
}

/// Shows the pages for as long as the process runs. Returns once it listens; port 0 takes a free one, and the line says which.
///
/// # Errors
/// When the address is taken, or is none of this host's.
pub async fn show<P: Pages>(address: SocketAddr, pages: Arc<P>) -> Result<(), ListenError> {
    let failed = |source| ListenError { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    tracing::info!(address = %bound, "/metrics, /healthz and /readyz are at http://{bound}");
    let router = Router::new()
        .route("/metrics", get(metrics::<P>))
        .route("/healthz", get(healthz::<P>))
        .route("/readyz", get(readyz::<P>))
        .with_state(pages);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!("the pages at http://{bound} are gone: {error}");
        }
    });
    Ok(())
}

async fn metrics<P: Pages>(State(pages): State<Arc<P>>) -> Response {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match pages.metrics().await {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(error) => {
            tracing::error!("the metrics cannot be written: {error}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn healthz<P: Pages>(State(pages): State<Arc<P>>) -> Response {
    answer(&pages.unhealthy())
}

async fn readyz<P: Pages>(State(pages): State<Arc<P>>) -> Response {
    answer(&pages.unready().await)
}

/// 200 and `ok`, or 503 and the reasons, one line each.
fn answer(reasons: &[String]) -> Response {
    if reasons.is_empty() {
        return "ok\n".into_response();
    }
    let body = reasons.join("\n") + "\n";
    (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
}
