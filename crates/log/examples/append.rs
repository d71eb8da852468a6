//! Durable appends per second beside a bare file: `cargo run --release -p bowline-log --example append -- DIR`.
//!
//! The bare file is the physical limit: length, checksum, position and 300 bytes per record, one write and one
//! `fdatasync` per batch. *store* is [`SegmentStore`] called directly; *front* is [`Log`] with four batches of that size in
//! flight, as several publishers make them. The three take turns in one run, because machines drift; compare ratios.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use bowline_log::{
    Batch, BootId, Entry, Log, LogConfig, LogStore, NewEvent, Opening, RealDisk, SegmentConfig, SegmentStore,
};
use bowline_proto::{Epoch, Timestamp, Topic};
use bytes::Bytes;

const CASE: Duration = Duration::from_millis(700);
const ROUNDS: usize = 5;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let root = std::env::args().nth(1).ok_or("usage: append DIR (a directory that is made and removed)")?;
    println!("durable events/s, 300-byte values, fdatasync per commit, median of {ROUNDS} rounds");
    for batch in [1, 16, 256] {
        let (mut bare, mut store, mut front) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let _ = std::fs::remove_dir_all(&root);
            std::fs::create_dir_all(&root)?;
            bare.push(bare_file(Path::new(&root), batch)?);
            store.push(segment_store(Path::new(&root), batch)?);
            front.push(log(Path::new(&root), batch)?);
        }
        let [bare, store, front] = [bare, store, front].map(median);
        println!(
            "batch {batch:4}   bare {bare:9.0}   store {store:9.0} ({:.2} of bare)   front {front:9.0} ({:.2} of bare)",
            store / bare,
            front / bare
        );
    }
    std::fs::remove_dir_all(&root)?;
    Ok(())
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// Runs `step` for a while; events per second.
fn rate(batch: u64, mut step: impl FnMut(u64) -> Outcome<()>) -> Outcome<f64> {
    let start = Instant::now();
    let mut events = 0;
    while start.elapsed() < CASE {
        step(events)?;
        events += batch;
    }
    Ok(events as f64 / start.elapsed().as_secs_f64())
}

fn bare_file(root: &Path, batch: u64) -> Outcome<f64> {
    let file = File::create(root.join("bare"))?;
    let value = [b'x'; 300];
    let (mut at, mut buffer) = (0, Vec::new());
    rate(batch, |first| {
        buffer.clear();
        for n in first..first + batch {
            let start = buffer.len();
            buffer.extend_from_slice(&300u32.to_le_bytes());
            buffer.extend_from_slice(&[0; 4]);
            buffer.extend_from_slice(&n.to_le_bytes());
            buffer.extend_from_slice(&value);
            let crc = crc32fast::hash(&buffer[start + 8..]);
            buffer[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
        }
        file.write_all_at(&buffer, at)?;
        at += buffer.len() as u64;
        Ok(file.sync_data()?)
    })
}

fn open(dir: &Path) -> Outcome<SegmentStore> {
    let opening =
        Opening { boot: BootId::of_this_machine(), fresh_epoch: Epoch::from_bits(1), now: Timestamp(0) };
    Ok(SegmentStore::open(Arc::new(RealDisk::open(dir)?), SegmentConfig::default(), opening)?.0)
}

/// Twenty topics, in turn.
fn batches(batch: u64) -> Outcome<impl Fn(u64) -> Batch> {
    let topics: Vec<Topic> =
        (0..20).map(|n| Topic::new(&format!("conv:topic-{n}"))).collect::<Result<_, _>>()?;
    let kind: Arc<str> = "message.new".into();
    let payload = Bytes::from(format!("\"{}\"", "x".repeat(298)));
    Ok(move |first: u64| {
        let entries = (first..first + batch).map(|n| {
            let topic = topics[n as usize % topics.len()].clone();
            let (kind, payload) = (Arc::clone(&kind), payload.clone());
            Entry::Event(NewEvent { topic, kind, payload, timestamp: Timestamp(n) })
        });
        Batch { entries: entries.collect(), key: None }
    })
}

fn segment_store(root: &Path, batch: u64) -> Outcome<f64> {
    let store = open(&root.join("store"))?;
    let batches = batches(batch)?;
    rate(batch, |first| {
        store.append(&[batches(first)], Timestamp(first))?;
        store.commit()?;
        Ok(())
    })
}

fn log(root: &Path, batch: u64) -> Outcome<f64> {
    let store = Arc::new(open(&root.join("front"))?);
    let log = Log::start(store, LogConfig::default(), || Timestamp(0), |_| {});
    let batches = batches(batch)?;
    let (answers, answered) = mpsc::channel();
    let rate = rate(batch, |first| {
        let answers = answers.clone();
        log.append(batches(first), move |placed| {
            let _ = answers.send(placed);
        });
        if first >= 3 * batch {
            answered.recv()??;
        }
        Ok(())
    });
    log.close();
    rate
}
