//! What the first bytes of a TCP connection ask for: a WebSocket, which takes our own short way, or anything else, which is
//! handed to hyper.

use core::fmt;

use crate::authorization::carried;
use crate::percent;
use crate::problem::Problem;
use crate::problem_code::ProblemCode;
use crate::ws::{self, BadUpgrade};

/// The longest request head that is looked at, in bytes.
pub const MAX_HEAD_BYTES: usize = 16 * 1024;
/// The most headers of a request.
pub const MAX_HEADERS: usize = 64;

/// What the bytes so far are.
#[derive(Debug)]
pub enum HeadOutcome {
    /// The head is not complete: read more.
    Incomplete,
    /// A good WebSocket upgrade.
    Upgrade(Box<UpgradeRequest>),
    /// Something else: hand the bytes and the socket to hyper.
    Other,
    /// Nothing that can be served: answer with [`BadHead::response`] and close.
    Bad(BadHead),
}

/// Why a head can't be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadHead {
    /// Not HTTP/1.
    #[error("the request is not HTTP/1")]
    Malformed,
    /// More than [`MAX_HEAD_BYTES`] or [`MAX_HEADERS`].
    #[error("the request's head is too large")]
    TooLarge,
    /// An upgrade with a body.
    #[error("an upgrade request has no body")]
    Body,
    /// An upgrade that breaks RFC 6455.
    #[error(transparent)]
    Upgrade(#[from] BadUpgrade),
}

impl BadHead {
    /// The HTTP status of the answer.
    #[must_use]
    pub fn status(self) -> u16 {
        self.code().status().as_u16()
    }

    /// The bytes of the whole answer: a problem document, `Connection: close`.
    #[must_use]
    pub fn response(self) -> Vec<u8> {
        Problem::new(self.code(), self.to_string()).to_http1()
    }

    fn code(self) -> ProblemCode {
        match self {
            BadHead::Malformed | BadHead::Body => ProblemCode::BadRequest,
            BadHead::TooLarge => ProblemCode::HeadTooLarge,
            BadHead::Upgrade(BadUpgrade::Version) => ProblemCode::UpgradeRequired,
            BadHead::Upgrade(BadUpgrade::Key | BadUpgrade::Connection) => ProblemCode::BadUpgrade,
        }
    }
}

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

/// Looks at the first bytes of a connection: everything that came, from its beginning. Call it again with more bytes after
/// [`HeadOutcome::Incomplete`].
#[must_use]
pub fn parse(bytes: &[u8]) -> HeadOutcome {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let head_len = match request.parse(&bytes[..bytes.len().min(MAX_HEAD_BYTES)]) {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) if bytes.len() >= MAX_HEAD_BYTES => {
            return HeadOutcome::Bad(BadHead::TooLarge);
        }
        Ok(httparse::Status::Partial) => return HeadOutcome::Incomplete,
        Err(httparse::Error::TooManyHeaders) => return HeadOutcome::Bad(BadHead::TooLarge),
        Err(_) => return HeadOutcome::Bad(BadHead::Malformed),
    };
    match upgrade(&request, head_len) {
        Ok(Some(upgrade)) => HeadOutcome::Upgrade(Box::new(upgrade)),
        Ok(None) => HeadOutcome::Other,
        Err(bad) => HeadOutcome::Bad(bad),
    }
}

/// Reads a complete head; `None` when it asks for no WebSocket.
fn upgrade(request: &httparse::Request<'_, '_>, head_len: usize) -> Result<Option<UpgradeRequest>, BadHead> {
    // "The method of the request MUST be GET, and the HTTP version MUST be at least 1.1" (RFC 6455, section 4.1).
    if request.method != Some("GET") || request.version != Some(1) {
        return Ok(None);
    }
    if !ws::asks_for_websocket(&joined(request, "upgrade")) {
        return Ok(None);
    }
    let has_body = single(request, "transfer-encoding").is_some()
        || single(request, "content-length").is_some_and(|length| length.trim_ascii() != b"0");
    if has_body {
        return Err(BadHead::Body);
    }
    let key = ws::check_upgrade(
        &joined(request, "connection"),
        single(request, "sec-websocket-version"),
        single(request, "sec-websocket-key"),
    )?;
    let authorization = single(request, "authorization").and_then(|value| core::str::from_utf8(value).ok());
    let (path, query) = split_target(request.path.unwrap_or("/"));
    let mut upgrade = UpgradeRequest {
        path: path.to_owned(),
        token: None,
        ticket: authorization.and_then(|header| carried(header, "ticket")).map(str::to_owned),
        resume: false,
        // What is not UTF-8 must not pass for a request without an origin.
        origin: single(request, "origin")
            .map(|value| String::from_utf8_lossy(value.trim_ascii()).into_owned()),
        bearer: authorization.and_then(|header| carried(header, "bearer")).map(str::to_owned),
        key,
        protocols: protocols(&joined(request, "sec-websocket-protocol")),
        head_len,
    };
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        match name {
            "token" => upgrade.token = Some(decode_query(value)?),
            "ticket" if upgrade.ticket.is_none() => upgrade.ticket = Some(decode_query(value)?),
            "resume" => upgrade.resume = value == "1",
            _ => {}
        }
    }
    Ok(Some(upgrade))
}

/// Path and query of a request target, which is a path or, from some clients, a whole URL.
fn split_target(target: &str) -> (&str, &str) {
    let origin_form = match target.split_once("://") {
        Some((scheme, rest)) if !scheme.contains(['/', '?']) => {
            rest.find(['/', '?']).map_or("/", |start| &rest[start..])
        }
        _ => target,
    };
    let (path, query) = origin_form.split_once('?').unwrap_or((origin_form, ""));
    (if path.is_empty() { "/" } else { path }, query)
}

/// The first header of that name.
fn single<'b>(request: &httparse::Request<'_, 'b>, name: &str) -> Option<&'b [u8]> {
    request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
}

/// All headers of that name as one list: "multiple header fields with the same field-name" mean their values joined by
/// commas (RFC 9110, section 5.3).
fn joined(request: &httparse::Request<'_, '_>, name: &str) -> Vec<u8> {
    let values: Vec<&[u8]> = request
        .headers
        .iter()
        .filter(|header| header.name.eq_ignore_ascii_case(name))
        .map(|header| header.value)
        .collect();
    values.join(&b',')
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

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "GET /chats/t%201?token=a%2Eb&resume=1&x HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\
        Connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Origin: https://app.example.com\r\nAuthorization: bearer s3cret\r\nSec-WebSocket-Protocol: one, two\r\n\
        Sec-WebSocket-Protocol: three, no token, ,\r\n\r\n";

    fn with(from: &str, to: &str) -> String {
        assert!(GOOD.contains(from), "{from}");
        GOOD.replace(from, to)
    }

    fn bad(head: &str) -> BadHead {
        match parse(head.as_bytes()) {
            HeadOutcome::Bad(bad) => bad,
            other => panic!("{other:?}"),
        }
    }

    fn good(head: &str) -> UpgradeRequest {
        match parse(head.as_bytes()) {
            HeadOutcome::Upgrade(upgrade) => *upgrade,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_upgrade_is_read_with_all_that_is_needed_of_it() {
        let upgrade = good(&format!("{GOOD}\u{1}\u{2}"));
        assert_eq!(
            upgrade,
            UpgradeRequest {
                path: "/chats/t%201".to_owned(),
                token: Some("a.b".to_owned()),
                ticket: None,
                resume: true,
                origin: Some("https://app.example.com".to_owned()),
                bearer: Some("s3cret".to_owned()),
                key: "dGhlIHNhbXBsZSBub25jZQ==".to_owned(),
                protocols: vec!["one".to_owned(), "two".to_owned(), "three".to_owned()],
                head_len: GOOD.len(),
            }
        );
    }

    #[test]
    fn a_head_that_has_not_come_whole_is_incomplete() {
        for cut in 0..GOOD.len() {
            assert!(matches!(parse(&GOOD.as_bytes()[..cut]), HeadOutcome::Incomplete), "cut at {cut}");
        }
    }

    #[test]
    fn debug_shows_no_credential() {
        let upgrade = good(&with("resume=1", "resume=1&ticket=t1cket"));
        let shown = format!("{upgrade:?}");
        for secret in ["s3cret", "a.b", "t1cket"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    #[test]
    fn an_unreadable_origin_is_not_taken_for_none() {
        let head = GOOD.as_bytes();
        let at = GOOD.find("https://app").unwrap();
        let head = [&head[..at], b"\xFF", &head[at..]].concat();
        let HeadOutcome::Upgrade(upgrade) = parse(&head) else { panic!("an upgrade") };
        assert_eq!(upgrade.origin.as_deref(), Some("\u{FFFD}https://app.example.com"));
    }

    #[test]
    fn everything_but_an_upgrade_is_left_to_others() {
        for head in [
            "GET / HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(),
            with("Upgrade: websocket", "Upgrade: h2c"),
            with("GET", "POST"),
            with("HTTP/1.1", "HTTP/1.0"),
        ] {
            assert!(matches!(parse(head.as_bytes()), HeadOutcome::Other), "{head}");
        }
    }

    #[test]
    fn a_bad_head_has_its_status() {
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(MAX_HEADERS + 1));
        let long = format!("GET /{} HTTP/1.1\r\n", "x".repeat(MAX_HEAD_BYTES));
        for (head, expected, status, code) in [
            ("\u{16}\u{3}\u{1} TLS on a plain port".to_owned(), BadHead::Malformed, 400, "bad_request"),
            ("GET / HTTP/1.1\r\nno colon\r\n\r\n".to_owned(), BadHead::Malformed, 400, "bad_request"),
            (many, BadHead::TooLarge, 431, "head_too_large"),
            (long, BadHead::TooLarge, 431, "head_too_large"),
            (
                with("Version: 13", "Version: 12"),
                BadHead::Upgrade(BadUpgrade::Version),
                426,
                "upgrade_required",
            ),
            (
                with("keep-alive, Upgrade", "close"),
                BadHead::Upgrade(BadUpgrade::Connection),
                400,
                "bad_upgrade",
            ),
            (with("dGhl", "dGh"), BadHead::Upgrade(BadUpgrade::Key), 400, "bad_upgrade"),
            (with("Host: h", "Content-Length: 5"), BadHead::Body, 400, "bad_request"),
            (with("Host: h", "Transfer-Encoding: chunked"), BadHead::Body, 400, "bad_request"),
            (with("a%2Eb", "a%FFb"), BadHead::Malformed, 400, "bad_request"),
            (with("a%2Eb", "a%2"), BadHead::Malformed, 400, "bad_request"),
        ] {
            let outcome = bad(&head);
            assert_eq!((outcome, outcome.status()), (expected, status), "{head}");
            let answer = String::from_utf8(outcome.response()).unwrap();
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "{answer}");
            assert_eq!(head.contains("Sec-WebSocket-Version: 13"), status == 426);
            let problem: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!((&problem["status"], &problem["code"]), (&status.into(), &code.into()));
        }
    }

    #[test]
    fn the_target_may_be_a_whole_url() {
        for (target, path, query) in [
            ("/agent", "/agent", ""),
            ("/?token=x", "/", "token=x"),
            ("http://h:1/agent?a=b", "/agent", "a=b"),
            ("ws://h?a=b", "/", "a=b"),
            ("http://h", "/", ""),
            ("/x?u=http://y/z", "/x", "u=http://y/z"),
        ] {
            assert_eq!(split_target(target), (path, query), "{target}");
        }
    }
}
