//! Command lines that can't be run, with the code of the exit and what the user is told: 2 where the line itself makes no sense,
//! 1 where what it names does not. `{dir}` is an empty directory.

use serde_json::{Value, json};

use crate::case::Case;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (arguments, told) in NO_SENSE {
        cases.push(case(arguments, 2, told));
    }
    for (arguments, told) in NOT_THERE {
        cases.push(case(arguments, 1, told));
    }
    // Every place that takes a duration.
    for (command, flag) in [
        ("token --account a", "--ttl"),
        ("listen --account a", "--proactive-reconnect"),
        ("bench fanout", "--time"),
        ("bench latency", "--time"),
        ("bench log", "--time"),
    ] {
        for value in ["", "x", "5", "-5s", "1.5h", "5sec", "99999999999999999999s", "1h30"] {
            let mut arguments: Vec<&str> = command.split(' ').collect();
            let joined = format!("{flag}={value}");
            arguments.push(&joined);
            cases.push(case(&arguments, 2, &[flag]));
        }
    }
    // Every place that takes an address.
    for flag in ["--listen", "--admin"] {
        for value in [
            "",
            "x",
            "8787",
            "127.0.0.1",
            ":8787",
            "localhost:8787",
            "127.0.0.1:65536",
            "127.0.0.1:-1",
            "http://127.0.0.1:1",
            "256.0.0.1:1",
        ] {
            let joined = format!("{flag}={value}");
            cases.push(case(&["serve", &joined], 2, &[flag]));
        }
    }
    // Every place that takes one of a few words.
    for (command, flag, value) in [
        ("token --account a", "--kind", "robot"),
        ("token --account a", "--kind", "Agent"),
        ("token --account a", "--kind", ""),
        ("token --account a", "--scope", "all"),
        ("token --account a", "--scope", "publish,all"),
        ("token --account a", "--scope", "publish admin"),
        ("listen --account a", "--kind", "robot"),
        ("listen --account a", "--credential", "cookie"),
        ("listen --account a", "--credential", "Header"),
        ("serve", "--log-format", "xml"),
        ("serve", "--log-format", "JSON"),
    ] {
        let mut arguments: Vec<&str> = command.split(' ').collect();
        let joined = format!("{flag}={value}");
        arguments.push(&joined);
        cases.push(case(&arguments, 2, &[flag, "possible values"]));
    }
    // Every number.
    for (command, flag) in [
        ("bench fanout", "--subscribers"),
        ("bench fanout", "--window"),
        ("bench latency", "--rate"),
        ("bench connect", "--connections"),
        ("bench idle", "--connections"),
        ("bench storm", "--missed"),
    ] {
        for value in ["", "x", "-1", "1.5", "1e3", "0x10", "99999999999999999999999"] {
            let mut arguments: Vec<&str> = command.split(' ').collect();
            let joined = format!("{flag}={value}");
            arguments.push(&joined);
            cases.push(case(&arguments, 2, &[flag]));
        }
    }
    cases
}

fn case(arguments: &[&str], exit: i32, told: &[&str]) -> Case {
    Case::new(format!("bowline {}", arguments.join(" ").escape_debug()))
        .with("arguments", arguments.iter().map(|text| Value::from(*text)).collect::<Vec<_>>())
        .with("expect", json!({"exit": exit, "told": told}))
}

/// Arguments, and what stderr must say.
const NO_SENSE: &[(&[&str], &[&str])] = &[
    (&[], &["Usage"]),
    (&["--nonsense"], &["--nonsense"]),
    (&["nonsense"], &["nonsense"]),
    (&["Serve"], &["Serve"]),
    (&["serve", "more"], &["more"]),
    (&["serve", "--port", "8787"], &["--port"]),
    (&["serve", "--dev", "--dev"], &["--dev"]),
    (&["serve", "--dev=yes"], &["--dev"]),
    (&["serve", "--config"], &["--config"]),
    (&["token"], &["--account"]),
    (&["token", "alice"], &["alice"]),
    (&["token", "--account"], &["--account"]),
    (&["token", "--account", "a", "--account", "b"], &["--account"]),
    (&["grant"], &["--account"]),
    (&["grant", "--account", "a"], &["TOPIC"]),
    (&["grant", "conv:a"], &["--account"]),
    (&["grant", "--account", "a", "conv:a", "conv:b"], &["conv:b"]),
    (&["revoke", "--account", "a"], &["TOPIC"]),
    (&["publish"], &["TOPIC"]),
    (&["publish", "conv:a"], &["TYPE"]),
    (&["publish", "conv:a", "t", "{}", "more"], &["more"]),
    (&["publish", "--ndjson", "conv:a"], &["--ndjson"]),
    (&["publish", "--ndjson", "conv:a", "t", "{}"], &["--ndjson"]),
    (&["listen", "--cursor-file"], &["--cursor-file"]),
    (&["listen", "--subscribe"], &["--subscribe"]),
    (&["listen", "--from-oldest=1"], &["--from-oldest"]),
    (&["bench"], &["Usage"]),
    (&["bench", "everything"], &["everything"]),
    (&["bench", "floor"], &["--port"]),
    (&["bench", "floor", "--port", "65536", "--mode", "x"], &["--port"]),
    (&["bench", "floor", "--port", "-1", "--mode", "x"], &["--port"]),
    (&["doctor", "--url"], &["--url"]),
];

const NOT_THERE: &[(&[&str], &[&str])] = &[
    (&["token", "--account", "a", "--data-dir", "{dir}"], &["dev.json"]),
    (&["grant", "--account", "a", "conv:a", "--data-dir", "{dir}"], &["no token"]),
    (&["revoke", "--account", "a", "conv:a", "--data-dir", "{dir}"], &["no token"]),
    (&["publish", "conv:a", "t", "{}", "--data-dir", "{dir}"], &["no token"]),
    (&["publish", "conv:a", "t", "no json", "--token", "x", "--data-dir", "{dir}"], &["JSON"]),
    (&["publish", "conv:a", "t", "{", "--token", "x", "--data-dir", "{dir}"], &["JSON"]),
    (&["publish", "conv:a", "t", "[1,]", "--token", "x", "--data-dir", "{dir}"], &["JSON"]),
    (&["listen", "--data-dir", "{dir}"], &["no token"]),
    (&["listen", "--account", "a", "--data-dir", "{dir}"], &["no token"]),
    (&["serve", "--config", "{dir}/none.toml", "--data-dir", "{dir}/d"], &["none.toml"]),
    (&["serve", "--config", "{dir}", "--data-dir", "{dir}/d"], &["can't read"]),
    (&["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data-dir", "{dir}/d"], &["auth"]),
];
