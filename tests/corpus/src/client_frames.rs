//! What clients write (`docs/protocol.md`, section 4).

use serde_json::{Value, json};

use crate::broken_json::{self, Good};
use crate::case::{Case, times};
use crate::json_values::{EPOCHS, POSITIONS, SESSION_IDS, TEXTS};
use crate::places::{Place, Rule, frame_case};

const EPOCH: &str = "9f3c0a77d1e24b60";

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = broken_json::cases(
        "client",
        &[
            Good { text: r#"{"action":"ping"}"#, read: json!({"frame": "ping"}) },
            Good {
                text: r#"{"action":"resume","seq":0,"topics":["conv:a"]}"#,
                read: json!({"frame": "resume", "seq": 0, "topics": [{"topic": "conv:a"}]}),
            },
        ],
    );
    cases.extend(members());
    cases.extend(lists());
    cases.extend(NAMED.iter().map(|(name, text, expect)| {
        let expect: Value = serde_json::from_str(expect).expect("the tables hold JSON");
        frame_case(format!("client {name}"), "client", *text, expect)
    }));
    cases
}

fn place(
    what: &'static str,
    frame: &'static str,
    member: &'static str,
    rule: Rule,
    without: fn() -> Value,
) -> Place {
    Place { side: "client", what, frame, member, without, rule }
}

fn members() -> Vec<Case> {
    use Rule::{Optional, Required};
    let mut cases = Vec::new();
    cases.extend(
        place("action", r#"{"action":@}"#, "action", Required, || json!({"frame": "unknown"}))
            .cases(TEXTS, |_, _| {}),
    );
    let activity = || json!({"frame": "activity", "conversationId": "c1", "status": "typing"});
    cases.extend(
        place(
            "activity.conversationId",
            r#"{"action":"activity","conversationId":@,"status":"typing"}"#,
            "conversationId",
            Required,
            activity,
        )
        .cases(TEXTS, |frame, text| drop(frame.insert("conversationId".into(), text.into()))),
    );
    cases.extend(
        place(
            "activity.status",
            r#"{"action":"activity","conversationId":"c1","status":@}"#,
            "status",
            Required,
            activity,
        )
        .cases(TEXTS, |frame, text| drop(frame.insert("status".into(), text.into()))),
    );
    let resume = || json!({"frame": "resume", "epoch": EPOCH, "seq": 7, "topics": []});
    cases.extend(
        place(
            "resume.seq",
            r#"{"action":"resume","epoch":"9f3c0a77d1e24b60","seq":@}"#,
            "seq",
            Required,
            resume,
        )
        .cases(POSITIONS, |frame, seq| drop(frame.insert("seq".into(), seq.into()))),
    );
    cases.extend(
        place("resume.epoch", r#"{"action":"resume","epoch":@,"seq":7}"#, "epoch", Required, resume)
            .cases(EPOCHS, |frame, epoch| drop(frame.insert("epoch".into(), epoch.into()))),
    );
    // Position 0 is "from the oldest event there is" and needs no epoch; one that is there must be one.
    cases.extend(
        place(
            "resume.epoch at 0",
            r#"{"action":"resume","epoch":@,"seq":0}"#,
            "epoch",
            Optional,
            || json!({"frame": "resume", "seq": 0, "topics": []}),
        )
        .cases(EPOCHS, |frame, epoch| drop(frame.insert("epoch".into(), epoch.into()))),
    );
    cases.extend(
        place(
            "resume.sessionId",
            r#"{"action":"resume","sessionId":@,"seq":0}"#,
            "sessionId",
            Optional,
            || json!({"frame": "resume", "seq": 0, "topics": []}),
        )
        .cases(SESSION_IDS, |frame, id| drop(frame.insert("sessionId".into(), id.into()))),
    );
    cases
}

/// What a topic list may be, and its entries.
fn lists() -> Vec<Case> {
    let entry = |text: &str| format!("{text:?}");
    let mut cases = Vec::new();
    for (action, extra, required) in
        [("subscribe", "", true), ("unsubscribe", "", true), ("resume", r#""seq":0,"#, false)]
    {
        let read = |topics: Value| match action {
            "resume" => json!({"frame": action, "seq": 0, "topics": topics}),
            _ => json!({"frame": action, "topics": topics}),
        };
        let mut case = |name: &str, list: Value, expect: Value| {
            let Value::Array(pieces) = list else { unreachable!("a list of pieces") };
            let mut text = vec![Value::from(format!(r#"{{"action":"{action}",{extra}"topics":"#))];
            text.extend(pieces);
            text.push("}".into());
            cases.push(frame_case(format!("client {action}.topics {name}"), "client", text, expect));
        };
        let wrong = || json!({"error": "WrongType", "member": "topics"});
        let too_many = || json!({"error": "TooManyTopics"});
        let missing = json!({"error": "Missing", "member": "topics"});
        case("null", json!(["null"]), if required { missing } else { read(json!([])) });
        case("empty", json!(["[]"]), read(json!([])));
        for other in ["\"conv:a\"", "{}", "{\"0\":\"conv:a\"}", "5", "true", "\"\""] {
            case(&format!("of another type: {other}"), json!([other]), wrong());
        }
        for item in ["5", "null", "true", "[]", "[\"conv:a\"]", "{}", "\"\\ud800\"", "\"conv:\\udc00\""] {
            case(&format!("with an entry {item}"), json!([format!("[\"conv:a\",{item}]")]), wrong());
        }
        for item in ["", "conv", "conv:", ":a", "Conv:a", "conv a"] {
            let topics = json!([{"topic": "conv:a"}, {"invalid": item}, {"topic": "conv:b"}]);
            case(
                &format!("with {item:?}, which is no topic"),
                json!([format!("[\"conv:a\",{},\"conv:b\"]", entry(item))]),
                read(topics),
            );
        }
        case(
            "twice the same",
            json!([r#"["conv:a","conv:a"]"#]),
            read(json!([{"topic": "conv:a"}, {"topic": "conv:a"}])),
        );
        case("with escapes", json!([r#"["\u0063onv\u003aa"]"#]), read(json!([{"topic": "conv:a"}])));
        case("with a line break", json!([r#"["conv:\n"]"#]), read(json!([{"invalid": "conv:\n"}])));
        for (count, fits) in [(99, true), (100, true), (101, false), (5000, false)] {
            let expect = if fits { read(json!(vec![json!({"topic": "a:b"}); count])) } else { too_many() };
            case(&format!("of {count}"), json!(["[", times("\"a:b\",", count - 1), "\"a:b\"]"]), expect);
        }
        // 101 entries are too many, whatever they are.
        case("of 101 that are no topics", json!(["[", times("\"x\",", 100), "\"x\"]"]), too_many());
        for (bytes, is_topic) in [(256, true), (257, false), (1000, false)] {
            let text = format!("conv:{}", "x".repeat(bytes - 5));
            let expect = if is_topic { json!({"topic": text}) } else { json!({"invalid": &text[..256]}) };
            case(
                &format!("with an entry of {bytes} bytes"),
                json!(["[\"conv:", times("x", bytes - 5), "\"]"]),
                read(json!([expect])),
            );
        }
        // "the entry as it was sent, cut to 256 bytes": of whole characters.
        for (character, kept) in [("\u{e9}", 128), ("\u{20ac}", 85), ("\u{1f388}", 64)] {
            case(
                &format!("with a long entry of {character}"),
                json!(["[\"", times(character, 300), "\"]"]),
                read(json!([{"invalid": character.repeat(kept)}])),
            );
        }
        for end in ["[\"conv:a\"", "[\"conv:a\",", "\"conv:a\"]", "[\"conv:a\"}", "[conv:a]", "['conv:a']"] {
            case(&format!("broken: {end}"), json!([end]), json!({"error": "NotJson"}));
        }
    }
    cases
}

/// Name, message, reading.
const NAMED: &[(&str, &str, &str)] = &[
    ("an empty object", "{}", r#"{"error":"Missing","member":"action"}"#),
    ("without an action", r#"{"type":"ping"}"#, r#"{"error":"Missing","member":"action"}"#),
    ("an action in another case", r#"{"Action":"ping"}"#, r#"{"error":"Missing","member":"action"}"#),
    ("an action's value in another case", r#"{"action":"Ping"}"#, r#"{"frame":"unknown"}"#),
    ("an action with a space", r#"{"action":"ping "}"#, r#"{"frame":"unknown"}"#),
    ("an action with a zero", r#"{"action":"ping\u0000"}"#, r#"{"frame":"unknown"}"#),
    ("an action of a gateway", r#"{"action":"connection.accepted"}"#, r#"{"frame":"unknown"}"#),
    ("an escaped action", r#"{"action":"\u0070ing"}"#, r#"{"frame":"ping"}"#),
    ("an escaped name", r#"{"\u0061ction":"ping"}"#, r#"{"frame":"ping"}"#),
    ("of two actions the last counts", r#"{"action":"resume","action":"ping"}"#, r#"{"frame":"ping"}"#),
    (
        "of two actions a null is the last",
        r#"{"action":"ping","action":null}"#,
        r#"{"error":"Missing","member":"action"}"#,
    ),
    ("of two actions the bad one is first", r#"{"action":5,"action":"ping"}"#, r#"{"frame":"ping"}"#),
    (
        "of two actions the bad one is last",
        r#"{"action":"ping","action":5}"#,
        r#"{"error":"WrongType","member":"action"}"#,
    ),
    ("an escaped name is the same name", r#"{"action":"x","\u0061ction":"ping"}"#, r#"{"frame":"ping"}"#),
    (
        "members come in any order",
        r#"{"topics":["conv:a"],"action":"subscribe"}"#,
        r#"{"frame":"subscribe","topics":[{"topic":"conv:a"}]}"#,
    ),
    (
        "a ping with members of other frames",
        r#"{"action":"ping","topics":5,"seq":"x","epoch":1,"status":[]}"#,
        r#"{"frame":"ping"}"#,
    ),
    ("an unknown action with bad members", r#"{"action":"x","topics":5,"seq":-1}"#, r#"{"frame":"unknown"}"#),
    ("subscribe without topics", r#"{"action":"subscribe"}"#, r#"{"error":"Missing","member":"topics"}"#),
    ("unsubscribe without topics", r#"{"action":"unsubscribe"}"#, r#"{"error":"Missing","member":"topics"}"#),
    (
        "subscribe with a member topic",
        r#"{"action":"subscribe","topic":"conv:a"}"#,
        r#"{"error":"Missing","member":"topics"}"#,
    ),
    (
        "activity without anything",
        r#"{"action":"activity"}"#,
        r#"{"error":"Missing","member":"conversationId"}"#,
    ),
    (
        "activity without a conversation",
        r#"{"action":"activity","status":"typing"}"#,
        r#"{"error":"Missing","member":"conversationId"}"#,
    ),
    (
        "activity without a status",
        r#"{"action":"activity","conversationId":"c1"}"#,
        r#"{"error":"Missing","member":"status"}"#,
    ),
    (
        "activity of a later version",
        r#"{"action":"activity","conversationId":"c1","status":"dreaming"}"#,
        r#"{"frame":"activity","conversationId":"c1","status":"dreaming"}"#,
    ),
    ("resume without anything", r#"{"action":"resume"}"#, r#"{"error":"Missing","member":"seq"}"#),
    ("resume without an epoch", r#"{"action":"resume","seq":1}"#, r#"{"error":"Missing","member":"epoch"}"#),
    (
        "resume without an epoch at a position in another spelling",
        r#"{"action":"resume","seq":1e0}"#,
        r#"{"error":"Missing","member":"epoch"}"#,
    ),
    (
        "resume at -0 needs no epoch",
        r#"{"action":"resume","seq":-0}"#,
        r#"{"frame":"resume","seq":0,"topics":[]}"#,
    ),
    (
        "resume with everything",
        r#"{"action":"resume","sessionId":"s-1","epoch":"9f3c0a77d1e24b60","seq":7,"topics":["conv:a"]}"#,
        r#"{"frame":"resume","sessionId":"s-1","epoch":"9f3c0a77d1e24b60","seq":7,"topics":[{"topic":"conv:a"}]}"#,
    ),
    (
        "of two positions the last counts",
        r#"{"action":"resume","seq":-1,"seq":0}"#,
        r#"{"frame":"resume","seq":0,"topics":[]}"#,
    ),
    (
        "of two positions the bad one is last",
        r#"{"action":"resume","seq":0,"seq":-1}"#,
        r#"{"error":"OutOfRange","member":"seq"}"#,
    ),
    (
        "of two lists the last counts",
        r#"{"action":"subscribe","topics":5,"topics":["conv:a"]}"#,
        r#"{"frame":"subscribe","topics":[{"topic":"conv:a"}]}"#,
    ),
    (
        "of two lists a null is the last",
        r#"{"action":"subscribe","topics":["conv:a"],"topics":null}"#,
        r#"{"error":"Missing","member":"topics"}"#,
    ),
    ("a frame within a frame", r#"{"x":{"action":"ping"}}"#, r#"{"error":"Missing","member":"action"}"#),
];
