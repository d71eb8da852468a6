//! Which typed events there are: one struct per type, with the constant that names it.
//!
//! The structs carry the payload's members under their Rust names; [`Typed`](crate::Typed) puts the envelope beside them.
//! `docs/events.md` lists all twenty. Where a type is wanted as text, use the constants: [`message::NEW`] and so on.
//!
//! ```
//! use bowline::event::{self, EventPayload, MessageNew};
//!
//! assert_eq!(MessageNew::KIND, event::message::NEW);
//! assert_eq!(event::message::NEW, "message.new");
//! ```

pub use bowline_proto::typed::account::{BlockCreated, BlockRemoved, ProfileUpdated, SettingsUpdated};
pub use bowline_proto::typed::activity::ActivityChanged;
pub use bowline_proto::typed::contact::{
    ContactRemoved, FriendNameUpdated, RequestAccepted, RequestPendingApproval, RequestReceived,
    RequestRejected, RequestRevoked,
};
pub use bowline_proto::typed::conversation::{
    ConversationNew, ConversationUpdated, MemberAdded, MemberRemoved, MemberUpdated,
};
pub use bowline_proto::typed::message::{MessageDeleted, MessageNew, MessageUpdated};
pub use bowline_proto::typed::{
    EventPayload, KNOWN_KINDS, Opaque, PayloadError, TypedEvent, account, activity, contact, conversation,
    message,
};
