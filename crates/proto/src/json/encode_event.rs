//! How an event becomes the bytes that every subscriber gets: written once, `type` first, the payload copied as it is.

use bytes::Bytes;

use crate::json::write::{quote, quoted_len};
use crate::position::Seq;
use crate::server_frame::Place;
use crate::time::Timestamp;
use crate::topic::Topic;

/// The frame of a logged event. `payload` is JSON text that the caller has checked; where it is empty the frame has no
/// payload. One allocation, of exactly the frame's length.
///
/// ```
/// use bowline_proto::{Place, Seq, Timestamp, Topic, encode_event};
///
/// let topic = Topic::new("conv:c1")?;
/// let place = Place { seq: Seq::ZERO.next(), prev: Seq::ZERO };
/// let frame = encode_event("greeting", Timestamp(0), &topic, place, br#"{"text":"hi"}"#);
/// assert_eq!(
///     frame,
///     r#"{"type":"greeting","timestamp":"1970-01-01T00:00:00.000Z","topic":"conv:c1","seq":1,"prev":0,"payload":{"text":"hi"}}"#,
/// );
/// # Ok::<(), bowline_proto::InvalidTopic>(())
/// ```
#[must_use]
pub fn encode_event(kind: &str, timestamp: Timestamp, topic: &Topic, place: Place, payload: &[u8]) -> Bytes {
    encode(kind, timestamp, topic, Some(place), payload)
}

/// The frame of a signal: like an event's, without a place in the log.
#[must_use]
pub fn encode_signal(kind: &str, timestamp: Timestamp, topic: &Topic, payload: &[u8]) -> Bytes {
    encode(kind, timestamp, topic, None, payload)
}

fn encode(kind: &str, timestamp: Timestamp, topic: &Topic, place: Option<Place>, payload: &[u8]) -> Bytes {
    let place_len =
        place.map_or(0, |Place { seq, prev }| SEQ.len() + digits(seq) + PREV.len() + digits(prev));
    let payload_len = if payload.is_empty() { 0 } else { PAYLOAD.len() + payload.len() };
    let length = TYPE.len()
        + quoted_len(kind)
        + TIMESTAMP.len()
        + Timestamp::TEXT_BYTES
        + TOPIC.len()
        + quoted_len(topic.as_str())
        + place_len
        + payload_len
        + 1;
    let mut frame = Vec::with_capacity(length);
    frame.extend_from_slice(TYPE);
    quote(kind, |piece| frame.extend_from_slice(piece.as_bytes()));
    frame.extend_from_slice(TIMESTAMP);
    frame.extend_from_slice(&timestamp.to_text());
    frame.extend_from_slice(TOPIC);
    quote(topic.as_str(), |piece| frame.extend_from_slice(piece.as_bytes()));
    if let Some(Place { seq, prev }) = place {
        frame.extend_from_slice(SEQ);
        number(&mut frame, seq);
        frame.extend_from_slice(PREV);
        number(&mut frame, prev);
    }
    if !payload.is_empty() {
        frame.extend_from_slice(PAYLOAD);
        frame.extend_from_slice(payload);
    }
    frame.push(b'}');
    debug_assert_eq!(frame.len(), length, "the frame's length was foretold");
    Bytes::from(frame)
}

fn digits(seq: Seq) -> usize {
    seq.get().checked_ilog10().map_or(1, |log| log as usize + 1)
}

fn number(frame: &mut Vec<u8>, seq: Seq) {
    let mut text = [0; 20];
    let mut start = text.len();
    let mut rest = seq.get();
    loop {
        start -= 1;
        text[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    frame.extend_from_slice(&text[start..]);
}

const TYPE: &[u8] = br#"{"type":"#;
const TIMESTAMP: &[u8] = br#","timestamp":""#;
/// With the timestamp's closing quote.
const TOPIC: &[u8] = br#"","topic":"#;
const SEQ: &[u8] = br#","seq":"#;
const PREV: &[u8] = br#","prev":"#;
const PAYLOAD: &[u8] = br#","payload":"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn place(seq: u64, prev: u64) -> Place {
        Place { seq: Seq::new(seq).unwrap(), prev: Seq::new(prev).unwrap() }
    }

    #[test]
    fn an_event_is_written_in_protocol_order() {
        let topic = Topic::new("conv:c1").unwrap();
        let at = Timestamp::parse_rfc3339("2026-11-22T01:02:03.456Z").unwrap();
        assert_eq!(
            encode_event("message.new", at, &topic, place(18443, 18101), br#"{"a":1}"#),
            r#"{"type":"message.new","timestamp":"2026-11-22T01:02:03.456Z","topic":"conv:c1","seq":18443,"prev":18101,"payload":{"a":1}}"#,
        );
        assert_eq!(
            encode_signal("s\"\n", Timestamp(0), &topic, b""),
            r#"{"type":"s\"\n","timestamp":"1970-01-01T00:00:00.000Z","topic":"conv:c1"}"#,
        );
    }

    #[test]
    fn the_length_is_foretold_for_every_number_of_digits() {
        let topic = Topic::new("conv:\"Zürich\\\"").unwrap();
        for exponent in 0..16 {
            for near in [10u64.pow(exponent) - 1, 10u64.pow(exponent)] {
                let text = encode_event("t", Timestamp(u64::MAX), &topic, place(near, near), b"[]");
                assert!(
                    core::str::from_utf8(&text).unwrap().contains(&format!(r#""seq":{near},"prev":{near},"#))
                );
            }
        }
    }
}
