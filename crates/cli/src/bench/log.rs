//! Durable appends and replay of the log, beside a plain segment file: a bare loop of write, checksum and `fdatasync`.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bowline_log::{
    Batch, BootId, Durability, Entry, LogStore, NewEvent, Opening, RealDisk, SegmentConfig, SegmentStore,
};
use bowline_proto::{Account, Epoch, GrantScope, Query, Seq, Timestamp, Topic};
use bytes::Bytes;

use super::process::failed;
use super::{median, ratios};
use crate::args::LogBench;
use crate::failure::Failure;

/// Bytes of a value, as in other engines' figures.
const VALUE: usize = 300;
/// How often the two take turns.
const TURNS: u32 = 9;
const BATCHES: [usize; 3] = [1, 16, 256];

pub(super) fn run(args: &LogBench) -> Result<(), Failure> {
    let temporary = tempfile::tempdir().map_err(failed)?;
    let dir = args.dir.clone().unwrap_or_else(|| temporary.path().to_path_buf()).join("bowline-bench-log");
    std::fs::create_dir_all(&dir).map_err(failed)?;
    println!("values of {VALUE} bytes, fdatasync after each batch, in {}", dir.display());
    let store = open(&dir.join("log"))?;
    for batch in BATCHES {
        // In short turns, so that a drift of the device meets both.
        let (mut plain, mut log) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            plain.push(bare_file(&dir, batch, args.time / TURNS)?);
            log.push(append(&store, batch, args.time / TURNS)?);
        }
        let ratio = ratios(log.iter().zip(&plain).map(|(l, p)| l / p));
        println!(
            "batches of {batch:3}: plain file {:9.0} events/s   log {:9.0} events/s   ratio {ratio}",
            median(plain),
            median(log)
        );
    }
    let micros = replay(&store)?;
    println!("replay of 1,000 events of one topic: {micros:.0} µs (median of 200, from the page cache)");
    drop(store);
    std::fs::remove_dir_all(&dir).map_err(failed)
}

fn open(dir: &Path) -> Result<Arc<dyn LogStore>, Failure> {
    let disk = Arc::new(RealDisk::open(dir).map_err(failed)?);
    let opening =
        Opening { boot: BootId::of_this_machine(), fresh_epoch: Epoch::from_bits(1), now: Timestamp(0) };
    let config = SegmentConfig::default().durability(Durability::Fsync);
    let (store, _) = SegmentStore::open(disk, config, opening).map_err(failed)?;
    Ok(Arc::new(store))
}

fn topic() -> Topic {
    Topic::new("bench:log").expect("the constant is a topic")
}

/// Events per second of our log.
fn append(store: &Arc<dyn LogStore>, batch: usize, time: Duration) -> Result<f64, Failure> {
    let payload = Bytes::from(super::load::payload(VALUE));
    let event = Entry::Event(NewEvent {
        topic: topic(),
        kind: "bench.event".into(),
        payload,
        timestamp: Timestamp(1_700_000_000_000),
    });
    let batch = Batch { entries: vec![event; batch], key: None };
    let start = Instant::now();
    let mut events = 0;
    while start.elapsed() < time {
        store.append(std::slice::from_ref(&batch), Timestamp(1_700_000_000_000)).map_err(failed)?;
        store.commit().map_err(failed)?;
        events += batch.entries.len();
    }
    Ok(events as f64 / start.elapsed().as_secs_f64())
}

/// Events per second of the least that can be called a durable log.
fn bare_file(dir: &Path, batch: usize, time: Duration) -> Result<f64, Failure> {
    let path = dir.join("plain");
    let mut file = File::create(&path).map_err(failed)?;
    let value = vec![b'x'; VALUE];
    let mut buffer = Vec::new();
    let start = Instant::now();
    let mut events = 0_u64;
    while start.elapsed() < time {
        buffer.clear();
        for _ in 0..batch {
            let sum = crc32fast::hash(&value);
            buffer.extend_from_slice(&(VALUE as u32).to_le_bytes());
            buffer.extend_from_slice(&sum.to_le_bytes());
            buffer.extend_from_slice(&events.to_le_bytes());
            buffer.extend_from_slice(&value);
            events += 1;
        }
        file.write_all(&buffer).and_then(|()| file.sync_data()).map_err(failed)?;
    }
    let rate = events as f64 / start.elapsed().as_secs_f64();
    std::fs::remove_file(&path).map_err(failed)?;
    Ok(rate)
}

/// Microseconds for 1,000 events somewhere in the log.
fn replay(store: &Arc<dyn LogStore>) -> Result<f64, Failure> {
    let head = store.status().head.get();
    let mut times = Vec::new();
    let mut place = 12_345_u64;
    for _ in 0..200 {
        place = place.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let after = (place >> 33) % head.saturating_sub(1000).max(1);
        let query = Query {
            account: Account::new("bench").expect("the constant is an account"),
            granted: GrantScope::Only([].into()),
            open: [topic()].into(),
            epoch: store.status().epoch,
            after: Seq::new(after).ok_or_else(|| failed("the log is too long"))?,
            max_records: 1000,
            max_bytes: usize::MAX,
        };
        let start = Instant::now();
        let page = store.read(&query).map_err(failed)?;
        times.push(start.elapsed().as_secs_f64() * 1e6);
        if page.records.len() < 1000.min(head as usize) {
            return Err(failed(format!("the log answered {} events", page.records.len())));
        }
    }
    Ok(median(times))
}
