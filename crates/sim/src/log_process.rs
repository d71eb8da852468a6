//! How the simulated gateway opens its log, and what the checker reads out of it behind the gateway's back.

use std::collections::BTreeMap;
use std::sync::Arc;

use bowline_log::{BootId, EpochChange, LogStore, Opening, SegmentConfig, SegmentStore, StoreError};
use bowline_proto::{Account, Epoch, GrantScope, Query, Record, Seq, Timestamp, Topic};

use crate::disk::SimDisk;
use crate::plan::{Limits, NodePlan};

/// Opens the log as a new process; also says why the epoch changed, if it did.
pub(crate) fn open(
    disk: SimDisk,
    plan: &NodePlan,
    limits: &Limits,
    boot: u64,
    fresh_epoch: u64,
    now: Timestamp,
) -> Result<(Arc<dyn LogStore>, Option<EpochChange>), StoreError> {
    let config = SegmentConfig::default()
        .durability(plan.durability)
        .segment_bytes(limits.segment_bytes)
        .retain_age(limits.retain_age)
        .retain_bytes(limits.retain_bytes);
    let opening = Opening {
        boot: BootId::new(&format!("boot {boot}")),
        fresh_epoch: Epoch::from_bits(fresh_epoch),
        now,
    };
    let (store, recovery) = SegmentStore::open(Arc::new(disk), config, opening)?;
    Ok((Arc::new(store), recovery.epoch_change))
}

/// Everything that a log shows: every event, and the grant records of `accounts`.
pub(crate) fn read_all(
    store: &dyn LogStore,
    accounts: &[Account],
    topics: &[Topic],
) -> Result<Vec<Record>, StoreError> {
    let status = store.status();
    let open: Arc<[Topic]> = topics.into();
    let mut found: BTreeMap<Seq, Record> = BTreeMap::new();
    for account in accounts {
        let mut after = Seq::ZERO;
        while after < status.head {
            let page = store.read(&Query {
                account: account.clone(),
                granted: GrantScope::All,
                open: Arc::clone(&open),
                epoch: status.epoch,
                after,
                max_records: 10_000,
                max_bytes: 1 << 30,
            })?;
            for record in page.records {
                found.insert(record.seq(), record);
            }
            if page.upto <= after {
                break;
            }
            after = page.upto;
        }
    }
    Ok(found.into_values().collect())
}

/// Up to where a log goes on with the life called `epoch`, whose last position was `head`, as it tells a reader.
pub(crate) fn shared(
    store: &dyn LogStore,
    reader: &Account,
    epoch: Epoch,
    head: Seq,
) -> Result<Seq, StoreError> {
    let page = store.read(&Query {
        account: reader.clone(),
        granted: GrantScope::All,
        open: Arc::from([]),
        epoch,
        after: head,
        max_records: 1,
        max_bytes: 1,
    })?;
    Ok(page.from)
}
