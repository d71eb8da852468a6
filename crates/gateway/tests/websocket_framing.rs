//! Client frames in, messages out: however the bytes were cut on their way.

use core::ops::ControlFlow;

use bowline_gateway::ws::{Decoder, Received, Violation};
use proptest::prelude::*;

const LIMIT: usize = 1000;

/// What a decoder said, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Heard {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
}

type Outcome = (Vec<Heard>, Result<(), Violation>);

fn own(received: Received<'_>) -> Heard {
    match received {
        Received::Text(bytes) => {
            assert!(core::str::from_utf8(bytes).is_ok());
            Heard::Text(bytes.to_vec())
        }
        Received::Binary(bytes) => Heard::Binary(bytes.to_vec()),
        Received::Ping(bytes) => Heard::Ping(bytes.to_vec()),
        Received::Pong(bytes) => Heard::Pong(bytes.to_vec()),
        Received::Close { code, reason } => Heard::Close(code, reason.to_owned()),
    }
}

fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut decoder = Decoder::new(LIMIT);
    let mut heard = Vec::new();
    for piece in pieces {
        let outcome = decoder.feed(&mut piece.to_vec(), &mut |received| {
            heard.push(own(received));
            ControlFlow::Continue(())
        });
        if outcome.is_err() {
            let again = decoder.feed(&mut [0x81], &mut |_| panic!("nothing is decoded after a violation"));
            assert_eq!(again, outcome);
            return (heard, outcome);
        }
    }
    (heard, Ok(()))
}

/// One masked frame; `first` is FIN, reserved bits and opcode.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let key = [0x1F, 0xE2, 0x03, 0x94];
    let mut out = vec![first];
    match payload.len() {
        short @ 0..=125 => out.push(0x80 | short as u8),
        medium @ 126..=65_535 => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(medium as u16).to_be_bytes());
        }
        long => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&key);
    out.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    out
}

fn frames(list: &[(u8, &[u8])]) -> Vec<u8> {
    list.iter().flat_map(|(first, payload)| frame(*first, payload)).collect()
}

/// Decodes in one piece, in every two pieces, and byte by byte: always the same.
fn decode_every_way(stream: &[u8]) -> Outcome {
    let whole = decode([stream]);
    for cut in 0..=stream.len() {
        let (a, b) = stream.split_at(cut);
        assert_eq!(decode([a, b]), whole, "cut at {cut}");
    }
    assert_eq!(decode(stream.chunks(1)), whole, "byte by byte");
    whole
}

fn text(text: &str) -> Heard {
    Heard::Text(text.as_bytes().to_vec())
}

const FIN_TEXT: u8 = 0x81;
const FIN_BINARY: u8 = 0x82;
const OPEN_TEXT: u8 = 0x01;
const OPEN_BINARY: u8 = 0x02;
const MORE: u8 = 0x00;
const LAST: u8 = 0x80;
const PING: u8 = 0x89;
const PONG: u8 = 0x8A;
const CLOSE: u8 = 0x88;

#[test]
fn good_streams_are_delivered_however_they_are_cut() {
    let long = "é".repeat(300);
    let table: Vec<(Vec<u8>, Vec<Heard>)> = vec![
        (vec![], vec![]),
        (frames(&[(FIN_TEXT, b"")]), vec![text("")]),
        (frames(&[(FIN_TEXT, b"hello"), (FIN_TEXT, b"again")]), vec![text("hello"), text("again")]),
        (frames(&[(FIN_TEXT, long.as_bytes())]), vec![text(&long)]),
        (frames(&[(FIN_BINARY, &[0, 255, 7])]), vec![Heard::Binary(vec![0, 255, 7])]),
        (frames(&[(OPEN_BINARY, &[0xC0]), (LAST, &[0xC1])]), vec![Heard::Binary(vec![0xC0, 0xC1])]),
        // Fragments, empty ones among them, with control frames between them.
        (frames(&[(OPEN_TEXT, b"he"), (MORE, b"l"), (LAST, b"lo")]), vec![text("hello")]),
        (frames(&[(OPEN_TEXT, b""), (MORE, b""), (LAST, b"")]), vec![text("")]),
        (
            frames(&[(OPEN_TEXT, b"he"), (PING, b"?"), (MORE, b"ll"), (PONG, b""), (LAST, b"o")]),
            vec![Heard::Ping(b"?".to_vec()), Heard::Pong(vec![]), text("hello")],
        ),
        // Characters cut by fragments.
        (frames(&[(OPEN_TEXT, &"κό".as_bytes()[..3]), (LAST, &"κό".as_bytes()[3..])]), vec![text("κό")]),
        (
            frames(&[(OPEN_TEXT, b"\xF0"), (MORE, b"\x9F"), (MORE, b"\x98"), (LAST, b"\x80")]),
            vec![text("😀")],
        ),
        (frames(&[(FIN_TEXT, "\u{FFFF}\u{10FFFF}\u{0}".as_bytes())]), vec![text("\u{FFFF}\u{10FFFF}\u{0}")]),
        (frames(&[(PING, &[b'p'; 125])]), vec![Heard::Ping(vec![b'p'; 125])]),
        (frames(&[(FIN_TEXT, &[b'x'; LIMIT])]), vec![Heard::Text(vec![b'x'; LIMIT])]),
        // After a close frame nothing is looked at, right or wrong.
        (frames(&[(CLOSE, b"")]), vec![Heard::Close(None, String::new())]),
        (
            frames(&[(CLOSE, b"\x03\xE8done"), (FIN_TEXT, b"late"), (0xFF, b"wrong")]),
            vec![Heard::Close(Some(1000), "done".to_owned())],
        ),
        (
            frames(&[(OPEN_TEXT, b"half"), (CLOSE, b"\x0F\xA1")]),
            vec![Heard::Close(Some(4001), String::new())],
        ),
    ];
    for (stream, expected) in table {
        assert_eq!(decode_every_way(&stream), (expected, Ok(())), "{stream:x?}");
    }
}

#[test]
fn bad_streams_fail_by_the_rule_they_break_and_deliver_what_came_before() {
    use Violation::*;
    let unmasked = b"\x81\x05hello".to_vec();
    let table: Vec<(Vec<u8>, Violation, u16)> = vec![
        (unmasked, Unmasked, 1002),
        (frames(&[(0xC1, b"x")]), ReservedBit, 1002),
        (frames(&[(0xA1, b"x")]), ReservedBit, 1002),
        (frames(&[(0x91, b"x")]), ReservedBit, 1002),
        (frames(&[(0x83, b"")]), ReservedOpcode(3), 1002),
        (frames(&[(0x87, b"x")]), ReservedOpcode(7), 1002),
        (frames(&[(0x8B, b"")]), ReservedOpcode(11), 1002),
        (frames(&[(0x8F, b"x")]), ReservedOpcode(15), 1002),
        (frames(&[(0x09, b"")]), FragmentedControl, 1002),
        (frames(&[(0x08, b"")]), FragmentedControl, 1002),
        (frames(&[(PING, &[0; 126])]), OversizedControl, 1002),
        (frames(&[(CLOSE, &[3; 126])]), OversizedControl, 1002),
        (frames(&[(LAST, b"x")]), LoneContinuation, 1002),
        (frames(&[(MORE, b"x")]), LoneContinuation, 1002),
        (frames(&[(OPEN_TEXT, b"a"), (FIN_TEXT, b"b")]), Interleaved, 1002),
        (frames(&[(OPEN_TEXT, b"a"), (OPEN_BINARY, b"b")]), Interleaved, 1002),
        (frames(&[(CLOSE, b"\x03")]), ClosePayload, 1002),
        (frames(&[(CLOSE, b"\x00\x00")]), CloseCode(0), 1002),
        (frames(&[(CLOSE, b"\x03\xE7")]), CloseCode(999), 1002),
        (frames(&[(CLOSE, b"\x03\xED")]), CloseCode(1005), 1002),
        (frames(&[(CLOSE, b"\x03\xE8\xCE\xBA\xE1")]), NotUtf8, 1007),
        (frames(&[(FIN_TEXT, b"ab\xFF")]), NotUtf8, 1007),
        (frames(&[(FIN_TEXT, b"\xCE")]), NotUtf8, 1007),
        (frames(&[(FIN_TEXT, b"\xED\xA0\x80")]), NotUtf8, 1007),
        (frames(&[(FIN_TEXT, b"\xC0\xAF")]), NotUtf8, 1007),
        (frames(&[(FIN_TEXT, b"\xF4\x90\x80\x80")]), NotUtf8, 1007),
        (frames(&[(OPEN_TEXT, b"\xCE"), (LAST, b"x")]), NotUtf8, 1007),
        (frames(&[(OPEN_TEXT, b"\xCE"), (LAST, b"")]), NotUtf8, 1007),
        (frames(&[(FIN_TEXT, &[b'x'; LIMIT + 1])]), TooBig { limit: LIMIT }, 1009),
        (frames(&[(OPEN_TEXT, &[b'x'; LIMIT]), (LAST, b"y")]), TooBig { limit: LIMIT }, 1009),
        (b"\x82\xFF\x80\0\0\0\0\0\0\0".to_vec(), LengthTopBit, 1002),
        (b"\x82\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF".to_vec(), TooBig { limit: LIMIT }, 1009),
        (b"\x82\xFE\x00\x01".to_vec(), LengthNotMinimal, 1002),
    ];
    for (bad, violation, code) in table {
        let stream = [frame(FIN_TEXT, b"before"), bad].concat();
        assert_eq!(decode_every_way(&stream), (vec![text("before")], Err(violation)), "{stream:x?}");
        assert_eq!(violation.close_code().0, code);
    }
}

#[test]
fn a_bad_byte_of_text_is_told_before_its_frame_ends() {
    let stream = frame(FIN_TEXT, b"abc\xFFdef");
    let upto_the_bad_byte = &stream[..6 + 4];
    assert_eq!(decode([upto_the_bad_byte]).1, Err(Violation::NotUtf8));
    let fragments = frames(&[(OPEN_TEXT, b"\xF4"), (MORE, b"\x90")]);
    assert_eq!(decode([&fragments[..]]).1, Err(Violation::NotUtf8));
}

#[test]
fn a_length_above_the_limit_is_refused_before_its_payload_comes() {
    assert_eq!(decode([&b"\x81\xFE\x03\xE9"[..]]).1, Err(Violation::TooBig { limit: LIMIT }));
}

#[test]
fn a_sink_that_breaks_hears_nothing_more() {
    let mut stream = frames(&[(FIN_TEXT, b"a"), (FIN_TEXT, b"b"), (0xFF, b"wrong")]);
    let mut decoder = Decoder::new(LIMIT);
    let mut count = 0;
    let mut feed = |bytes: &mut [u8]| {
        decoder.feed(bytes, &mut |_| {
            count += 1;
            ControlFlow::Break(())
        })
    };
    assert_eq!(feed(&mut stream), Ok(()));
    assert_eq!(feed(&mut frame(FIN_TEXT, b"c")), Ok(()));
    assert_eq!(count, 1);
}

/// Frames as clients send them, now and then with an odd first byte or payload.
fn some_frame() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        8 => prop::sample::select(vec![0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8A]),
        1 => any::<u8>(),
    ];
    let payload = prop_oneof![
        3 => "\\PC{0,20}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..140),
    ];
    (first, payload).prop_map(|(first, payload)| frame(first, &payload))
}

fn cut_up(stream: &[u8], cuts: &[prop::sample::Index]) -> Vec<Vec<u8>> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
    at.sort_unstable();
    at.push(stream.len());
    let mut start = 0;
    at.into_iter()
        .map(|end| {
            let piece = stream[start..end].to_vec();
            start = end;
            piece
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn cutting_never_changes_the_outcome(
        list in prop::collection::vec(some_frame(), 0..8),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let stream = list.concat();
        let pieces = cut_up(&stream, &cuts);
        prop_assert_eq!(decode(pieces.iter().map(Vec::as_slice)), decode([&stream[..]]));
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_cutting_never_changes_the_outcome(
        stream in prop::collection::vec(any::<u8>(), 0..300),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let pieces = cut_up(&stream, &cuts);
        prop_assert_eq!(decode(pieces.iter().map(Vec::as_slice)), decode([&stream[..]]));
    }
}
