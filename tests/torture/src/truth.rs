//! What the log of an ended gateway really holds, read off its data directory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use bowline_history::Truth;
use bowline_log::{BootId, LogStore, Opening, RealDisk, SegmentConfig, SegmentStore};
use bowline_proto::{Account, Epoch, GrantScope, Query, Record, Seq, Timestamp, Topic};

use crate::gateway::{TortureError, error};

/// Every event of `topics` and every right of `accounts`, from the directory of a gateway that has ended. Retention keeps
/// everything.
///
/// # Errors
/// When the log cannot be opened, or does not tell all that it says it holds.
pub(crate) fn read(
    dir: &Path,
    accounts: &BTreeSet<Account>,
    topics: &[Topic],
) -> Result<Truth, TortureError> {
    let disk = RealDisk::open(dir).map_err(error)?;
    let opening = Opening {
        boot: BootId::of_this_machine(),
        fresh_epoch: Epoch::from_bits(crate::diary::now_micros()),
        now: Timestamp(crate::diary::now_micros() / 1_000),
    };
    let config = SegmentConfig::default().retain_age(None).retain_bytes(None);
    let (store, _) = SegmentStore::open(Arc::new(disk), config, opening).map_err(error)?;
    let status = store.status();
    let mut records: BTreeMap<Seq, Record> = BTreeMap::new();
    for (index, account) in accounts.iter().enumerate() {
        // The first query brings the events, whoever may see them; each brings the rights of its account.
        let open: Arc<[Topic]> = if index == 0 { topics.into() } else { Arc::new([]) };
        let mut query = Query {
            account: account.clone(),
            granted: GrantScope::All,
            open,
            epoch: status.epoch,
            after: Seq::ZERO,
            max_records: 100_000,
            max_bytes: 64 << 20,
        };
        while query.after < status.head {
            let page = store.read(&query).map_err(error)?;
            if !page.gaps.is_empty() || page.upto <= query.after {
                return Err(error(format!(
                    "the log of {} has gaps of its own: {:?}",
                    dir.display(),
                    page.gaps
                )));
            }
            records.extend(page.records.into_iter().map(|record| (record.seq(), record)));
            query.after = page.upto;
        }
    }
    store.close().map_err(error)?;
    Ok(Truth::of_log(status.epoch, status.oldest, records.into_values()))
}
