//! What a client said, at the layer of RFC 6455.

/// A complete message or control frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received<'a> {
    /// A text message: valid UTF-8.
    Text(&'a [u8]),
    /// A binary message.
    Binary(&'a [u8]),
    /// A ping: answer with a pong of the same bytes.
    Ping(&'a [u8]),
    /// A pong.
    Pong(&'a [u8]),
    /// A close frame. Nothing is decoded after it.
    Close {
        /// The status code, when there is one.
        code: Option<u16>,
        /// The reason, possibly empty.
        reason: &'a str,
    },
}
