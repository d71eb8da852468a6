//! How a panic of a handler is told.

/// A handler panicked. It stays subscribed, the others were called, and the socket goes on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a handler of {emitter} panicked: {message}")]
#[non_exhaustive]
pub struct HandlerPanic {
    /// Whose, such as `on_message`.
    pub emitter: &'static str,
    /// The panic's own words.
    pub message: String,
}
