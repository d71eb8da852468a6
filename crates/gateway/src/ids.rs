//! Names that nobody can guess: sessions and links.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bowline_proto::SessionId;

/// A session's id, which is its secret: 192 random bits.
pub(crate) fn session() -> SessionId {
    SessionId::new(&random::<24>()).expect("base64url is the alphabet of session ids")
}

/// A link's public id: 96 random bits.
pub(crate) fn connection() -> Arc<str> {
    random::<12>().into()
}

/// Bytes that nobody can guess.
pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has randomness");
    bytes
}

fn random<const N: usize>() -> String {
    URL_SAFE_NO_PAD.encode(random_bytes::<N>())
}
