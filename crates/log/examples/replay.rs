//! How long a reader that missed 1,000 events waits for the log: `cargo run --release -p bowline-log --example replay -- DIR`.
//!
//! Events have 300 bytes of payload. *dense*: all of one topic, side by side. *sparse*: one of 20 topics, so the reader's
//! events lie 20 records apart. *many*: all of 20 granted topics. From the page cache, checksums verified.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bowline_log::{
    Batch, BootId, Durability, Entry, LogStore, NewEvent, Opening, RealDisk, SegmentConfig, SegmentStore,
};
use bowline_proto::{Account, Epoch, GrantScope, Query, Seq, Timestamp, Topic};

const EVENTS: u64 = 200_000;
const WANTED: usize = 1000;
const RUNS: usize = 200;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = std::env::args().nth(1).ok_or("usage: replay DIR (a directory that is made and removed)")?;
    println!("replay of {WANTED} events of 300 bytes, {RUNS} runs each");
    for (name, topics, open) in [("dense", 1, 1), ("sparse", 20, 1), ("many", 20, 20)] {
        let dir = std::path::Path::new(&root).join(name);
        let _ = std::fs::remove_dir_all(&dir);
        let opening =
            Opening { boot: BootId::of_this_machine(), fresh_epoch: Epoch::from_bits(1), now: Timestamp(0) };
        let config = SegmentConfig::default().durability(Durability::Os);
        let (store, _) = SegmentStore::open(Arc::new(RealDisk::open(&dir)?), config, opening)?;
        let account = Account::new("reader")?;
        let names: Vec<Topic> =
            (0..topics).map(|n| Topic::new(&format!("conv:topic-{n}"))).collect::<Result<_, _>>()?;
        let grants = names.iter().take(open).cloned();
        let grants = grants.map(|topic| Entry::Grant { account: account.clone(), topic }).collect();
        store.append(&[Batch { entries: grants, key: None }], Timestamp(0))?;
        let payload = bytes::Bytes::from(format!("\"{}\"", "x".repeat(298)));
        let kind: Arc<str> = "message.new".into();
        for start in (0..EVENTS).step_by(500) {
            let entries = (start..start + 500).map(|n| {
                let topic = names[n as usize % names.len()].clone();
                let (kind, payload) = (Arc::clone(&kind), payload.clone());
                Entry::Event(NewEvent { topic, kind, payload, timestamp: Timestamp(n) })
            });
            store.append(&[Batch { entries: entries.collect(), key: None }], Timestamp(start))?;
            store.commit()?;
        }
        let mut took = Vec::new();
        let mut random = 0x9e37_79b9_7f4a_7c15u64;
        for _ in 0..RUNS {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let span = (WANTED * topics / open) as u64;
            let after = Seq::new(100 + (random >> 33) % (EVENTS - span - 200)).ok_or("a position")?;
            let query = Query {
                account: account.clone(),
                granted: GrantScope::All,
                open: [].into(),
                epoch: store.status().epoch,
                after,
                max_records: WANTED,
                max_bytes: usize::MAX,
            };
            let start = Instant::now();
            let page = store.read(&query)?;
            took.push(start.elapsed());
            assert_eq!(page.records.len(), WANTED, "{after}");
        }
        took.sort();
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        println!(
            "{name:7} p50 {:6.0} us   p99 {:6.0} us   slowest {:6.0} us (first use of an index included)",
            micros(took[RUNS / 2]),
            micros(took[RUNS * 99 / 100]),
            micros(took[RUNS - 1]),
        );
        std::fs::remove_dir_all(&dir)?;
    }
    Ok(())
}
