//! `docs/asyncapi.yaml` and the types say the same: every member, every name, every number, in both directions.

#![cfg(feature = "json")]

mod document;
mod events;
mod frames;

use std::collections::BTreeSet;

use bowline_proto::typed::{KNOWN_KINDS, account, conversation, message};
use bowline_proto::{
    ClientFrame, CloseCode, Event, Limits, MAX_TOPIC_BYTES, Place, Retry, Seq, ServerFrame, Timestamp, Topic,
    TypedEvent, decode_client_frame, decode_server_frame, encode_client_frame, encode_event,
    encode_server_frame, encode_signal,
};
use bytes::Bytes;
use document::{Document, Seen, members, with, without};
use frames::{client_message, of_clients, of_gateways, seq, steering_message, topic};
use serde_json::{Value, json};

const LIMITS: Limits = Limits { message_bytes: 64 * 1024, depth: 32, topics_per_frame: 100 };

fn parse(text: &[u8]) -> Value {
    serde_json::from_slice(text).expect("a frame is JSON")
}

/// Frames of a client as they are written, with the document's names.
fn client_samples() -> Vec<(&'static str, Value)> {
    let written = |frame: ClientFrame| {
        let name = client_message(&frame).expect("a frame that has a name");
        (name, parse(encode_client_frame(&frame).as_bytes()))
    };
    of_clients().into_iter().map(written).collect()
}

/// Steering frames as a gateway writes them.
fn steering_samples() -> Vec<(&'static str, Value)> {
    of_gateways()
        .iter()
        .map(|frame| {
            let name = steering_message(frame).expect("a frame that has a name");
            (name, parse(encode_server_frame(frame).as_bytes()))
        })
        .collect()
}

/// Typed events, and one of a type that nobody knows, as everybody gets them.
fn event_samples() -> Vec<(String, Value)> {
    let place = Place { seq: seq(18443), prev: seq(18101) };
    let now = Timestamp(1_795_305_723_456);
    let mut samples: Vec<(String, Value)> = events::whole()
        .iter()
        .map(|event| {
            let frame = match event {
                TypedEvent::Activity(_) => {
                    encode_signal(event.kind(), now, &topic("conv_ondemand:c1"), &event.payload())
                }
                _ => encode_event(event.kind(), now, &topic("conv:c1"), place, &event.payload()),
            };
            (event.kind().to_owned(), parse(&frame))
        })
        .collect();
    let greeting = |frame: Bytes, name: &str| (name.to_owned(), parse(&frame));
    samples.push(greeting(encode_event("greeting", now, &topic("conv:c1"), place, b"[1]"), "event"));
    samples.push(greeting(encode_signal("greeting", now, &topic("conv:c1"), b"null"), "signal"));
    samples
}

fn samples() -> Vec<(String, Value)> {
    let named = |(name, value): (&str, Value)| (name.to_owned(), value);
    let steering = client_samples().into_iter().chain(steering_samples()).map(named);
    steering.chain(event_samples()).collect()
}

/// Whether the codec takes `value` for the frame that it calls `name`.
fn is_read(name: &str, value: &Value) -> bool {
    match decode_client_frame(value.to_string().as_bytes(), &LIMITS) {
        Ok(frame) => client_message(&frame) == Some(name),
        Err(_) => false,
    }
}

/// Whether the typed event takes the payload of `value`.
fn is_read_as_typed(kind: &str, value: &Value) -> bool {
    let payload = Bytes::from(value["payload"].to_string());
    let text = payload.clone();
    let event = Event { kind: kind.into(), timestamp: "".into(), topic: None, place: None, payload, text };
    TypedEvent::decode(&event).is_ok()
}

#[test]
fn what_the_types_write_is_what_the_document_describes() {
    let document = Document::read();
    for (name, value) in samples() {
        assert_eq!(document.errors(&name, &value), [""; 0], "{name}: {value}");
    }
}

#[test]
fn the_document_and_the_types_have_the_same_members() {
    assert_eq!(differences(&Document::read()), [""; 0]);
}

/// What one side has and the other has not.
fn differences(document: &Document) -> Vec<String> {
    let mut seen = Seen::new();
    let samples = samples();
    let mut found: Vec<String> =
        samples.iter().filter_map(|(name, value)| document.follow(name, value, &mut seen).err()).collect();
    let names = document.keys("/components/messages");
    let reachable = document.reachable(names.iter().map(String::as_str));
    found.extend(reachable.difference(&seen).map(|property| format!("no type has {property}")));
    let sampled: BTreeSet<String> = samples.into_iter().map(|(name, _)| name).collect();
    found.extend(names.symmetric_difference(&sampled).map(|name| format!("{name} is on one side only")));
    found
}

#[test]
fn a_member_that_stands_on_one_side_only_is_found() {
    for (from, to) in [
        ("senderAvatarUrl: { type: string }", "senderPicture: { type: string }"),
        ("        bio: { type: string }\n", ""),
        (
            "        bio: { type: string }\n",
            "        bio: { type: string }\n        mood: { type: string }\n",
        ),
        ("        deadlineMs: { $ref: '#/components/schemas/Millis' }\n", ""),
        ("        blurhash: { type: string, description: A blurred preview. }\n", ""),
    ] {
        assert!(!differences(&Document::altered(from, to)).is_empty(), "{from:?} as {to:?}");
    }
}

#[test]
fn what_a_client_must_say_is_what_the_decoder_wants() {
    let document = Document::read();
    for (name, value) in client_samples() {
        let validator = document.validator(name);
        for path in members(&value).iter().filter(|path| *path != "/action") {
            let lacking = without(&value, path);
            assert_eq!(is_read(name, &lacking), validator.is_valid(&lacking), "{name} without {path}");
            for other in [json!(true), json!(7), json!(7.5), json!("x"), json!([]), json!({}), json!([7])] {
                let changed = with(&value, path, other);
                assert_eq!(is_read(name, &changed), validator.is_valid(&changed), "{changed}");
            }
        }
    }
    for entries in [0, 100, 101] {
        let frame = json!({"action": "subscribe", "topics": vec!["conv:c"; entries]});
        let is_valid = document.validator("subscribe").is_valid(&frame);
        assert_eq!((is_read("subscribe", &frame), is_valid), (entries <= 100, entries <= 100), "{entries}");
    }
    for position in
        [json!(9_007_199_254_740_991_u64), json!(9_007_199_254_740_992_u64), json!(-1), json!(18443.0)]
    {
        let frame = json!({"action": "resume", "seq": position, "epoch": "9f3c0a77d1e24b60"});
        assert_eq!(is_read("resume", &frame), document.validator("resume").is_valid(&frame), "{frame}");
    }
}

#[test]
fn what_a_payload_must_have_is_what_its_type_wants() {
    let document = Document::read();
    for (name, value) in event_samples().into_iter().filter(|(name, _)| KNOWN_KINDS.contains(&&**name)) {
        let validator = document.shape_of(&name);
        for path in members(&value).iter().filter(|path| path.starts_with("/payload/")) {
            let lacking = without(&value, path);
            assert_eq!(
                is_read_as_typed(&name, &lacking),
                validator.is_valid(&lacking),
                "{name} without {path}"
            );
            for other in [json!(true), json!(7), json!(7.5), json!("x"), json!([]), json!({}), json!([7])] {
                let changed = with(&value, path, other);
                let (read, valid) = (is_read_as_typed(&name, &changed), validator.is_valid(&changed));
                assert_eq!(read, valid, "{path} of {changed}");
            }
        }
    }
    let mut enabled =
        event_samples().into_iter().find(|(name, _)| name == conversation::UPDATED).expect("one").1;
    enabled["payload"]["changes"]["disabledAt"] = Value::Null;
    assert!(is_read_as_typed(conversation::UPDATED, &enabled));
    assert_eq!(document.errors(conversation::UPDATED, &enabled), [""; 0]);
}

#[test]
fn what_a_clients_decoder_needs_of_a_gateway_is_required() {
    let document = Document::read();
    for (name, value) in steering_samples() {
        let validator = document.validator(name);
        for path in members(&value) {
            let lacking = without(&value, &path);
            let text = Bytes::from(lacking.to_string());
            let is_read =
                decode_server_frame(&text, &LIMITS).is_ok_and(|frame| steering_message(&frame) == Some(name));
            assert!(is_read || !validator.is_valid(&lacking), "{name} without {path}");
        }
    }
}

#[test]
fn every_message_goes_one_way_and_is_named_as_on_the_wire() {
    let document = Document::read();
    let (mut received, mut sent) = (BTreeSet::new(), BTreeSet::new());
    for name in document.keys("/operations") {
        let operation = document.at(&format!("/operations/{name}"));
        let side = if operation["action"] == "receive" { &mut received } else { &mut sent };
        side.extend(messages_of(&operation["messages"]));
        if let Some(reply) = operation.get("reply") {
            sent.extend(messages_of(&reply["messages"]));
        }
    }
    let from_clients: BTreeSet<String> =
        client_samples().into_iter().map(|(name, _)| name.to_owned()).collect();
    let mut from_gateways: BTreeSet<String> =
        steering_samples().into_iter().map(|(name, _)| name.to_owned()).collect();
    from_gateways.extend(event_samples().into_iter().map(|(name, _)| name));
    assert_eq!((received, sent), (from_clients, from_gateways));
    assert_eq!(document.keys("/channels/socket/messages"), document.keys("/components/messages"));
    for (name, value) in samples() {
        let on_the_wire = value.get("action").or_else(|| value.get("type")).and_then(Value::as_str);
        assert!(on_the_wire == Some(&name) || matches!(&*name, "event" | "signal"), "{name}: {value}");
        let reference = &document.at("/channels/socket/messages")[&name]["$ref"];
        assert_eq!(reference, &format!("#/components/messages/{name}"));
    }
    assert_eq!(document.unreachable_schemas(), [""; 0]);
}

fn messages_of(references: &Value) -> Vec<String> {
    let references = references.as_array().expect("a list");
    let name = |reference: &Value| {
        let target = reference["$ref"].as_str().expect("a reference");
        target.strip_prefix("#/channels/socket/messages/").expect("a message of the channel").to_owned()
    };
    references.iter().map(name).collect()
}

#[test]
fn every_typed_event_is_a_message_of_the_document() {
    let kinds: Vec<&str> = KNOWN_KINDS.to_vec();
    let samples = events::whole();
    let sampled: Vec<&str> = samples.iter().map(TypedEvent::kind).collect();
    assert_eq!(sampled, kinds);
    let named = Document::read().keys("/components/messages");
    assert!(kinds.iter().all(|kind| named.contains(*kind)), "{named:?}");
    for event in &samples {
        let raw = Event {
            kind: event.kind().into(),
            timestamp: "".into(),
            topic: None,
            place: None,
            payload: event.payload(),
            text: event.payload(),
        };
        assert_eq!(TypedEvent::decode(&raw).as_ref(), Ok(event));
    }
}

#[test]
fn open_lists_have_the_names_that_the_types_know() {
    let document = Document::read();
    let texts = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<String>>();
    let steering = steering_samples();
    // The values of one member over all samples of one frame.
    let said = |frame: &str, pointers: &[&str]| {
        let frames = steering.iter().filter(|(name, _)| *name == frame);
        let values = frames.flat_map(|(_, value)| pointers.iter().filter_map(|path| value.pointer(path)));
        let mut names: Vec<String> = Vec::new();
        for name in values.filter_map(Value::as_str) {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        names
    };
    let statuses: Vec<String> = frames::statuses().iter().map(|status| status.as_str().to_owned()).collect();
    let known = [
        ("ConversationType", texts(message::ConversationType::KNOWN)),
        ("AttachmentType", texts(message::AttachmentType::KNOWN)),
        ("OptionStyle", texts(message::OptionStyle::KNOWN)),
        ("MemberRole", texts(conversation::MemberRole::KNOWN)),
        ("AccountType", texts(conversation::AccountType::KNOWN)),
        ("NotifyLevel", texts(conversation::NotifyLevel::KNOWN)),
        ("DmAllowlist", texts(account::DmAllowlist::KNOWN)),
        ("ActivityStatus", statuses),
        ("RefusalCode", said("subscribe_ack", &["/errors/0/code", "/errors/1/code", "/errors/2/code"])),
        ("GapReason", said("gap", &["/reason"])),
        ("DrainReason", said("connection.draining", &["/reason"])),
        ("Feature", said("connection.accepted", &["/features/0", "/features/1"])),
    ];
    // Texts to these types; the gateway's tests hold them to the document.
    let of_the_gateway = ["RejectReason", "ErrorCode"];
    for name in document.keys("/components/schemas") {
        let schema = document.at(&format!("/components/schemas/{name}"));
        let listed = schema.get("x-extensible-enum").map(|list| {
            let names = list.as_array().expect("a list").iter();
            names.map(|name| name.as_str().expect("a name").to_owned()).collect::<Vec<_>>()
        });
        let ours = known.iter().find(|(known, _)| *known == name).map(|(_, names)| names.clone());
        if !of_the_gateway.contains(&&*name) {
            assert_eq!(listed, ours, "{name}");
        }
    }
}

#[test]
fn close_codes_are_those_of_the_code_and_of_the_protocol() {
    let document = Document::read();
    let listed: Vec<(u16, String, Retry)> = document
        .at("/x-close-codes")
        .as_array()
        .expect("a list")
        .iter()
        .map(|line| {
            let code = u16::try_from(line["code"].as_u64().expect("a code")).expect("a small one");
            let retry = match line["client"].as_str() {
                Some("reconnects") => Retry::Reconnect,
                Some("stops") => Retry::Stop,
                other => panic!("a client {other:?}"),
            };
            assert!(!line["means"].as_str().expect("a text").is_empty());
            (code, line["name"].as_str().expect("a name").to_owned(), retry)
        })
        .collect();
    // 1005 and 1006 are never sent, so they have no name.
    let ours: Vec<(u16, String, Retry)> = CloseCode::KNOWN
        .iter()
        .filter(|code| !code.name().is_empty())
        .map(|code| (code.0, code.name().to_owned(), code.retry()))
        .collect();
    assert_eq!(listed, ours);
    let protocol = include_str!("../../../../docs/protocol.md");
    let table = protocol
        .split("## 6. Close codes")
        .nth(1)
        .and_then(|rest| rest.split("\n## ").next())
        .expect("a section");
    for (code, name, _) in ours {
        let is_there = if code < 4000 {
            table.contains(&code.to_string())
        } else {
            table.contains(&format!("| {code} | `{name}`"))
        };
        assert!(is_there, "{code} {name}");
    }
}

#[test]
fn limits_are_those_of_the_code() {
    let document = Document::read();
    let limits = document.at("/x-limits");
    let ours = Limits::default();
    assert_eq!(ours, LIMITS);
    assert_eq!(limits["messageBytes"], ours.message_bytes);
    assert_eq!(limits["depth"], ours.depth);
    assert_eq!(limits["topicsPerFrame"], ours.topics_per_frame);
    let schemas = document.at("/components/schemas");
    assert_eq!(schemas["RequestedTopics"]["maxItems"], ours.topics_per_frame);
    assert_eq!(schemas["Topic"]["maxLength"], MAX_TOPIC_BYTES);
    assert_eq!(schemas["TopicRefusal"]["properties"]["topic"]["maxLength"], MAX_TOPIC_BYTES);
    assert_eq!(schemas["Seq"]["maximum"], Seq::MAX.get());
}

#[test]
fn a_topic_is_what_the_pattern_says() {
    let document = Document::read();
    let long = format!("q:{}", "x".repeat(254));
    let too_long = format!("{long}x");
    for text in [
        "conv:c1",
        "a_1:b",
        "conv:",
        ":c",
        "conv",
        "",
        "Conv:c",
        "conv:a:b",
        "conv:a b",
        "conv:a\nb",
        "conv:\u{7f}",
        "conv:\u{85}",
        "conv:\u{e9}",
        "conv:a/b",
        "a-b:c",
        &long,
        &too_long,
    ] {
        let frame = json!({"action": "unsubscribe_ack", "unsubscribed": [text]});
        let fits = document.errors("unsubscribe_ack", &frame).is_empty();
        assert_eq!(fits, Topic::new(text).is_ok(), "{text:?}");
    }
}

#[test]
fn examples_of_the_document_are_frames() {
    let document = Document::read();
    let mut seen = BTreeSet::new();
    for (name, schema) in document.at("/components/schemas").as_object().expect("an object") {
        let is_frame = |example: &&Value| example.get("action").or(example.get("type")).is_some();
        for example in schema.get("examples").and_then(Value::as_array).into_iter().flatten().filter(is_frame)
        {
            let text = Bytes::from(example.to_string());
            let message = match decode_client_frame(&text, &LIMITS).as_ref().map(client_message) {
                Ok(Some(message)) => message,
                _ => match decode_server_frame(&text, &LIMITS).expect("an example is a frame") {
                    ServerFrame::Event { head, .. } => {
                        if head.place.is_some() {
                            "event"
                        } else {
                            "signal"
                        }
                    }
                    frame => steering_message(&frame).expect("a known one"),
                },
            };
            assert_eq!(document.errors(message, example), [""; 0], "{name}");
            seen.insert(message);
        }
    }
    assert_eq!(seen.len(), 16, "{seen:?}");
}
