//! Where a token comes from, and how it travels.
//!
//! The provider is asked once per attempt, so a token may be as short-lived as its issuer likes. Nothing in this file
//! ever shows a secret: [`Secret`] has a redacted `Debug` and no `Display`.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use bowline_client_core::CredentialFailure;
use futures_util::future::BoxFuture;

/// How the connection proves who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CredentialMode {
    /// `Authorization: Bearer` on the upgrade request: nothing secret in a URL. The default.
    #[default]
    Header,
    /// The token buys a single-use ticket (`POST /v1/tickets`) for each attempt, and `Authorization: Ticket` opens the
    /// socket: the token itself is seen by the ticket office only, and nothing secret is in a URL.
    Ticket,
    /// The same with `?ticket=` on the URL: for servers and proxies that take no such header. Whoever logs the URL logs a
    /// ticket that is used up.
    UrlTicket,
    /// `?token=` on the URL: for servers that know nothing else. The URL may end up in somebody's access log.
    UrlToken,
}

/// Gives the access token for each attempt to connect.
///
/// A `String` or `&'static str` is a token that never changes; an async closure is asked each time; anything with
/// state of its own implements the trait:
///
/// ```
/// use bowline::{TokenError, TokenProvider};
///
/// struct Signed { key: u64 }
///
/// impl TokenProvider for Signed {
///     async fn token(&self) -> Result<String, TokenError> {
///         if self.key == 0 {
///             return Err(TokenError::refused("signed out"));
///         }
///         Ok(format!("token-{}", self.key))
///     }
/// }
/// ```
///
/// The future is dropped when its answer is no longer wanted, so it must be safe to cancel at any await.
pub trait TokenProvider: Send + Sync + 'static {
    /// A token that is valid now.
    ///
    /// # Errors
    /// [`TokenError`]: temporary ones are tried again with backoff, refusals end the connection.
    fn token(&self) -> impl Future<Output = Result<String, TokenError>> + Send;
}

impl TokenProvider for String {
    async fn token(&self) -> Result<String, TokenError> {
        Ok(self.clone())
    }
}

impl TokenProvider for &'static str {
    async fn token(&self) -> Result<String, TokenError> {
        Ok((*self).to_owned())
    }
}

impl<F, Answer> TokenProvider for F
where
    F: Fn() -> Answer + Send + Sync + 'static,
    Answer: Future<Output = Result<String, TokenError>> + Send,
{
    fn token(&self) -> impl Future<Output = Result<String, TokenError>> + Send {
        self()
    }
}

/// Why a provider has no token. Every `std::error::Error` becomes a temporary one by `?`; its text is shown to people,
/// so it must hold no secret.
pub struct TokenError(CredentialFailure);

impl TokenError {
    /// Worth another try, with the connection's backoff.
    #[must_use]
    pub fn temporary(message: impl Into<String>) -> Self {
        TokenError(CredentialFailure::Temporary { retry_after: None, message: message.into() })
    }

    /// Worth another try, but not before `after`.
    #[must_use]
    pub fn retry_after(after: Duration, message: impl Into<String>) -> Self {
        TokenError(CredentialFailure::Temporary { retry_after: Some(after), message: message.into() })
    }

    /// Will not succeed by repetition, for example because the account is signed out: the connection closes.
    #[must_use]
    pub fn refused(message: impl Into<String>) -> Self {
        TokenError(CredentialFailure::Refused { message: message.into() })
    }
}

impl fmt::Debug for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<E: std::error::Error> From<E> for TokenError {
    fn from(error: E) -> Self {
        TokenError::temporary(error.to_string())
    }
}

impl From<TokenError> for CredentialFailure {
    fn from(error: TokenError) -> Self {
        error.0
    }
}

/// A token or a ticket. Shows itself only to [`Secret::reveal`].
#[derive(Clone)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn new(text: String) -> Self {
        Secret(text)
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// [`TokenProvider`] behind a pointer.
pub(crate) trait ErasedTokenProvider: Send + Sync {
    fn ask(self: Arc<Self>) -> BoxFuture<'static, Result<Secret, CredentialFailure>>;
}

impl<P: TokenProvider> ErasedTokenProvider for P {
    fn ask(self: Arc<Self>) -> BoxFuture<'static, Result<Secret, CredentialFailure>> {
        Box::pin(async move { self.token().await.map(Secret::new).map_err(CredentialFailure::from) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show_itself() {
        assert!(!format!("{:?}", Secret::new("hunter2".into())).contains("hunter2"));
    }

    #[tokio::test]
    async fn a_foreign_error_is_temporary_and_a_refusal_is_final() {
        let foreign = || async { Ok(String::from_utf8(vec![0xff])?) };
        let refused = || async { Err::<String, _>(TokenError::refused("signed out")) };
        assert!(matches!(Arc::new(foreign).ask().await, Err(CredentialFailure::Temporary { .. })));
        assert!(matches!(Arc::new(refused).ask().await, Err(CredentialFailure::Refused { .. })));
        assert_eq!(Arc::new("fixed").ask().await.unwrap().reveal(), "fixed");
    }
}
