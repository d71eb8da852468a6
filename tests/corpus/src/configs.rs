//! Configuration files and what is said of them (`docs/configuration.md`): the key that is wrong, and how.

use serde_json::{Value, json};

use crate::case::Case;

pub(crate) fn cases() -> Vec<Case> {
    [types(), values(), ranges(), keys(), syntax(), together(), paths()].concat()
}

fn good(name: impl Into<String>, toml: impl Into<Value>) -> Case {
    Case::new(name).with("toml", toml).with("expect", json!({"good": true}))
}

fn bad(name: impl Into<String>, toml: impl Into<Value>, error: &str, key: &str) -> Case {
    Case::new(name).with("toml", toml).with("expect", json!({"error": error, "key": key}))
}

/// What a key takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Text,
    Duration,
    /// A duration or `"off"`.
    Age,
    Size,
    /// A size or `"off"`.
    Bytes,
    Count,
    Flag,
    Address,
    Choice,
    Texts,
    Table,
}

use Takes::{Address, Age, Bytes, Choice, Count, Duration, Flag, Size, Table, Text, Texts};

const KEYS: &[(&str, &str, Takes)] = &[
    ("", "listen", Address),
    ("", "admin", Address),
    ("", "data_dir", Text),
    ("", "durability", Choice),
    ("", "heartbeat", Duration),
    ("", "max_duration", Duration),
    ("", "ticket_ttl", Duration),
    ("", "token_in_url", Flag),
    ("", "allowed_origins", Texts),
    ("", "tls_cert", Text),
    ("", "tls_key", Text),
    ("", "shards", Count),
    ("", "drain_window", Duration),
    ("", "log_format", Choice),
    ("", "retention", Table),
    ("", "limits", Table),
    ("", "auth", Table),
    ("", "paths", Table),
    ("retention", "age", Age),
    ("retention", "bytes", Bytes),
    ("limits", "message_bytes", Size),
    ("limits", "depth", Count),
    ("limits", "topics_per_frame", Count),
    ("limits", "agent_sockets", Count),
    ("limits", "human_sockets", Count),
    ("limits", "service_sockets", Count),
    ("limits", "path_sockets", Count),
    ("auth", "algorithm", Choice),
    ("auth", "secret", Text),
    ("auth", "secret_file", Text),
    ("auth", "public_key", Text),
    ("auth", "public_key_file", Text),
    ("auth", "audience", Text),
    ("auth", "issuer", Text),
    ("auth", "leeway", Duration),
];

/// A value of each type of TOML, and who takes that type.
const TYPES: &[(&str, &str, &[Takes])] = &[
    ("a text", "\"x\"", &[Text, Duration, Age, Size, Bytes, Address, Choice]),
    ("a whole number", "7", &[Size, Bytes, Count]),
    ("a number with a fraction", "1.5", &[]),
    ("a boolean", "true", &[Flag]),
    ("a date", "2026-11-22", &[]),
    ("a list", "[]", &[Texts]),
    ("a list of numbers", "[5]", &[]),
    ("a table", "{ }", &[Table]),
];

fn line(table: &str, key: &str, value: &str) -> String {
    if table.is_empty() { format!("{key} = {value}\n") } else { format!("[{table}]\n{key} = {value}\n") }
}

fn full(table: &str, key: &str) -> String {
    if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") }
}

fn types() -> Vec<Case> {
    let mut cases = Vec::new();
    for (table, key, takes) in KEYS {
        for (what, value, takers) in TYPES {
            if !takers.contains(takes) {
                let key = full(table, key);
                cases.push(bad(
                    format!("{key} is {what}"),
                    line(table, key.rsplit('.').next().unwrap_or_default(), value),
                    "WrongType",
                    &key,
                ));
            }
        }
    }
    cases
}

/// Texts that are of the right type and mean nothing.
fn values() -> Vec<Case> {
    const NO_DURATION: &[&str] = &[
        "",
        " ",
        "15",
        "s",
        "-1s",
        "+1s",
        "1.5h",
        "15sec",
        "15S",
        "1h30",
        "1w",
        "1y",
        "off ",
        "OFF",
        "ms",
        "99999999999999999999s",
        "999999999999999999d",
        "1s1",
        "\u{661}s",
        "15\u{a0}x",
    ];
    const NO_SIZE: &[&str] = &[
        "",
        "10",
        "10K",
        "10k",
        "10kib",
        "10KIB",
        "KiB",
        "-1B",
        "1.5GiB",
        "1GiB2",
        "1GiB 2MiB",
        "10 bytes",
        "999999999999TiB",
        "99999999999999999999B",
    ];
    const NO_ADDRESS: &[&str] = &[
        "",
        "localhost:8787",
        "127.0.0.1",
        ":8787",
        "8787",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "256.0.0.1:1",
        "127.0.0.1:8787 ",
        "http://127.0.0.1:8787",
        "::1:8787",
        "[::1]",
        "127.1:80",
        "0x7f.0.0.1:1",
        "*:8787",
    ];
    let mut cases = Vec::new();
    for (table, key, takes) in KEYS {
        let texts: &[&str] = match takes {
            Duration | Age => NO_DURATION,
            Size | Bytes => NO_SIZE,
            Address => NO_ADDRESS,
            Choice => &["", "x", "FSYNC", "Text", "hs256", "none", "fsync "],
            Text | Count | Flag | Texts | Table => &[],
        };
        for text in texts {
            let value = format!("{:?}", text.replace(['\u{661}', '\u{a0}'], "\u{e9}"));
            let key = full(table, key);
            cases.push(bad(
                format!("{key} is the text {value}, {}", text.len()),
                line(table, key.rsplit('.').next().unwrap_or_default(), &value),
                "Invalid",
                &key,
            ));
        }
        let numbers: &[&str] = match takes {
            Count => &["0", "-1", "4294967296", "-9223372036854775808", "9223372036854775807"],
            Size | Bytes => &["-1", "0", "1", "1023"],
            Text | Duration | Age | Flag | Address | Choice | Texts | Table => &[],
        };
        for number in numbers {
            let key = full(table, key);
            cases.push(bad(
                format!("{key} is {number}"),
                line(table, key.rsplit('.').next().unwrap_or_default(), number),
                "Invalid",
                &key,
            ));
        }
    }
    cases
}

/// Where a value's range ends.
fn ranges() -> Vec<Case> {
    let mut cases = Vec::new();
    for (toml, key) in [
        ("heartbeat = \"999ms\"", "heartbeat"),
        ("heartbeat = \"0s\"", "heartbeat"),
        ("ticket_ttl = \"999ms\"", "ticket_ttl"),
        ("max_duration = \"59s\"", "max_duration"),
        ("max_duration = \"0s\"", "max_duration"),
        ("heartbeat = \"31m\"", "max_duration"),
        ("heartbeat = \"2s\"\nmax_duration = \"7s\"", "max_duration"),
        ("[limits]\nmessage_bytes = \"1023B\"", "limits.message_bytes"),
        ("[limits]\nmessage_bytes = 16777217", "limits.message_bytes"),
        ("[limits]\nmessage_bytes = \"17MiB\"", "limits.message_bytes"),
        ("[limits]\nmessage_bytes = 9223372036854775807", "limits.message_bytes"),
        ("[limits]\ndepth = 101", "limits.depth"),
        ("[retention]\nage = \"59s\"", "retention.age"),
        ("[retention]\nage = \"0s\"", "retention.age"),
        ("[retention]\nbytes = \"1023KiB\"", "retention.bytes"),
        ("[retention]\nbytes = 1048575", "retention.bytes"),
        ("listen = \"127.0.0.1:9000\"\nadmin = \"127.0.0.1:9000\"", "admin"),
        ("listen = \"127.0.0.1:8788\"", "admin"),
        ("admin = \"127.0.0.1:8787\"", "admin"),
    ] {
        cases.push(bad(format!("out of range: {toml}"), toml, "Invalid", key));
    }
    for toml in [
        "",
        "\n\n# nothing\n",
        "\u{feff}",
        "heartbeat = \"1s\"",
        "ticket_ttl = \"1000ms\"",
        "max_duration = \"60s\"",
        "max_duration = \"1m\"",
        "heartbeat = \"30m\"",
        "heartbeat = \" 1 h 30 m \"\nmax_duration = \"6h\"",
        "[limits]\nmessage_bytes = 1024",
        "[limits]\nmessage_bytes = \"1KiB\"",
        "[limits]\nmessage_bytes = \"16MiB\"",
        "[limits]\nmessage_bytes = 16777216",
        "[limits]\ndepth = 1",
        "[limits]\ndepth = 100",
        "[limits]\ntopics_per_frame = 1",
        "[limits]\nagent_sockets = 4294967295",
        "[retention]\nage = \"1m\"",
        "[retention]\nage = \"off\"",
        "[retention]\nbytes = \"1MiB\"",
        "[retention]\nbytes = \"off\"",
        "[retention]\nage = \"off\"\nbytes = \"off\"",
        "admin = \"off\"",
        "listen = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"",
        "listen = \"[::1]:8787\"",
        "listen = \"0.0.0.0:1\"",
        "durability = \"os\"",
        "durability = \"memory\"",
        "log_format = \"json\"",
        "token_in_url = false",
        "shards = 1",
        "drain_window = \"0s\"",
        "[auth]\nleeway = \"0s\"",
        "allowed_origins = []",
        "allowed_origins = [\"*\"]",
        "allowed_origins = [\"https://app.example.com\", \"http://127.0.0.1:3000\"]",
        "tls_cert = \"a\"\ntls_key = \"b\"",
        "[paths]",
        "data_dir = \"\\u00e9\"",
    ] {
        cases.push(good(format!("good: {}", toml.escape_debug()), toml));
    }
    for origin in [
        "",
        "app.example.com",
        "https://",
        "https://app.example.com/",
        "https://app.example.com/x",
        "https://app.example.com?x",
        "//app",
        "null",
        "**",
        "https://*.example.com/",
        "https://a b",
        ":https//x",
    ] {
        let toml = format!("allowed_origins = [\"https://good.example.com\", \"{origin}\"]");
        cases.push(bad(format!("origin {origin:?}"), toml, "Invalid", "allowed_origins"));
    }
    cases
}

/// Keys that mean nothing, each with the key that was probably meant.
fn keys() -> Vec<Case> {
    let mut cases = Vec::new();
    for (table, key, takes) in KEYS {
        if *takes == Table {
            continue;
        }
        for wrong in [
            key.replacen(key.chars().nth(1).unwrap_or('x'), "", 1),
            format!("{key}s"),
            key.to_uppercase(),
            key.replace('_', "-"),
        ] {
            if wrong == *key || KEYS.iter().any(|(other, known, _)| other == table && *known == wrong) {
                continue;
            }
            let name = format!("{} for {}", full(table, &wrong), full(table, key));
            cases.push(bad(name, line(table, &wrong, "7"), "UnknownKey", &wrong));
        }
    }
    for (toml, key) in [
        ("port = 8787", "port"),
        ("[server]\nlisten = \"127.0.0.1:1\"", "server"),
        ("[limits.more]\nx = 1", "more"),
        ("[auth]\nkey = \"x\"", "key"),
        ("[retention]\ndays = 7", "days"),
        ("[[clients]]\nname = \"x\"", "clients"),
        ("\"\" = 1", ""),
        ("allow_loopback_origins = true", "allow_loopback_origins"),
        ("[limits]\nheartbeat = \"5s\"", "heartbeat"),
        ("depth = 5", "depth"),
    ] {
        cases.push(bad(format!("unknown: {}", toml.escape_debug()), toml, "UnknownKey", key));
    }
    cases
}

/// What is no TOML; the line is counted from 1.
fn syntax() -> Vec<Case> {
    [
        ("x", 1),
        ("listen", 1),
        ("listen =", 1),
        ("= 5", 1),
        ("listen = 127.0.0.1:8787", 1),
        ("listen = '127.0.0.1:8787", 1),
        ("\nshards = 1\nshards = 2", 3),
        ("[limits]\n[limits]", 2),
        ("[limits\ndepth = 1", 1),
        ("shards = 1 2", 1),
        ("shards = 01", 1),
        ("a = 1\n\n\nb", 4),
        ("{\"listen\":\"x\"}", 1),
        ("listen: 127.0.0.1:8787", 1),
        ("shards = 1\nlisten: x", 2),
        ("allowed_origins = [\"a\" \"b\"]", 1),
        ("a = \"\\x\"", 1),
        ("a = tru", 1),
        ("a = 9223372036854775808", 1),
        ("shards = 1\n\u{0}", 2),
    ]
    .into_iter()
    .map(|(toml, line)| {
        Case::new(format!("no TOML: {}", toml.escape_debug()))
            .with("toml", toml)
            .with("expect", json!({"error": "Syntax", "line": line}))
    })
    .collect()
}

/// Keys that need or exclude one another.
fn together() -> Vec<Case> {
    let mut cases = Vec::new();
    for (toml, key) in [
        ("tls_cert = \"a\"", "tls_key"),
        ("tls_key = \"a\"", "tls_cert"),
        ("[auth]\nsecret = \"a\"\nsecret_file = \"b\"", "auth.secret_file"),
        ("[auth]\npublic_key = \"a\"\npublic_key_file = \"b\"", "auth.public_key_file"),
        ("[auth]\nalgorithm = \"HS256\"", "auth.algorithm"),
        ("[auth]\nalgorithm = \"EdDSA\"", "auth.algorithm"),
        ("[auth]\nalgorithm = \"RS256\"\nsecret = \"x\"", "auth.algorithm"),
        ("[auth]\nalgorithm = \"EdDSA\"\nsecret = \"x\"\npublic_key = \"y\"", "auth.algorithm"),
        ("[auth]\nalgorithm = \"HS256\"\npublic_key_file = \"y\"", "auth.algorithm"),
        ("[auth]\nalgorithm = \"HS256\"\nsecret = \"x\"\npublic_key = \"y\"", "auth.algorithm"),
        ("[auth]\npublic_key = \"y\"", "auth.algorithm"),
        ("[auth]\nsecret = \"x\"\npublic_key = \"y\"", "auth.algorithm"),
    ] {
        cases.push(bad(format!("together: {}", toml.escape_debug()), toml, "Invalid", key));
    }
    for toml in [
        "[auth]\nsecret = \"x\"",
        "[auth]\nsecret_file = \"x\"",
        "[auth]\nalgorithm = \"HS256\"\nsecret = \"x\"",
        "[auth]\nalgorithm = \"EdDSA\"\npublic_key_file = \"x\"",
        "[auth]\nalgorithm = \"RS256\"\npublic_key = \"x\"",
        "[auth]",
    ] {
        cases.push(good(format!("together: {}", toml.escape_debug()), toml));
    }
    cases
}

/// `[paths]`: a path template to topic templates.
fn paths() -> Vec<Case> {
    let mut cases = Vec::new();
    for (path, topics) in [
        ("/rooms/{room}", "\"room:{room}\""),
        ("/me", "\"me:{account}\""),
        ("/a/{b}/c/{d}", "\"x:{b}:{d}\", \"y:{account}\""),
        ("/fixed", "\"news:all\""),
        ("/chats/{id}", "\"chat2:{id}\""),
    ] {
        cases.push(good(format!("path {path}"), format!("[paths]\n\"{path}\" = [{topics}]")));
    }
    for (path, topics) in [
        ("", "\"a:b\""),
        ("rooms", "\"a:b\""),
        ("/", "\"a:b\""),
        ("/agent", "\"a:b\""),
        ("/rooms/", "\"a:b\""),
        ("//rooms", "\"a:b\""),
        ("/{account}", "\"a:{account}\""),
        ("/{}", "\"a:b\""),
        ("/{a b}", "\"a:b\""),
        ("/{a}/{a}", "\"x:{a}\""),
        ("/x{a}", "\"a:b\""),
        ("/{a", "\"a:b\""),
        ("/a?b", "\"a:b\""),
        ("/a#b", "\"a:b\""),
        ("/a%20b", "\"a:b\""),
        ("/a", ""),
        ("/a", "\"\""),
        ("/a", "\"news\""),
        ("/a", "\"news:\""),
        ("/a", "\"News:x\""),
        ("/a", "\"news:{room}\""),
        ("/a", "\"{account}:x\""),
        ("/a", "\"conv_ondemand:x\""),
        ("/a", "\"a:{account\""),
    ] {
        cases.push(bad(
            format!("path {path:?} to {topics}"),
            format!("[paths]\n\"{path}\" = [{topics}]"),
            "Invalid",
            "paths",
        ));
    }
    for value in ["\"a:b\"", "5", "true", "[5]", "{ }"] {
        cases.push(bad(
            format!("a path to {value}"),
            format!("[paths]\n\"/a\" = {value}"),
            "WrongType",
            "paths.\"/a\"",
        ));
    }
    cases.push(bad(
        "two paths that fit the same",
        "[paths]\n\"/a/{b}\" = [\"x:y\"]\n\"/a/{c}\" = [\"x:y\"]",
        "Invalid",
        "paths",
    ));
    cases
}
