//! How tokens are made: for the command line, for development and for tests. An operator's own service makes its own.

use core::time::Duration;

use bowline_proto::{Account, AccountKind, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;

use crate::auth::claims::{Scopes, kind_name};
use crate::clock;
use crate::config::{AuthConfig, ConfigError, Secret, TokenKey};

/// What a new token shall say.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Claim `sub`.
    pub account: Account,
    /// Claim `kind`.
    pub kind: AccountKind,
    /// Claim `scope`.
    pub scopes: Scopes,
    /// Claim `topics`, as text: `conv:*`.
    pub topics: Vec<String>,
    /// Claim `aud`.
    pub audience: Option<String>,
    /// Claim `iss`.
    pub issuer: Option<String>,
    /// How long it is good for.
    pub ttl: Duration,
}

impl NewToken {
    /// A token of a human account without scopes, good for one hour.
    #[must_use]
    pub fn new(account: Account) -> Self {
        NewToken {
            account,
            kind: AccountKind::Human,
            scopes: Scopes::default(),
            topics: Vec::new(),
            audience: None,
            issuer: None,
            ttl: Duration::from_secs(3600),
        }
    }
}

/// Signs tokens with an HS256 secret.
///
/// ```
/// use bowline_gateway::auth::{NewToken, TokenSigner, TokenVerifier};
/// use bowline_gateway::config::{AuthConfig, KeySource, Secret, TokenKey};
/// use bowline_proto::Account;
///
/// let secret = Secret::new("an example's secret of at least 32 bytes");
/// let mut config = AuthConfig::default();
/// config.key = Some(TokenKey::Hs256(KeySource::Inline(secret.clone())));
///
/// let alice = Account::new("alice")?;
/// let token = TokenSigner::new(secret).mint(&NewToken::new(alice.clone()));
/// assert_eq!(TokenVerifier::new(&config)?.verify(&token)?.account, alice);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TokenSigner {
    secret: Secret,
}

impl TokenSigner {
    /// A signer with this secret.
    #[must_use]
    pub fn new(secret: Secret) -> Self {
        TokenSigner { secret }
    }

    /// A signer with the secret that the gateway verifies with.
    ///
    /// # Errors
    /// The gateway verifies with a public key, or the secret can't be read.
    pub fn from_config(config: &AuthConfig) -> Result<Self, ConfigError> {
        match &config.key {
            Some(TokenKey::Hs256(source)) => Ok(TokenSigner::new(source.read("auth.secret_file")?)),
            Some(TokenKey::EdDsa(_) | TokenKey::Rs256(_)) | None => Err(ConfigError::Invalid {
                key: "auth.secret".to_owned(),
                problem: "tokens can be made here only with an HS256 secret; with a public key, the service that holds \
                          the private key makes them"
                    .to_owned(),
            }),
        }
    }

    /// A token that is good from now on.
    #[must_use]
    pub fn mint(&self, token: &NewToken) -> String {
        self.mint_at(token, clock::wall())
    }

    /// A token that is good from `now` on.
    #[must_use]
    pub fn mint_at(&self, token: &NewToken, now: Timestamp) -> String {
        let mut scopes = Vec::new();
        if token.scopes.publish {
            scopes.push("publish");
        }
        if token.scopes.admin {
            scopes.push("admin");
        }
        let issued = now.0 / 1000;
        let claims = Payload {
            sub: token.account.as_str(),
            iat: issued,
            exp: issued.saturating_add(token.ttl.as_secs()),
            kind: kind_name(token.kind),
            scope: scopes.join(" "),
            topics: &token.topics,
            aud: token.audience.as_deref(),
            iss: token.issuer.as_deref(),
        };
        let key = EncodingKey::from_secret(self.secret.reveal().as_bytes());
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)
            .expect("an HMAC key signs every text, and the claims are plain JSON")
    }
}

/// The claims as they stand in the token.
#[derive(Serialize)]
struct Payload<'a> {
    sub: &'a str,
    iat: u64,
    exp: u64,
    kind: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    scope: String,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    topics: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
}
