//! Whether an access token is good, and what it says.
//!
//! The order of the questions: is it a JWT of the one algorithm that is configured (a token never chooses), does the
//! signature fit, is it the time, is it meant for us, do its claims make sense.

use core::fmt;
use core::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bowline_proto::{Account, AccountKind, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde_json::{Map, Value};

use crate::auth::claims::{Claims, Scopes, parse_filter, parse_kind};
use crate::auth::proven::Proven;
use crate::clock;
use crate::config::{AuthConfig, ConfigError, KeySource, Secret, TokenKey};

/// The longest token that is looked at, in bytes. A token travels in a request's head, which has 16 KiB.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// The shortest HS256 secret, in bytes: "a key of the same size as the hash output (for instance, 256 bits for "HS256") or
/// larger MUST be used" (RFC 7518, section 3.2).
const MIN_SECRET_BYTES: usize = 32;

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Not three parts of base64url with JSON inside, or longer than [`MAX_TOKEN_BYTES`].
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
    /// A claim that is needed is missing, or a claim has a value that makes no sense.
    #[error("the token's claim `{0}` is missing or makes no sense")]
    BadClaims(&'static str),
}

/// Verifies access tokens.
pub struct TokenVerifier {
    /// The one algorithm that is accepted, as jsonwebtoken and as a token's header name it.
    algorithm: Algorithm,
    algorithm_name: &'static str,
    key: DecodingKey,
    audience: Option<String>,
    issuer: Option<String>,
    /// How far the clocks of issuer and gateway may differ.
    leeway: Duration,
    /// Tokens whose signature has been found good, for the algorithms whose signatures are slow to check.
    proven: Option<Proven>,
}

impl fmt::Debug for TokenVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenVerifier").field("algorithm", &self.algorithm_name).finish_non_exhaustive()
    }
}

impl TokenVerifier {
    /// A verifier for the configured algorithm and key.
    ///
    /// # Errors
    /// No key is configured, or it can't be read or used.
    pub fn new(config: &AuthConfig) -> Result<Self, ConfigError> {
        let (algorithm, algorithm_name, key) = match &config.key {
            None => {
                return Err(unusable(
                    "auth.secret",
                    "no key for access tokens; set `secret_file` (HS256), or `algorithm` and `public_key_file`",
                ));
            }
            Some(TokenKey::Hs256(source)) => {
                let secret = source.read("auth.secret_file")?;
                if secret.reveal().len() < MIN_SECRET_BYTES {
                    return Err(unusable(
                        "auth.secret",
                        "an HS256 secret has at least 32 bytes; make one with `openssl rand -base64 32`",
                    ));
                }
                (Algorithm::HS256, "HS256", DecodingKey::from_secret(secret.reveal().as_bytes()))
            }
            Some(TokenKey::EdDsa(source)) => {
                let pem = public_pem(source)?;
                let key = DecodingKey::from_ed_pem(pem.reveal().as_bytes()).ok();
                let key = key.filter(|key| key.try_get_as_bytes().is_ok_and(|bytes| bytes.len() == 32));
                (Algorithm::EdDSA, "EdDSA", key.ok_or_else(|| bad_public_key("an Ed25519"))?)
            }
            Some(TokenKey::Rs256(source)) => {
                let pem = public_pem(source)?;
                let key = DecodingKey::from_rsa_pem(pem.reveal().as_bytes());
                (Algorithm::RS256, "RS256", key.map_err(|_| bad_public_key("an RSA"))?)
            }
        };
        // A key that is no key shows when it is used: better now than with the first client.
        if crypto::verify("AAAA", b"", &key, algorithm).is_err() {
            return Err(bad_public_key("a usable"));
        }
        Ok(TokenVerifier {
            algorithm,
            algorithm_name,
            key,
            audience: config.audience.clone(),
            issuer: config.issuer.clone(),
            leeway: config.leeway,
            // HS256 is checked as fast as a token is looked up.
            proven: (algorithm != Algorithm::HS256).then(Proven::default),
        })
    }

    /// Verifies `token` by the system's clock.
    ///
    /// # Errors
    /// [`TokenError`]: the first rule that it breaks.
    pub fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        self.verify_at(token, clock::wall())
    }

    /// Verifies `token` as of `now`.
    ///
    /// # Errors
    /// [`TokenError`]: the first rule that it breaks.
    pub fn verify_at(&self, token: &str, now: Timestamp) -> Result<Claims, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Malformed);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, payload) = message
            .split_once('.')
            .filter(|(_, payload)| !payload.contains('.'))
            .ok_or(TokenError::Malformed)?;
        let header = object(header)?;
        // Extensions that we don't understand must not be ignored (RFC 7515, section 4.1.11).
        if header.contains_key("crit") {
            return Err(TokenError::Malformed);
        }
        match header.get("alg") {
            Some(Value::String(name)) if name == self.algorithm_name => {}
            Some(Value::String(_)) => return Err(TokenError::WrongAlgorithm),
            _ => return Err(TokenError::Malformed),
        }
        self.check_signature(token, message, signature)?;
        self.claims(&object(payload)?, now)
    }

    fn check_signature(&self, token: &str, message: &str, signature: &str) -> Result<(), TokenError> {
        if self.proven.as_ref().is_some_and(|proven| proven.holds(token)) {
            return Ok(());
        }
        match crypto::verify(signature, message.as_bytes(), &self.key, self.algorithm) {
            Ok(true) => {
                if let Some(proven) = &self.proven {
                    proven.add(token);
                }
                Ok(())
            }
            Ok(false) => Err(TokenError::BadSignature),
            // The key has been tried at construction, so it is the signature's text.
            Err(_) => Err(TokenError::Malformed),
        }
    }

    fn claims(&self, payload: &Map<String, Value>, now: Timestamp) -> Result<Claims, TokenError> {
        let leeway = u64::try_from(self.leeway.as_millis()).unwrap_or(u64::MAX);
        let expires = time(payload, "exp")?.ok_or(TokenError::BadClaims("exp"))?;
        if now.0 >= expires.0.saturating_add(leeway) {
            return Err(TokenError::Expired);
        }
        if time(payload, "nbf")?.is_some_and(|nbf| now.0.saturating_add(leeway) < nbf.0) {
            return Err(TokenError::NotYetValid);
        }
        if let Some(audience) = &self.audience
            && !texts(payload, "aud")?.contains(&audience.as_str())
        {
            return Err(TokenError::WrongAudience);
        }
        if let Some(issuer) = &self.issuer
            && payload.get("iss").and_then(Value::as_str) != Some(issuer)
        {
            return Err(TokenError::WrongIssuer);
        }
        let sub = payload.get("sub").and_then(Value::as_str).ok_or(TokenError::BadClaims("sub"))?;
        let topics = texts(payload, "topics")?
            .into_iter()
            .map(|text| parse_filter(text).map_err(|_| TokenError::BadClaims("topics")))
            .collect::<Result<_, _>>()?;
        Ok(Claims {
            account: Account::new(sub).map_err(|_| TokenError::BadClaims("sub"))?,
            kind: kind(payload)?,
            scopes: scopes(payload)?,
            topics,
            expires,
        })
    }
}

/// Absent, the account is a human: identity providers that know no `kind` issue tokens for people.
fn kind(payload: &Map<String, Value>) -> Result<AccountKind, TokenError> {
    match payload.get("kind") {
        None => Ok(AccountKind::Human),
        Some(value) => value.as_str().and_then(parse_kind).ok_or(TokenError::BadClaims("kind")),
    }
}

/// "a JSON string containing a space-separated list of scopes" (RFC 8693, section 4.2); a list of texts is taken as well.
/// Scopes that mean nothing here are other services'.
fn scopes(payload: &Map<String, Value>) -> Result<Scopes, TokenError> {
    let mut scopes = Scopes::default();
    for scope in texts(payload, "scope")?.into_iter().flat_map(str::split_ascii_whitespace) {
        match scope {
            "publish" => scopes.publish = true,
            "admin" => scopes.admin = true,
            _ => {}
        }
    }
    Ok(scopes)
}

/// A claim that is a text or a list of texts; nothing when it is absent.
fn texts<'p>(payload: &'p Map<String, Value>, claim: &'static str) -> Result<Vec<&'p str>, TokenError> {
    match payload.get(claim) {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![text]),
        Some(Value::Array(list)) => {
            list.iter().map(|value| value.as_str().ok_or(TokenError::BadClaims(claim))).collect()
        }
        Some(_) => Err(TokenError::BadClaims(claim)),
    }
}

/// "A JSON numeric value representing the number of seconds from 1970-01-01T00:00:00Z UTC", fractions allowed (RFC 7519,
/// section 2).
fn time(payload: &Map<String, Value>, claim: &'static str) -> Result<Option<Timestamp>, TokenError> {
    let Some(value) = payload.get(claim) else { return Ok(None) };
    let seconds = value.as_f64().filter(|seconds| (0.0..1e12).contains(seconds));
    // In range, so the conversion only cuts off what lies below a millisecond.
    seconds.map(|seconds| Some(Timestamp((seconds * 1000.0) as u64))).ok_or(TokenError::BadClaims(claim))
}

/// A part of the token: base64url of a JSON object.
fn object(part: &str) -> Result<Map<String, Value>, TokenError> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| TokenError::Malformed)
}

/// A private key has no business here, even where a public one could be read out of it.
fn public_pem(source: &KeySource) -> Result<Secret, ConfigError> {
    let pem = source.read("auth.public_key_file")?;
    if pem.reveal().contains("PRIVATE KEY-----") {
        return Err(unusable(
            "auth.public_key_file",
            "holds a private key; give the gateway the public one (`openssl pkey -pubout`), and keep the private one where tokens \
             are made",
        ));
    }
    Ok(pem)
}

fn unusable(key: &str, problem: &str) -> ConfigError {
    ConfigError::Invalid { key: key.to_owned(), problem: problem.to_owned() }
}

fn bad_public_key(kind: &str) -> ConfigError {
    unusable("auth.public_key_file", &format!("must hold {kind} public key in PEM (`BEGIN PUBLIC KEY`)"))
}
