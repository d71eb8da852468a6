//! Which web pages may use the HTTP API: those of the allowed origins.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

use crate::node::Node;

/// Answers preflights and marks answers for allowed origins; counts every answer.
pub(crate) async fn middleware(State(node): State<Arc<Node>>, request: Request, next: Next) -> Response {
    let _in_flight = node.begin_request();
    let origin = request.headers().get(header::ORIGIN).cloned();
    let allowed = origin.filter(|origin| origin.to_str().is_ok_and(|origin| node.origins.allows(origin)));
    let is_preflight = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response =
        if is_preflight { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    if let Some(origin) = allowed {
        mark(response.headers_mut(), origin, is_preflight);
    }
    // An answer to one origin must not be cached for another.
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Origin"));
    if node.is_draining() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    node.metrics.answered(response.status().as_u16());
    response
}

fn mark(headers: &mut HeaderMap, origin: HeaderValue, is_preflight: bool) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Retry-After"));
    if is_preflight {
        let methods = HeaderValue::from_static("GET, POST, PUT, DELETE");
        let allowed = HeaderValue::from_static("Authorization, Content-Type, Idempotency-Key");
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
}
