//! Whether an access token is good, and what it says.

use bowline_proto::Timestamp;

use crate::auth::claims::Claims;
use crate::config::{AuthConfig, ConfigError};

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Not three parts of base64url with JSON inside.
    #[error("the token is not a JWT")]
    Malformed,
    /// Signed with another algorithm than the configured one; `none` among them.
    #[error("the token is signed with another algorithm than this gateway accepts")]
    WrongAlgorithm,
    /// The signature does not fit.
    #[error("the token's signature does not fit")]
    BadSignature,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `nbf` has not come.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `aud` is missing or another.
    #[error("the token is for another audience")]
    WrongAudience,
    /// `iss` is missing or another.
    #[error("the token comes from another issuer")]
    WrongIssuer,
    /// `sub` or `exp` is missing, or a claim has a value that makes no sense.
    #[error("the token's claim `{0}` is missing or makes no sense")]
    BadClaims(&'static str),
}

/// Verifies access tokens. Cheap to share.
#[derive(Debug)]
pub struct TokenVerifier {}

impl TokenVerifier {
    /// A verifier for the configured algorithm and key.
    ///
    /// # Errors
    /// No key is configured, or it can't be read or used.
    pub fn new(config: &AuthConfig) -> Result<Self, ConfigError> {
        let _ = config;
        todo!()
    }

    /// Verifies `token` by the system's clock.
    ///
    /// # Errors
    /// [`TokenError`]: the first rule that it breaks.
    pub fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        let _ = token;
        todo!()
    }

    /// Verifies `token` as of `now`.
    ///
    /// # Errors
    /// [`TokenError`]: the first rule that it breaks.
    pub fn verify_at(&self, token: &str, now: Timestamp) -> Result<Claims, TokenError> {
        let _ = (token, now);
        todo!()
    }
}
