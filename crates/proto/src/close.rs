//! What a close code tells the client to do: its range decides, so that an old client obeys a new code.

macro_rules! close_codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal $reason:literal;)*) => {
        impl CloseCode {
            $($(#[$doc])* pub const $name: CloseCode = CloseCode($code);)*

            /// The codes that this version knows.
            pub const KNOWN: &[CloseCode] = &[$(CloseCode::$name,)*];

            /// The name that goes into the close frame, empty for a code that this version does not know.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self.0 { $($code => $reason,)* _ => "" }
            }
        }
    };
}

/// The status code of a close frame (RFC 6455, section 7.4; wire protocol, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CloseCode(pub u16);

close_codes! {
    /// The purpose is fulfilled.
    NORMAL = 1000 "normal";
    /// The endpoint is going away.
    GOING_AWAY = 1001 "going_away";
    /// The peer broke RFC 6455.
    PROTOCOL_ERROR = 1002 "protocol_error";
    /// A binary frame, which no codec was negotiated for.
    UNSUPPORTED = 1003 "unsupported";
    /// No close frame was received (never sent on the wire).
    NO_STATUS = 1005 "";
    /// The link ended without a close frame (never sent on the wire).
    ABNORMAL = 1006 "";
    /// A text frame that is not UTF-8.
    INVALID_TEXT = 1007 "invalid_text";
    /// A message above the size limit.
    TOO_BIG = 1009 "too_big";
    /// The gateway failed.
    INTERNAL = 1011 "internal";
    /// The maximum duration of a connection is over.
    MAX_DURATION = 4001 "max_duration";
    /// The gateway is draining.
    DRAINING = 4003 "draining";
    /// The socket was silent for too long.
    IDLE_TIMEOUT = 4004 "idle_timeout";
    /// The peer did not read for the write timeout.
    SLOW_CONSUMER = 4008 "slow_consumer";
    /// Too many frames; `retryAfterMs` is honoured.
    RATE_LIMITED = 4009 "rate_limited";
    /// The credential is missing or bad.
    UNAUTHORIZED = 4501 "unauthorized";
    /// Disconnected by the operator.
    DISCONNECTED = 4502 "disconnected";
    /// Above the account's connection limit.
    LIMIT_EXCEEDED = 4503 "connection_limit_exceeded";
    /// Bad frames, repeatedly.
    BAD_FRAME = 4504 "bad_frame";
    /// A flood.
    ABUSE = 4505 "abuse";
    /// A newer socket proved the same session.
    SUPERSEDED = 4506 "superseded";
}

/// What a client does after a close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Reconnect with backoff and resume.
    Reconnect,
    /// Do not reconnect; tell the application.
    Stop,
}

impl CloseCode {
    /// What the code's range says. 4501 and 4503 have exceptions of their own in the client core.
    #[must_use]
    pub const fn retry(self) -> Retry {
        match self.0 {
            4500..=4999 => Retry::Stop,
            _ => Retry::Reconnect,
        }
    }
}
