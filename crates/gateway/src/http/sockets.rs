//! Socket paths as hyper sees them: inside somebody else's server, and on a connection that carried HTTP before.

use std::io;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bowline_gateway_core::Hello;
use hyper::upgrade::{OnUpgrade, Parts, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tracing::debug;

use crate::admission::{self, Admission, Asked, is_socket_path};
use crate::bad_head::BadHead;
use crate::farewell::{push_rejection, say_and_leave};
use crate::metrics::Tally;
use crate::node::Node;
use crate::problem::Problem;
use crate::shard::{Arrival, Detached, Newcomer};
use crate::upgrade_request::{self, UpgradeRequest};
use crate::ws;

/// A WebSocket on a socket path; 426 without an upgrade, 404 elsewhere.
pub(crate) async fn open(State(node): State<Arc<Node>>, mut request: Request) -> Result<Response, Problem> {
    let path = request.uri().path().to_owned();
    if !is_socket_path(&node, &path) {
        return Err(Problem::no_such_path(&path));
    }
    if request.method() != Method::GET {
        return Err(Problem::upgrade_required());
    }
    let query = request.uri().query().unwrap_or_default();
    let read = upgrade_request::read(request.headers(), &path, query).map_err(BadHead::problem)?;
    // Before version 1.1 nothing can be upgraded, and hyper offers nothing.
    let (Some(wanted), Some(upgrade)) = (read, request.extensions_mut().remove::<OnUpgrade>()) else {
        return Err(Problem::upgrade_required());
    };
    let admission = admission::admit(&node, Asked::from(&wanted));
    let answer = switching(&wanted);
    match admission {
        Admission::Admitted(hello) => {
            tokio::spawn(hand_over(node, upgrade, hello));
        }
        Admission::Rejected(rejection) => {
            node.metrics.count(Tally::Unauthorized, 1);
            node.metrics.closed(rejection.code);
            let mut farewell = Vec::new();
            push_rejection(&mut farewell, rejection);
            tokio::spawn(async move {
                if let Ok(upgraded) = upgrade.await {
                    say_and_leave(TokioIo::new(upgraded), &farewell).await;
                }
            });
        }
        Admission::Refused(problem) => return Err(problem),
    }
    Ok(answer)
}

async fn hand_over(node: Arc<Node>, upgrade: OnUpgrade, hello: Box<Hello>) {
    let Some(seat) = node.seats.take() else { return };
    match upgrade.await.map_err(io::Error::other).and_then(detach) {
        Ok((socket, read_ahead)) => {
            let shard = node.shard_of(&hello.account);
            let arrival = Arrival { answer: Vec::new(), read_ahead, hello, seat };
            node.inboxes[shard].push_newcomer(Newcomer { socket, arrival });
        }
        Err(error) => debug!(%error, "the upgrade came to nothing"),
    }
}

/// A plain TCP stream moves to the shard's reactor; anything else stays where its server made it.
fn detach(upgraded: Upgraded) -> io::Result<(Detached, Vec<u8>)> {
    match upgraded.downcast::<TokioIo<TcpStream>>() {
        Ok(Parts { io, read_buf, .. }) => Ok((Detached::tcp(io.into_inner())?, read_buf.to_vec())),
        Err(upgraded) => Ok((Detached::Carried(Box::new(TokioIo::new(upgraded))), Vec::new())),
    }
}

/// As [`ws::upgrade_response`] says it to those whom hyper has not seen.
fn switching(wanted: &UpgradeRequest) -> Response {
    let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    let accept = HeaderValue::try_from(ws::accept_key(&wanted.key)).expect("base64 fits a header");
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    if let Some(protocol) = wanted.protocols.first() {
        let protocol = HeaderValue::from_str(protocol).expect("the name of a sub-protocol is a token");
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    response
}
