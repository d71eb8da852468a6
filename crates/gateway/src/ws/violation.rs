//! Which rule of RFC 6455 a client broke, and how the link is closed for it.

use bowline_proto::CloseCode;

/// A rule that the client broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// A frame of a client without a mask.
    #[error("a client's frame is not masked")]
    Unmasked,
    /// RSV1, RSV2 or RSV3 is set although no extension was negotiated.
    #[error("a reserved bit is set")]
    ReservedBit,
    /// Opcode 3 to 7 or 11 to 15.
    #[error("reserved opcode {0}")]
    ReservedOpcode(u8),
    /// A control frame without FIN.
    #[error("a control frame is fragmented")]
    FragmentedControl,
    /// A control frame with more than 125 bytes.
    #[error("a control frame has more than 125 bytes")]
    OversizedControl,
    /// A 64-bit length with the top bit set.
    #[error("a length has its top bit set")]
    LengthTopBit,
    /// A length that a shorter form could have carried.
    #[error("a length is not in its shortest form")]
    LengthNotMinimal,
    /// A continuation where no message is open.
    #[error("a continuation without a message")]
    LoneContinuation,
    /// A new data message before the last one ended.
    #[error("a new message inside an unfinished one")]
    Interleaved,
    /// A close payload of one byte.
    #[error("a close frame with one byte of payload")]
    ClosePayload,
    /// A code that must not be on the wire.
    #[error("close code {0} is not allowed on the wire")]
    CloseCode(u16),
    /// A text message or a close reason that is not UTF-8.
    #[error("text that is not UTF-8")]
    NotUtf8,
    /// A message above the limit.
    #[error("a message above the limit of {limit} bytes")]
    TooBig {
        /// The limit, in bytes.
        limit: usize,
    },
}

impl Violation {
    /// The code that the link is closed with.
    #[must_use]
    pub fn close_code(self) -> CloseCode {
        match self {
            Violation::NotUtf8 => CloseCode::INVALID_TEXT,
            Violation::TooBig { .. } => CloseCode::TOO_BIG,
            Violation::Unmasked
            | Violation::ReservedBit
            | Violation::ReservedOpcode(_)
            | Violation::FragmentedControl
            | Violation::OversizedControl
            | Violation::LengthTopBit
            | Violation::LengthNotMinimal
            | Violation::LoneContinuation
            | Violation::Interleaved
            | Violation::ClosePayload
            | Violation::CloseCode(_) => CloseCode::PROTOCOL_ERROR,
        }
    }
}
