//! A server's messages are read the same with and without memory, the short way and the long way; events as serde_json
//! reads them, and steering frames survive the way there and back.

use core::convert::Infallible;

use bowline_proto::{
    DecodeError, Event, FrameDecoder, Limits, Place, ServerFrame, Topic, TypedEvent, decode_server_frame,
    encode_server_frame,
};
use bytes::Bytes;

use crate::json_text::{Members, seq, text, the_long_way};

/// Small enough that a fuzzer reaches them.
const LIMITS: Limits = Limits { message_bytes: 4096, depth: 8, topics_per_frame: 5 };

/// The messages of one link, each on its line.
pub fn server_frames(lines: &[u8]) {
    let mut decoder = FrameDecoder::new(LIMITS);
    for line in lines.split(|byte| *byte == b'\n').take(64) {
        let message = Bytes::copy_from_slice(line);
        let decoded = decode_server_frame(&message, &LIMITS);
        assert_eq!(decoder.decode(&message), decoded, "memory changes nothing");
        one(&message, &decoded);
    }
}

fn one(message: &Bytes, decoded: &Result<ServerFrame<Event>, DecodeError>) {
    let expected = Members::read(message, &LIMITS);
    match (decoded, &expected) {
        (Err(error), Err(reason)) => assert_eq!(error, reason),
        (Ok(frame), Err(reason)) => panic!("{frame:?} although {reason}"),
        (_, Ok(members)) => as_serde_reads_it(decoded, members),
    }
    if let Some(longer) = the_long_way(message) {
        let roomy = Limits { message_bytes: LIMITS.message_bytes + 64, ..LIMITS };
        let longer = decode_server_frame(&longer.into(), &roomy).map(without_text);
        assert_eq!(longer, decode_server_frame(message, &roomy).map(without_text));
    }
    match decoded {
        Ok(ServerFrame::Event { head, body }) => {
            assert_eq!(&body.text, message);
            assert_eq!((&head.topic, head.place), (&body.topic, body.place));
            let typed = TypedEvent::decode(body);
            assert_eq!(TypedEvent::decode(&body.clone()), typed);
        }
        Ok(frame) => there_and_back(frame.clone()),
        Err(_) => {}
    }
}

/// What every reader of JSON finds in the members that matter.
fn as_serde_reads_it(decoded: &Result<ServerFrame<Event>, DecodeError>, members: &Members<'_>) {
    let Ok(action) = text(members.given("action")) else {
        assert_eq!(decoded, &Err(DecodeError::WrongType { member: "action" }));
        return;
    };
    let position = seq(members.given("seq"));
    match (action.as_deref(), decoded) {
        (None, _) => {
            let expected = event(members);
            let found = decoded.as_ref().map(|frame| match frame {
                ServerFrame::Event { body, .. } => {
                    (body.kind.to_string(), body.topic.clone(), body.place, body.payload.clone())
                }
                other => panic!("{other:?} without an action"),
            });
            assert_eq!(found.ok(), expected.ok(), "{decoded:?}");
        }
        (Some("pong"), Ok(ServerFrame::Pong { seq })) => assert_eq!(position, Ok(*seq)),
        (Some("pong"), Err(_)) => assert_eq!(position, Err(())),
        (Some("topics"), Ok(ServerFrame::Topics { seq, .. })) => assert_eq!(position, Ok(Some(*seq))),
        (Some("connection.accepted"), Ok(ServerFrame::Accepted(accepted))) => {
            assert_eq!(position, Ok(accepted.seq));
            let epoch = text(members.given("epoch")).expect("an epoch of another type is refused");
            assert_eq!(epoch.map(|text| text.to_ascii_lowercase()), accepted.epoch.map(|it| it.to_string()));
            assert_eq!(members.given("resumed").is_some_and(|it| it == "true"), accepted.resumed);
        }
        (Some("subscribe_ack"), Ok(ServerFrame::SubscribeAck(ack))) => assert_eq!(position, Ok(ack.seq)),
        (Some("gap"), Ok(ServerFrame::Gap(gap))) => {
            assert_eq!(seq(members.given("after")), Ok(Some(gap.after)));
            assert_eq!(seq(members.given("before")), Ok(Some(gap.before)));
            assert_eq!(text(members.given("topic")), Ok(Some(gap.topic.to_string())));
        }
        (
            Some("connection.rejected" | "connection.draining" | "error" | "unsubscribe_ack"),
            Ok(ServerFrame::Event { .. } | ServerFrame::Unknown),
        ) => panic!("{decoded:?}"),
        (
            Some(
                "connection.accepted"
                | "connection.rejected"
                | "connection.draining"
                | "error"
                | "gap"
                | "pong"
                | "subscribe_ack"
                | "topics"
                | "unsubscribe_ack",
            ),
            _,
        ) => {}
        (Some(_), decoded) => assert_eq!(decoded, &Ok(ServerFrame::Unknown)),
    }
}

type Seen = (String, Option<Topic>, Option<Place>, Bytes);

/// What section 3 of the protocol makes of an event's members.
fn event(members: &Members<'_>) -> Result<Seen, ()> {
    let kind = text(members.given("type"))?.ok_or(())?;
    let place = match (seq(members.given("seq"))?, seq(members.given("prev"))?) {
        (Some(seq), Some(prev)) => Some(Place { seq, prev }),
        _ => None,
    };
    let topic = text(members.given("topic"));
    let topic = match place {
        Some(_) => Some(Topic::new(&topic?.ok_or(())?).map_err(|_| ())?),
        None => topic.ok().flatten().and_then(|text| Topic::new(&text).ok()),
    };
    Ok((kind, topic, place, members.exact("payload").unwrap_or_default().to_owned().into()))
}

fn there_and_back(frame: ServerFrame<Event>) {
    let frame = steering(frame);
    let written = encode_server_frame(&frame);
    let roomy = Limits { message_bytes: usize::MAX, ..LIMITS };
    let again = decode_server_frame(&written.clone().into(), &roomy).expect("what we write we can read");
    assert_eq!(steering(again), frame, "{written}");
}

/// A frame that is no event.
fn steering(frame: ServerFrame<Event>) -> ServerFrame<Infallible> {
    match frame {
        ServerFrame::Event { .. } => panic!("an event is not a steering frame"),
        ServerFrame::Accepted(it) => ServerFrame::Accepted(it),
        ServerFrame::Rejected(it) => ServerFrame::Rejected(it),
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

/// A frame without what depends on the message's exact text.
fn without_text(frame: ServerFrame<Event>) -> ServerFrame<Event> {
    match frame {
        ServerFrame::Event { mut head, mut body } => {
            head.digest = 0;
            body.text = Bytes::new();
            ServerFrame::Event { head, body }
        }
        other => other,
    }
}
