//! Socket paths as hyper sees them: inside somebody else's server, and on a connection that carried HTTP before.

use std::io;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bowline_gateway_core::{Hello, Opening};
use hyper::upgrade::{OnUpgrade, Parts, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tracing::debug;

use crate::admission::{self, Admission, Asked, is_socket_path};
use crate::authorization::carried;
use crate::farewell::{push_rejection, say_and_leave};
use crate::metrics::Tally;
use crate::node::Node;
use crate::problem::Problem;
use crate::problem_code::ProblemCode;
use crate::shard::{Arrival, Detached, Newcomer};
use crate::ws;

/// A WebSocket on a socket path; 426 without an upgrade, 404 elsewhere.
pub(crate) async fn open(State(node): State<Arc<Node>>, mut request: Request) -> Result<Response, Problem> {
    let path = request.uri().path().to_owned();
    if !is_socket_path(&node, &path) {
        return Err(Problem::no_such_path(&path));
    }
    if request.method() != Method::GET || !header_has(request.headers(), header::UPGRADE, "websocket") {
        return Err(Problem::upgrade_required());
    }
    let key = websocket_key(request.headers())?;
    let Some(upgrade) = request.extensions_mut().remove::<OnUpgrade>() else {
        return Err(Problem::upgrade_required());
    };
    let url = UrlCredentials::of(request.uri().query().unwrap_or_default());
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let authorization = text(header::AUTHORIZATION);
    let asked = Asked {
        path: &path,
        origin: text(header::ORIGIN),
        bearer: authorization.and_then(|header| carried(header, "bearer")),
        ticket: authorization.and_then(|header| carried(header, "ticket")).or(url.ticket.as_deref()),
        token: url.token.as_deref(),
        opening: if url.resume { Opening::Resume } else { Opening::Plain },
    };
    let admission = admission::admit(&node, asked);
    let answer = switching(&key, text(header::SEC_WEBSOCKET_PROTOCOL));
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

fn switching(key: &str, protocols: Option<&str>) -> Response {
    let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    let accept = HeaderValue::try_from(ws::accept_key(key)).expect("base64 fits a header");
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    let first = protocols.and_then(|list| list.split(',').next()).map(str::trim);
    if let Some(protocol) = first.and_then(|name| HeaderValue::from_str(name).ok()) {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    response
}

fn websocket_key(headers: &HeaderMap) -> Result<String, Problem> {
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        let detail = ws::BadUpgrade::Version.to_string();
        return Err(Problem::new(ProblemCode::UpgradeRequired, detail));
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).and_then(|value| value.to_str().ok());
    // 16 bytes in base64 are 22 characters and two `=`.
    key.filter(|key| key.len() == 24 && key.ends_with("=="))
        .map(str::to_owned)
        .ok_or_else(|| Problem::new(ProblemCode::BadUpgrade, ws::BadUpgrade::Key.to_string()))
}

fn header_has(headers: &HeaderMap, name: header::HeaderName, word: &str) -> bool {
    let lists = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|entry| entry.trim().eq_ignore_ascii_case(word))
}

/// What the query of a socket's URL may hold.
#[derive(Default, serde::Deserialize)]
struct UrlQuery {
    token: Option<String>,
    ticket: Option<String>,
    resume: Option<String>,
}

struct UrlCredentials {
    token: Option<String>,
    ticket: Option<String>,
    resume: bool,
}

impl UrlCredentials {
    fn of(query: &str) -> UrlCredentials {
        let uri = axum::http::Uri::builder().path_and_query(format!("/?{query}")).build().unwrap_or_default();
        let UrlQuery { token, ticket, resume } = axum::extract::Query::try_from_uri(&uri)
            .map(|axum::extract::Query(found)| found)
            .unwrap_or_default();
        UrlCredentials { token, ticket, resume: resume.as_deref() == Some("1") }
    }
}
