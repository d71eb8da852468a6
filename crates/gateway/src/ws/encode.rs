//! How the server's frames look on the wire: never masked, never fragmented.

use bowline_proto::CloseCode;

use crate::ws::header::{BINARY, CLOSE, MAX_CONTROL, PING, PONG, TEXT};

const FIN: u8 = 0x80;

/// Appends a text frame. `payload` must be UTF-8; it is not looked at.
pub fn push_text(out: &mut Vec<u8>, payload: &[u8]) {
    push_frame(out, TEXT, payload);
}

/// Appends a binary frame. The gateway itself sends none: there is no binary codec.
pub fn push_binary(out: &mut Vec<u8>, payload: &[u8]) {
    push_frame(out, BINARY, payload);
}

/// Appends a ping; `payload` is cut to 125 bytes.
pub fn push_ping(out: &mut Vec<u8>, payload: &[u8]) {
    push_frame(out, PING, &payload[..payload.len().min(MAX_CONTROL)]);
}

/// Appends the answer to a ping; `payload` is cut to 125 bytes.
pub fn push_pong(out: &mut Vec<u8>, payload: &[u8]) {
    push_frame(out, PONG, &payload[..payload.len().min(MAX_CONTROL)]);
}

/// Appends a close frame: the code, and its name as the reason. A code that must not be on the wire (1005, 1006) makes
/// a close frame without a body.
pub fn push_close(out: &mut Vec<u8>, code: CloseCode) {
    if code == CloseCode::NO_STATUS || code == CloseCode::ABNORMAL {
        push_frame(out, CLOSE, &[]);
        return;
    }
    let reason = code.name().as_bytes();
    let mut body = [0; MAX_CONTROL];
    body[..2].copy_from_slice(&code.0.to_be_bytes());
    body[2..2 + reason.len()].copy_from_slice(reason);
    push_frame(out, CLOSE, &body[..2 + reason.len()]);
}

fn push_frame(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    // "A server MUST NOT mask any frames that it sends to the client" (section 5.1): the mask bit stays 0.
    // "the minimal number of bytes MUST be used to encode the length" (section 5.2).
    match (payload.len(), u16::try_from(payload.len())) {
        (short @ 0..=125, _) => out.extend_from_slice(&[FIN | opcode, short as u8]),
        (_, Ok(medium)) => {
            let [high, low] = medium.to_be_bytes();
            out.extend_from_slice(&[FIN | opcode, 126, high, low]);
        }
        (long, Err(_)) => {
            out.extend_from_slice(&[FIN | opcode, 127]);
            out.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_as_short_as_the_length_allows() {
        for (length, header) in [
            (0, &[0x81, 0][..]),
            (125, &[0x81, 125]),
            (126, &[0x81, 126, 0, 126]),
            (65_535, &[0x81, 126, 0xFF, 0xFF]),
            (65_536, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let payload = vec![b'x'; length];
            let mut out = b"before".to_vec();
            push_text(&mut out, &payload);
            assert_eq!(&out[..6], b"before");
            assert_eq!(&out[6..6 + header.len()], header, "length {length}");
            assert_eq!(&out[6 + header.len()..], payload);
        }
    }

    #[test]
    fn control_frames_stay_within_125_bytes() {
        let mut out = Vec::new();
        push_ping(&mut out, b"hi");
        push_pong(&mut out, &[7; 200]);
        assert_eq!(&out[..4], &[0x89, 2, b'h', b'i']);
        assert_eq!(&out[4..6], &[0x8A, 125]);
        assert_eq!(out.len(), 4 + 2 + 125);
    }

    #[test]
    fn a_close_frame_names_its_code() {
        let mut out = Vec::new();
        push_close(&mut out, CloseCode::SUPERSEDED);
        assert_eq!(out, [&[0x88, 12, 0x11, 0x9A][..], b"superseded"].concat());
        for never_sent in [CloseCode::NO_STATUS, CloseCode::ABNORMAL] {
            out.clear();
            push_close(&mut out, never_sent);
            assert_eq!(out, [0x88, 0]);
        }
    }
}
