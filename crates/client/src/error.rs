//! What can go wrong, by blame: [`BuildError`] is the caller's, [`ConnectError`] the world's.

use bowline_client_core::{CloseReason, CommandError};
use bowline_proto::{CloseCode, Rejected};

/// The connection cannot be built from what the caller gave.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The text is no URL of a server.
    #[error("the URL cannot be used ({why}): give one like wss://host/agent")]
    Url {
        /// Which rule it breaks; holds no part of the URL.
        why: String,
    },
    /// A scheme that is neither WebSocket nor HTTP.
    #[error("the URL's scheme is {scheme:?}: use ws, wss, http or https")]
    Scheme {
        /// The scheme.
        scheme: String,
    },
    /// More topics than a connection may want.
    #[error("more than {limit} topics: subscribe to fewer, or spread them over several connections")]
    TooManyTopics {
        /// The limit.
        limit: usize,
    },
    /// The configuration leaves no room for what was asked.
    #[error("the configuration does not allow this connection: {0}")]
    Refused(CommandError),
    /// `connect` was called outside a tokio runtime.
    #[error("there is no tokio runtime here: call `connect` inside one, for example under #[tokio::main]")]
    NoRuntime,
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers ({why})")]
    NoRandomness {
        /// What it says.
        why: String,
    },
}

/// The connection will not be accepted, and no further attempt is made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The server said no, for example above the account's connection limit.
    #[error(
        "the server rejected the connection: {} {}; `connect_again` tries once more", .0.reason, .0.message
    )]
    Rejected(Rejected),
    /// The server closed with a code that forbids a retry.
    #[error("the server closed the connection for good ({} {})", .0.0, .0.name())]
    Refused(CloseCode),
    /// The credential was not accepted, nor was a fresh one.
    #[error(
        "the token was not accepted, nor was a second one from the provider: is it expired, or for another server?"
    )]
    Unauthorized,
    /// The token provider said that it will not succeed.
    #[error("the token provider has no token: {message}")]
    NoCredential {
        /// Its own words.
        message: String,
    },
    /// The server cannot be reached in a way that a retry would mend.
    #[error("the server cannot be reached: {message}")]
    Unreachable {
        /// What happened, and what to do.
        message: String,
    },
    /// As many attempts as allowed failed in a row.
    #[error("{attempts} attempts failed, the last one with: {last}; `connect_again` starts over")]
    AttemptsExhausted {
        /// How many.
        attempts: u32,
        /// The last failure.
        last: String,
    },
    /// The application closed the connection itself.
    #[error("the connection was closed before it was accepted")]
    Closed,
    /// The runtime that drove the connection is gone.
    #[error("the tokio runtime that drove the connection has shut down: build a new connection")]
    RuntimeGone,
    /// A reason that this version has no words for.
    #[error("the connection is over: {message}")]
    Other {
        /// The reason.
        message: String,
    },
}

impl From<CloseReason> for ConnectError {
    fn from(reason: CloseReason) -> Self {
        match reason {
            CloseReason::Asked => ConnectError::Closed,
            CloseReason::Rejected(rejected) => ConnectError::Rejected(rejected),
            CloseReason::Refused(code) => ConnectError::Refused(code),
            CloseReason::Unauthorized => ConnectError::Unauthorized,
            CloseReason::NoCredential(message) => ConnectError::NoCredential { message },
            CloseReason::Unreachable(message) => ConnectError::Unreachable { message },
            CloseReason::AttemptsExhausted { attempts, last } => {
                ConnectError::AttemptsExhausted { attempts, last }
            }
            other => ConnectError::Other { message: format!("{other:?}") },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_stay_small() {
        assert!(size_of::<BuildError>() <= 32, "{}", size_of::<BuildError>());
        assert!(size_of::<ConnectError>() <= 72, "{}", size_of::<ConnectError>());
    }
}
