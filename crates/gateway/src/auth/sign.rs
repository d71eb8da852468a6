//! How tokens are made: for the command line, for development and for tests. An operator's own service makes its own.

use core::time::Duration;

use bowline_proto::{Account, AccountKind, Timestamp};

use crate::auth::claims::Scopes;
use crate::config::Secret;

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

    /// A token that is good from now on.
    #[must_use]
    pub fn mint(&self, token: &NewToken) -> String {
        let _ = (token, &self.secret);
        todo!()
    }

    /// A token that is good from `now` on.
    #[must_use]
    pub fn mint_at(&self, token: &NewToken, now: Timestamp) -> String {
        let _ = (token, now);
        todo!()
    }
}
