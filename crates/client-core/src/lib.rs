//! The life of one Bowline connection, without I/O.

mod vocabulary;

pub use vocabulary::{
    CloseReason, Command, CommandError, ConnectionState, CredentialFailure, DialFailure, FetchId, Input,
    Layer, LinkId, MessageId, Notice, Occasion, Output, SavedPosition,
};
