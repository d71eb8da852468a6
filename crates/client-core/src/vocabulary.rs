//! The three vocabularies of the core: facts in, orders out, news for the application.

use core::time::Duration;
use std::sync::Arc;

use bowline_proto::{
    Accepted, ActivityStatus, ClientFrame, CloseCode, Cursor, Gap, Rejected, ServerFrame, SessionId,
    SubscribeAck, Topic,
};

/// One WebSocket from dial to close. Never reused: an answer for a link that the core has forgotten is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// One question to the token provider. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FetchId(pub u64);

/// A message of the application's that waits in the driver until the core says where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u64);

/// A fact, in the past tense. `B` is what the driver keeps of an event; the core hands it on unseen.
#[derive(Clone, Debug)]
pub enum Input<B> {
    /// The token provider answered; the driver keeps the secret until the dial.
    CredentialReady {
        /// The question.
        fetch: FetchId,
    },
    /// The token provider failed.
    CredentialFailed {
        /// The question.
        fetch: FetchId,
        /// How.
        failure: CredentialFailure,
    },
    /// The WebSocket handshake is done.
    Opened {
        /// The link.
        link: LinkId,
    },
    /// The link never opened.
    DialFailed {
        /// The link.
        link: LinkId,
        /// How.
        failure: DialFailure,
    },
    /// Bytes came that are no frame of ours: a WebSocket ping or pong. Proof of life.
    Heard {
        /// The link.
        link: LinkId,
    },
    /// A frame came.
    Frame {
        /// The link.
        link: LinkId,
        /// The frame, decoded.
        frame: ServerFrame<B>,
    },
    /// Something came that is no frame (binary, not JSON, above a limit).
    BadFrame {
        /// The link.
        link: LinkId,
        /// For the log: which rule it broke.
        why: String,
    },
    /// The link is over: the peer's close code, or [`CloseCode::ABNORMAL`] without one.
    Closed {
        /// The link.
        link: LinkId,
        /// The code.
        code: CloseCode,
    },
    /// The driver stopped reading because the application does not keep up: silence proves nothing now.
    ReadPaused,
    /// The driver reads again.
    ReadResumed,
    /// The machine woke up, came online or the page became visible: try at once.
    NetworkReturned,
}

/// How a token provider failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialFailure {
    /// Worth another try later.
    Temporary {
        /// Not before this time, when the issuer said so.
        retry_after: Option<Duration>,
        /// For people; holds no secret.
        message: String,
    },
    /// Will not succeed by repetition: signed out, forbidden.
    Refused {
        /// For people; holds no secret.
        message: String,
    },
}

/// How a dial failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DialFailure {
    /// No connection, TLS failure, or an HTTP status that may pass (429, 5xx).
    Temporary {
        /// Not before this time, when the server said so.
        retry_after: Option<Duration>,
        /// For people.
        message: String,
    },
    /// HTTP 401: the credential is not accepted.
    Unauthorized,
    /// Will not succeed by repetition: another HTTP status (403, 404), an unusable URL, a certificate that is not trusted.
    Refused {
        /// For people.
        message: String,
    },
}

/// What the application asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Connect, from `Idle` or after a terminal close.
    Connect,
    /// Close for good. Final at any moment: afterwards only `Connect` leads out.
    Close,
    /// Want these topics, now and on every link to come.
    Subscribe(Vec<Topic>),
    /// Want these topics no more.
    Unsubscribe(Vec<Topic>),
    /// What this account is doing in a conversation.
    SendActivity {
        /// The conversation's id.
        conversation_id: Arc<str>,
        /// The status.
        status: ActivityStatus,
    },
    /// Send a message of the application's own; kept in order while there is no link.
    Send {
        /// The driver's name for it.
        message: MessageId,
        /// Its length in bytes: what the outbox counts.
        bytes: usize,
    },
    /// Start a handover now.
    HandOver,
}

/// Why a command was refused. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The connection is closed or closing; `Connect` opens it again.
    #[error("the connection is closed")]
    Closed,
    /// The outbox is full.
    #[error("the outbox is full ({messages} messages, {bytes} bytes wait)")]
    OutboxFull {
        /// Messages waiting.
        messages: usize,
        /// Bytes waiting.
        bytes: usize,
    },
    /// More subscriptions than the configuration allows.
    #[error("more than {limit} subscriptions")]
    TooManySubscriptions {
        /// The limit.
        limit: usize,
    },
    /// More conversations with a status than the configuration allows.
    #[error("more than {limit} conversations with an activity")]
    TooManyActivities {
        /// The limit.
        limit: usize,
    },
}

/// An order to the driver, in the imperative.
#[derive(Clone, Debug)]
pub enum Output<B> {
    /// Ask the token provider; answer with `CredentialReady` or `CredentialFailed`.
    FetchCredential {
        /// The question.
        fetch: FetchId,
    },
    /// The answer is no longer wanted: cancel, or forget the secret.
    ForgetCredential {
        /// The question.
        fetch: FetchId,
    },
    /// Dial with the credential of `fetch` (used up by this); answer with `Opened` or `DialFailed`.
    Dial {
        /// The link to be.
        link: LinkId,
        /// Whose secret to use.
        fetch: FetchId,
        /// Which layer the URL asks for.
        layer: Layer,
    },
    /// Send a frame.
    Send {
        /// The link.
        link: LinkId,
        /// The frame.
        frame: ClientFrame,
    },
    /// Send a message of the application's.
    SendMessage {
        /// The link.
        link: LinkId,
        /// Which.
        message: MessageId,
    },
    /// The message will not be sent: forget it.
    DropMessage {
        /// Which.
        message: MessageId,
    },
    /// Start the closing handshake; go on reading until `Closed`.
    Close {
        /// The link.
        link: LinkId,
        /// The code.
        code: CloseCode,
    },
    /// Drop the socket or the dial at once. No answer is expected.
    Abort {
        /// The link.
        link: LinkId,
    },
    /// Hand an event or a signal to the application.
    Deliver {
        /// What the driver kept of it.
        body: B,
        /// Where a reader stands who has taken it. `None` on plain servers and for signals.
        cursor: Option<Cursor>,
    },
    /// Tell the application.
    Notify(Notice),
}

/// Which layer of the protocol a dial asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layer {
    /// Nothing beyond the second seed document.
    Plain,
    /// `resume=1` on the URL, and a `resume` as the first frame.
    Resume,
}

/// News for the application, in the order in which it concerns the events around it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The connection's state changed. A handover changes none.
    State(ConnectionState),
    /// A link was accepted: the first one, one after a reconnect, or the successor of a handover.
    Accepted {
        /// Everything the gateway said.
        accepted: Arc<Accepted>,
        /// Which kind.
        occasion: Occasion,
    },
    /// Everything up to here is behind the reader: the cursor of a quiet connection stays young. Also says the session.
    Moved(Cursor),
    /// Events that can't be had.
    Gap(Gap),
    /// The server could not go on after the cursor and did not say what was lost: events of any topic may be missing
    /// behind `after`.
    Skipped {
        /// Everything up to here has been delivered.
        after: Cursor,
        /// Delivery goes on behind this; `None` on a server that knows no positions.
        now: Option<Cursor>,
    },
    /// A reconnect attempt will start after `delay`.
    Reconnecting {
        /// From 1; reset once a connection has been accepted and stayed up.
        attempt: u32,
        /// Zero: at once.
        delay: Duration,
        /// For people: what happened to the link before.
        cause: String,
    },
    /// The reconnect attempt that was announced has started.
    AttemptStarted {
        /// The number that was announced.
        attempt: u32,
    },
    /// A successor is being dialled while the current link goes on.
    HandoverStarted,
    /// The current link stays.
    HandoverFailed {
        /// For people.
        cause: String,
        /// Until the next try; `None` when none is planned.
        delay: Option<Duration>,
    },
    /// The gateway answered a subscribe.
    SubscribeAck(SubscribeAck),
    /// The gateway answered an unsubscribe.
    UnsubscribeAck(Vec<Topic>),
    /// Default topics changed by a grant or a revocation.
    TopicsChanged {
        /// Delivered from now on.
        added: Vec<Topic>,
        /// No longer delivered.
        removed: Vec<Topic>,
    },
    /// The gateway refused the connection.
    Rejected(Rejected),
    /// The gateway did not understand or allow a frame.
    GatewayError {
        /// Stable code.
        code: String,
        /// For people.
        message: String,
    },
    /// Something went wrong that the connection recovers from by itself: for `on_error` and logs.
    Trouble(String),
}

/// Why a link was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Occasion {
    /// The first link after `Connect`.
    Connect,
    /// A new link after one was lost.
    Reconnect,
    /// A successor while the current link was alive.
    Handover,
}

/// Where the connection stands, as the application sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectionState {
    /// Before the first `Connect`.
    Idle,
    /// The first link is on its way.
    Connecting,
    /// Accepted.
    Connected,
    /// The link was lost; a new one is on its way or waits for its turn.
    Reconnecting,
    /// `Close` was asked for; the closing handshake is under way.
    Closing,
    /// Over.
    Closed(CloseReason),
}

impl ConnectionState {
    /// How programs are told of it: one lower-case word, without the reason of a close.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            ConnectionState::Idle => "idle",
            ConnectionState::Connecting => "connecting",
            ConnectionState::Connected => "connected",
            ConnectionState::Reconnecting => "reconnecting",
            ConnectionState::Closing => "closing",
            ConnectionState::Closed(_) => "closed",
        }
    }
}

/// Why a connection is over. Not an error by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// The application asked for it.
    Asked,
    /// The gateway refused the connection, for example above the connection limit.
    Rejected(Rejected),
    /// The gateway closed with a code that forbids a retry.
    Refused(CloseCode),
    /// The credential was not accepted, also after asking the provider once more.
    Unauthorized,
    /// The token provider said that it will not succeed.
    NoCredential(String),
    /// The server can't be reached in a way that a retry would mend.
    Unreachable(String),
    /// As many attempts as the configuration allows have failed in a row.
    AttemptsExhausted {
        /// How many.
        attempts: u32,
        /// For people: the last failure.
        last: String,
    },
}

/// A point to go on from, worth saving: also after the process was killed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedPosition {
    /// Proves the session, so that its ghosts are evicted.
    pub session_id: Option<SessionId>,
    /// `None`: from the oldest retained event.
    pub cursor: Option<Cursor>,
}
