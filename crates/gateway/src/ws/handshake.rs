//! How the server answers the opening handshake (RFC 6455, section 4.2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What is wrong with an upgrade request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadUpgrade {
    /// `Sec-WebSocket-Version` is missing or not 13: 426, with `Sec-WebSocket-Version: 13`.
    #[error("this server speaks WebSocket version 13 only")]
    Version,
    /// `Sec-WebSocket-Key` is missing or not 16 bytes in base64: 400.
    #[error("Sec-WebSocket-Key must be 16 bytes in base64")]
    Key,
    /// No `Connection: Upgrade`: 400.
    #[error("an upgrade needs `Connection: Upgrade`")]
    Connection,
}

/// The `Sec-WebSocket-Accept` for a client's key.
#[must_use]
pub fn accept_key(key: &str) -> String {
    let mut sha = sha1_smol::Sha1::new();
    sha.update(key.as_bytes());
    sha.update(GUID);
    STANDARD.encode(sha.digest().bytes())
}

/// The bytes of the 101 answer. `protocol` is the sub-protocol chosen among those that the client offered.
#[must_use]
pub fn upgrade_response(accept: &str, protocol: Option<&str>) -> Vec<u8> {
    let mut head = Vec::with_capacity(160);
    head.extend_from_slice(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ",
    );
    head.extend_from_slice(accept.as_bytes());
    if let Some(protocol) = protocol {
        head.extend_from_slice(b"\r\nSec-WebSocket-Protocol: ");
        head.extend_from_slice(protocol.as_bytes());
    }
    head.extend_from_slice(b"\r\n\r\n");
    head
}

/// "the string "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"" (RFC 6455, section 4.2.2).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
