//! Words and wire of Bowline: what client, gateway, log and simulator must agree on.
//!
//! No I/O, no clock, no randomness, no async. `docs/protocol.md` is the contract that this crate writes in types.

mod activity;
mod client_frame;
mod close;
mod event;
mod event_kind;
mod event_time;
#[cfg(feature = "json")]
mod json;
mod limits;
mod position;
mod record;
mod rfc3339;
mod server_frame;
mod time;
mod topic;
#[cfg(feature = "json")]
pub mod typed;

pub use activity::{ACTIVITY_HEARTBEAT, ACTIVITY_LEASE, ACTIVITY_THROTTLE, ActivityStatus};
pub use client_frame::{ClientFrame, RequestedTopic, Resume, SessionId};
pub use close::{CloseCode, Retry};
pub use event::Event;
pub use event_kind::EventKind;
pub use event_time::EventTime;
#[cfg(feature = "json")]
pub use json::{
    DecodeError, FrameDecoder, check_json, decode_client_frame, decode_server_frame, encode_client_frame,
    encode_event, encode_server_frame, encode_signal,
};
pub use limits::Limits;
pub use position::{Cursor, Epoch, InvalidEpoch, Seq};
pub use record::{GrantScope, LoggedEvent, Page, Query, Record};
pub use server_frame::{
    Accepted, DrainReason, Draining, EventHead, Gap, GapReason, Place, RefusalCode, Rejected, ServerFrame,
    SubscribeAck, TopicRefusal,
};
pub use time::{Time, Timestamp};
pub use topic::{
    Account, AccountKind, InvalidAccount, InvalidTopic, MAX_ACCOUNT_BYTES, MAX_TOPIC_BYTES, Topic,
};
#[cfg(feature = "json")]
pub use typed::{EventPayload, PayloadError, TypedEvent};
