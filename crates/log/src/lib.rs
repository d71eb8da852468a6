//! The durable event log of Bowline: [`Log`] in front, a [`LogStore`] behind it.
//!
//! Two stores pass one conformance suite: [`SegmentStore`] in files of its own format (`docs/log.md`), and
//! [`MemoryStore`]. Both are deterministic: clock, randomness and disk come in as arguments; the only thread is the
//! front's.
//!
//! ```
//! use std::sync::{Arc, mpsc};
//! use bowline_log::{Batch, Entry, Log, LogConfig, MemoryStore, NewEvent, SegmentConfig};
//! use bowline_proto::{Epoch, Timestamp, Topic};
//!
//! let store = Arc::new(MemoryStore::new(Epoch::from_bits(7), SegmentConfig::default()));
//! let log = Log::start(store, LogConfig::default(), || Timestamp(0), |records| assert_eq!(records.len(), 1));
//! let event = NewEvent {
//!     topic: Topic::new("conv:c1")?,
//!     kind: "message.new".into(),
//!     payload: "{}".into(),
//!     timestamp: Timestamp(0),
//! };
//! let (answer, answered) = mpsc::channel();
//! log.append(Batch { entries: vec![Entry::Event(event)], key: None }, move |placed| {
//!     let _ = answer.send(placed);
//! });
//! assert_eq!(answered.recv()??.epoch, Epoch::from_bits(7));
//! log.close();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod boot;
mod codec;
mod config;
mod disk;
mod epochs;
mod found;
mod frame;
mod front;
mod grants;
mod index;
mod keys;
mod leftover;
mod memory;
mod names;
mod page;
mod places;
mod queue;
mod reader;
mod real_disk;
mod recovery;
mod removed;
mod replay;
mod replayed;
mod retention;
mod sealed;
mod sealed_list;
mod segment;
mod segment_store;
mod state_file;
mod store;
mod topics;
mod view;

pub use boot::{BootId, Opening};
pub use config::{Durability, SegmentConfig};
pub use disk::{Disk, DiskFile, DiskLock, Open};
pub use found::{EpochChange, Recovery};
pub use front::Log;
pub use memory::MemoryStore;
pub use queue::{AppendError, LogConfig, Placed};
pub use real_disk::RealDisk;
pub use segment_store::SegmentStore;
pub use store::{Appended, Batch, Entry, IdempotencyKey, LogStore, NewEvent, Status, StoreError};
