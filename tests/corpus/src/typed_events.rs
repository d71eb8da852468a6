//! Events of the types that have a shape (`docs/events.md`): the payload as its type reads it, or the member that does not fit.
//!
//! `payload` is what is read: members that the type knows, less what is absent or null. A language without structs hands on
//! more than that (members that nobody knows, nulls, payloads that do not fit), but nothing else and nothing less.

use serde_json::{Map, Value, json};

use crate::case::Case;

/// What may stand in a place.
#[derive(Clone, Copy)]
enum Shape {
    /// A text.
    Text,
    /// One of these texts, or any other.
    Name(&'static [&'static str]),
    /// A whole number from 0 up.
    Count,
    /// True or false.
    Flag,
    /// A list of texts.
    Texts,
    /// Any JSON.
    Any,
    /// A text; `null` says something else than absence.
    TextOrNull,
    /// These members.
    Object(&'static [Member]),
    /// A list of such objects.
    Objects(&'static [Member]),
}

use Shape::{Any, Count, Flag, Name, Object, Objects, Text, TextOrNull, Texts};

/// Its name, marked with `?` where it may be absent, and its shape.
type Member = (&'static str, Shape);

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (kind, members) in EVENTS {
        let whole = whole(members);
        let mut is_read = |what: &str, payload: &Value, expect: &Value| {
            cases.push(case(kind, what, &payload.to_string(), json!({ "payload": expect })));
        };
        is_read("with every member", &whole, &whole);
        is_read("with what it must have", &least(members), &least(members));
        is_read("with nulls", &nulled(members), &without_nulls(members, &nulled(members)));
        let mut later = whole.clone();
        strew(&mut later);
        is_read("with members of a later version", &later, &whole);
        cases.extend(spelled(kind, &whole));
        spoil(&whole, members, &mut |what, payload, expect| {
            cases.push(case(kind, &what, &payload, expect));
        });
        for (what, payload) in
            [("a list", "[]"), ("a null", "null"), ("a text", "\"x\""), ("a number", "1e999")]
        {
            let unfit = json!({"error": "Unfit", "member": "payload"});
            cases.push(case(kind, &format!("whose payload is {what}"), payload, unfit));
        }
        let missing = json!({"error": "Missing", "member": "payload"});
        cases.push(
            Case::new(format!("{kind} without a payload"))
                .with("side", "server")
                .with("text", format!("{{\"type\":\"{kind}\"}}"))
                .with("expect", missing),
        );
    }
    cases
}

fn case(kind: &str, what: &str, payload: &str, expect: Value) -> Case {
    Case::new(format!("{kind} {what}"))
        .with("side", "server")
        .with("text", format!("{{\"type\":\"{kind}\",\"payload\":{payload}}}"))
        .with("expect", expect)
}

fn named(member: &Member) -> (&'static str, bool) {
    member.0.strip_suffix('?').map_or((member.0, false), |name| (name, true))
}

fn sample(name: &str, shape: Shape) -> Value {
    match shape {
        Text | TextOrNull => format!("{name} of Zürich 🎈").into(),
        Name(known) => known[name.len() % known.len()].into(),
        Count => (7 + name.len()).into(),
        Flag => name.len().is_multiple_of(2).into(),
        Texts => json!([name, ""]),
        Any => json!({"own": [1, null, {"type": "x"}]}),
        Object(members) => whole(members),
        Objects(members) => json!([whole(members), least(members)]),
    }
}

/// With every member.
fn whole(members: &[Member]) -> Value {
    members.iter().map(|member| (named(member).0.to_owned(), sample(named(member).0, member.1))).collect()
}

/// Without what may be absent.
fn least(members: &[Member]) -> Value {
    let needed = members.iter().filter(|member| !named(member).1);
    needed
        .map(|member| {
            let value = match member.1 {
                Object(members) => least(members),
                Objects(_) => json!([]),
                other => sample(member.0, other),
            };
            (member.0.to_owned(), value)
        })
        .collect()
}

/// With a null wherever something may be absent.
fn nulled(members: &[Member]) -> Value {
    let with = |member: &Member| match (named(member), member.1) {
        ((name, true), _) => (name.to_owned(), Value::Null),
        ((name, false), Object(members)) => (name.to_owned(), nulled(members)),
        ((name, false), shape) => (name.to_owned(), sample(name, shape)),
    };
    members.iter().map(with).collect()
}

/// As it is read: a null is nothing, but where it says something.
fn without_nulls(members: &[Member], value: &Value) -> Value {
    let read = members.iter().filter_map(|member| {
        let name = named(member).0;
        let value = match (member.1, &value[name]) {
            (TextOrNull, value) => value.clone(),
            (_, Value::Null) => return None,
            (Object(members), value) => without_nulls(members, value),
            (_, value) => value.clone(),
        };
        Some((name.to_owned(), value))
    });
    read.collect()
}

/// Puts members that nobody knows into every object of a shape.
fn strew(value: &mut Value) {
    match value {
        // The application's own, where every member is known.
        Value::Object(members) if members.contains_key("own") => {}
        Value::Object(members) => {
            members.values_mut().for_each(strew);
            members.insert("inALaterVersion".into(), json!({"n": [1e308]}));
            members.insert("constructor".into(), json!(1));
        }
        Value::Array(items) => items.iter_mut().for_each(strew),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The same payload in other spellings.
fn spelled(kind: &str, whole: &Value) -> Vec<Case> {
    let text = whole.to_string();
    let (first, _) = whole.as_object().and_then(|members| members.iter().next()).expect("no shape is empty");
    let read = json!({ "payload": whole });
    let doubled = format!("{{\"{first}\":0,{}", &text[1..]);
    let escaped = text.replacen(&format!("\"{first}\""), &format!("\"{}\"", escaped(first)), 1);
    let spaced = text.replace(":{", " : \t{ ").replace("},", " }\n,");
    vec![
        case(kind, "with a member twice, of which the last counts", &doubled, read.clone()),
        case(kind, "with an escaped name", &escaped, read.clone()),
        case(kind, "with white space", &spaced, read),
    ]
}

fn escaped(name: &str) -> String {
    name.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect()
}

/// Every place of the payload with something in it that does not fit, or with nothing.
fn spoil(whole: &Value, members: &[Member], put: &mut impl FnMut(String, String, Value)) {
    let mut at = |path: &[Step], name: &str, what: &str, value: &str, expect: Value| {
        let text = replaced(whole, path, name, value);
        put(format!("with {what} for {}", told(path, name)), text, expect);
    };
    walk(members, &mut Vec::new(), &mut |path, member| {
        let (name, is_optional) = named(member);
        let error = |error: &str| json!({"error": error, "member": told(path, name)});
        if !is_optional {
            at(path, name, "nothing", "", error("Missing"));
            at(path, name, "null", "null", error("Unfit"));
        }
        let unfit: &[&str] = match member.1 {
            Text | TextOrNull | Name(_) => &["1", "true", "{}", "[\"x\"]", "\"\\ud800\""],
            Count => &["-1", "0.5", "1e300", "\"5\"", "true", "[5]", "{}"],
            Flag => &["0", "\"true\"", "{}", "[true]"],
            Texts => &["\"x\"", "{}", "1"],
            Any => &[],
            Object(_) | Objects(_) => &["\"x\"", "1", "true"],
        };
        for value in unfit {
            at(path, name, value, value, error("Unfit"));
        }
        match member.1 {
            // Members go by their names: a list of their values is none.
            Object(members) => {
                let values: Vec<Value> =
                    members.iter().map(|member| sample(named(member).0, member.1)).collect();
                at(
                    path,
                    name,
                    "a list of its members' values",
                    &Value::from(values).to_string(),
                    error("Unfit"),
                );
                at(path, name, "an empty list", "[]", error("Unfit"));
            }
            Objects(members) => {
                at(path, name, "an object", &self::whole(members).to_string(), error("Unfit"));
                let values: Vec<Value> =
                    members.iter().map(|member| sample(named(member).0, member.1)).collect();
                let inner = json!({"error": "Unfit", "member": format!("{}[0]", told(path, name))});
                at(path, name, "a list of lists", &json!([values]).to_string(), inner.clone());
                at(path, name, "a list of nulls", "[null]", inner);
            }
            Texts => {
                let inner = json!({"error": "Unfit", "member": format!("{}[1]", told(path, name))});
                at(path, name, "a list with a number", "[\"x\",1]", inner);
            }
            Text | TextOrNull | Name(_) | Count | Flag | Any => {}
        }
    });
    walk(members, &mut Vec::new(), &mut |path, member| {
        let name = named(member).0;
        let (text, read) = match member.1 {
            Name(_) => ("\"of_a_later_version\"", json!("of_a_later_version")),
            Count => ("12e2", json!(1200)),
            Any => ("[1e308,\"x\"]", json!([1e308, "x"])),
            _ => return,
        };
        let mut expect: Value =
            serde_json::from_str(&replaced(whole, path, name, text)).expect("a payload is JSON");
        *place(&mut expect, path).get_mut(name).expect("it is there") = read;
        put(
            format!("with {text} for {}, which fits", told(path, name)),
            replaced(whole, path, name, text),
            json!({ "payload": expect }),
        );
    });
}

/// A member of an object, or the first item of the list in it.
#[derive(Clone, Copy)]
enum Step {
    Into(&'static str),
    First(&'static str),
}

fn walk(members: &[Member], path: &mut Vec<Step>, take: &mut impl FnMut(&[Step], &Member)) {
    for member in members {
        take(path, member);
        let name = named(member).0;
        let (step, inner) = match member.1 {
            Object(inner) => (Step::Into(name), inner),
            Objects(inner) => (Step::First(name), inner),
            Text | TextOrNull | Name(_) | Count | Flag | Texts | Any => continue,
        };
        path.push(step);
        walk(inner, path, take);
        path.pop();
    }
}

fn place<'a>(value: &'a mut Value, path: &[Step]) -> &'a mut Map<String, Value> {
    let inner = path.iter().fold(value, |value, step| match step {
        Step::Into(name) => &mut value[*name],
        Step::First(name) => &mut value[*name][0],
    });
    inner.as_object_mut().expect("a path leads to an object")
}

/// The payload as text with `value`, which need not be readable by a parser of numbers, in that place; empty: with nothing.
fn replaced(whole: &Value, path: &[Step], name: &str, value: &str) -> String {
    const MARK: &str = "@here@";
    let mut payload = whole.clone();
    let members = place(&mut payload, path);
    if value.is_empty() {
        members.remove(name);
    } else {
        members.insert(name.to_owned(), MARK.into());
    }
    payload.to_string().replace(&format!("\"{MARK}\""), value)
}

fn told(path: &[Step], name: &str) -> String {
    let mut told = String::new();
    for step in path {
        match step {
            Step::Into(name) => told += &format!("{name}."),
            Step::First(name) => told += &format!("{name}[0]."),
        }
    }
    told + name
}

/// The tables of `docs/events.md`.
const EVENTS: &[(&str, &[Member])] = &[
    (
        "message.new",
        &[
            ("conversationId", Text),
            ("messageId", Text),
            ("senderId", Text),
            ("senderDisplayName", Text),
            ("senderAvatarUrl?", Text),
            ("conversationType", Name(&["dm", "temp_group", "group"])),
            ("conversationName?", Text),
            ("content", Object(CONTENT)),
            ("sequenceNumber", Count),
            ("visibleTo?", Texts),
            ("createdAt", Text),
        ],
    ),
    (
        "message.updated",
        &[
            ("conversationId", Text),
            ("messageId", Text),
            ("senderId", Text),
            ("content", Object(CONTENT)),
            ("updatedAt", Text),
        ],
    ),
    (
        "message.deleted",
        &[("conversationId", Text), ("messageId", Text), ("senderId", Text), ("deletedAt", Text)],
    ),
    (
        "conversation.new",
        &[
            ("conversationId", Text),
            ("type", Name(&["dm", "temp_group", "group"])),
            ("name?", Text),
            ("createdBy", Text),
        ],
    ),
    (
        "conversation.updated",
        &[
            ("conversationId", Text),
            ("updatedBy", Text),
            (
                "changes",
                Object(&[
                    ("name?", Text),
                    ("description?", Text),
                    ("avatarUrl?", Text),
                    ("type?", Name(&["dm", "temp_group", "group"])),
                    ("settings?", Any),
                    ("disabledAt?", TextOrNull),
                ]),
            ),
        ],
    ),
    (
        "conversation.member_added",
        &[("conversationId", Text), ("addedBy", Text), ("members", Objects(MEMBER))],
    ),
    ("conversation.member_removed", &[("conversationId", Text), ("removedBy", Text), ("targetUserId", Text)]),
    (
        "conversation.member_updated",
        &[
            ("conversationId", Text),
            ("userId", Text),
            ("updatedBy?", Text),
            (
                "changes",
                Object(&[
                    ("role?", Name(&["admin", "member"])),
                    ("canSend?", Flag),
                    ("notifyLevel?", Name(&["all", "mentions", "nothing"])),
                    ("sessionId?", Text),
                ]),
            ),
        ],
    ),
    ("contact.request_received", &[("contact", Object(CONTACT))]),
    ("contact.request_accepted", &[("contact", Object(CONTACT))]),
    ("contact.request_rejected", &[("userId", Text), ("contactId", Text)]),
    ("contact.request_revoked", &[("userId", Text), ("contactId", Text)]),
    ("contact.removed", &[("userId", Text), ("contactId", Text)]),
    (
        "contact.request_pending_approval",
        &[("agentId", Text), ("requesterId", Text), ("requesterName?", Text)],
    ),
    ("contact.friend_name_updated", &[("userId", Text), ("contactId", Text), ("friendName", Text)]),
    ("block.created", &[("userId", Text), ("blockedUserId", Text)]),
    ("block.removed", &[("userId", Text), ("unblockedUserId", Text)]),
    (
        "user.profile_updated",
        &[
            ("userId", Text),
            ("displayName?", Text),
            ("avatarUrl?", Text),
            ("username?", Text),
            ("bio?", Text),
        ],
    ),
    (
        "agent.settings_updated",
        &[
            ("agentId", Text),
            (
                "settings",
                Object(&[
                    ("requireOwnerApprovalForFriendRequests?", Flag),
                    ("dmAllowlist?", Name(&["owner_only", "owner_and_owner_agents", "anyone_in_contacts"])),
                    ("hideFromOwnerProfile?", Flag),
                ]),
            ),
        ],
    ),
    (
        "activity.status",
        &[
            ("conversationId", Text),
            ("userId", Text),
            ("status", Name(&["typing", "thinking", "tool_calling", "idle"])),
        ],
    ),
];

const CONTENT: &[Member] = &[
    ("text?", Text),
    (
        "attachments?",
        Objects(&[
            ("type", Name(&["image", "file"])),
            ("s3Key", Text),
            ("fileName", Text),
            ("contentType", Text),
            ("size", Count),
            ("imageMetadata?", Object(&[("width", Count), ("height", Count), ("blurhash?", Text)])),
        ]),
    ),
    ("mentions?", Object(&[("userIds?", Texts), ("everyone?", Flag), ("here?", Flag)])),
    (
        "action?",
        Object(&[
            ("requestId", Text),
            ("type", Text),
            ("title", Text),
            ("description?", Text),
            (
                "options",
                Objects(&[
                    ("optionId", Text),
                    ("label", Text),
                    ("style?", Name(&["primary", "danger", "secondary"])),
                ]),
            ),
            ("expiresAt?", Text),
            ("metadata?", Any),
        ]),
    ),
    ("response?", Object(&[("requestId", Text), ("selectedOptionId", Text)])),
];

const MEMBER: &[Member] = &[
    ("userId", Text),
    ("role", Name(&["admin", "member"])),
    ("accountType", Name(&["human", "agent"])),
    ("canSend?", Flag),
    ("notifyLevel?", Name(&["all", "mentions", "nothing"])),
    ("sessionId?", Text),
    ("joinedAt", Text),
    ("username?", Text),
    ("displayName?", Text),
    ("avatarUrl?", Text),
];

const CONTACT: &[Member] = &[
    ("userId", Text),
    ("contactId", Text),
    ("status", Text),
    ("requesterId", Text),
    ("friendAccountType", Name(&["human", "agent"])),
    ("friendUsername?", Text),
    ("friendDisplayName?", Text),
    ("friendAvatarUrl?", Text),
    ("friendName?", Text),
    ("ownerId?", Text),
    ("ownerDisplayName?", Text),
    ("note?", Text),
    ("createdAt", Text),
    ("updatedAt", Text),
];
