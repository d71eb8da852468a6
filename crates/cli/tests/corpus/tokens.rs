//! What a token says as of the case's moment, or which problem it has.

use bowline_gateway::auth::{TokenError, TokenVerifier, parse_kind};
use bowline_gateway::config::{AuthConfig, KeySource, Secret, TokenKey};
use bowline_proto::Timestamp;
use serde_json::{Value, json};

use crate::case::{same, text};
use crate::gateway::SECRET;

pub(crate) fn judge(case: &Value) -> Result<(), String> {
    let claim = |member: &str| case[member].as_str().map(str::to_owned);
    let config = AuthConfig {
        key: Some(TokenKey::Hs256(KeySource::Inline(Secret::new(SECRET)))),
        audience: claim("audience"),
        issuer: claim("issuer"),
        ..AuthConfig::default()
    };
    let verifier = TokenVerifier::new(&config).map_err(|error| error.to_string())?;
    let now = Timestamp(case["now"].as_u64().expect("seconds") * 1000);
    let seen = match verifier.verify_at(&text(&case["token"]), now) {
        Ok(claims) => {
            let kinds = ["agent", "human", "service"];
            let kind = kinds.into_iter().find(|name| parse_kind(name) == Some(claims.kind));
            let scopes = [("publish", claims.scopes.publish), ("admin", claims.scopes.admin)];
            let scopes: Vec<&str> =
                scopes.into_iter().filter_map(|(name, has)| has.then_some(name)).collect();
            json!({"account": claims.account.as_str(), "kind": kind, "scopes": scopes, "topics": claims.topics.len()})
        }
        Err(TokenError::BadClaims(claim)) => json!({"problem": "BadClaims", "claim": claim}),
        // The others are variants without anything in them: their names.
        Err(problem) => json!({"problem": format!("{problem:?}")}),
    };
    same(&seen, &case["expect"])
}
