//! How the front groups appends, refuses them, fails, and comes back.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};

use bowline_log::{
    AppendError, Appended, Batch, Log, LogConfig, LogStore, MemoryStore, Placed, SegmentConfig, SegmentStore,
    Status, StoreError,
};
use bowline_proto::{Account, Epoch, Page, Query, Record, Seq, Timestamp, Topic};
use common::disk::TestDisk;
use common::*;

fn clock() -> Timestamp {
    Timestamp(1000)
}

/// A store whose commits wait to be let through, and are counted.
#[derive(Debug)]
struct Gated {
    inner: MemoryStore,
    /// How many commits may still pass; `None`: any number.
    passes: Mutex<Option<usize>>,
    changed: Condvar,
    commits: AtomicUsize,
    /// What the next append or commit fails with.
    failure: Mutex<Option<StoreError>>,
}

impl Gated {
    fn new(passes: Option<usize>) -> Arc<Self> {
        Arc::new(Gated {
            inner: MemoryStore::new(Epoch::from_bits(1), SegmentConfig::default()),
            passes: Mutex::new(passes),
            changed: Condvar::new(),
            commits: AtomicUsize::new(0),
            failure: Mutex::new(None),
        })
    }

    fn pass(&self, commits: Option<usize>) {
        *self.passes.lock().unwrap() = commits;
        self.changed.notify_all();
    }

    /// Waits until a commit has begun.
    fn wait_for_commit(&self, number: usize) {
        while self.commits.load(Ordering::SeqCst) < number {
            std::thread::yield_now();
        }
    }
}

impl LogStore for Gated {
    fn append(&self, batches: &[Batch], now: Timestamp) -> Result<Vec<Appended>, StoreError> {
        match self.failure.lock().unwrap().take() {
            Some(error) => Err(error),
            None => self.inner.append(batches, now),
        }
    }

    fn commit(&self) -> Result<Arc<[Record]>, StoreError> {
        self.commits.fetch_add(1, Ordering::SeqCst);
        let mut passes = self.passes.lock().unwrap();
        while *passes == Some(0) {
            passes = self.changed.wait(passes).unwrap();
        }
        *passes = passes.map(|passes| passes - 1);
        drop(passes);
        self.inner.commit()
    }

    fn read(&self, query: &Query) -> Result<Page, StoreError> {
        self.inner.read(query)
    }

    fn grants(&self, account: &Account) -> (Vec<Topic>, Seq) {
        self.inner.grants(account)
    }

    fn status(&self) -> Status {
        self.inner.status()
    }

    fn retain(&self, now: Timestamp) -> Result<Seq, StoreError> {
        self.inner.retain(now)
    }

    fn close(&self) -> Result<(), StoreError> {
        self.inner.close()
    }
}

type Answer = Result<Placed, AppendError>;

fn append(log: &Log, batch: Batch) -> mpsc::Receiver<Answer> {
    let (answer, answered) = mpsc::channel();
    log.append(batch, move |placed| answer.send(placed).unwrap());
    answered
}

fn placed(answer: &mpsc::Receiver<Answer>) -> Vec<u64> {
    places(&answer.recv().unwrap().unwrap().outcome)
}

#[test]
fn whatever_waits_goes_into_one_commit() {
    let store = Gated::new(Some(0));
    let log = Log::start(store.clone(), LogConfig::default(), clock, |_| {});
    let first = append(&log, batch([event("conv:a", "1")]));
    store.wait_for_commit(1);
    let rest: Vec<_> = (0..100).map(|n| append(&log, batch([event("conv:a", &n.to_string())]))).collect();
    assert!(first.try_recv().is_err(), "not answered before the commit");
    store.pass(None);
    assert_eq!(placed(&first), [1]);
    for (n, answer) in (2..).zip(&rest) {
        assert_eq!(placed(answer), [n]);
    }
    assert_eq!(store.commits.load(Ordering::SeqCst), 2);
}

#[test]
fn records_are_told_before_their_appends_are_answered() {
    let (tell, told) = mpsc::channel();
    let answered = tell.clone();
    let store = Gated::new(None);
    let log = Log::start(store, LogConfig::default(), clock, move |records: &Arc<[Record]>| {
        tell.send(records.iter().map(|record| record.seq().get()).collect::<Vec<_>>()).unwrap();
    });
    log.append(batch([event("conv:a", "1"), event("conv:a", "2")]), move |_| answered.send(vec![]).unwrap());
    assert_eq!(told.recv().unwrap(), [1, 2]);
    assert_eq!(told.recv().unwrap(), [0; 0]);
    // What changes nothing is answered and not told.
    let answer = append(&log, batch([revoke("x", "conv:a")]));
    assert_eq!(placed(&answer), [2]);
    assert!(told.try_recv().is_err());
}

#[test]
fn a_key_repeated_in_flight_gets_the_same_answer() {
    let store = Gated::new(Some(0));
    let log = Log::start(store.clone(), LogConfig::default(), clock, |_| {});
    let first = append(&log, keyed([event("conv:a", "1")], "k", 1));
    store.wait_for_commit(1);
    let again = append(&log, keyed([event("conv:a", "1")], "k", 1));
    let other = append(&log, keyed([event("conv:a", "1")], "k", 2));
    store.pass(None);
    assert_eq!(first.recv().unwrap().unwrap().outcome, Appended::New { seqs: vec![seq(1)] });
    assert_eq!(again.recv().unwrap().unwrap().outcome, Appended::Repeated { seqs: vec![seq(1)] });
    assert_eq!(other.recv().unwrap().unwrap().outcome, Appended::KeyReused);
}

#[test]
fn above_its_bounds_the_queue_is_busy() {
    for config in
        [LogConfig::default().queue_batches(3), LogConfig::default().queue_bytes(1000), LogConfig::default()]
    {
        let store = Gated::new(Some(0));
        let log = Log::start(store.clone(), config, clock, |_| {});
        let first = append(&log, batch([event("conv:a", "1")]));
        store.wait_for_commit(1);
        let answers: Vec<_> =
            (0..9).map(|_| append(&log, batch([event("conv:a", &"p".repeat(150))]))).collect();
        let refused = answers.iter().filter(|a| matches!(a.try_recv(), Ok(Err(AppendError::Busy)))).count();
        store.pass(None);
        assert_eq!(placed(&first), [1]);
        let accepted = answers.iter().filter_map(|answer| answer.recv().ok()).filter(Result::is_ok).count();
        assert_eq!(refused + accepted, 9);
        assert!([0, 6].contains(&refused), "{refused}");
        assert!(log.is_writable());
    }
}

#[test]
fn a_full_device_refuses_appends_until_there_is_room() {
    let store = Gated::new(None);
    let log = Log::start(store.clone(), LogConfig::default(), clock, |_| {});
    *store.failure.lock().unwrap() = Some(StoreError::Full);
    assert_eq!(append(&log, batch([event("conv:a", "1")])).recv().unwrap(), Err(AppendError::Full));
    assert!(!log.is_writable());
    assert_eq!(placed(&append(&log, batch([event("conv:a", "1")]))), [1]);
    assert!(log.is_writable());
}

#[test]
fn a_failed_store_fails_everybody_who_waits_and_stays_failed() {
    let store = Gated::new(Some(0));
    let log = Log::start(store.clone(), LogConfig::default(), clock, |_| {});
    let first = append(&log, batch([event("conv:a", "1")]));
    store.wait_for_commit(1);
    *store.failure.lock().unwrap() = Some(StoreError::Failed(io::Error::other("broken")));
    let waiting: Vec<_> = (0..5).map(|_| append(&log, batch([event("conv:a", "2")]))).collect();
    store.pass(None);
    assert_eq!(placed(&first), [1]);
    for answer in waiting {
        assert_eq!(answer.recv().unwrap(), Err(AppendError::Unavailable));
    }
    let later = append(&log, batch([event("conv:a", "3")]));
    assert_eq!(later.recv().unwrap(), Err(AppendError::Unavailable));
    assert!(!log.is_writable());
    assert_eq!(log.read(&query(&*store, "x", &["conv:a"], 0)).unwrap().records.len(), 1, "reading goes on");
}

#[test]
fn a_failed_log_is_reopened_recovers_and_goes_on() {
    let disk = TestDisk::default();
    let open = {
        let disk = disk.clone();
        move || -> Result<Arc<dyn LogStore>, StoreError> {
            let (store, _) = SegmentStore::open(Arc::new(disk.clone()), small(), opening("boot", 7))?;
            Ok(Arc::new(store))
        }
    };
    let (tell, told) = mpsc::channel();
    let store = open().unwrap();
    let log = Log::start_reopening(
        store,
        LogConfig::default(),
        clock,
        |_| {},
        open,
        move |status| {
            tell.send(status).unwrap();
        },
    );
    assert_eq!(placed(&append(&log, batch([event("conv:a", "1")]))), [1]);
    let before = log.status();
    disk.fail_syncs(1);
    let lost = append(&log, batch([event("conv:a", "2")]));
    assert_eq!(lost.recv().unwrap(), Err(AppendError::Unavailable));
    let status = told.recv().unwrap();
    assert_eq!((status.epoch, status.head), (before.epoch, seq(1)));
    let answer = loop {
        match append(&log, batch([event("conv:a", "3")])).recv().unwrap() {
            // The news comes a moment before the doors open.
            Err(AppendError::Unavailable) => std::thread::yield_now(),
            answer => break answer.unwrap(),
        }
    };
    assert_eq!(places(&answer.outcome), [2]);
    assert!(log.is_writable());
}

#[test]
fn closing_writes_what_waits_and_leaves_the_store_in_order() {
    let disk = TestDisk::default();
    let (store, _) = open(&disk, small(), "boot", 7);
    let log = Log::start(Arc::new(store), LogConfig::default(), clock, |_| {});
    let answers: Vec<_> = (0..50).map(|_| append(&log, batch([event("conv:a", "1")]))).collect();
    log.close();
    for answer in answers {
        assert!(answer.recv().unwrap().is_ok());
    }
    let refused = append(&log, batch([event("conv:a", "1")]));
    assert_eq!(refused.recv().unwrap(), Err(AppendError::Closed));
    assert_eq!(log.status().head, seq(50));
    let (_, recovery) = open(&disk, small(), "another boot", 8);
    assert!(recovery.was_clean && recovery.epoch_change.is_none());
}

#[test]
fn the_last_clone_that_goes_closes_the_log() {
    let disk = TestDisk::default();
    let (store, _) = open(&disk, small(), "boot", 7);
    let log = Log::start(Arc::new(store), LogConfig::default(), clock, |_| {});
    let answer = append(&log, batch([event("conv:a", "1")]));
    drop(log.clone());
    assert_eq!(placed(&answer), [1]);
    drop(log);
    while let Err(StoreError::Locked { .. }) =
        SegmentStore::open(Arc::new(disk.clone()), small(), opening("boot", 8))
    {
        std::thread::yield_now();
    }
}

#[test]
fn a_panic_of_a_callback_lets_nobody_wait_for_ever() {
    let store = Gated::new(Some(0));
    let log = Log::start(store.clone(), LogConfig::default(), clock, |_| {});
    let (answer, answered) = mpsc::channel::<Answer>();
    log.append(batch([event("conv:a", "1")]), move |_| {
        let _keep = answer;
        panic!("a callback's own fault");
    });
    store.wait_for_commit(1);
    let waiting = append(&log, batch([event("conv:a", "2")]));
    store.pass(None);
    assert!(answered.recv().is_err());
    assert_eq!(waiting.recv().unwrap(), Err(AppendError::Closed));
    assert!(!log.is_writable());
}
