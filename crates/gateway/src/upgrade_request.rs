//! What a request for a WebSocket asks for, and whether it may be served, whoever has parsed its head.

use core::fmt;

use axum::http::HeaderMap;

use crate::authorization::carried;
use crate::bad_head::BadHead;
use crate::percent;
use crate::ws;

/// A WebSocket upgrade. `Debug` shows no credential.
#[derive(Clone, PartialEq, Eq)]
pub struct UpgradeRequest {
    /// The request's path, as it was sent, without the query.
    pub path: String,
    /// `?token=`, percent-decoded.
    pub token: Option<String>,
    /// The ticket of `Authorization: Ticket`, or else of `?ticket=`, percent-decoded.
    pub ticket: Option<String>,
    /// `?resume=1`.
    pub resume: bool,
    /// The `Origin` header.
    pub origin: Option<String>,
    /// The token of `Authorization: Bearer`.
    pub bearer: Option<String>,
    /// `Sec-WebSocket-Key`, checked.
    pub key: String,
    /// `Sec-WebSocket-Protocol`, in the client's order.
    pub protocols: Vec<String>,
    /// Where in the input the head ends; what follows are WebSocket frames.
    pub head_len: usize,
}

impl fmt::Debug for UpgradeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpgradeRequest")
            .field("path", &self.path)
            .field("resume", &self.resume)
            .field("origin", &self.origin)
            .field("protocols", &self.protocols.len())
            .field("has_token", &self.token.is_some())
            .field("has_ticket", &self.ticket.is_some())
            .field("has_bearer", &self.bearer.is_some())
            .finish_non_exhaustive()
    }
}

/// The headers of a request.
pub(crate) trait Headers {
    /// The values of every header of that name, which is in lower case, in their order.
    fn values<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]>;
}

impl Headers for httparse::Request<'_, '_> {
    fn values<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
        self.headers
            .iter()
            .filter(move |header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value)
    }
}

impl Headers for HeaderMap {
    fn values<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
        self.get_all(name).into_iter().map(|value| value.as_bytes())
    }
}

/// Reads a head with that path and query; `None` when it asks for no WebSocket. Both ways to a socket go through here, so
/// that they agree.
pub(crate) fn read(
    headers: &impl Headers,
    path: &str,
    query: &str,
) -> Result<Option<UpgradeRequest>, BadHead> {
    if !ws::asks_for_websocket(&joined(headers, "upgrade")) {
        return Ok(None);
    }
    let has_body = first(headers, "transfer-encoding").is_some()
        || first(headers, "content-length").is_some_and(|length| length.trim_ascii() != b"0");
    if has_body {
        return Err(BadHead::Body);
    }
    let key = ws::check_upgrade(
        &joined(headers, "connection"),
        first(headers, "sec-websocket-version"),
        first(headers, "sec-websocket-key"),
    )?;
    let authorization = first(headers, "authorization").and_then(|value| core::str::from_utf8(value).ok());
    let mut upgrade = UpgradeRequest {
        path: path.to_owned(),
        token: None,
        ticket: None,
        resume: false,
        // What is not UTF-8 must not pass for a request without an origin.
        origin: first(headers, "origin")
            .map(|value| String::from_utf8_lossy(value.trim_ascii()).into_owned()),
        bearer: authorization.and_then(|header| carried(header, "bearer")).map(str::to_owned),
        key,
        protocols: protocols(&joined(headers, "sec-websocket-protocol")),
        head_len: 0,
    };
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        match name {
            "token" => upgrade.token = Some(decode_query(value)?),
            "ticket" => upgrade.ticket = Some(decode_query(value)?),
            "resume" => upgrade.resume = value == "1",
            _ => {}
        }
    }
    if let Some(ticket) = authorization.and_then(|header| carried(header, "ticket")) {
        upgrade.ticket = Some(ticket.to_owned());
    }
    Ok(Some(upgrade))
}

/// The first header of that name.
fn first<'h>(headers: &'h impl Headers, name: &'h str) -> Option<&'h [u8]> {
    headers.values(name).next()
}

/// All headers of that name as one list: "multiple header fields with the same field-name" mean their values joined by
/// commas (RFC 9110, section 5.3).
fn joined(headers: &impl Headers, name: &str) -> Vec<u8> {
    headers.values(name).collect::<Vec<_>>().join(&b',')
}

fn to_text(value: &[u8]) -> Option<String> {
    core::str::from_utf8(value.trim_ascii()).ok().map(str::to_owned)
}

/// The entries that are tokens (RFC 9110, section 5.6.2): one of them goes back into our answer's head.
fn protocols(list: &[u8]) -> Vec<String> {
    let is_token = |name: &String| {
        !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
    };
    list.split(|byte| *byte == b',').filter_map(to_text).filter(is_token).collect()
}

fn decode_query(value: &str) -> Result<String, BadHead> {
    percent::decode(value).ok_or(BadHead::Malformed)
}
