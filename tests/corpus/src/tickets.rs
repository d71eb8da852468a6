//! A ticket and how it is shown: once, in time, on its path, by a page of its origin (`docs/protocol.md`, section 1).
//!
//! `bought`: the path, the origin of the page that bought it, and when its token expires, in milliseconds from the purchase.
//! `shown`: in order, each with the text (`{ticket}` is the one that was bought), path, origin, milliseconds since the purchase, and
//! what comes of it. A ticket is good for 30 s.

use serde_json::{Value, json};

use crate::case::Case;

pub(crate) fn cases() -> Vec<Case> {
    [times(), paths(), origins(), texts()].concat()
}

fn show(text: &str, path: &str, origin: Option<&str>, at: u64, expect: &str) -> Value {
    json!({"text": text, "path": path, "origin": origin, "at": at, "expect": expect})
}

fn case(
    name: impl Into<String>,
    path: &str,
    origin: Option<&str>,
    token_for: u64,
    shown: Vec<Value>,
) -> Case {
    Case::new(name)
        .with("bought", json!({"path": path, "origin": origin, "tokenFor": token_for}))
        .with("shown", shown)
}

const HOUR: u64 = 3_600_000;

fn times() -> Vec<Case> {
    let mut cases = Vec::new();
    for at in [0, 1, 15_000, 29_999] {
        let again = show("{ticket}", "/agent", None, at, "Unknown");
        let shown = vec![show("{ticket}", "/agent", None, at, "good"), again];
        cases.push(case(format!("shown twice at {at} ms"), "/agent", None, HOUR, shown));
    }
    for at in [30_000, 30_001, 60_000, 89_999] {
        let shown = vec![
            show("{ticket}", "/agent", None, at, "Expired"),
            show("{ticket}", "/agent", None, 0, "Unknown"),
        ];
        cases.push(case(format!("late at {at} ms, and used up by it"), "/agent", None, HOUR, shown));
    }
    // It does not outlive the token that it was bought with.
    for (token_for, at, expect) in [
        (1000, 999, "good"),
        (1000, 1000, "Expired"),
        (29_999, 29_999, "Expired"),
        (30_001, 29_999, "good"),
        (30_001, 30_000, "Expired"),
    ] {
        let shown = vec![show("{ticket}", "/agent", None, at, expect)];
        cases.push(case(
            format!("of a token of {token_for} ms, at {at} ms"),
            "/agent",
            None,
            token_for,
            shown,
        ));
    }
    cases
}

fn paths() -> Vec<Case> {
    let mut cases = Vec::new();
    for (bought, shown, fits) in [
        ("/agent", "/agent", true),
        ("/agent", "/agent/", true),
        ("/agent/", "/agent", true),
        ("/agent", "/%61gent", true),
        ("/agent", "/agent?resume=1", true),
        ("/chats/t1", "/chats/t1", true),
        ("/chats/t1", "/chats/%741", true),
        ("/chats/a%2Fb", "/chats/a%2fb", true),
        ("/chats/%C3%A9", "/chats/%c3%a9", true),
        ("/", "/", true),
        ("/", "/?x", true),
        // One socket each, and still two paths.
        ("/", "/agent", false),
        ("/agent", "/", false),
        ("/agent", "/Agent", false),
        ("/agent", "", false),
        ("/agent", "agent", false),
        ("/agent", "//agent", false),
        ("/agent", "/agent//", false),
        ("/agent", "/agent%2F", false),
        ("/agent", "/%zz", false),
        ("/chats/t1", "/chats/t2", false),
        ("/chats/t1", "/chats/t1/x", false),
        ("/chats/t1", "/chats", false),
        ("/chats/t1", "/chats%2Ft1", false),
        ("/chats/t1", "/chats/T1", false),
        ("/chats/t1", "/chats/t1%00", false),
        ("/chats/a%2Fb", "/chats/a/b", false),
        ("/chats/%2525", "/chats/%25", false),
    ] {
        let (expect, then) = if fits { ("good", "Unknown") } else { ("WrongPath", "Unknown") };
        // "It has been in a URL where it does not belong": used up as well.
        let shown = vec![show("{ticket}", shown, None, 0, expect), show("{ticket}", bought, None, 0, then)];
        cases.push(case(
            format!("bought for {bought:?}, shown on {:?}", shown[0]["path"]),
            bought,
            None,
            HOUR,
            shown,
        ));
    }
    cases
}

fn origins() -> Vec<Case> {
    let mut cases = Vec::new();
    let app = Some("https://app.example.com");
    for (bought, shown, fits) in [
        (None, None, true),
        (None, app, true),
        (None, Some("https://other.example.com"), true),
        (app, app, true),
        (app, None, false),
        (app, Some(""), false),
        (app, Some("null"), false),
        (app, Some("https://other.example.com"), false),
        (app, Some("http://app.example.com"), false),
        (app, Some("https://app.example.com:443"), false),
        (app, Some("https://app.example.com/"), false),
        (Some("null"), app, false),
    ] {
        let (expect, then) = if fits { ("good", "Unknown") } else { ("WrongOrigin", "Unknown") };
        let name = format!("bought by {bought:?}, shown by {shown:?}");
        let shown =
            vec![show("{ticket}", "/agent", shown, 0, expect), show("{ticket}", "/agent", bought, 0, then)];
        cases.push(case(name, "/agent", bought, HOUR, shown));
    }
    cases
}

/// What is no ticket leaves the bought one alone.
fn texts() -> Vec<Case> {
    let mut cases = Vec::new();
    for text in [
        "",
        " ",
        "x",
        "{ticket}x",
        "x{ticket}",
        " {ticket}",
        "{ticket} ",
        "{ticket}=",
        "{ticket}==",
        "{ticket}\n",
        "{ticket}{ticket}",
        "AAAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAAA",
        "______________________",
        "!!!!!!!!!!!!!!!!!!!!!!",
        "++++++++++++++++++++++",
        "00000000000000000000000000000000",
        "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}",
    ] {
        let shown =
            vec![show(text, "/agent", None, 0, "Unknown"), show("{ticket}", "/agent", None, 0, "good")];
        cases.push(case(format!("the text {}", text.escape_debug()), "/agent", None, HOUR, shown));
    }
    cases
}
