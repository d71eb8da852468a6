//! What asks for a WebSocket, and what it gets: a status with a problem's code, or a socket that is accepted or told why
//! not (`docs/protocol.md`, section 2; RFC 6455, section 4.2; RFC 9112).
//!
//! `request`: the bytes; `{token}` in a text stands for a good access token. `ways`: `first` is a fresh connection, `later`
//! one that has carried another request before. `expect`: `status`, with `code` of the problem or with what the socket hears;
//! `then` is the frame behind that.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::case::{Case, hex, times};
use crate::masked::{FIN, frame};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

pub(crate) fn cases() -> Vec<Case> {
    [upgrades(), keys(), paths(), credentials(), origins(), protocols(), ahead(), sizes(), noise()].concat()
}

/// A request that is good until something is changed.
struct Request {
    line: String,
    headers: Vec<(&'static str, String)>,
}

impl Request {
    fn get(path: &str) -> Self {
        Request::line(format!("GET {path} HTTP/1.1"))
    }

    fn line(line: impl Into<String>) -> Self {
        Request {
            line: line.into(),
            headers: [
                ("Host", "test"),
                ("Upgrade", "websocket"),
                ("Connection", "Upgrade"),
                ("Sec-WebSocket-Version", "13"),
                ("Sec-WebSocket-Key", KEY),
                ("Authorization", "Bearer {token}"),
            ]
            .map(|(name, value)| (name, value.to_owned()))
            .into(),
        }
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(found, _)| *found != name);
        self
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same with another value of that header.
    fn but(self, name: &'static str, value: impl Into<String>) -> Self {
        self.without(name).with(name, value)
    }

    fn text(&self) -> String {
        let headers: String =
            self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        format!("{}\r\n{headers}\r\n", self.line)
    }

    fn case(&self, name: impl Into<String>, expect: Value) -> Case {
        case(name, json!([self.text()]), &["first", "later"], expect)
    }
}

fn case(name: impl Into<String>, request: Value, ways: &[&str], expect: Value) -> Case {
    Case::new(name).with("request", request).with("ways", ways).with("expect", expect)
}

fn accepted() -> Value {
    json!({"status": 101, "frame": "connection.accepted"})
}

fn rejected(reason: &str) -> Value {
    json!({"status": 101, "frame": "connection.rejected", "reason": reason, "close": 4501})
}

fn problem(status: u16, code: &str) -> Value {
    json!({"status": status, "code": code})
}

fn bad_upgrade() -> Value {
    problem(400, "bad_upgrade")
}

/// Method, version and the headers of an upgrade.
fn upgrades() -> Vec<Case> {
    let mut cases = vec![Request::get("/agent").case("a good upgrade", accepted())];
    for method in ["POST", "PUT", "DELETE", "PATCH", "get", "Get", "BREW"] {
        let request = Request::line(format!("{method} /agent HTTP/1.1"));
        cases.push(request.case(format!("method {method}"), problem(426, "upgrade_required")));
    }
    let request = Request::line("GET /agent HTTP/1.0");
    cases.push(request.case("HTTP/1.0", problem(426, "upgrade_required")));
    for value in ["websocket", "WebSocket", "WEBSOCKET", "h2c, websocket", "websocket,h2c", " websocket "] {
        cases.push(
            Request::get("/agent").but("Upgrade", value).case(format!("Upgrade: {value:?}"), accepted()),
        );
    }
    for value in ["", "h2c", "websockets", "web socket", "web-socket", "TLS/1.0"] {
        let request = Request::get("/agent").but("Upgrade", value);
        cases.push(request.case(format!("Upgrade: {value:?}"), problem(426, "upgrade_required")));
    }
    let request = Request::get("/agent").without("Upgrade");
    cases.push(request.case("no Upgrade", problem(426, "upgrade_required")));
    let request = Request::get("/agent").but("Upgrade", "h2c").with("Upgrade", "websocket");
    cases.push(request.case("two headers Upgrade", accepted()));
    for value in [
        "Upgrade",
        "upgrade",
        "UPGRADE",
        "keep-alive, Upgrade",
        "Upgrade,keep-alive",
        " upgrade ",
        ",Upgrade,",
    ] {
        cases.push(
            Request::get("/agent")
                .but("Connection", value)
                .case(format!("Connection: {value:?}"), accepted()),
        );
    }
    for value in ["", "keep-alive", "upgraded", "up grade", "\"Upgrade\"", "websocket"] {
        cases.push(
            Request::get("/agent")
                .but("Connection", value)
                .case(format!("Connection: {value:?}"), bad_upgrade()),
        );
    }
    cases.push(Request::get("/agent").without("Connection").case("no Connection", bad_upgrade()));
    let request = Request::get("/agent").but("Connection", "keep-alive").with("Connection", "upgrade");
    cases.push(request.case("two headers Connection", accepted()));
    for value in [
        "", "8", "0", "7", "12", "14", "130", "013", "13.0", "-13", "+13", "13, 8", "8, 13", "13;",
        "thirteen",
    ] {
        let request = Request::get("/agent").but("Sec-WebSocket-Version", value);
        cases.push(request.case(format!("version {value:?}"), problem(426, "upgrade_required")));
    }
    let request = Request::get("/agent").without("Sec-WebSocket-Version");
    cases.push(request.case("no version", problem(426, "upgrade_required")));
    let request = Request::get("/agent").but("Sec-WebSocket-Version", " 13 ");
    cases.push(request.case("version 13 between spaces", accepted()));
    // "bad_request (no HTTP/1, or an upgrade with a body)".
    for (name, header, value) in [
        ("an upgrade with a body", "Content-Length", "5"),
        ("an upgrade with a chunked body", "Transfer-Encoding", "chunked"),
    ] {
        let mut text = Request::get("/agent").with(header, value).text();
        text.push_str(if value == "5" { "hello" } else { "0\r\n\r\n" });
        cases.push(case(name, json!([text]), &["first", "later"], problem(400, "bad_request")));
    }
    let request = Request::get("/agent").with("Content-Length", "0");
    cases.push(request.case("an upgrade with a body of nothing", accepted()));
    for name in ["Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Authorization"] {
        let text = Request::get("/agent").text();
        for (what, other) in [("lower", name.to_ascii_lowercase()), ("upper", name.to_ascii_uppercase())] {
            let text = text.replace(&format!("\r\n{name}:"), &format!("\r\n{other}:"));
            cases.push(case(
                format!("{name} in {what} case"),
                json!([text]),
                &["first", "later"],
                accepted(),
            ));
        }
    }
    cases
}

/// The key: 16 bytes in base64.
fn keys() -> Vec<Case> {
    let mut cases = Vec::new();
    for bytes in 0..=33 {
        let key = STANDARD.encode((0..bytes).map(|at| at as u8 * 7 + 1).collect::<Vec<u8>>());
        let expect = if bytes == 16 { accepted() } else { bad_upgrade() };
        cases.push(
            Request::get("/agent")
                .but("Sec-WebSocket-Key", key)
                .case(format!("a key of {bytes} bytes"), expect),
        );
    }
    for (name, key) in [
        ("without its padding", "dGhlIHNhbXBsZSBub25jZQ"),
        ("with half of its padding", "dGhlIHNhbXBsZSBub25jZQ="),
        ("with padding in front", "==dGhlIHNhbXBsZSBub25jZQ"),
        ("with padding within", "dGhlIHNhbX==sZSBub25jZQ=="),
        ("with too much padding", "dGhlIHNhbXBsZSBub25jZQ===="),
        ("of 24 characters that are no base64", "!!!!!!!!!!!!!!!!!!!!!!=="),
        ("of the alphabet for URLs", "-_-_-_-_-_-_-_-_-_-_-w=="),
        ("with a space within", "dGhlIHNhbXBs ZSBub25jZQ=="),
        ("with a comma", "dGhlIHNhbXBsZSBub25jZQ==,"),
        ("in hex", "00112233445566778899aabbccddeeff"),
        ("of 24 letters", "abcdefghijklmnopqrstuvwx"),
        ("of letters and padding that hold no whole bytes", "aaaaaaaaaaaaaaaaaaaaab=="),
        ("in quotes", "\"dGhlIHNhbXBsZSBub25jZQ==\""),
        ("of bytes that are no ASCII", "dGhlIHNhbXBsZSBub25j\u{e9}Q=="),
    ] {
        cases.push(
            Request::get("/agent").but("Sec-WebSocket-Key", key).case(format!("a key {name}"), bad_upgrade()),
        );
    }
    cases.push(Request::get("/agent").without("Sec-WebSocket-Key").case("no key", bad_upgrade()));
    let request = Request::get("/agent").but("Sec-WebSocket-Key", format!("  {KEY}\t"));
    cases.push(request.case("a key between white space", accepted()));
    cases
}

/// Which paths are sockets, in which spelling.
fn paths() -> Vec<Case> {
    let mut cases = Vec::new();
    let long = "x".repeat(251);
    let too_long = "x".repeat(252);
    for path in [
        "/",
        "/agent",
        "/agent/",
        "/notifications",
        "/notifications/",
        "/%61gent",
        "/?x=y",
        "/agent?",
        "/agent?&&=&x",
        "/agent?resume=0",
        "/agent?resume=",
        "/agent?resume=true",
        "/agent?a=1&a=2",
    ] {
        cases.push(Request::get(path).case(format!("path {path}"), accepted()));
    }
    for path in [
        "/chats/t1",
        "/chats/t1/",
        "/chats/%74%31",
        "/chats/a%2Fb",
        "/chats/Z%C3%BCrich",
        "/chats/a%3Ab",
        &format!("/chats/{long}"),
        "/workspaces/w/transcripts/t",
    ] {
        cases.push(Request::get(path).case(format!("path without a right: {path}"), rejected("FORBIDDEN")));
    }
    for path in [
        "/Agent",
        "/agents",
        "/agent/x",
        "/agent//",
        "//",
        "//agent",
        "/chats",
        "/chats/",
        "/chats//",
        "/chats//t1",
        "/chats/t1/x",
        "/chats/%",
        "/chats/%2",
        "/chats/%zz",
        "/chats/%FF",
        "/chats/%C3",
        "/chats/%00",
        "/chats/%0A",
        "/chats/%C2%85",
        &format!("/chats/{too_long}"),
        "/workspaces/w",
        "/workspaces/w/transcripts",
        "/workspaces//transcripts/t",
        "/nowhere",
        "/notification",
        "/%2Fagent",
        "/agent%20",
        "/agent;x",
        "/.",
        "/..",
        "/agent/..",
        "/favicon.ico",
        "/v2/events",
        "/index.html",
    ] {
        cases.push(Request::get(path).case(format!("path {path}"), problem(404, "unknown_path")));
    }
    cases
}

/// The first credential that is there decides.
fn credentials() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, value) in [
        ("nothing of a token", "Bearer x"),
        ("two parts of a token", "Bearer a.b"),
        ("three empty parts", "Bearer .."),
        ("an empty token", "Bearer "),
        ("a token and more", "Bearer {token}x"),
        ("a token in quotes", "Bearer \"{token}\""),
        ("two tokens", "Bearer {token} {token}"),
    ] {
        let request = Request::get("/agent").but("Authorization", value);
        cases.push(request.case(format!("bearer: {name}"), rejected("UNAUTHORIZED")));
    }
    for (name, value) in [
        ("another scheme", "Basic YTpi"),
        ("a token without a scheme", "{token}"),
        ("a scheme alone", "Bearer"),
        ("nothing", ""),
    ] {
        let request = Request::get("/agent").but("Authorization", value);
        cases.push(request.case(format!("authorization: {name}"), rejected("UNAUTHORIZED")));
    }
    for value in ["bearer {token}", "BEARER {token}", "Bearer  {token}", "Bearer {token} "] {
        cases.push(
            Request::get("/agent")
                .but("Authorization", value)
                .case(format!("authorization: {value}"), accepted()),
        );
    }
    let open = |path: &str| Request::get(path).without("Authorization");
    cases.push(open("/agent").case("no credential", rejected("UNAUTHORIZED")));
    for (path, expect) in [
        ("/agent?token={token}", accepted()),
        ("/agent?x=y&token={token}&z", accepted()),
        ("/?token={token}", accepted()),
        ("/agent?token=", rejected("UNAUTHORIZED")),
        ("/agent?token", rejected("UNAUTHORIZED")),
        ("/agent?Token={token}", rejected("UNAUTHORIZED")),
        ("/agent?token=x", rejected("UNAUTHORIZED")),
        ("/agent?token=x&token={token}", accepted()),
        ("/agent?token={token}&token=x", rejected("UNAUTHORIZED")),
        ("/agent?token={token}&x=1&x=2", accepted()),
        ("/agent?token={token}&resume=0&resume=0", accepted()),
        ("/agent?ticket=", rejected("UNAUTHORIZED")),
        ("/agent?ticket=x", rejected("UNAUTHORIZED")),
        ("/agent?ticket=AAAAAAAAAAAAAAAAAAAAAA", rejected("UNAUTHORIZED")),
        ("/agent?ticket=x&token={token}", rejected("UNAUTHORIZED")),
        ("/agent?token={token}&ticket=x", rejected("UNAUTHORIZED")),
        ("/agent?x={token}", rejected("UNAUTHORIZED")),
        ("/agent?token=%zz", problem(400, "bad_request")),
        ("/agent?token=%", problem(400, "bad_request")),
        ("/agent?token=%FF", problem(400, "bad_request")),
        ("/agent?ticket=%C3", problem(400, "bad_request")),
        ("/agent?x=%zz&token={token}", accepted()),
        ("/agent?x=%FF&token={token}", accepted()),
    ] {
        cases.push(open(path).case(format!("query of {path}"), expect));
    }
    for path in ["/agent?token={token}", "/agent?ticket=AAAAAAAAAAAAAAAAAAAAAA&token={token}"] {
        let request = Request::get(path).but("Authorization", "Bearer x");
        cases
            .push(request.case(format!("a bad bearer before the query of {path}"), rejected("UNAUTHORIZED")));
    }
    for (name, path, value, expect) in [
        (
            "an unknown ticket in the header",
            "/agent",
            "Ticket AAAAAAAAAAAAAAAAAAAAAA",
            rejected("UNAUTHORIZED"),
        ),
        ("a token called a ticket", "/agent", "Ticket {token}", rejected("UNAUTHORIZED")),
        (
            "a bad ticket in the header before a token",
            "/agent?token={token}",
            "Ticket x",
            rejected("UNAUTHORIZED"),
        ),
        (
            "a bad ticket in the header and one in the query",
            "/agent?ticket=y",
            "ticket x",
            rejected("UNAUTHORIZED"),
        ),
        ("a ticket without a ticket", "/agent", "Ticket", rejected("UNAUTHORIZED")),
    ] {
        cases.push(Request::get(path).but("Authorization", value).case(name, expect));
    }
    let request = Request::get("/agent?token=x&ticket=x");
    cases.push(request.case("a good bearer before a bad query", accepted()));
    let request = open("/agent?token={token}").with("Authorization", "Basic YTpi");
    cases.push(request.case("another scheme is no credential", accepted()));
    cases
}

/// "Where a request has an `Origin`, it must be among `allowed_origins`", which is `https://app.example.com` here.
fn origins() -> Vec<Case> {
    let mut cases = Vec::new();
    for origin in ["https://app.example.com", "HTTPS://APP.EXAMPLE.COM"] {
        cases
            .push(Request::get("/agent").with("Origin", origin).case(format!("origin {origin}"), accepted()));
    }
    for origin in [
        "",
        "null",
        "*",
        "https://app.example.com/",
        "https://app.example.com:443",
        "http://app.example.com",
        "https://example.com",
        "https://app.example.com.evil.example",
        "https://evil.example/https://app.example.com",
        "https://xapp.example.com",
        "app.example.com",
        "//app.example.com",
        "https://app.example.com, https://app.example.com",
        "file://",
        "http://localhost",
        "https://app.example.com@evil.example",
        "https://app.example.co\u{43c}",
        "https://app%2Eexample.com",
    ] {
        let request = Request::get("/agent").with("Origin", origin);
        cases.push(request.case(format!("origin {origin:?}"), problem(403, "origin_not_allowed")));
    }
    let request = Request::get("/nowhere").with("Origin", "https://evil.example");
    cases.push(request.case("a bad origin on no path", problem(404, "unknown_path")));
    let request =
        Request::get("/agent").but("Authorization", "Bearer x").with("Origin", "https://evil.example");
    cases.push(request.case("a bad origin with a bad token", problem(403, "origin_not_allowed")));
    cases
}

/// The first sub-protocol that is a token is the one.
fn protocols() -> Vec<Case> {
    let mut cases = Vec::new();
    for (offered, chosen) in [
        ("bowline", Some("bowline")),
        ("one, two", Some("one")),
        ("one,two", Some("one")),
        (" one , two", Some("one")),
        (",one", Some("one")),
        ("v1.bowline+json", Some("v1.bowline+json")),
        ("no token, two", Some("two")),
        ("a/b, two", Some("two")),
        ("\"one\", two", Some("two")),
        ("one;q=1, two", Some("two")),
        ("Z\u{fc}rich, two", Some("two")),
        ("", None),
        (" , ", None),
        ("no token", None),
    ] {
        let mut expect = accepted();
        expect["protocol"] = chosen.into();
        let request = Request::get("/agent").with("Sec-WebSocket-Protocol", offered);
        cases.push(request.case(format!("sub-protocols {offered:?}"), expect));
    }
    let mut expect = accepted();
    expect["protocol"] = "one".into();
    let request =
        Request::get("/agent").with("Sec-WebSocket-Protocol", "one").with("Sec-WebSocket-Protocol", "two");
    cases.push(request.case("two headers of sub-protocols", expect));
    for offered in
        ["permessage-deflate", "permessage-deflate; client_max_window_bits", "x-webkit-deflate-frame, foo"]
    {
        let mut expect = accepted();
        expect["extensions"] = Value::Null;
        let request = Request::get("/agent").with("Sec-WebSocket-Extensions", offered);
        cases.push(request.case(format!("extensions {offered:?} are not taken"), expect));
    }
    cases
}

/// A client need not wait for the answer before it sends frames.
fn ahead() -> Vec<Case> {
    let head = Request::get("/agent").text();
    let mut cases = Vec::new();
    for (name, bytes, opcode, payload) in [
        ("a ping", frame(FIN | 9, b"hi"), 10, &b"hi"[..]),
        ("a close", frame(FIN | 8, b"\x03\xe8"), 8, b"\x03\xe8normal"),
        ("a binary message", frame(FIN | 2, b"x"), 8, b"\x03\xebunsupported"),
        ("a frame that is not masked", b"\x81\x00".to_vec(), 8, b"\x03\xeaprotocol_error"),
        (
            "a text that is no UTF-8, in two,",
            [frame(1, b"\xc3"), frame(FIN, b"\xff")].concat(),
            8,
            b"\x03\xefinvalid_text",
        ),
    ] {
        let mut expect = accepted();
        expect["then"] = json!({"opcode": opcode, "hex": hex(payload)});
        let request = json!([head, {"hex": hex(&bytes)}]);
        cases.push(case(format!("{name} right behind the request"), request, &["first", "later"], expect));
    }
    cases
}

/// "`head_too_large` (16 KiB or 64 headers)."
fn sizes() -> Vec<Case> {
    let mut cases = Vec::new();
    let base = Request::get("/agent?token=x").without("Authorization");
    let start = base.text().trim_end_matches("\r\n").len() + 2;
    for bytes in [16_383, 16_384, 16_385, 20_000] {
        // `X: ` and two line ends beside the filling.
        let filling = bytes - start - 3 - 4;
        let head = &base.text()[..start];
        let request = json!([head, "X: ", times("x", filling), "\r\n\r\n"]);
        let expect = if bytes > 16_384 { problem(431, "head_too_large") } else { rejected("UNAUTHORIZED") };
        cases.push(case(format!("a head of {bytes} bytes"), request, &["first"], expect));
    }
    for count in [63, 64, 65, 100, 1000] {
        let request = json!([&base.text()[..start], times("X: y\r\n", count - base.headers.len()), "\r\n"]);
        let expect = if count > 64 { problem(431, "head_too_large") } else { rejected("UNAUTHORIZED") };
        cases.push(case(format!("{count} headers"), request, &["first"], expect));
    }
    let request = json!(["GET /", times("x", 16_400), " HTTP/1.1\r\nHost: t\r\n\r\n"]);
    cases.push(case("a path of 16 KiB", request, &["first"], problem(431, "head_too_large")));
    let request = json!(["GET /agent HTTP/1.1\r\n", times("y", 20_000)]);
    cases.push(case("a header's name of 20,000 bytes", request, &["first"], problem(431, "head_too_large")));
    cases
}

/// Bytes that are no HTTP/1.
fn noise() -> Vec<Case> {
    let bad = || problem(400, "bad_request");
    let mut cases = Vec::new();
    for (name, text) in [
        ("another protocol's greeting", "SSH-2.0-OpenSSH_9.2\r\n\r\n"),
        ("HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ("a version of its own", "GET /agent HTTP/1.2\r\n\r\n"),
        ("HTTP/3", "GET /agent HTTP/3\r\n\r\n"),
        ("no HTTP version", "GET /agent\r\n\r\n"),
        ("no path", "GET HTTP/1.1\r\n\r\n"),
        ("a method alone", "GET\r\n\r\n"),
        ("another method's noise", "G\u{1}T / HTTP/1.1\r\n\r\n"),
        ("a control character in the path", "GET /a\u{7}b HTTP/1.1\r\n\r\n"),
        ("a bare carriage return in the path", "GET /a\rb HTTP/1.1\r\n\r\n"),
        ("a header without a colon", "GET /agent HTTP/1.1\r\nHost\r\n\r\n"),
        ("a header without a name", "GET /agent HTTP/1.1\r\n: x\r\n\r\n"),
        ("a header's name with a space", "GET /agent HTTP/1.1\r\nHo st: x\r\n\r\n"),
        ("a space before the colon", "GET /agent HTTP/1.1\r\nHost : x\r\n\r\n"),
        ("a header that begins with a space", "GET /agent HTTP/1.1\r\n Host: x\r\n\r\n"),
        ("a folded header", "GET /agent HTTP/1.1\r\nHost: x\r\n y\r\n\r\n"),
        ("a zero byte in a header", "GET /agent HTTP/1.1\r\nHost: a\0b\r\n\r\n"),
        ("a zero byte in a name", "GET /agent HTTP/1.1\r\nHo\0st: a\r\n\r\n"),
        ("a bare carriage return in a header", "GET /agent HTTP/1.1\r\nHost: a\rb\r\n\r\n"),
        ("a JSON message", "{\"action\":\"ping\"}\r\n\r\n"),
        ("a WebSocket URL", "ws://test/agent\r\n\r\n"),
        ("lower case letters for HTTP", "GET /agent http/1.1\r\n\r\n"),
    ] {
        cases.push(case(name, json!([text]), &["first"], bad()));
    }
    for (name, bytes) in [
        ("a TLS greeting", &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..]),
        ("zero bytes", &[0; 16]),
        ("a WebSocket frame", b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
        ("bytes FF", &[0xff; 16]),
    ] {
        cases.push(case(name, json!([{"hex": hex(bytes)}]), &["first"], bad()));
    }
    cases
}
