//! Whatever a peer sends, a decoder answers: frames survive the way there and back, anything else is an error, nothing panics.

#![cfg(feature = "json")]

use core::convert::Infallible;
use core::time::Duration;

use bowline_proto::{
    Accepted, ActivityStatus, ClientFrame, DrainReason, Draining, Epoch, Gap, GapReason, Limits, Place,
    RefusalCode, Rejected, RequestedTopic, Resume, Seq, ServerFrame, SessionId, SubscribeAck, Timestamp,
    Topic, TopicRefusal, TypedEvent, check_json, decode_client_frame, decode_server_frame,
    encode_client_frame, encode_event, encode_server_frame, encode_signal,
};
use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn seq() -> impl Strategy<Value = Seq> {
    prop_oneof![0..100u64, 0..=Seq::MAX.get(), Just(Seq::MAX.get())]
        .prop_map(|value| Seq::new(value).expect("within the range"))
}

fn epoch() -> impl Strategy<Value = Epoch> {
    any::<u64>().prop_map(Epoch::from_bits)
}

fn topic() -> impl Strategy<Value = Topic> {
    "[a-z0-9_]{1,8}:[^\\p{Cc}]{1,20}".prop_map(|text| Topic::new(&text).expect("made to the rule"))
}

fn topics() -> impl Strategy<Value = Vec<Topic>> {
    vec(topic(), 0..5)
}

fn requested() -> impl Strategy<Value = Vec<RequestedTopic>> {
    let invalid = ".{0,40}".prop_filter_map("a topic", |text| {
        Topic::new(&text).is_err().then_some(RequestedTopic::Invalid(text))
    });
    vec(prop_oneof![topic().prop_map(RequestedTopic::Valid), invalid], 0..5)
}

fn session_id() -> impl Strategy<Value = SessionId> {
    "[A-Za-z0-9_-]{1,64}".prop_map(|text| SessionId::new(&text).expect("made to the rule"))
}

fn millis() -> impl Strategy<Value = Duration> {
    prop_oneof![0..100_000u64, 0..=Seq::MAX.get()].prop_map(Duration::from_millis)
}

fn status() -> impl Strategy<Value = ActivityStatus> {
    prop_oneof![Just("typing".to_owned()), Just("idle".to_owned()), ".{0,12}"]
        .prop_map(|name| ActivityStatus::from_name(&name))
}

fn client_frame() -> impl Strategy<Value = ClientFrame> {
    let resume = (option::of(session_id()), epoch(), seq(), requested(), any::<bool>()).prop_map(
        |(session_id, epoch, seq, topics, knows_epoch)| {
            let epoch = (knows_epoch || seq > Seq::ZERO).then_some(epoch);
            ClientFrame::Resume(Resume { session_id, epoch, seq, topics })
        },
    );
    prop_oneof![
        Just(ClientFrame::Ping),
        Just(ClientFrame::Unknown),
        requested().prop_map(|topics| ClientFrame::Subscribe { topics }),
        requested().prop_map(|topics| ClientFrame::Unsubscribe { topics }),
        (".{0,20}", status()).prop_map(|(conversation, status)| ClientFrame::Activity {
            conversation_id: conversation.into(),
            status
        }),
        resume,
    ]
}

fn gap() -> impl Strategy<Value = Gap> {
    let reason = prop_oneof![
        Just(GapReason::Retention),
        Just(GapReason::Epoch),
        Just(GapReason::Storage),
        Just(GapReason::Missing)
    ];
    (topic(), seq(), seq(), reason).prop_map(|(topic, after, before, reason)| Gap {
        topic,
        after,
        before,
        reason,
    })
}

fn accepted() -> impl Strategy<Value = Accepted> {
    let ids = (option::of(".{0,20}"), option::of(session_id()));
    let position = (any::<bool>(), option::of(epoch()), option::of(seq()));
    let times = (option::of(millis()), option::of(millis()));
    (ids, position, times, any::<(bool, bool)>(), vec(gap(), 0..3)).prop_map(
        |((connection_id, session_id), (resumed, epoch, seq), (heartbeat, max_duration), can, gaps)| {
            Accepted {
                connection_id: connection_id.map(Into::into),
                session_id,
                resumed,
                epoch,
                seq,
                heartbeat,
                max_duration,
                can_resume: can.0,
                can_drain: can.1,
                gaps,
            }
        },
    )
}

fn subscribe_ack() -> impl Strategy<Value = SubscribeAck> {
    let code = prop_oneof![
        Just(RefusalCode::Forbidden),
        Just(RefusalCode::InvalidTopic),
        Just(RefusalCode::LimitExceeded),
        "[A-Z]{0,4}".prop_map(RefusalCode::Other),
    ];
    let refusal = (".{0,40}", code).prop_map(|(topic, code)| TopicRefusal { topic, code });
    (topics(), vec(refusal, 0..3), option::of(seq())).prop_map(|(subscribed, errors, seq)| SubscribeAck {
        subscribed,
        errors,
        seq,
    })
}

fn draining() -> impl Strategy<Value = Draining> {
    let reason = prop_oneof![
        Just(DrainReason::Shutdown),
        Just(DrainReason::Rebalance),
        Just(DrainReason::MaxDuration),
        Just(DrainReason::Other)
    ];
    (reason, millis(), millis()).prop_map(|(reason, slot, deadline)| Draining { reason, slot, deadline })
}

fn steering_frame() -> impl Strategy<Value = ServerFrame<Infallible>> {
    prop_oneof![
        accepted().prop_map(|accepted| ServerFrame::Accepted(Box::new(accepted))),
        (".{0,20}", ".{0,20}", option::of(millis())).prop_map(|(reason, message, retry_after)| {
            ServerFrame::Rejected(Rejected { reason, message, retry_after })
        }),
        subscribe_ack().prop_map(ServerFrame::SubscribeAck),
        topics().prop_map(|unsubscribed| ServerFrame::UnsubscribeAck { unsubscribed }),
        (topics(), topics(), seq()).prop_map(|(added, removed, seq)| ServerFrame::Topics {
            added,
            removed,
            seq
        }),
        gap().prop_map(ServerFrame::Gap),
        option::of(seq()).prop_map(|seq| ServerFrame::Pong { seq }),
        draining().prop_map(ServerFrame::Draining),
        (".{0,20}", ".{0,20}").prop_map(|(code, message)| ServerFrame::Error { code, message }),
        Just(ServerFrame::Unknown),
    ]
}

/// What both cores see: the frame without what is kept of an event.
fn without_body<B>(frame: ServerFrame<B>) -> ServerFrame<()> {
    match frame {
        ServerFrame::Accepted(it) => ServerFrame::Accepted(it),
        ServerFrame::Rejected(it) => ServerFrame::Rejected(it),
        ServerFrame::Event { head, .. } => ServerFrame::Event { head, body: () },
        ServerFrame::SubscribeAck(it) => ServerFrame::SubscribeAck(it),
        ServerFrame::UnsubscribeAck { unsubscribed } => ServerFrame::UnsubscribeAck { unsubscribed },
        ServerFrame::Topics { added, removed, seq } => ServerFrame::Topics { added, removed, seq },
        ServerFrame::Gap(it) => ServerFrame::Gap(it),
        ServerFrame::Pong { seq } => ServerFrame::Pong { seq },
        ServerFrame::Draining(it) => ServerFrame::Draining(it),
        ServerFrame::Error { code, message } => ServerFrame::Error { code, message },
        ServerFrame::Unknown => ServerFrame::Unknown,
    }
}

/// Any JSON value, as text.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|b| b.to_string()),
        any::<f64>().prop_filter_map("finite", |n| n.is_finite().then(|| format!("{n:e}"))),
        ".{0,12}".prop_map(|text| serde_json::Value::String(text).to_string()),
        Just("\"\\ud800\"".to_owned()),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(|items| format!("[{}]", items.join(","))),
            vec(("[a-zA-Z]{0,6}", inner), 0..5).prop_map(|members| {
                let members: Vec<String> =
                    members.into_iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

fn decode_both_ways(message: &Bytes) {
    let limits = Limits::default();
    let checked = check_json(message, &limits);
    let client = decode_client_frame(message, &limits);
    let server = decode_server_frame(message, &limits);
    assert!(checked.is_ok() || (client.is_err() && server.is_err()), "what fails the check is no frame");
    if let Ok(ServerFrame::Event { body, .. }) = server {
        assert_eq!(&body.text, message);
        // Whether it fits is the publisher's affair; that it is answered is ours.
        let _ = TypedEvent::decode(&body);
    }
}

proptest! {
    #[test]
    fn a_client_frame_is_read_back_as_it_was_written(frame in client_frame()) {
        let text = encode_client_frame(&frame);
        prop_assert_eq!(decode_client_frame(text.as_bytes(), &Limits::default()), Ok(frame), "{}", text);
    }

    #[test]
    fn a_steering_frame_is_read_back_as_it_was_written(frame in steering_frame()) {
        let text = encode_server_frame(&frame);
        let read = decode_server_frame(&Bytes::from(text.clone()), &Limits::default()).map(without_body);
        prop_assert_eq!(read, Ok(without_body(frame)), "{}", text);
    }

    #[test]
    fn an_event_is_read_back_as_it_was_written(
        kind in ".{0,20}", at in any::<u64>(), topic in topic(), place in option::of((seq(), seq())), payload in json(),
    ) {
        let at = Timestamp(at);
        let place = place.map(|(seq, prev)| Place { seq, prev });
        let text = match place {
            Some(place) => encode_event(&kind, at, &topic, place, payload.as_bytes()),
            None => encode_signal(&kind, at, &topic, payload.as_bytes()),
        };
        prop_assert!(serde_json::from_slice::<&serde_json::value::RawValue>(&text).is_ok());
        let Ok(ServerFrame::Event { head, body }) = decode_server_frame(&text, &Limits::default()) else {
            panic!("no event: {text:?}");
        };
        prop_assert_eq!(&*body.kind, kind.as_str());
        prop_assert_eq!(body.timestamp.to_string(), at.to_string());
        prop_assert_eq!(&body.payload, payload.as_bytes());
        prop_assert_eq!((&head.topic, head.place), (&Some(topic), place));
        prop_assert_eq!((head.topic, head.place), (body.topic, body.place));
        prop_assert_eq!(body.text, text);
    }

    #[test]
    fn a_time_is_read_back_as_it_was_written(millis in 0..253_402_300_800_000u64) {
        let at = Timestamp(millis);
        prop_assert_eq!(Timestamp::parse_rfc3339(&at.to_string()), Some(at));
    }

    #[test]
    fn no_text_makes_the_reader_of_times_panic(text in ".{0,40}") {
        let _ = Timestamp::parse_rfc3339(&text);
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(message in vec(any::<u8>(), 0..300)) {
        decode_both_ways(&message.into());
    }

    #[test]
    fn no_json_makes_a_decoder_panic(message in json()) {
        decode_both_ways(&message.into());
    }

    #[test]
    fn no_members_of_any_type_make_a_decoder_panic(
        names in vec(prop::sample::select(&[
            "action", "type", "topic", "topics", "seq", "prev", "payload", "epoch", "sessionId", "features", "gaps",
            "errors", "subscribed", "slotMs", "retryAfterMs", "conversationId", "status",
        ][..]), 0..8),
        values in vec(json(), 8),
        word in prop::sample::select(&[
            "connection.accepted", "connection.rejected", "subscribe_ack", "topics", "gap", "pong",
            "connection.draining", "error", "subscribe", "activity", "resume", "ping",
        ][..]),
    ) {
        let members: Vec<String> =
            names.iter().zip(&values).map(|(name, value)| format!("\"{name}\":{value}")).collect();
        decode_both_ways(&format!("{{{}}}", members.join(",")).into());
        let mut steering = members;
        steering.push(format!("\"action\":\"{word}\""));
        decode_both_ways(&format!("{{{}}}", steering.join(",")).into());
    }

    #[test]
    fn no_damage_to_a_frame_makes_a_decoder_panic(
        frame in prop_oneof![
            client_frame().prop_map(|frame| encode_client_frame(&frame)),
            steering_frame().prop_map(|frame| encode_server_frame(&frame)),
        ],
        damage in vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..4),
    ) {
        let mut message = frame.into_bytes();
        for (at, byte, how) in damage {
            if message.is_empty() {
                break;
            }
            let at = at.index(message.len());
            match how {
                0 => message[at] = byte,
                1 => message.insert(at, byte),
                _ => message.truncate(at),
            }
        }
        decode_both_ways(&message.into());
    }
}
