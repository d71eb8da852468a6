//! From a fresh connection to what it wants: a WebSocket goes the short way to its shard, the rest goes to HTTP.

use std::io;
use std::sync::Arc;

use axum::Router;
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::time::{Instant, timeout_at};
use tracing::debug;

use crate::admission::{self, Admission, Asked};
use crate::farewell::{push_rejection, say_and_leave};
use crate::http;
use crate::http_head::{self, HeadOutcome, UpgradeRequest};
use crate::limit::{Seat, Seats};
use crate::metrics::Tally;
use crate::node::Node;
use crate::rewind::Rewind;
use crate::shard::{Arrival, Detached, Newcomer};
use crate::ws;

/// Most heads fit.
const USUAL_HEAD: usize = 1024;

/// What the accept loop of a shard leads to.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) node: Arc<Node>,
    /// On whose thread this is.
    pub(crate) shard: usize,
    /// Serves everything that is no WebSocket.
    pub(crate) router: Router,
    /// Room for peers who are being told that there is none.
    pub(crate) standing: Seats,
}

/// How many peers a thread says goodbye to at a time.
const STANDING: usize = 64;

impl Door {
    /// A door on the thread of `shard`.
    pub(crate) fn new(node: Arc<Node>, shard: usize, router: Router) -> Arc<Door> {
        Arc::new(Door { node, shard, router, standing: Seats::new(STANDING) })
    }
}

/// Serves one connection until it is somebody else's or over. `detach` makes it ready for another thread, or, told
/// that it stays on this one, leaves it as it is.
pub(crate) async fn serve<T>(
    door: Arc<Door>,
    mut stream: T,
    seat: Seat,
    deadline: Instant,
    detach: impl FnOnce(T, bool) -> io::Result<Detached>,
) where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut head = Vec::with_capacity(USUAL_HEAD);
    let outcome = match timeout_at(deadline, read_head(&mut stream, &mut head)).await {
        Ok(Some(outcome)) => outcome,
        Ok(None) => return debug!("the peer left before it asked for anything"),
        Err(_) => return door.node.metrics.count(Tally::HandshakeTimeouts, 1),
    };
    let request = match outcome {
        HeadOutcome::Upgrade(request) => request,
        HeadOutcome::Other => {
            let stream = Rewind::new(Bytes::from(head), stream);
            // Boxed like the other ways that few connections go: this future is held by everybody in a handshake.
            return Box::pin(http::serve_connection(stream, door.router.clone(), seat)).await;
        }
        HeadOutcome::Bad(bad) => {
            debug!(%bad, "a request that can't be served");
            door.node.metrics.answered(bad.status());
            return Box::pin(say_and_leave(stream, &bad.response())).await;
        }
        HeadOutcome::Incomplete => return,
    };
    match admission::admit(&door.node, Asked::from(&*request)) {
        Admission::Admitted(hello) => {
            let target = door.node.shard_of(&hello.account);
            match detach(stream, target == door.shard) {
                Ok(socket) => {
                    let arrival = Arrival {
                        answer: upgrade_answer(&request),
                        read_ahead: head.split_off(request.head_len),
                        hello,
                        seat,
                    };
                    door.node.inboxes[target].push_newcomer(Newcomer { socket, arrival });
                }
                Err(error) => debug!(%error, "the socket can't change its thread"),
            }
        }
        Admission::Rejected(rejection) => {
            door.node.metrics.count(Tally::Unauthorized, 1);
            door.node.metrics.closed(rejection.code);
            debug!(reason = rejection.reason, "an upgrade was rejected");
            let mut answer = upgrade_answer(&request);
            push_rejection(&mut answer, rejection);
            Box::pin(say_and_leave(stream, &answer)).await;
        }
        Admission::Refused(problem) => {
            door.node.metrics.answered(problem.status());
            Box::pin(say_and_leave(stream, &problem.to_http1())).await;
        }
    }
}

async fn read_head<T: AsyncRead + Unpin>(stream: &mut T, head: &mut Vec<u8>) -> Option<HeadOutcome> {
    loop {
        let read = stream.read_buf(head).await.ok()?;
        if read == 0 {
            return None;
        }
        match http_head::parse(head) {
            HeadOutcome::Incomplete => {}
            complete => return Some(complete),
        }
    }
}

/// A client that offers sub-protocols gets the first: all of them carry the same frames, and some clients fail
/// without a choice.
fn upgrade_answer(request: &UpgradeRequest) -> Vec<u8> {
    let protocol = request.protocols.first().map(String::as_str);
    ws::upgrade_response(&ws::accept_key(&request.key), protocol)
}
