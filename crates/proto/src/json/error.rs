//! Why a message is no frame. Blames the peer alone, and holds nothing that the peer wrote.

/// Why a message is no frame of the wire protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Longer than [`Limits::message_bytes`](crate::Limits::message_bytes).
    #[error("the message has {bytes} bytes, at most {limit} are allowed")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Not UTF-8.
    #[error("the message is not UTF-8")]
    NotUtf8,
    /// Nested deeper than [`Limits::depth`](crate::Limits::depth).
    #[error("the message nests deeper than {limit} levels")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// Not JSON.
    #[error("the message is not JSON")]
    NotJson,
    /// JSON, but no object.
    #[error("the message is not a JSON object")]
    NotAnObject,
    /// A member that the frame must have is absent or null.
    #[error("`{member}` is missing")]
    Missing {
        /// Its name.
        member: &'static str,
    },
    /// A member that is not what the frame must have there.
    #[error("`{member}` is not what it must be")]
    WrongType {
        /// Its name.
        member: &'static str,
    },
    /// A number that is no position: negative, fractional or above 2^53 - 1.
    #[error("`{member}` is no whole number from 0 to 2^53 - 1")]
    OutOfRange {
        /// Its name.
        member: &'static str,
    },
    /// More topics than [`Limits::topics_per_frame`](crate::Limits::topics_per_frame).
    #[error("more than {limit} topics in one frame")]
    TooManyTopics {
        /// The limit.
        limit: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_three_words_long() {
        assert!(size_of::<DecodeError>() <= 24);
    }
}
