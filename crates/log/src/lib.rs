//! The durable event log of Bowline.

mod boot;
mod config;
mod disk;
mod real_disk;
mod store;

pub use boot::{BootId, Opening};
pub use config::{Durability, SegmentConfig};
pub use disk::{Disk, DiskFile, DiskLock, Open};
pub use real_disk::RealDisk;
pub use store::{Appended, Batch, Entry, IdempotencyKey, LogStore, NewEvent, Status, StoreError};
