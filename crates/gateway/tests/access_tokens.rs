//! Tokens that are good, and every way in which one is not.

use core::time::Duration;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bowline_gateway::auth::{MAX_TOKEN_BYTES, NewToken, Scopes, TokenError, TokenSigner, TokenVerifier};
use bowline_gateway::config::{AuthConfig, ConfigError, KeySource, Secret, TokenKey};
use bowline_proto::{Account, AccountKind, Timestamp, Topic};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const NOW: Timestamp = Timestamp(1_800_000_000_000);
const NOW_SECONDS: u64 = NOW.0 / 1000;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn hs256() -> AuthConfig {
    AuthConfig { key: Some(TokenKey::Hs256(KeySource::Inline(Secret::new(SECRET)))), ..AuthConfig::default() }
}

fn eddsa() -> AuthConfig {
    AuthConfig {
        key: Some(TokenKey::EdDsa(KeySource::File(fixture("ed25519-public.pem")))),
        ..AuthConfig::default()
    }
}

fn rs256() -> AuthConfig {
    AuthConfig {
        key: Some(TokenKey::Rs256(KeySource::File(fixture("rsa-public.pem")))),
        ..AuthConfig::default()
    }
}

fn signed(algorithm: Algorithm, claims: &Value) -> String {
    let pem = |name| std::fs::read(fixture(name)).expect("a fixture");
    let key = match algorithm {
        Algorithm::EdDSA => EncodingKey::from_ed_pem(&pem("ed25519-private.pem")).expect("a private key"),
        Algorithm::RS256 => EncodingKey::from_rsa_pem(&pem("rsa-private.pem")).expect("a private key"),
        _ => EncodingKey::from_secret(SECRET.as_bytes()),
    };
    jsonwebtoken::encode(&Header::new(algorithm), claims, &key).expect("a key of that algorithm")
}

fn good() -> Value {
    json!({"sub": "alice", "exp": NOW_SECONDS + 60})
}

/// The good claims with one of them changed, or taken away by `null`.
fn with(claim: &str, value: Value) -> Value {
    let mut claims = good();
    if value.is_null() {
        claims.as_object_mut().expect("claims are an object").remove(claim);
    } else {
        claims[claim] = value;
    }
    claims
}

fn verdict(config: &AuthConfig, token: &str) -> Result<(), TokenError> {
    TokenVerifier::new(config).expect("a good configuration").verify_at(token, NOW).map(|_| ())
}

#[test]
fn a_minted_token_says_what_was_asked_for() {
    let token = NewToken {
        kind: AccountKind::Agent,
        scopes: Scopes { publish: true, admin: true },
        topics: vec!["conv:*".to_owned(), "chat:t1".to_owned()],
        audience: Some("gateway".to_owned()),
        issuer: Some("us".to_owned()),
        ttl: Duration::from_secs(90),
        ..NewToken::new(Account::new("alice").unwrap())
    };
    let config =
        AuthConfig { audience: Some("gateway".to_owned()), issuer: Some("us".to_owned()), ..hs256() };
    let text = TokenSigner::from_config(&config).unwrap().mint_at(&token, NOW);
    let claims = TokenVerifier::new(&config).unwrap().verify_at(&text, NOW).unwrap();
    assert_eq!(claims.account, token.account);
    assert_eq!(claims.kind, AccountKind::Agent);
    assert_eq!(claims.scopes, token.scopes);
    assert_eq!(claims.expires, Timestamp(NOW.0 + 90_000));
    for (topic, opens) in [("conv:c1", true), ("chat:t1", true), ("chat:t2", false)] {
        assert_eq!(claims.opens(&Topic::new(topic).unwrap()), opens, "{topic}");
    }
}

#[test]
fn a_token_made_now_is_good_now() {
    let token = TokenSigner::new(Secret::new(SECRET)).mint(&NewToken::new(Account::new("alice").unwrap()));
    let claims = TokenVerifier::new(&hs256()).unwrap().verify(&token).unwrap();
    assert_eq!((claims.kind, claims.scopes), (AccountKind::Human, Scopes::default()));
}

#[test]
fn each_algorithm_is_accepted_only_where_it_is_configured() {
    let configs = [(Algorithm::HS256, hs256()), (Algorithm::EdDSA, eddsa()), (Algorithm::RS256, rs256())];
    for (configured, config) in &configs {
        for (used, _) in &configs {
            let expected = if used == configured { Ok(()) } else { Err(TokenError::WrongAlgorithm) };
            assert_eq!(verdict(config, &signed(*used, &good())), expected, "{used:?} for {configured:?}");
        }
        assert_eq!(verdict(config, &signed(Algorithm::HS512, &good())), Err(TokenError::WrongAlgorithm));
    }
}

#[test]
fn a_public_key_is_never_taken_for_a_shared_secret() {
    let public = std::fs::read(fixture("rsa-public.pem")).unwrap();
    let forged =
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &good(), &EncodingKey::from_secret(&public))
            .unwrap();
    assert_eq!(verdict(&rs256(), &forged), Err(TokenError::WrongAlgorithm));
}

/// A token of these parts.
fn assembled(header: &str, payload: &str, signature: &str) -> String {
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.{signature}", encode(header), encode(payload))
}

#[test]
fn a_token_without_a_signature_is_refused() {
    for config in [hs256(), eddsa(), rs256()] {
        for none in ["none", "None", "NONE", ""] {
            let token = assembled(&json!({"alg": none}).to_string(), &good().to_string(), "");
            assert_eq!(verdict(&config, &token), Err(TokenError::WrongAlgorithm), "{none}");
        }
        let (message, _) =
            signed(Algorithm::HS256, &good()).rsplit_once('.').map(|(a, b)| (a.to_owned(), b.len())).unwrap();
        assert!(verdict(&config, &format!("{message}.")).is_err());
    }
}

#[test]
fn a_token_that_was_changed_or_signed_by_somebody_else_is_refused() {
    for (algorithm, config) in
        [(Algorithm::HS256, hs256()), (Algorithm::EdDSA, eddsa()), (Algorithm::RS256, rs256())]
    {
        let token = signed(algorithm, &good());
        let other = signed(algorithm, &with("sub", json!("mallory")));
        let (other_message, _) = other.rsplit_once('.').unwrap();
        let (_, signature) = token.rsplit_once('.').unwrap();
        assert_eq!(verdict(&config, &format!("{other_message}.{signature}")), Err(TokenError::BadSignature));
        let cut = token.len() - signature.len() + 20;
        assert_eq!(verdict(&config, &token[..cut]), Err(TokenError::BadSignature));
    }
    let stranger = EncodingKey::from_secret(b"another secret of at least 32 bytes");
    let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &good(), &stranger).unwrap();
    assert_eq!(verdict(&hs256(), &token), Err(TokenError::BadSignature));
}

#[test]
fn a_token_whose_signature_was_good_once_still_expires() {
    for (algorithm, config) in [(Algorithm::EdDSA, eddsa()), (Algorithm::RS256, rs256())] {
        let verifier = TokenVerifier::new(&config).unwrap();
        let token = signed(algorithm, &good());
        let forged = signed(algorithm, &with("sub", json!("mallory")));
        let (message, _) = forged.rsplit_once('.').unwrap();
        let (_, signature) = token.rsplit_once('.').unwrap();
        let forged = format!("{message}.{signature}");
        for _ in 0..2 {
            assert!(verifier.verify_at(&token, NOW).is_ok());
            assert_eq!(verifier.verify_at(&forged, NOW), Err(TokenError::BadSignature));
            let late = Timestamp(NOW.0 + 65_000);
            assert_eq!(verifier.verify_at(&token, late), Err(TokenError::Expired));
        }
    }
}

#[test]
fn a_text_that_is_no_token_is_malformed() {
    let token = signed(Algorithm::HS256, &good());
    let (message, _) = token.rsplit_once('.').unwrap();
    let crit = assembled(r#"{"alg":"HS256","crit":["b64"],"b64":false}"#, &good().to_string(), "AAAA");
    for text in [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c",
        "é.é.é",
        &format!("{message}.é"),
        &format!("{token}="),
        &format!("{token}.x"),
        &format!(" {token}"),
        &assembled("[]", "{}", ""),
        &assembled("{}", "{}", ""),
        &assembled(r#"{"alg":7}"#, "{}", ""),
        &crit,
        &"a".repeat(MAX_TOKEN_BYTES + 1),
    ] {
        assert_eq!(verdict(&hs256(), text), Err(TokenError::Malformed), "{text}");
    }
    let not_an_object = signed(Algorithm::HS256, &json!(["alice"]));
    assert_eq!(verdict(&hs256(), &not_an_object), Err(TokenError::Malformed));
}

#[test]
fn a_claim_that_is_missing_or_makes_no_sense_is_named() {
    use TokenError::*;
    for (claim, value, expected) in [
        ("exp", Value::Null, Err(BadClaims("exp"))),
        ("exp", json!("soon"), Err(BadClaims("exp"))),
        ("exp", json!(-1), Err(BadClaims("exp"))),
        ("exp", json!(1e300), Err(BadClaims("exp"))),
        ("exp", json!(NOW_SECONDS as f64 + 0.5), Ok(())),
        // 5 s of leeway.
        ("exp", json!(NOW_SECONDS - 4), Ok(())),
        ("exp", json!(NOW_SECONDS - 5), Err(Expired)),
        ("exp", json!(0), Err(Expired)),
        ("nbf", json!(NOW_SECONDS + 5), Ok(())),
        ("nbf", json!(NOW_SECONDS + 6), Err(NotYetValid)),
        ("nbf", json!("x"), Err(BadClaims("nbf"))),
        ("sub", Value::Null, Err(BadClaims("sub"))),
        ("sub", json!(""), Err(BadClaims("sub"))),
        ("sub", json!(7), Err(BadClaims("sub"))),
        ("sub", json!("a\nb"), Err(BadClaims("sub"))),
        ("sub", json!("x".repeat(129)), Err(BadClaims("sub"))),
        ("kind", json!("agent"), Ok(())),
        ("kind", json!("robot"), Err(BadClaims("kind"))),
        ("kind", json!(1), Err(BadClaims("kind"))),
        ("scope", json!("publish openid"), Ok(())),
        ("scope", json!(["publish"]), Ok(())),
        ("scope", json!(1), Err(BadClaims("scope"))),
        ("topics", json!(["conv:*"]), Ok(())),
        ("topics", json!("conv:*"), Ok(())),
        ("topics", json!(["Conv:*"]), Err(BadClaims("topics"))),
        ("topics", json!([1]), Err(BadClaims("topics"))),
        // Unasked, an audience or an issuer is of no interest.
        ("aud", json!("elsewhere"), Ok(())),
        ("iss", json!("anybody"), Ok(())),
    ] {
        let token = signed(Algorithm::HS256, &with(claim, value.clone()));
        assert_eq!(verdict(&hs256(), &token), expected, "{claim}: {value}");
    }
}

#[test]
fn audience_and_issuer_are_checked_when_they_are_configured() {
    let config = AuthConfig { audience: Some("here".to_owned()), issuer: Some("us".to_owned()), ..hs256() };
    for (aud, iss, expected) in [
        (json!("here"), json!("us"), Ok(())),
        (json!(["there", "here"]), json!("us"), Ok(())),
        (json!("there"), json!("us"), Err(TokenError::WrongAudience)),
        (json!(["there"]), json!("us"), Err(TokenError::WrongAudience)),
        (Value::Null, json!("us"), Err(TokenError::WrongAudience)),
        (json!("here"), json!("them"), Err(TokenError::WrongIssuer)),
        (json!("here"), json!(["us"]), Err(TokenError::WrongIssuer)),
        (json!("here"), Value::Null, Err(TokenError::WrongIssuer)),
    ] {
        let mut claims = with("aud", aud);
        if !iss.is_null() {
            claims["iss"] = iss;
        }
        assert_eq!(verdict(&config, &signed(Algorithm::HS256, &claims)), expected, "{claims}");
    }
}

#[test]
fn a_key_that_is_none_is_refused_when_the_gateway_starts() {
    let inline = |text: &str| KeySource::Inline(Secret::new(text));
    let pem = |name: &str| KeySource::File(fixture(name));
    for (key, text) in [
        (None, "no key for access tokens"),
        (Some(TokenKey::Hs256(inline("short"))), "at least 32 bytes"),
        (Some(TokenKey::Hs256(pem("missing"))), "can't read"),
        (Some(TokenKey::EdDsa(inline("no pem"))), "Ed25519 public key in PEM"),
        (Some(TokenKey::EdDsa(pem("rsa-public.pem"))), "Ed25519 public key in PEM"),
        (Some(TokenKey::EdDsa(pem("ed25519-private.pem"))), "holds a private key"),
        (Some(TokenKey::Rs256(pem("ed25519-public.pem"))), "public key in PEM"),
        (Some(TokenKey::Rs256(pem("rsa-private.pem"))), "holds a private key"),
    ] {
        let config = AuthConfig { key, ..AuthConfig::default() };
        let message = TokenVerifier::new(&config).unwrap_err().to_string();
        assert!(message.contains(text), "{message}");
    }
    assert!(matches!(TokenSigner::from_config(&eddsa()), Err(ConfigError::Invalid { .. })));
}

#[test]
fn a_secret_file_may_end_with_a_line_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret");
    std::fs::write(&path, format!("{SECRET}\r\n")).unwrap();
    let config = AuthConfig { key: Some(TokenKey::Hs256(KeySource::File(path))), ..AuthConfig::default() };
    assert_eq!(verdict(&config, &signed(Algorithm::HS256, &good())), Ok(()));
}

#[test]
fn debug_shows_no_secret() {
    let config = hs256();
    let signer = TokenSigner::from_config(&config).unwrap();
    let shown = format!("{config:?} {:?} {signer:?}", TokenVerifier::new(&config).unwrap());
    assert!(!shown.contains(SECRET), "{shown}");
}
