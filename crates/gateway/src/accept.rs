//! Who gets in: every shard thread accepts from the one listener.
//!
//! A connection has a deadline from its first moment until its request's head is complete; a peer that sends one byte a
//! second does not get past it. Above the connection limit a peer is told 503 and let go. Out of descriptors, accepting
//! pauses for a moment, so that it neither spins nor floods the log.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

use crate::farewell;
use crate::handshake::{self, Door};
use crate::http;
use crate::limit::Seat;
use crate::metrics::Tally;
use crate::problem::Problem;
use crate::problem_code::ProblemCode;
use crate::shard::Detached;

/// How long accepting pauses when no descriptor is left: connections wait in the kernel's backlog.
const PAUSE: Duration = Duration::from_millis(100);
/// The log hears of it this often.
const COMPLAIN_EVERY: Duration = Duration::from_secs(1);

/// Accepts until the thread ends.
pub(crate) async fn run(door: Arc<Door>, listener: TcpListener, tls: Option<TlsAcceptor>) {
    let mut complained: Option<Instant> = None;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => let_in(&door, stream, tls.as_ref()),
            Err(error) if is_shortage(&error) => {
                door.node.metrics.count(Tally::OutOfDescriptors, 1);
                if complained.is_none_or(|at| at.elapsed() >= COMPLAIN_EVERY) {
                    complained = Some(Instant::now());
                    warn!(%error, "can't accept: raise the limit of open files (ulimit -n) or add a node");
                }
                tokio::time::sleep(PAUSE).await;
            }
            // The peer left before it was accepted.
            Err(error) => debug!(%error, "accept failed"),
        }
    }
}

/// Accepts on the admin listener: HTTP only, outside the connection limit, so that health can be seen when it is reached.
pub(crate) async fn run_admin(door: Arc<Door>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let router = door.router.clone();
                tokio::task::spawn_local(http::serve_connection(stream, router, Seat::uncounted()));
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

fn let_in(door: &Arc<Door>, stream: TcpStream, tls: Option<&TlsAcceptor>) {
    let metrics = &door.node.metrics;
    let Some(seat) = door.node.seats.take() else {
        metrics.count(Tally::RefusedFull, 1);
        return refuse(door, stream, tls.is_some());
    };
    metrics.count(Tally::Accepted, 1);
    if let Err(error) = stream.set_nodelay(true) {
        return debug!(%error, "the peer left at once");
    }
    let (door, tls) = (Arc::clone(door), tls.cloned());
    tokio::task::spawn_local(async move {
        let limit = door.node.tuning.handshake;
        let deadline = tokio::time::Instant::now() + limit;
        match tls {
            None => handshake::serve(door, stream, seat, deadline, detach_tcp).await,
            Some(tls) => Box::pin(serve_tls(door, stream, tls, seat, deadline)).await,
        }
    });
}

/// Tells a peer that there is no room. Only some may wait for their goodbye; the others, and those who speak TLS, see
/// the end.
fn refuse(door: &Door, stream: TcpStream, is_tls: bool) {
    if let Some(seat) = door.standing.take()
        && !is_tls
    {
        tokio::task::spawn_local(async move {
            let full =
                Problem::new(ProblemCode::TooManyConnections, "this node has no room; try again later");
            farewell::say_and_leave(stream, &full.retry_after(5).to_http1()).await;
            drop(seat);
        });
    }
}

async fn serve_tls(
    door: Arc<Door>,
    stream: TcpStream,
    tls: TlsAcceptor,
    seat: Seat,
    deadline: tokio::time::Instant,
) {
    match tokio::time::timeout_at(deadline, tls.accept(stream)).await {
        Ok(Ok(stream)) => {
            handshake::serve(door, stream, seat, deadline, |stream, _| {
                Ok(Detached::Carried(Box::new(stream)))
            })
            .await;
        }
        Ok(Err(error)) => debug!(%error, "the TLS handshake failed"),
        Err(_) => door.node.metrics.count(Tally::HandshakeTimeouts, 1),
    }
}

fn detach_tcp(stream: TcpStream, stays: bool) -> io::Result<Detached> {
    if stays { Ok(Detached::Here(stream)) } else { Detached::tcp(stream) }
}

/// `EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM`: the same numbers on every Linux; elsewhere an accept that fails in another
/// way is retried at once, as everywhere.
fn is_shortage(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(24 | 23 | 105 | 12))
}
