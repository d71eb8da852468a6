//! What `docs/protocol.md` shows as frames are frames.

#![cfg(feature = "json")]

use bowline_proto::{ClientFrame, Limits, ServerFrame, decode_client_frame, decode_server_frame};
use bytes::Bytes;
use serde_json::value::RawValue;

const DOCUMENT: &str = include_str!("../../../docs/protocol.md");

#[test]
fn every_example_of_the_document_is_a_frame_of_one_side() {
    let blocks = DOCUMENT.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default());
    let mut seen = 0;
    for block in blocks {
        for example in serde_json::Deserializer::from_str(block).into_iter::<Box<RawValue>>() {
            let example = example.expect("an example is JSON");
            let text = Bytes::copy_from_slice(example.get().as_bytes());
            let client = decode_client_frame(&text, &Limits::default());
            let server = decode_server_frame(&text, &Limits::default());
            let is_client = matches!(client, Ok(frame) if frame != ClientFrame::Unknown);
            let is_server = matches!(server, Ok(frame) if frame != ServerFrame::Unknown);
            assert!(is_client != is_server, "{example}");
            seen += 1;
        }
    }
    assert!(seen >= 18, "only {seen} examples were found");
}
