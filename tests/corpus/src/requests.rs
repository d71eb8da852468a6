//! Requests of the HTTP API and what they are answered (`docs/protocol.md`, section 2).
//!
//! `as`: whose token it carries: `operator` and `publisher` have scopes, `alice` none, `nobody` sends none. `first`: the body of
//! a request that comes before, with the same headers. `expect`: the status, with the problem's `code`, or with `many`, the
//! number of answers in a list.

use serde_json::{Value, json};

use crate::case::{Case, times};
use crate::topics;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = [
        bodies(),
        topics_of_events(),
        types(),
        payloads(),
        timestamps(),
        lists(),
        keys(),
        history(),
        grants(),
        disconnects(),
        tickets(),
        rights(),
    ]
    .concat();
    for (method, path) in [
        ("GET", "/v1/events"),
        ("PUT", "/v1/events"),
        ("DELETE", "/v1/events"),
        ("GET", "/v1/tickets"),
        ("PATCH", "/v1/tickets"),
        ("POST", "/v1/topics/conv:a/events"),
        ("GET", "/v1/accounts/a/topics/conv:a"),
        ("POST", "/v1/accounts/a/topics/conv:a"),
        ("GET", "/v1/accounts/a/disconnect"),
        ("POST", "/v1/openapi.yaml"),
        ("BREW", "/v1/events"),
    ] {
        cases.push(request(method, path, "operator", "{}", problem(405, "method_not_allowed")));
    }
    for path in [
        "/v1",
        "/v1/",
        "/v1/nothing",
        "/v1/events/",
        "/v1/event",
        "/V1/events",
        "/v2/events",
        "//v1/events",
        "/v1//events",
        "/v1/topics",
        "/v1/topics/conv:a",
        "/v1/accounts/a",
        "/v1/accounts/a/topics",
        "/metrics",
        "/healthz",
    ] {
        cases.push(request("GET", path, "operator", "", problem(404, "unknown_path")));
    }
    cases
}

fn request(method: &str, path: &str, who: &str, body: impl Into<Value>, expect: Value) -> Case {
    let name = format!("{method} {} as {who}", path.escape_debug());
    named(name, method, path, who, body, expect)
}

fn named(
    name: impl Into<String>,
    method: &str,
    path: &str,
    who: &str,
    body: impl Into<Value>,
    expect: Value,
) -> Case {
    Case::new(name)
        .with("method", method)
        .with("path", path)
        .with("as", who)
        .with("body", body)
        .with("expect", expect)
}

fn publish(name: impl Into<String>, body: impl Into<Value>, expect: Value) -> Case {
    named(format!("publish {}", name.into()), "POST", "/v1/events", "publisher", body, expect)
}

fn problem(status: u16, code: &str) -> Value {
    json!({"status": status, "code": code})
}

fn done() -> Value {
    json!({"status": 201})
}

/// What is no event, or no list of events.
fn bodies() -> Vec<Case> {
    let mut cases = Vec::new();
    for body in [
        "",
        " ",
        "null",
        "5",
        "true",
        "\"x\"",
        "x",
        "{",
        "[",
        "]",
        "{}x",
        "{]",
        "{'topic':'conv:a'}",
        "{\"topic\":\"conv:a\",}",
        "{\"topic\":}",
        "[{}",
        "[5]",
        "[null]",
        "[\"x\"]",
        "[[]]",
        "[[[]]]",
        "{}",
        "{\"topic\":\"conv:a\"}",
        "{\"topic\":\"conv:a\",\"type\":\"t\"}",
        "{\"topic\":\"conv:a\",\"payload\":1}",
        "{\"type\":\"t\"}",
        "{\"Topic\":\"conv:a\",\"Type\":\"t\",\"Payload\":1}",
        "topic=conv:a&type=t&payload=1",
        "<event/>",
        "--\r\n",
        "\u{feff}{\"topic\":\"conv:a\",\"type\":\"t\",\"payload\":1}",
        "\u{feff}[]",
        "{\"topic\":\"conv:a\",\"type\":\"t\",\"payload\":1} {}",
        "{\"topic\":\"conv:a\",\"type\":\"t\",\"payload\":01}",
        "{\"topic\":\"conv:a\",\"type\":\"t\",\"payload\":NaN}",
        "{\"topic\":\"conv:a\",\"type\":\"t\",\"payload\":'x'}",
        "{\"topic\":\"conv:a\",\"type\":\"t\",\"payload\":[1,]}",
        "{\"topic\":\"conv:a\",\"type\":\"t\",\"payload\":\"a\tb\"}",
        "{\"topic\":\"conv:a\",\"type\":\"t\",\"payload\":\"\\x\"}",
        "{\"topic\":5,\"type\":\"t\",\"payload\":1}",
        "{\"topic\":[\"conv:a\"],\"type\":\"t\",\"payload\":1}",
        "{\"topics\":\"conv:a\",\"type\":\"t\",\"payload\":1}",
        "{\"topics\":[5],\"type\":\"t\",\"payload\":1}",
        "{\"topics\":{},\"type\":\"t\",\"payload\":1}",
        "{\"topic\":\"conv:a\",\"type\":5,\"payload\":1}",
        "{\"topic\":\"conv:a\",\"type\":null,\"payload\":1}",
        "{\"topic\":\"conv:a\",\"type\":[\"t\"],\"payload\":1}",
        "{\"topic\":\"conv:a\",\"type\":\"t\",\"payload\":1,\"timestamp\":5}",
        "{\"topic\":\"conv:a\",\"type\":\"t\",\"payload\":1,\"ephemeral\":\"yes\"}",
        "{\"topic\":\"conv:a\",\"type\":\"t\",\"payload\":1,\"ephemeral\":1}",
        "{\"topic\":\"\\ud800:a\",\"type\":\"t\",\"payload\":1}",
        "{\"topic\":\"conv:a\",\"type\":\"\\udc00\",\"payload\":1}",
        // An event is an object: a list of its values in our own order is none.
        "[[\"conv:a\",null,\"t\",1,null,false]]",
        "[[\"conv:a\",null,\"t\",{}]]",
        "[[null,[\"conv:a\"],\"t\",1,null,true]]",
    ] {
        cases.push(publish(format!("of {}", body.escape_debug()), body, problem(400, "bad_json")));
    }
    for (name, hex) in [
        ("no UTF-8 in the payload", "ff"),
        ("a surrogate in UTF-8", "eda080"),
        ("an overlong slash", "c0af"),
        ("half a character", "c3"),
    ] {
        let body = json!(["{\"topic\":\"conv:a\",\"type\":\"t\",\"payload\":\"", {"hex": hex}, "\"}"]);
        cases.push(publish(name, body, problem(400, "bad_json")));
        let body = json!(["{\"topic\":\"conv:", {"hex": hex}, "\",\"type\":\"t\",\"payload\":1}"]);
        cases.push(publish(format!("{name}, in the topic"), body, problem(400, "bad_json")));
    }
    for body in [
        r#"{"topic":"conv:a","type":"t","payload":1}"#,
        r#" { "payload" : 1 , "type" : "t" , "topic" : "conv:a" } "#,
        r#"{"topic":"conv:a","type":"t","payload":null}"#,
        r#"{"topic":"conv:a","type":"t","payload":1,"later":{"a":[1]}}"#,
        r#"{"topic":"conv:a","topics":null,"type":"t","payload":1,"timestamp":null}"#,
        r#"{"topics":["conv:a","conv:a"],"type":"t","payload":1}"#,
        r#"{"topic":"\u0063onv:a","type":"\u0074","payload":1}"#,
    ] {
        cases.push(publish(format!("of {body}"), body, done()));
    }
    cases.push(publish(
        "of a signal",
        r#"{"topic":"conv:a","type":"t","payload":1,"ephemeral":true}"#,
        json!({"status": 202}),
    ));
    cases.push(publish(
        "of a signal on demand",
        r#"{"topic":"conv_ondemand:a","type":"t","payload":1,"ephemeral":true}"#,
        json!({"status": 202}),
    ));
    for body in [
        r#"{"topic":"conv_ondemand:a","type":"t","payload":1}"#,
        r#"{"topics":["conv:a","conv_ondemand:a"],"type":"t","payload":1}"#,
        r#"[{"topic":"conv:a","type":"t","payload":1},{"topic":"conv_ondemand:a","type":"t","payload":1,"ephemeral":false}]"#,
    ] {
        cases.push(publish(format!("of {body}"), body, problem(400, "on_demand_topic")));
    }
    cases
}

fn topics_of_events() -> Vec<Case> {
    let mut cases = Vec::new();
    for topic in topics::SHAPELESS.iter().chain(&["conv:\n", "conv:\0", "conv:\u{85}", "conv:\u{7f}"]) {
        let text = Value::from(*topic);
        for (what, member) in
            [("topic", format!(r#""topic":{text}"#)), ("topics", format!(r#""topics":["conv:a",{text}]"#))]
        {
            let body = format!(r#"{{{member},"type":"t","payload":1}}"#);
            cases.push(publish(
                format!("{what} {}", topic.escape_debug()),
                body,
                problem(400, "invalid_topic"),
            ));
        }
    }
    for topic in topics::GOOD.iter().filter(|topic| !topic.starts_with("conv_ondemand:")) {
        let body = format!(r#"{{"topic":{},"type":"t","payload":1}}"#, Value::from(*topic));
        cases.push(publish(format!("topic {}", topic.escape_debug()), body, done()));
    }
    for (bytes, expect) in [(256, done()), (257, problem(400, "invalid_topic"))] {
        let body = json!(["{\"topic\":\"conv:", times("x", bytes - 5), "\",\"type\":\"t\",\"payload\":1}"]);
        cases.push(publish(format!("topic of {bytes} bytes"), body, expect));
    }
    for body in [
        r#"{"type":"t","payload":1}"#,
        r#"{"topic":null,"type":"t","payload":1}"#,
        r#"{"topics":[],"type":"t","payload":1}"#,
        r#"{"topics":null,"type":"t","payload":1}"#,
        r#"{"topic":"conv:a","topics":["conv:b"],"type":"t","payload":1}"#,
        r#"{"topic":"conv:a","topics":[],"type":"t","payload":1}"#,
        r#"[{"topic":"conv:a","type":"t","payload":1},{"type":"t","payload":1}]"#,
    ] {
        cases.push(publish(format!("no topic: {body}"), body, problem(400, "no_topic")));
    }
    for (count, expect) in [(1000, done()), (1001, problem(413, "too_large"))] {
        let body =
            json!(["{\"topics\":[", times("\"a:b\",", count - 1), "\"a:b\"],\"type\":\"t\",\"payload\":1}"]);
        cases.push(publish(format!("to {count} topics"), body, expect));
    }
    cases
}

/// "type, account, idempotency key | 128, 128, 255 bytes".
fn types() -> Vec<Case> {
    let mut cases = Vec::new();
    for (bytes, expect) in [
        (1, done()),
        (127, done()),
        (128, done()),
        (129, problem(400, "invalid_type")),
        (5000, problem(400, "invalid_type")),
    ] {
        let body = json!(["{\"topic\":\"conv:a\",\"type\":\"", times("t", bytes), "\",\"payload\":1}"]);
        cases.push(publish(format!("type of {bytes} bytes"), body, expect.clone()));
        if bytes % 2 == 0 || bytes > 128 {
            let body = json!([
                "{\"topic\":\"conv:a\",\"type\":\"",
                times("\u{e9}", bytes / 2),
                times("x", bytes % 2),
                "\",\"payload\":1}"
            ]);
            cases.push(publish(format!("type of {bytes} bytes of two-byte letters"), body, expect));
        }
    }
    for kind in ["", "\0", "a\nb", "a\u{7f}", "\u{80}", "a\u{9f}b", "\u{1b}[31m"] {
        let body = format!(r#"{{"topic":"conv:a","type":{},"payload":1}}"#, Value::from(kind));
        cases.push(publish(format!("type {}", kind.escape_debug()), body, problem(400, "invalid_type")));
    }
    for kind in [" ", "message.new", "MESSAGE", "a b", "\u{1f388}", "\"\\", "connection.accepted", "\u{2028}"]
    {
        let body = format!(r#"{{"topic":"conv:a","type":{},"payload":1}}"#, Value::from(kind));
        cases.push(publish(format!("type {}", kind.escape_debug()), body, done()));
    }
    cases
}

/// "A payload may have 31 levels"; "a publish whose frame would be longer (than 64 KiB) gets 413".
fn payloads() -> Vec<Case> {
    let mut cases = Vec::new();
    for levels in [0, 1, 30, 31, 32, 33, 100] {
        let expect = if levels > 31 { problem(400, "bad_payload") } else { done() };
        for (what, open, close) in [("lists", "[", "]"), ("objects", "{\"a\":", "}")] {
            let body = json!([
                r#"{"topic":"conv:a","type":"t","payload":"#,
                times(open, levels),
                "1",
                times(close, levels),
                "}"
            ]);
            cases.push(publish(format!("payload of {levels} levels of {what}"), body, expect.clone()));
        }
    }
    for (bytes, expect) in
        [(60_000, done()), (65_536, problem(413, "too_large")), (200_000, problem(413, "too_large"))]
    {
        let body = json!([r#"{"topic":"conv:a","type":"t","payload":""#, times("x", bytes - 2), "\"}"]);
        cases.push(publish(format!("payload of {bytes} bytes"), body, expect));
    }
    let event = r#"{"topic":"conv:a","type":"t","payload":1}"#;
    for (bytes, expect) in
        [(1 << 20, done()), ((1 << 20) + 1, problem(413, "too_large")), (2 << 20, problem(413, "too_large"))]
    {
        let body = json!([event, times(" ", bytes - event.len())]);
        cases.push(publish(format!("body of {bytes} bytes"), body, expect));
    }
    for payload in [
        r#""\ud800""#,
        r#"{"a":1,"a":2}"#,
        "1e999",
        "-0",
        "123456789012345678901234567890",
        r#""\u0000""#,
        "[[],{}]",
        "\"\u{2028}\u{feff}\"",
    ] {
        let body = format!(r#"{{"topic":"conv:a","type":"t","payload":{payload}}}"#);
        cases.push(publish(format!("payload {}", payload.escape_debug()), body, done()));
    }
    cases
}

/// "`timestamp` (RFC 3339, any offset)."
fn timestamps() -> Vec<Case> {
    let event = |time: &str| {
        format!(r#"{{"topic":"conv:a","type":"t","payload":1,"timestamp":{}}}"#, Value::from(time))
    };
    let mut cases = Vec::new();
    for time in [
        "2026-11-22T01:02:03Z",
        "2026-11-22T01:02:03.4Z",
        "2026-11-22T01:02:03.456789012Z",
        "2026-11-22T01:02:03+01:30",
        "2026-11-22T01:02:03-23:59",
        "2026-11-22t01:02:03z",
        "2026-11-22T01:02:03-00:00",
        "2024-02-29T00:00:00Z",
        "2000-02-29T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "1970-01-01T00:00:00Z",
        "2016-12-31T23:59:60Z",
    ] {
        cases.push(publish(format!("timestamp {time}"), event(time), done()));
    }
    for time in [
        "",
        " ",
        "now",
        "0",
        "1732237323",
        "2026-11-22",
        "01:02:03Z",
        "2026-11-22T01:02:03",
        "2026-11-22T01:02Z",
        "2026-11-22T01:02:03.Z",
        "2026-11-22T1:02:03Z",
        "2026-11-22T01:02:03+0130",
        "2026-11-22T01:02:03+1:30",
        "2026-11-22T01:02:03+24:00",
        "2026-11-22T01:02:03+01:60",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-32T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:61Z",
        "2026/01/01T00:00:00Z",
        "20260101T000000Z",
        "2026-01-01T00:00:00ZZ",
        " 2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00Z ",
        "+2026-01-01T00:00:00Z",
        "-026-01-01T00:00:00Z",
        "02026-01-01T00:00:00Z",
        "2026-W01-1T00:00:00Z",
        "Sun, 22 Nov 2026 01:02:03 GMT",
        "2026-01-01T00:00:00\u{2212}01:00",
        "\u{ff12}026-01-01T00:00:00Z",
        "2026-01-01T00:00:00,5Z",
        "2026-01-01T00:00:0\u{e9}Z",
        "2026-01-01T00:00:00Z\0",
    ] {
        cases.push(publish(
            format!("timestamp {}", time.escape_debug()),
            event(time),
            problem(400, "invalid_timestamp"),
        ));
    }
    cases
}

/// "An array of such objects is published all or nothing, and answered by an array in the same order."
fn lists() -> Vec<Case> {
    let event = r#"{"topic":"conv:a","type":"t","payload":1}"#;
    let mut cases = vec![
        publish("an empty list", "[]", problem(400, "no_events")),
        publish("an empty list with a space", " [ ] ", problem(400, "no_events")),
    ];
    for count in [1, 2, 999, 1000] {
        let body = json!(["[", times(&format!("{event},"), count - 1), event, "]"]);
        cases.push(publish(format!("a list of {count}"), body, json!({"status": 201, "many": count})));
    }
    let body = json!(["[", times(&format!("{event},"), 1000), event, "]"]);
    cases.push(publish("a list of 1001", body, problem(413, "too_large")));
    for (name, bad, code) in [
        ("no topic", r#"{"topic":"x","type":"t","payload":1}"#, "invalid_topic"),
        ("no type", r#"{"topic":"conv:a","type":"","payload":1}"#, "invalid_type"),
        ("no object", "5", "bad_json"),
        ("a bad time", r#"{"topic":"conv:a","type":"t","payload":1,"timestamp":"x"}"#, "invalid_timestamp"),
    ] {
        for (place, body) in
            [("first", format!("[{bad},{event}]")), ("last", format!("[{event},{event},{bad}]"))]
        {
            cases.push(publish(format!("a list whose {place} has {name}"), body, problem(400, code)));
        }
    }
    cases
}

/// "`Idempotency-Key` (1 to 255 visible ASCII characters)."
fn keys() -> Vec<Case> {
    let event = r#"{"topic":"conv:a","type":"t","payload":1}"#;
    let with = |name: &str, key: &str, expect: Value| {
        publish(name, event, expect).with("headers", json!([["Idempotency-Key", key]]))
    };
    let bad = || problem(400, "bad_idempotency_key");
    vec![
        with("key of 1 character", "!", done()),
        with("key of 255 characters", &"k".repeat(255), done()),
        with("key of 256 characters", &"k".repeat(256), bad()),
        with("key of nothing", "", bad()),
        with("key with a space", "a b", bad()),
        with("key with a tab", "a\tb", bad()),
        with("key that is no ASCII", "caf\u{e9}", bad()),
        with("key of all visible signs", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", done()),
        with("key again with the same body", "again-1", done()).with("first", event),
        with("key again with another body", "again-2", problem(422, "idempotency_key_reused"))
            .with("first", r#"{"topic":"conv:a","type":"t","payload":2}"#),
        // The body is compared as it came.
        with("key again with a space more", "again-3", problem(422, "idempotency_key_reused"))
            .with("first", format!("{event} ")),
        with("key after a refused body", "again-4", done()).with("first", "{}"),
    ]
}

fn history() -> Vec<Case> {
    let get =
        |path: &str, who: &str, expect: Value| request("GET", &format!("/v1/topics/{path}"), who, "", expect);
    let ok = || json!({"status": 200});
    let mut cases = Vec::new();
    for path in [
        "conv:a/events",
        "conv%3Aa/events",
        "conv:a/events?",
        "conv:a/events?after=0",
        "conv:a/events?after=9007199254740991",
        "conv:a/events?before=0",
        "conv:a/events?after=5&before=5",
        "conv:a/events?after=9&before=1",
        "conv:a/events?limit=0",
        "conv:a/events?limit=1",
        "conv:a/events?limit=1000000",
        "conv:a/events?later=1",
        "conv:a/events?epoch=0123456789abcdef",
        "conv:a/events?epoch=0123456789ABCDEF",
        "conv:never/events",
        "conv:Z%C3%BCrich/events",
    ] {
        cases.push(get(path, "operator", ok()));
    }
    for query in [
        "after=",
        "after=x",
        "after=-1",
        "after=1.5",
        "after=1e3",
        "after=9007199254740992",
        "after=18446744073709551616",
        "after=0x10",
        "after=null",
        "after=%31x",
        "before=-1",
        "before=x",
        "before=9007199254740992",
        "limit=-1",
        "limit=x",
        "limit=1.5",
        "limit=",
        "epoch=",
        "epoch=x",
        "epoch=0123456789abcde",
        "epoch=0123456789abcdefg",
        "epoch=0123456789abcdeg",
        "epoch=0x123456789abcde",
    ] {
        cases.push(get(&format!("conv:a/events?{query}"), "operator", problem(400, "bad_query")));
    }
    for topic in ["x", "conv", "conv:", ":a", "Conv:a", "conv%0A:a", "conv:%00", "conv:%C2%85", "%20conv:a"] {
        cases.push(get(&format!("{topic}/events"), "operator", problem(400, "invalid_topic")));
    }
    cases.push(get(&format!("conv:{}/events", "x".repeat(252)), "operator", problem(400, "invalid_topic")));
    cases.push(get("/events", "operator", problem(400, "invalid_topic")));
    cases.push(get("conv_ondemand:a/events", "operator", problem(400, "on_demand_topic")));
    for topic in ["conv:a", "conv:never", "user:bob", "notifications:bob", "chat:t"] {
        cases.push(get(&format!("{topic}/events"), "alice", problem(403, "forbidden")));
    }
    for topic in ["user:alice", "notifications:alice"] {
        cases.push(get(&format!("{topic}/events"), "alice", ok()));
    }
    cases
}

fn grants() -> Vec<Case> {
    let mut cases = Vec::new();
    for method in ["PUT", "DELETE"] {
        let change = |account: &str, topic: &str, expect: Value| {
            request(method, &format!("/v1/accounts/{account}/topics/{topic}"), "operator", "", expect)
        };
        for (account, topic) in [
            ("bob", "conv:g"),
            ("b%20b", "conv:g"),
            ("b%2Fb", "conv%3Ag"),
            ("Z%C3%BCrich", "conv:Z%C3%BCrich"),
            ("*", "conv:*"),
        ] {
            cases.push(change(account, topic, json!({"status": 200})));
        }
        cases.push(change(&"a".repeat(128), "conv:g", json!({"status": 200})));
        for account in ["%00", "a%0Ab", "%7F", "%C2%85", &"a".repeat(129), &"%C3%A9".repeat(65)] {
            cases.push(change(account, "conv:g", problem(400, "invalid_account")));
        }
        for topic in ["x", "conv:", "Conv:g", "conv:%0A", ":g", &format!("conv:{}", "x".repeat(252))] {
            cases.push(change("bob", topic, problem(400, "invalid_topic")));
        }
        cases.push(change("bob", "conv_ondemand:g", problem(400, "on_demand_topic")));
    }
    cases
}

fn disconnects() -> Vec<Case> {
    let post = |account: &str, body: Value, expect: Value| {
        named(
            format!(
                "disconnect {account} with {}",
                body.to_string().chars().take(60).collect::<String>().escape_debug()
            ),
            "POST",
            &format!("/v1/accounts/{account}/disconnect"),
            "operator",
            body,
            expect,
        )
    };
    let mut cases = Vec::new();
    for body in ["", "{}", r#"{"reason":"abuse"}"#, r#"{"reason":""}"#, r#"{"reason":"x","later":1}"#] {
        cases.push(post("bob", body.into(), json!({"status": 204})));
    }
    for body in [
        "x",
        "5",
        "null",
        "[]",
        "[\"abuse\"]",
        "\"abuse\"",
        r#"{"reason":5}"#,
        r#"{"reason":["x"]}"#,
        r#"{"reason":"x""#,
        r#"{"reason":"x"}}"#,
        r#"{"reason":"\ud800"}"#,
    ] {
        cases.push(post("bob", body.into(), problem(400, "bad_json")));
    }
    let long = |bytes: usize| json!(["{\"reason\":\"", times("x", bytes - 13), "\"}"]);
    cases.push(post("bob", long(8192), json!({"status": 204})));
    cases.push(post("carol", long(8193), problem(413, "too_large")));
    for account in ["%00", "a%0Ab", &"a".repeat(129)] {
        cases.push(post(account, "{}".into(), problem(400, "invalid_account")));
    }
    cases
}

fn tickets() -> Vec<Case> {
    let post = |name: &str, body: Value, expect: Value| {
        named(format!("ticket for {name}"), "POST", "/v1/tickets", "alice", body, expect)
    };
    let asking = |path: &str| Value::from(json!({ "path": path }).to_string());
    let mut cases = Vec::new();
    for path in ["/agent", "/", "/agent/", "/agent?x=y", "/agent#x", "/%61gent", "/notifications", "/?"] {
        cases.push(post(path, asking(path), done()));
    }
    for path in [
        "",
        "agent",
        "//",
        "/agents",
        "/chats",
        "/chats/",
        "/chats/%zz",
        "/chats/%00",
        "/chats/a/b",
        "?",
        "/nowhere",
        "http://test/agent",
        "/v1/events",
        "/\u{0}",
    ] {
        cases.push(post(&path.escape_debug().to_string(), asking(path), problem(404, "unknown_path")));
    }
    for path in ["/chats/t1", "/chats/%C3%A9", "/workspaces/w/transcripts/t"] {
        cases.push(post(path, asking(path), problem(403, "forbidden")));
    }
    for body in [
        "",
        "{}",
        "5",
        "null",
        "[]",
        "[\"/agent\"]",
        "\"/agent\"",
        "/agent",
        r#"{"path":5}"#,
        r#"{"path":null}"#,
        r#"{"path":["/agent"]}"#,
        r#"{"Path":"/agent"}"#,
        r#"{"path":"/agent"}x"#,
        r#"{"path":"\ud800"}"#,
        "{path:\"/agent\"}",
    ] {
        cases.push(post(&format!("the body {}", body.escape_debug()), body.into(), problem(400, "bad_json")));
    }
    for (bytes, expect) in [(8192, problem(404, "unknown_path")), (8193, problem(413, "too_large"))] {
        let body = json!(["{\"path\":\"/", times("x", bytes - 12), "\"}"]);
        cases.push(post(&format!("a body of {bytes} bytes"), body, expect));
    }
    cases
}

/// Who may do what.
fn rights() -> Vec<Case> {
    let event = r#"{"topic":"conv:a","type":"t","payload":1}"#;
    let mut cases = Vec::new();
    for (method, path, body) in [
        ("POST", "/v1/events", event),
        ("POST", "/v1/tickets", r#"{"path":"/agent"}"#),
        ("GET", "/v1/topics/conv:a/events", ""),
        ("PUT", "/v1/accounts/bob/topics/conv:r", ""),
        ("DELETE", "/v1/accounts/bob/topics/conv:r", ""),
        ("POST", "/v1/accounts/bob/disconnect", "{}"),
    ] {
        cases.push(request(method, path, "nobody", body, problem(401, "unauthorized")));
        for value in [
            "",
            "x",
            "Bearer",
            "Bearer ",
            "Bearer x",
            "Bearer a.b.c",
            "Basic YTpi",
            "Ticket AAAAAAAAAAAAAAAAAAAAAA",
            "Bearer caf\u{e9}",
        ] {
            let name = format!("{method} {path} with authorization {value:?}");
            let case = named(name, method, path, "nobody", body, problem(401, "unauthorized"));
            cases.push(case.with("headers", json!([["Authorization", value]])));
        }
        // A token or a ticket in the URL is for sockets.
        let name = format!("{method} {path} with a token in the URL");
        let url = format!("{path}?token=x");
        cases.push(named(name, method, &url, "nobody", body, problem(401, "unauthorized")));
    }
    for (method, path, body) in [
        ("PUT", "/v1/accounts/bob/topics/conv:r", ""),
        ("DELETE", "/v1/accounts/bob/topics/conv:r", ""),
        ("POST", "/v1/accounts/bob/disconnect", "{}"),
    ] {
        for who in ["alice", "publisher"] {
            cases.push(request(method, path, who, body, problem(403, "missing_scope")));
        }
    }
    cases.push(request("POST", "/v1/events", "alice", event, problem(403, "missing_scope")));
    cases.push(
        request("POST", "/v1/events", "alice", "no JSON", problem(403, "missing_scope"))
            .renamed("no scope is told before a bad body"),
    );
    cases.push(request("GET", "/v1/openapi.yaml", "nobody", "", json!({"status": 200})));
    cases
}
