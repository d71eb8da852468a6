//! The durable event log of Bowline.

mod boot;
mod codec;
mod config;
mod disk;
mod epochs;
mod frame;
mod front;
mod grants;
mod index;
mod keys;
mod memory;
mod names;
mod page;
mod places;
mod queue;
mod reader;
mod real_disk;
mod recovery;
mod replay;
mod sealed;
mod segment;
mod segment_store;
mod state_file;
mod store;
mod topics;
mod view;

pub use boot::{BootId, Opening};
pub use config::{Durability, SegmentConfig};
pub use disk::{Disk, DiskFile, DiskLock, Open};
pub use front::Log;
pub use memory::MemoryStore;
pub use queue::{AppendError, LogConfig, Placed};
pub use real_disk::RealDisk;
pub use recovery::{EpochChange, Recovery};
pub use segment_store::SegmentStore;
pub use store::{Appended, Batch, Entry, IdempotencyKey, LogStore, NewEvent, Status, StoreError};
