//! How the server's frames look on the wire: never masked, never fragmented.

use bowline_proto::CloseCode;

const FIN: u8 = 0x80;
const TEXT: u8 = 0x1;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;

/// The longest payload of a control frame (RFC 6455, section 5.5).
pub(crate) const MAX_CONTROL: usize = 125;

/// Appends a text frame. `payload` must be UTF-8; it is not looked at.
pub fn push_text(out: &mut Vec<u8>, payload: &[u8]) {
    push_frame(out, TEXT, payload);
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
