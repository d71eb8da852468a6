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

/// Whether the headers of a GET ask for a WebSocket: `Upgrade` lists the token `websocket`, in any case.
pub(crate) fn asks_for_websocket(upgrade: &[u8]) -> bool {
    lists_token(upgrade, "websocket")
}

/// Checks the other headers that an upgrade needs.
pub(crate) fn check_upgrade(
    connection: &[u8],
    version: Option<&[u8]>,
    key: Option<&[u8]>,
) -> Result<String, BadUpgrade> {
    // "A |Connection| header field that includes the token "Upgrade"" (section 4.2.1).
    if !lists_token(connection, "upgrade") {
        return Err(BadUpgrade::Connection);
    }
    // "A |Sec-WebSocket-Version| header field, with a value of 13" (section 4.2.1).
    if version.map(<[u8]>::trim_ascii) != Some(b"13") {
        return Err(BadUpgrade::Version);
    }
    // "A |Sec-WebSocket-Key| header field with a base64-encoded value that, when decoded, is 16 bytes in length" (4.2.1).
    let key = key.and_then(|key| core::str::from_utf8(key.trim_ascii()).ok()).ok_or(BadUpgrade::Key)?;
    match STANDARD.decode(key) {
        Ok(nonce) if nonce.len() == 16 => Ok(key.to_owned()),
        _ => Err(BadUpgrade::Key),
    }
}

fn lists_token(list: &[u8], token: &str) -> bool {
    list.split(|byte| *byte == b',').any(|item| item.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_key_is_the_one_of_the_rfc() {
        // The example of section 1.3.
        assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn an_upgrade_needs_connection_version_and_key() {
        const KEY: &[u8] = b"dGhlIHNhbXBsZSBub25jZQ==";
        for (connection, version, key, expected) in [
            (&b"Upgrade"[..], Some(&b"13"[..]), Some(KEY), Ok("dGhlIHNhbXBsZSBub25jZQ==".to_owned())),
            (b"keep-alive, UPGRADE", Some(b" 13 "), Some(KEY), Ok("dGhlIHNhbXBsZSBub25jZQ==".to_owned())),
            (b"keep-alive", Some(b"13"), Some(KEY), Err(BadUpgrade::Connection)),
            (b"upgraded", Some(b"13"), Some(KEY), Err(BadUpgrade::Connection)),
            (b"upgrade", None, Some(KEY), Err(BadUpgrade::Version)),
            (b"upgrade", Some(b"8"), Some(KEY), Err(BadUpgrade::Version)),
            (b"upgrade", Some(b"13"), None, Err(BadUpgrade::Key)),
            (b"upgrade", Some(b"13"), Some(b"short"), Err(BadUpgrade::Key)),
            (b"upgrade", Some(b"13"), Some(b"dGhlIHNhbXBsZSBub25jZSBsb25n"), Err(BadUpgrade::Key)),
            (b"upgrade", Some(b"13"), Some(b"\xFFGhlIHNhbXBsZSBub25jZQ=="), Err(BadUpgrade::Key)),
        ] {
            assert_eq!(check_upgrade(connection, version, key), expected);
        }
        assert!(asks_for_websocket(b"h2c, WebSocket"));
        assert!(!asks_for_websocket(b"h2c"));
    }

    #[test]
    fn the_answer_is_a_complete_head() {
        assert_eq!(
            upgrade_response("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", Some("bowline")),
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
              Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: bowline\r\n\r\n"
        );
    }
}
