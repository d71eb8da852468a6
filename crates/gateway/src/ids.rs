//! Names that nobody can guess: sessions and links.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bowline_proto::SessionId;

/// A session's id, which is its secret, of 192 random bits, and a link's public id of 96; of one draw, since each is a
/// system call.
pub(crate) fn session_and_connection() -> (SessionId, Arc<str>) {
    let bytes = random_bytes::<36>();
    let (session, connection) = bytes.split_at(24);
    let session = SessionId::new(&URL_SAFE_NO_PAD.encode(session));
    let session = session.expect("base64url is the alphabet of session ids");
    (session, URL_SAFE_NO_PAD.encode(connection).into())
}

/// Bytes that nobody can guess.
pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has randomness");
    bytes
}
