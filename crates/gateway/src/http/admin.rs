//! The admin listener: liveness, readiness, metrics. Never reachable for clients.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};

use crate::node::Node;

/// `/healthz`, `/readyz`, `/metrics`.
pub(crate) fn router(node: Arc<Node>) -> Router {
    let router =
        routes().into_iter().fold(Router::new(), |router, (path, answer)| router.route(path, answer));
    router.with_state(node)
}

/// Each path as `openapi.yaml` writes it, and who answers there.
pub(crate) fn routes() -> [(&'static str, MethodRouter<Arc<Node>>); 3] {
    [("/healthz", get(|| async { "ok\n" })), ("/readyz", get(ready)), ("/metrics", get(metrics))]
}

async fn ready(State(node): State<Arc<Node>>) -> Response {
    if node.is_draining() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n").into_response();
    }
    if !node.journal.is_writable() {
        return (StatusCode::SERVICE_UNAVAILABLE, "the log refuses writes\n").into_response();
    }
    "ready\n".into_response()
}

async fn metrics(State(node): State<Arc<Node>>) -> Response {
    const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, OPENMETRICS)], node.metrics.render(node.standing())).into_response()
}
