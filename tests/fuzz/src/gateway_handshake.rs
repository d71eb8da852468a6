//! What the gateway makes of the first bytes of a connection: decided by the bytes alone, not by how they came, and
//! answered with a head that says what was meant.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bowline_gateway::http_head::{BadHead, HeadOutcome, MAX_HEAD_BYTES, UpgradeRequest, parse};
use bowline_gateway::ws::{accept_key, upgrade_response};

/// The first bytes of a connection.
pub fn gateway_handshake(bytes: &[u8]) {
    let whole = outcome(bytes);
    // All cuts of a short head, sixty-four of a long one.
    for cut in (0..bytes.len()).step_by(bytes.len() / 64 + 1) {
        let early = outcome(&bytes[..cut]);
        assert!(early == Outcome::Incomplete || early == whole, "cut at {cut}: {early:?}, then {whole:?}");
    }
    match &whole {
        Outcome::Incomplete => assert!(bytes.len() < MAX_HEAD_BYTES),
        Outcome::Other => {}
        Outcome::Bad(bad) => refusal(*bad),
        Outcome::Upgrade(upgrade) => answer(bytes, upgrade),
    }
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Incomplete,
    Other,
    Bad(BadHead),
    Upgrade(UpgradeRequest),
}

fn outcome(bytes: &[u8]) -> Outcome {
    match parse(bytes) {
        HeadOutcome::Incomplete => Outcome::Incomplete,
        HeadOutcome::Other => Outcome::Other,
        HeadOutcome::Bad(bad) => Outcome::Bad(bad),
        HeadOutcome::Upgrade(upgrade) => Outcome::Upgrade(*upgrade),
    }
}

/// Headers by their lower-case names.
type Headers = Vec<(String, Vec<u8>)>;

/// A whole HTTP answer: its status, its headers, its body.
fn read_answer(answer: &[u8]) -> (u16, Headers, &[u8]) {
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut head = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(length) = head.parse(answer).expect("we write HTTP") else {
        panic!("the head of our answer does not end")
    };
    let named = head.headers.iter().map(|header| (header.name.to_ascii_lowercase(), header.value.to_vec()));
    (head.code.expect("a status"), named.collect(), &answer[length..])
}

fn refusal(bad: BadHead) {
    let answer = bad.response();
    let (status, headers, body) = read_answer(&answer);
    assert_eq!(status, bad.status());
    assert!(headers.contains(&("content-length".to_owned(), body.len().to_string().into_bytes())));
    let problem: serde_json::Value = serde_json::from_slice(body).expect("a problem document");
    assert_eq!(problem["status"], status);
}

fn answer(bytes: &[u8], upgrade: &UpgradeRequest) {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Request::new(&mut headers);
    let parsed = head.parse(bytes).expect("it was an upgrade");
    assert_eq!(parsed, httparse::Status::Complete(upgrade.head_len));
    assert_eq!((head.method, head.version), (Some("GET"), Some(1)));
    assert_eq!(STANDARD.decode(&upgrade.key).map(|nonce| nonce.len()), Ok(16));
    assert!(!upgrade.path.contains('?'), "{upgrade:?}");
    let shown = format!("{upgrade:?}");
    for secret in [&upgrade.token, &upgrade.ticket, &upgrade.bearer].into_iter().flatten() {
        // A short one stands in any text.
        assert!(
            secret.len() < 12
                || upgrade.path.contains(secret.as_str())
                || is_shown_elsewhere(upgrade, secret)
                || !shown.contains(secret.as_str()),
            "{shown}"
        );
    }
    // One of the client's words goes back into our head: it must not make another header or another line.
    let accept = accept_key(&upgrade.key);
    for protocol in upgrade.protocols.iter().map(Some).chain([None]) {
        let answer = upgrade_response(&accept, protocol.map(String::as_str));
        let (status, headers, body) = read_answer(&answer);
        let mut expected = vec![
            ("connection".to_owned(), b"Upgrade".to_vec()),
            ("upgrade".to_owned(), b"websocket".to_vec()),
            ("sec-websocket-accept".to_owned(), accept.clone().into_bytes()),
        ];
        expected
            .extend(protocol.map(|name| ("sec-websocket-protocol".to_owned(), name.clone().into_bytes())));
        assert_eq!((status, headers, body), (101, expected, &b""[..]));
    }
}

/// The same text is shown as what it also is: the page's origin.
fn is_shown_elsewhere(upgrade: &UpgradeRequest, secret: &str) -> bool {
    upgrade.origin.as_ref().is_some_and(|origin| origin.contains(secret))
}
