//! Which access tokens are good: exactly those that are signed by the key and whose claims, read once more, make sense.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bowline_gateway::auth::{Claims, Scopes, TokenVerifier, parse_filter, parse_kind};
use bowline_gateway::config::{AuthConfig, KeySource, Secret, TokenKey};
use bowline_proto::{Account, AccountKind, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Map, Value};

use crate::choices::Choices;

const SECRET: &str = "a secret for targets that is long enough";
/// 2027-01-15T08:00:00Z.
const NOW: Timestamp = Timestamp(1_800_000_000_000);
const AUDIENCE: &str = "realtime";
const ISSUER: &str = "https://id.example";

/// Either a token as it is, or a header and a payload, each on its line, which are signed.
pub fn tokens(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let is_signed = choices.below(4) > 0;
    let flip = choices.byte();
    let bytes = choices.rest();
    if !is_signed {
        let text = String::from_utf8_lossy(bytes);
        assert!(verifiers().iter().all(|verifier| verifier.verify_at(&text, NOW).is_err()), "{text}");
        return;
    }
    let at = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (header, payload) = (&bytes[..at], bytes.get(at + 1..).unwrap_or_default());
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let signature =
        crypto::sign(message.as_bytes(), &key, Algorithm::HS256).expect("an HMAC signs all bytes");
    let token = format!("{message}.{signature}");
    for (verifier, wanted) in verifiers().iter().zip([None, Some((AUDIENCE, ISSUER))]) {
        let verdict = verifier.verify_at(&token, NOW);
        assert_eq!(verdict.as_ref().ok(), expected(header, payload, wanted).as_ref(), "{token} {verdict:?}");
    }
    // Nothing of it can be changed.
    let mut forged = token.into_bytes();
    let at = usize::from(flip) % forged.len();
    forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).expect("ASCII");
    assert!(verifiers()[0].verify_at(&forged, NOW).is_err(), "{forged}");
}

/// One that takes every audience and issuer, and one that does not.
fn verifiers() -> &'static [TokenVerifier; 2] {
    static VERIFIERS: OnceLock<[TokenVerifier; 2]> = OnceLock::new();
    VERIFIERS.get_or_init(|| {
        let key = Some(TokenKey::Hs256(KeySource::Inline(Secret::new(SECRET))));
        let mut config = AuthConfig { key, leeway: LEEWAY, ..AuthConfig::default() };
        let any = TokenVerifier::new(&config).expect("a good configuration");
        (config.audience, config.issuer) = (Some(AUDIENCE.to_owned()), Some(ISSUER.to_owned()));
        [any, TokenVerifier::new(&config).expect("a good configuration")]
    })
}

const LEEWAY: core::time::Duration = core::time::Duration::from_secs(30);

/// What a good token says (`docs/protocol.md`, section 1).
fn expected(header: &[u8], payload: &[u8], wanted: Option<(&str, &str)>) -> Option<Claims> {
    let header: Map<String, Value> = serde_json::from_slice(header).ok()?;
    let payload: Map<String, Value> = serde_json::from_slice(payload).ok()?;
    if header.get("alg")? != "HS256" || header.contains_key("crit") {
        return None;
    }
    let millis = |claim: &str| match payload.get(claim) {
        None => Some(None),
        Some(value) => {
            let seconds = value.as_f64().filter(|seconds| *seconds >= 0.0 && *seconds < 1e12)?;
            Some(Some((seconds * 1000.0).floor() as u64))
        }
    };
    let expires = millis("exp")??;
    let leeway = LEEWAY.as_millis() as u64;
    let is_early = millis("nbf")?.is_some_and(|from| NOW.0 + leeway < from);
    if NOW.0 >= expires + leeway || is_early {
        return None;
    }
    if let Some((audience, issuer)) = wanted
        && (!texts(&payload, "aud")?.contains(&audience) || payload.get("iss")? != issuer)
    {
        return None;
    }
    let scope = texts(&payload, "scope")?;
    let has = |name| scope.iter().any(|list| list.split_ascii_whitespace().any(|scope| scope == name));
    let topics: Option<Vec<_>> =
        texts(&payload, "topics")?.into_iter().map(|text| parse_filter(text).ok()).collect();
    Some(Claims {
        account: Account::new(payload.get("sub")?.as_str()?).ok()?,
        kind: match payload.get("kind") {
            None => AccountKind::Human,
            Some(kind) => parse_kind(kind.as_str()?)?,
        },
        scopes: Scopes { publish: has("publish"), admin: has("admin") },
        topics: topics?.into(),
        expires: Timestamp(expires),
    })
}

fn texts<'a>(payload: &'a Map<String, Value>, claim: &str) -> Option<Vec<&'a str>> {
    match payload.get(claim) {
        None => Some(Vec::new()),
        Some(Value::Array(list)) => list.iter().map(Value::as_str).collect(),
        Some(value) => Some(vec![value.as_str()?]),
    }
}
