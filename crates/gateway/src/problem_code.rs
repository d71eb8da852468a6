//! Which problems the HTTP API has: each stable code with its one status.
//!
//! `docs/protocol.md` and `openapi.yaml` list the same ones, which is tested.

use axum::http::StatusCode;

macro_rules! problem_codes {
    ($($(#[$doc:meta])* $name:ident = $status:ident $text:literal;)*) => {
        /// A stable code; clients go by it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum ProblemCode {
            $($(#[$doc])* $name,)*
        }

        impl ProblemCode {
            /// All of them.
            #[cfg(test)]
            pub(crate) const ALL: &[ProblemCode] = &[$(ProblemCode::$name,)*];

            /// As it is written.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(ProblemCode::$name => $text,)* }
            }

            /// The status that it comes with.
            pub(crate) const fn status(self) -> StatusCode {
                match self { $(ProblemCode::$name => StatusCode::$status,)* }
            }
        }
    };
}

problem_codes! {
    /// Bytes that are no HTTP/1 request, or an upgrade with a body.
    BadRequest = BAD_REQUEST "bad_request";
    /// A body that is not the JSON it must be.
    BadJson = BAD_REQUEST "bad_json";
    /// A body that ended early.
    BadBody = BAD_REQUEST "bad_body";
    /// A query that can't be read.
    BadQuery = BAD_REQUEST "bad_query";
    /// A payload that would make no frame.
    BadPayload = BAD_REQUEST "bad_payload";
    /// An idempotency key of another shape.
    BadIdempotencyKey = BAD_REQUEST "bad_idempotency_key";
    /// Not a topic.
    InvalidTopic = BAD_REQUEST "invalid_topic";
    /// Not an account.
    InvalidAccount = BAD_REQUEST "invalid_account";
    /// Not an event's type.
    InvalidType = BAD_REQUEST "invalid_type";
    /// Not RFC 3339.
    InvalidTimestamp = BAD_REQUEST "invalid_timestamp";
    /// An event without a topic, or with `topic` and `topics`.
    NoTopic = BAD_REQUEST "no_topic";
    /// An empty array.
    NoEvents = BAD_REQUEST "no_events";
    /// An on-demand topic where the log needs one of its own.
    OnDemandTopic = BAD_REQUEST "on_demand_topic";
    /// An upgrade that breaks RFC 6455.
    BadUpgrade = BAD_REQUEST "bad_upgrade";
    /// No access token, or a bad one.
    Unauthorized = UNAUTHORIZED "unauthorized";
    /// No right to the topic.
    Forbidden = FORBIDDEN "forbidden";
    /// A token without the scope.
    MissingScope = FORBIDDEN "missing_scope";
    /// A page of another origin.
    OriginNotAllowed = FORBIDDEN "origin_not_allowed";
    /// Nothing is served there.
    UnknownPath = NOT_FOUND "unknown_path";
    /// Something is served there, otherwise.
    MethodNotAllowed = METHOD_NOT_ALLOWED "method_not_allowed";
    /// A body that does not arrive.
    BodyTimeout = REQUEST_TIMEOUT "body_timeout";
    /// A body, or an event's frame, above its limit.
    TooLarge = PAYLOAD_TOO_LARGE "too_large";
    /// An idempotency key that was used with another body.
    IdempotencyKeyReused = UNPROCESSABLE_ENTITY "idempotency_key_reused";
    /// A WebSocket of version 13 is served there, and nothing else.
    UpgradeRequired = UPGRADE_REQUIRED "upgrade_required";
    /// An account with too many tickets that nobody used.
    TooManyTickets = TOO_MANY_REQUESTS "too_many_tickets";
    /// A request head above its limits.
    HeadTooLarge = REQUEST_HEADER_FIELDS_TOO_LARGE "head_too_large";
    /// The gateway is shutting down.
    Draining = SERVICE_UNAVAILABLE "draining";
    /// The node has no room for another connection.
    TooManyConnections = SERVICE_UNAVAILABLE "too_many_connections";
    /// Too much waits for the log.
    LogBusy = SERVICE_UNAVAILABLE "log_busy";
    /// The log failed or is closing.
    LogUnavailable = SERVICE_UNAVAILABLE "log_unavailable";
    /// The log's disk is full.
    LogFull = INSUFFICIENT_STORAGE "log_full";
}
