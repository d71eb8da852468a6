//! What a frame costs in allocations: a count that does not depend on the machine.

#![cfg(feature = "json")]

use allocation_counter::measure;
use bowline_proto::typed::KNOWN_KINDS;
use bowline_proto::{
    Event, FrameDecoder, Limits, Place, Seq, ServerFrame, Timestamp, Topic, check_json, decode_client_frame,
    decode_server_frame, encode_event, encode_signal,
};
use bytes::Bytes;

fn place() -> Place {
    Place { seq: Seq::new(18_443).expect("small"), prev: Seq::new(18_101).expect("small") }
}

fn event_frame(payload: &str) -> Bytes {
    let topic = Topic::new("conv:c1").expect("a topic");
    encode_event("message.new", Timestamp(1_795_309_323_456), &topic, place(), payload.as_bytes())
}

#[test]
fn an_event_is_written_with_one_allocation() {
    let topic = Topic::new("conv:\"quoted\"").expect("a topic");
    let payload = format!(r#"{{"text":"{}"}}"#, "x".repeat(10_000));
    let event = measure(|| {
        std::hint::black_box(encode_event("message.new", Timestamp(0), &topic, place(), payload.as_bytes()));
    });
    let signal = measure(|| {
        std::hint::black_box(encode_signal("activity.status", Timestamp(0), &topic, payload.as_bytes()));
    });
    assert_eq!((event.count_total, signal.count_total), (1, 1));
}

#[test]
fn an_event_is_read_with_one_allocation_whatever_its_size() {
    // The topic's.
    for payload in [
        r#"{"text":"hi"}"#.to_owned(),
        format!(r#"{{"text":"{}","list":[{{"a":[1]}}]}}"#, "x".repeat(20_000)),
    ] {
        let text = event_frame(&payload);
        // `Bytes` of a bare vector becomes shared at its first clone: the reader's cost, not the decoder's.
        let _shared = text.clone();
        let mut frame = None;
        let spent = measure(|| frame = decode_server_frame(&text, &Limits::default()).ok());
        assert!(spent.count_total <= 1, "{} allocations", spent.count_total);
        assert!(spent.bytes_total <= 512, "{} bytes", spent.bytes_total);
        let Some(ServerFrame::Event { body: Event { payload: read, .. }, .. }) = frame else {
            panic!("an event")
        };
        assert!(text.as_ptr_range().contains(&read.as_ptr()), "the payload is a slice of the message");
        assert_eq!(read, payload);
    }
}

#[test]
fn an_event_is_read_without_allocation_where_its_topic_is_remembered() {
    let mut decoder = FrameDecoder::new(Limits::default());
    let topics = ["conv:c1", "conv:c2", "user:\u{e9}"].map(|name| Topic::new(name).expect("a topic"));
    for kind in KNOWN_KINDS.iter().chain(&["own.type"]) {
        for (round, topic) in [&topics, &topics]
            .into_iter()
            .enumerate()
            .flat_map(|(round, topics)| topics.iter().map(move |topic| (round, topic)))
        {
            let payload = br#"{"text":"a \"quoted\" word","list":[{"a":[1,null,true]}]}"#;
            for text in [
                encode_event(kind, Timestamp(1), topic, place(), payload),
                encode_signal(kind, Timestamp(1), topic, payload),
            ] {
                let _shared = text.clone();
                let mut frame = None;
                let spent = measure(|| frame = decoder.decode(&text).ok());
                assert!(round == 0 || spent.count_total == 0, "{} allocations of {kind}", spent.count_total);
                assert_eq!(frame, decode_server_frame(&text, &Limits::default()).ok());
            }
        }
    }
}

#[test]
fn a_hostile_message_is_refused_without_allocating_for_it() {
    let limits = Limits::default();
    let too_many_topics =
        format!(r#"{{"action":"subscribe","topics":[{}"a:b"]}}"#, r#""a:b","#.repeat(9_999)).into_bytes();
    let spent = measure(|| assert!(decode_client_frame(&too_many_topics, &limits).is_err()));
    // The hundred topics that are allowed, their list, and the parser's error.
    assert!(spent.count_total <= 120, "{} allocations", spent.count_total);
    assert!(spent.bytes_total <= 16 * 1024, "{} bytes", spent.bytes_total);

    for hostile in
        ["[".repeat(60_000), "x".repeat(70_000), "\u{1}".repeat(60_000), format!("\"{}", "\\".repeat(60_000))]
    {
        let checked = measure(|| {
            let _ = check_json(hostile.as_bytes(), &limits);
        });
        assert_eq!(checked.count_total, 0);
        let decoded = measure(|| assert!(decode_client_frame(hostile.as_bytes(), &limits).is_err()));
        assert!(decoded.bytes_total <= 1024, "{} bytes", decoded.bytes_total);
    }
}
