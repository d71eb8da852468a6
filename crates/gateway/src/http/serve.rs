//! One HTTP connection, served by hyper.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tower_service::Service as _;
use tracing::debug;

use crate::limit::Seat;

/// How long a kept connection may wait for its next request's head.
const NEXT_HEAD: Duration = Duration::from_secs(30);
/// What hyper may buffer of one connection.
const BUFFER: usize = 64 * 1024;

/// Serves `stream` until it ends. `_seat` counts it.
pub(crate) async fn serve_connection<T>(stream: T, router: Router, _seat: Seat)
where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        // A Router is always ready.
        router.clone().call(request.map(Body::new))
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(NEXT_HEAD)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
    if let Err(error) = served {
        debug!(%error, "an HTTP connection ended");
    }
}
