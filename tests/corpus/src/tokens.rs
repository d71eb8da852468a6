//! Access tokens as of one moment, and which problem they have (`docs/protocol.md`, section 1; RFC 7515 and 7519).
//!
//! The order of the questions: is it a JWT of the one algorithm that is configured, does its signature fit, is it the time, is it
//! meant for us, do its claims make sense. The gateway is configured for HS256 with [`SECRET`], a leeway of 5 s, and, where a
//! case says so, for an audience and an issuer. It is [`NOW`].

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::case::{Case, times};

const SECRET: &[u8] = b"a secret for the corpus that is long enough";
/// In seconds since 1970.
const NOW: u64 = 1_800_000_000;
const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

pub(crate) fn cases() -> Vec<Case> {
    [shapes(), headers(), signatures(), times_of(), audiences(), claims()].concat()
}

fn base64(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// HMAC with SHA-256 (RFC 2104), whose block has 64 bytes.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0; 64];
    if key.len() > 64 {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().to_vec()
}

/// Signs two texts, whatever they are.
fn signed(header: &str, payload: impl AsRef<[u8]>) -> String {
    let message = format!("{}.{}", base64(header), base64(payload));
    format!("{message}.{}", base64(hmac(SECRET, message.as_bytes())))
}

fn payload() -> Value {
    json!({"sub": "alice", "exp": NOW + 3600})
}

/// The payload with some members changed; null takes one away.
fn with(changes: &Value) -> Value {
    let mut payload = payload();
    for (name, value) in changes.as_object().into_iter().flatten() {
        payload[name] = value.clone();
    }
    payload.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
    payload
}

fn case(name: impl Into<String>, token: impl Into<Value>, expect: Value) -> Case {
    Case::new(name).with("token", token).with("now", NOW).with("expect", expect)
}

fn bad(name: impl Into<String>, token: impl Into<Value>, problem: &str) -> Case {
    case(name, token, json!({ "problem": problem }))
}

fn no_sense(name: impl Into<String>, token: impl Into<Value>, claim: &str) -> Case {
    case(name, token, json!({"problem": "BadClaims", "claim": claim}))
}

/// What the token says when it is good.
fn good(changes: &Value) -> Value {
    let mut said = json!({"account": "alice", "kind": "human", "scopes": [], "topics": 0});
    for (name, value) in changes.as_object().into_iter().flatten() {
        said[name] = value.clone();
    }
    said
}

/// Three parts of base64url with JSON objects inside.
fn shapes() -> Vec<Case> {
    let whole = signed(HEADER, payload().to_string());
    let parts: Vec<&str> = whole.split('.').collect();
    let [header, body, signature] = parts[..] else { unreachable!("a token has three parts") };
    let mut cases = vec![case("a good token", whole.clone(), good(&json!({})))];
    for (name, token) in [
        ("nothing", String::new()),
        ("a dot", ".".into()),
        ("two dots", "..".into()),
        ("three dots", "...".into()),
        ("words", "not a token".into()),
        ("one part", header.into()),
        ("two parts", format!("{header}.{body}")),
        ("four parts", format!("{whole}.{signature}")),
        ("five parts, as of an encrypted one", format!("{header}.{body}.{signature}.{body}.{signature}")),
        ("an empty header", format!(".{body}.{signature}")),
        ("a space in front", format!(" {whole}")),
        ("a line break in its header", format!("{}\n{}.{body}.{signature}", &header[..4], &header[4..])),
        ("a padded header", format!("{header}==.{body}.{signature}")),
        ("a header in the other alphabet", format!("{}+/.{body}.{signature}", &header[..8])),
        ("a header that is no base64", format!("!{}.{body}.{signature}", &header[1..])),
        ("a header of bytes that are no UTF-8", format!("{}.{body}.{signature}", base64([0xff, 0xfe]))),
        ("a header that is no JSON", format!("{}.{body}.{signature}", base64("alg=HS256"))),
        ("a header that is a list", format!("{}.{body}.{signature}", base64("[\"HS256\"]"))),
        ("a header that is null", format!("{}.{body}.{signature}", base64("null"))),
        ("a header that is a text", format!("{}.{body}.{signature}", base64("\"HS256\""))),
        ("a header with something behind it", format!("{}.{body}.{signature}", base64(format!("{HEADER}x")))),
        ("a header in JSON itself", format!("{HEADER}.{body}.{signature}")),
    ] {
        cases.push(bad(name, token, "Malformed"));
    }
    for (name, payload) in [
        ("nothing", &b""[..]),
        ("a list", b"[]"),
        ("null", b"null"),
        ("a text", b"\"alice\""),
        ("a number", b"5"),
        ("no JSON", b"sub=alice"),
        ("half an object", b"{\"sub\":\"alice\""),
        ("an object and more", b"{\"sub\":\"alice\",\"exp\":1800003600}{}"),
        ("no UTF-8", b"{\"sub\":\"\xff\"}"),
        ("a byte order mark", b"\xef\xbb\xbf{\"sub\":\"alice\",\"exp\":1800003600}"),
    ] {
        cases.push(bad(format!("a signed payload of {name}"), signed(HEADER, payload), "Malformed"));
    }
    // 8 KiB is the longest token that is looked at.
    let padded = |bytes: usize| {
        let filled = |count: usize| signed(HEADER, with(&json!({"x": "x".repeat(count)})).to_string());
        (5800..).map(filled).find(|token| token.len() >= bytes).expect("longer and longer ones")
    };
    let (fits, longer) = (padded(8190), padded(8193));
    let is_within = fits.len() <= 8192;
    cases.push(case(
        format!("a token of {} bytes", fits.len()),
        fits,
        if is_within { good(&json!({})) } else { json!({"problem": "Malformed"}) },
    ));
    cases.push(bad(format!("a token of {} bytes", longer.len()), longer, "Malformed"));
    cases.push(bad("a token of 100,000 letters", json!([times("a", 100_000)]), "Malformed"));
    cases
}

/// The algorithm is the configured one; a token never chooses.
fn headers() -> Vec<Case> {
    let body = payload().to_string();
    let mut cases = Vec::new();
    for algorithm in [
        "none",
        "None",
        "NONE",
        "",
        "hs256",
        "HS256 ",
        " HS256",
        "HS384",
        "HS512",
        "RS256",
        "ES256",
        "PS256",
        "EdDSA",
        "ES256K",
        "dir",
        "A128KW",
        "\u{ff28}S256",
    ] {
        let header = json!({"alg": algorithm, "typ": "JWT"}).to_string();
        let name = format!("algorithm {algorithm:?}");
        cases.push(bad(name.clone(), signed(&header, &body), "WrongAlgorithm"));
        let unsigned = format!("{}.{}.", base64(&header), base64(&body));
        cases.push(bad(format!("{name} without a signature"), unsigned, "WrongAlgorithm"));
    }
    for header in [
        r#"{}"#,
        r#"{"typ":"JWT"}"#,
        r#"{"alg":null}"#,
        r#"{"alg":256}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"alg":true}"#,
        r#"{"Alg":"HS256"}"#,
        r#"{"alg":{}}"#,
        // "Extensions that we don't understand must not be ignored" (RFC 7515, section 4.1.11).
        r#"{"alg":"HS256","crit":["exp"]}"#,
        r#"{"alg":"HS256","crit":[]}"#,
        r#"{"alg":"HS256","crit":["b64"],"b64":false}"#,
        r#"{"crit":null,"alg":"HS256"}"#,
    ] {
        cases.push(bad(format!("header {header}"), signed(header, &body), "Malformed"));
    }
    for header in [
        r#"{"alg":"HS256"}"#,
        r#"{"typ":"at+jwt","alg":"HS256"}"#,
        r#"{"alg":"HS256","kid":"../../etc/passwd"}"#,
        r#"{"alg":"HS256","jwk":{"kty":"oct","k":"AA"}}"#,
        r#"{"alg":"HS256","x":1}"#,
        r#"{"alg":"HS256","typ":5}"#,
        r#" {"alg":"\u0048S256"} "#,
        r#"{"alg":"HS256","jku":"http://127.0.0.1:9/keys"}"#,
    ] {
        cases.push(case(format!("header {header}"), signed(header, &body), good(&json!({}))));
    }
    cases
}

/// A signature over exactly these bytes, with exactly this key.
fn signatures() -> Vec<Case> {
    let body = payload().to_string();
    let whole = signed(HEADER, &body);
    let (message, signature) = whole.rsplit_once('.').expect("a token has three parts");
    let mut cases = Vec::new();
    for (name, key) in [
        ("an empty key", &b""[..]),
        ("the key without its end", &SECRET[..SECRET.len() - 1]),
        ("the key and a line end", b"a secret for the corpus that is long enough\n"),
        ("the key in upper case", b"A SECRET FOR THE CORPUS THAT IS LONG ENOUGH"),
        ("a key of another length", &[7; 200]),
    ] {
        let token = format!("{message}.{}", base64(hmac(key, message.as_bytes())));
        cases.push(bad(format!("signed with {name}"), token, "BadSignature"));
    }
    let flipped = |text: &str, at: usize| {
        let other = if &text[at..=at] == "A" { "B" } else { "A" };
        format!("{}{other}{}", &text[..at], &text[at + 1..])
    };
    // Not its last letter, which holds bits of no byte.
    for at in 0..signature.len() - 1 {
        cases.push(bad(
            format!("signature with another letter {at}"),
            format!("{message}.{}", flipped(signature, at)),
            "BadSignature",
        ));
    }
    let (header, payload) = message.split_once('.').expect("two parts");
    for at in 0..payload.len() - 2 {
        cases.push(bad(
            format!("payload with another letter {at}"),
            format!("{header}.{}.{signature}", flipped(payload, at)),
            "BadSignature",
        ));
    }
    let other = base64(with(&json!({"sub": "mallory"})).to_string());
    cases.push(bad("somebody else's payload", format!("{header}.{other}.{signature}"), "BadSignature"));
    let other = base64(r#"{"typ":"JWT","alg":"HS256"}"#);
    cases.push(bad("another header's signature", format!("{other}.{payload}.{signature}"), "BadSignature"));
    cases.push(bad("no signature", format!("{message}."), "BadSignature"));
    cases.push(bad("half a signature", format!("{message}.{}", &signature[..20]), "BadSignature"));
    cases.push(bad(
        "a signature and a byte more",
        format!("{message}.{}", base64([hmac(SECRET, message.as_bytes()), vec![0]].concat())),
        "BadSignature",
    ));
    // The signature is told before the time and the claims.
    for (name, changes) in [("has expired", json!({"exp": 1})), ("has no account", json!({"sub": null}))] {
        let token = signed(HEADER, with(&changes).to_string());
        let (message, _) = token.rsplit_once('.').expect("three parts");
        cases.push(bad(
            format!("signed otherwise, and {name}"),
            format!("{message}.{signature}"),
            "BadSignature",
        ));
    }
    cases
}

/// `exp` and `nbf`, with 5 s of leeway.
fn times_of() -> Vec<Case> {
    let token = |changes: Value| signed(HEADER, with(&changes).to_string());
    let raw = |members: &str| signed(HEADER, format!("{{\"sub\":\"alice\",{members}}}"));
    let mut cases = Vec::new();
    for (after, is_good) in
        [(3600, true), (1, true), (0, true), (-1, true), (-4, true), (-5, false), (-6, false), (-3600, false)]
    {
        let expires = NOW.saturating_add_signed(after);
        let name = format!("expires {after} s from now");
        cases.push(if is_good {
            case(name, token(json!({"exp": expires})), good(&json!({})))
        } else {
            bad(name, token(json!({"exp": expires})), "Expired")
        });
    }
    for (after, is_good) in [(-3600, true), (0, true), (1, true), (5, true), (6, false), (3600, false)] {
        let begins = NOW.saturating_add_signed(after);
        let changes = json!({"nbf": begins, "exp": NOW + 7200});
        let name = format!("begins {after} s from now");
        cases.push(if is_good {
            case(name, token(changes), good(&json!({})))
        } else {
            bad(name, token(changes), "NotYetValid")
        });
    }
    for (name, exp) in
        [("with a fraction", "1800000000.5"), ("as a power", "18e8"), ("far away", "999999999999")]
    {
        cases.push(case(format!("expires {name}"), raw(&format!("\"exp\":{exp}")), good(&json!({}))));
    }
    for (name, exp) in [
        ("long ago", "0"),
        ("a minute ago", "1799999940"),
        ("at minus zero", "-0"),
        ("a moment after 1970", "1e-9"),
        ("with a fraction beyond the leeway", "1799999994.999"),
    ] {
        cases.push(bad(format!("expires {name}"), raw(&format!("\"exp\":{exp}")), "Expired"));
    }
    cases.push(no_sense("expires never", token(json!({"exp": null})), "exp"));
    for exp in [
        "null",
        "\"1800003600\"",
        "\"never\"",
        "true",
        "[]",
        "[1800003600]",
        "{}",
        "-1",
        "-1800003600",
        "1e300",
        "18446744073709551616",
    ] {
        cases.push(no_sense(format!("expires at {exp}"), raw(&format!("\"exp\":{exp}")), "exp"));
        cases.push(no_sense(
            format!("begins at {exp}"),
            raw(&format!("\"exp\":1800003600,\"nbf\":{exp}")),
            "nbf",
        ));
    }
    cases.push(bad("expired and not begun", token(json!({"exp": NOW - 10, "nbf": NOW + 10})), "Expired"));
    cases.push(bad("expired, without an account", token(json!({"exp": NOW - 10, "sub": null})), "Expired"));
    cases.push(case("issued in the future", token(json!({"iat": NOW + 1000})), good(&json!({}))));
    cases.push(case("issued at no time", token(json!({"iat": "x"})), good(&json!({}))));
    cases
}

fn audiences() -> Vec<Case> {
    let mut cases = Vec::new();
    for (aud, is_ours) in [
        (json!("bowline"), true),
        (json!(["bowline"]), true),
        (json!(["other", "bowline"]), true),
        (json!("other"), false),
        (json!("Bowline"), false),
        (json!("bowline "), false),
        (json!("bowlines"), false),
        (json!(""), false),
        (json!([]), false),
        (json!(["other"]), false),
        (Value::Null, false),
    ] {
        let token = signed(HEADER, with(&json!({ "aud": aud })).to_string());
        let expect = if is_ours { good(&json!({})) } else { json!({"problem": "WrongAudience"}) };
        cases.push(case(format!("audience {aud}"), token, expect).with("audience", "bowline"));
        let token = signed(HEADER, with(&json!({ "aud": aud })).to_string());
        cases.push(case(format!("audience {aud} where nobody asks"), token, good(&json!({}))));
    }
    for aud in [json!(5), json!({}), json!([5]), json!(["bowline", 5]), json!(true)] {
        let token = signed(HEADER, with(&json!({ "aud": aud })).to_string());
        cases.push(no_sense(format!("audience {aud}"), token, "aud").with("audience", "bowline"));
    }
    for (iss, is_ours) in [
        (json!("https://id"), true),
        (json!("https://id/"), false),
        (json!("https://ID"), false),
        (json!(["https://id"]), false),
        (json!(""), false),
        (json!(5), false),
        (Value::Null, false),
    ] {
        let token = signed(HEADER, with(&json!({ "iss": iss })).to_string());
        let expect = if is_ours { good(&json!({})) } else { json!({"problem": "WrongIssuer"}) };
        cases.push(case(format!("issuer {iss}"), token, expect).with("issuer", "https://id"));
    }
    cases
}

fn claims() -> Vec<Case> {
    let token = |changes: Value| signed(HEADER, with(&changes).to_string());
    let mut cases = Vec::new();
    for sub in [
        "a",
        "alice@example.com",
        "Zürich",
        " ",
        "*",
        "../x",
        "\u{1f388}",
        &"a".repeat(128),
        &"\u{e9}".repeat(64),
    ] {
        cases.push(case(
            format!("account {sub}"),
            token(json!({ "sub": sub })),
            good(&json!({ "account": sub })),
        ));
    }
    for sub in [
        json!(""),
        json!("\0"),
        json!("a\nb"),
        json!("\u{7f}"),
        json!("\u{85}"),
        json!("a".repeat(129)),
        json!("\u{e9}".repeat(65)),
        json!(5),
        json!(true),
        json!([]),
        json!(["alice"]),
        json!({}),
    ] {
        let name: String = sub.to_string().chars().take(30).collect();
        cases.push(no_sense(
            format!("account {}, {} bytes", name.escape_debug(), sub.to_string().len()),
            token(json!({ "sub": sub })),
            "sub",
        ));
    }
    cases.push(no_sense("no account", token(json!({"sub": null})), "sub"));
    for kind in ["agent", "human", "service"] {
        cases.push(case(
            format!("kind {kind}"),
            token(json!({ "kind": kind })),
            good(&json!({ "kind": kind })),
        ));
    }
    for kind in [
        json!(""),
        json!("Agent"),
        json!("robot"),
        json!("agent "),
        json!(5),
        json!(true),
        json!(["agent"]),
        json!({}),
    ] {
        cases.push(no_sense(format!("kind {kind}"), token(json!({ "kind": kind })), "kind"));
    }
    for (scope, scopes) in [
        (json!(""), json!([])),
        (json!("publish"), json!(["publish"])),
        (json!("admin"), json!(["admin"])),
        (json!("publish admin"), json!(["publish", "admin"])),
        (json!("  admin   publish  "), json!(["publish", "admin"])),
        (json!(["publish"]), json!(["publish"])),
        (json!(["publish admin", "x"]), json!(["publish", "admin"])),
        (json!([]), json!([])),
        (json!("Publish"), json!([])),
        (json!("publish,admin"), json!([])),
        (json!("publisher"), json!([])),
        (json!("openid profile"), json!([])),
        (json!("admin\u{a0}publish"), json!([])),
    ] {
        cases.push(case(
            format!("scope {scope}"),
            token(json!({ "scope": scope })),
            good(&json!({ "scopes": scopes })),
        ));
    }
    for scope in
        [json!(5), json!(true), json!({}), json!([5]), json!(["publish", null]), json!([["publish"]])]
    {
        cases.push(no_sense(format!("scope {scope}"), token(json!({ "scope": scope })), "scope"));
    }
    for (topics, count) in [
        (json!([]), 0),
        (json!("conv:a"), 1),
        (json!(["conv:a", "chat:*"]), 2),
        (json!(["*"]), 1),
        (json!(["conv*"]), 1),
        (json!(["conv:*", "conv:*"]), 2),
    ] {
        cases.push(case(
            format!("topics {topics}"),
            token(json!({ "topics": topics })),
            good(&json!({ "topics": count })),
        ));
    }
    for topics in [
        json!(5),
        json!({}),
        json!([5]),
        json!(""),
        json!([""]),
        json!(["conv"]),
        json!(["conv:"]),
        json!(["Conv:*"]),
        json!([":*"]),
        json!(["conv:\n"]),
        json!(["conv:a", null]),
        json!([format!("conv:{}", "x".repeat(252))]),
    ] {
        let name: String = topics.to_string().chars().take(30).collect();
        cases.push(no_sense(
            format!("topics {}", name.escape_debug()),
            token(json!({ "topics": topics })),
            "topics",
        ));
    }
    cases
}
