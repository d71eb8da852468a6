//! The durable event log of Bowline.

mod store;

pub use store::{Appended, Batch, Entry, IdempotencyKey, LogStore, NewEvent, Status, StoreError};
