//! What the first bytes of a TCP connection ask for: a WebSocket, which takes our own short way, or anything else, which is
//! handed to hyper.

use crate::upgrade_request;

pub use crate::bad_head::BadHead;
pub use crate::upgrade_request::UpgradeRequest;

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
    match upgrade(&request) {
        Ok(Some(upgrade)) => HeadOutcome::Upgrade(Box::new(UpgradeRequest { head_len, ..upgrade })),
        Ok(None) => HeadOutcome::Other,
        Err(bad) => HeadOutcome::Bad(bad),
    }
}

/// Reads a complete head; `None` when it asks for no WebSocket.
fn upgrade(request: &httparse::Request<'_, '_>) -> Result<Option<UpgradeRequest>, BadHead> {
    // "The method of the request MUST be GET, and the HTTP version MUST be at least 1.1" (RFC 6455, section 4.1).
    if request.method != Some("GET") || request.version != Some(1) {
        return Ok(None);
    }
    let (path, query) = split_target(request.path.unwrap_or("/"));
    upgrade_request::read(request, path, query)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::BadUpgrade;

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
