//! Whether a run of real processes kept the delivery promise: the checker that also judges the simulator decides.

use std::collections::BTreeSet;
use std::path::Path;

use bowline_history::{History, Seen, check};
use bowline_proto::Topic;

use crate::book::Book;
use crate::diary::Diary;
use crate::truth;

/// Findings that are told in full; more would only repeat them.
const TOLD: usize = 20;
/// Things before a broken promise that are told.
const TRAIL: usize = 12;

/// Epochs that somebody was told of and the log is not called at its end.
///
/// A log takes a new epoch when it may have lost what it had acknowledged, and nothing that is done to a stand can take any of
/// that: whatever a process has written stays in the page cache when it dies, of a signal or of want of memory; a full device
/// keeps what it has; a `fdatasync` that fails was never carried out, so that the pages behind it stay as written, and what the
/// log had not acknowledged by then is cut off at the next opening within the same epoch, also where the process was killed in
/// between. Machines that go down, pages that are dropped and files that are damaged are the simulator's. So a gap for the
/// reason of an epoch is never honest here, and a changed epoch is a loss without need.
fn strange_epochs(history: &History) -> Option<String> {
    let at_the_end = history.truth.lives().last()?.epoch;
    let told = |seen: &Seen| match seen {
        Seen::Based { epoch, .. } | Seen::Accepted { epoch } => Some(*epoch),
        _ => None,
    };
    let items = history.readers.iter().flat_map(|reader| &reader.items);
    let strange: BTreeSet<_> = items.filter_map(told).filter(|epoch| *epoch != at_the_end).collect();
    let names = strange.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    (!names.is_empty()).then(|| format!("epoch: the log was called {names} before it was called {at_the_end}, and no fault had taken anything from it"))
}

/// The broken promises, in words, each with what came before it; empty when every promise held. The gateway of
/// `data_dir` must have ended.
pub(crate) fn judge(data_dir: &Path, topics: &[Topic], book: &Book, diaries: &mut [Diary]) -> Vec<String> {
    let accounts: BTreeSet<_> = diaries.iter().map(|diary| diary.reader.account.clone()).collect();
    let mut broken = Vec::new();
    let mut history = book.close();
    match truth::read(data_dir, &accounts, topics) {
        Ok(truth) => history.truth = truth,
        // What was acknowledged can't be read back.
        Err(failure) => return vec![failure.to_string()],
    }
    history.readers = diaries.iter().map(|diary| diary.reader.clone()).collect();
    broken.extend(strange_epochs(&history));
    let found = check(&history);
    if !found.is_empty() {
        broken.extend(found.into_iter().take(TOLD).map(|(rule, what)| format!("{rule}: {what}")));
        for diary in diaries.iter() {
            broken.extend(trail(&mut history, diary));
        }
    }
    for diary in diaries {
        broken.append(&mut diary.complaints);
    }
    broken
}

/// What came before the first promise that was broken to this reader, if one was.
fn trail(history: &mut History, diary: &Diary) -> Option<String> {
    let whole = &diary.reader.items;
    let mut is_good = |items: usize, must_be_caught_up: bool| {
        let mut reader = diary.reader.clone();
        reader.items.truncate(items);
        reader.must_be_caught_up = must_be_caught_up;
        history.readers = vec![reader];
        let account = format!("({})", diary.reader.account);
        !check(history).iter().any(|(_, what)| what.contains(&account))
    };
    if is_good(whole.len(), true) {
        return None;
    }
    let (mut good, mut bad) = (0, whole.len());
    while good + 1 < bad {
        let middle = good.midpoint(bad);
        if is_good(middle, false) { good = middle } else { bad = middle }
    }
    Some(format!("what {} saw before:\n    {}", diary.reader.account, diary.trail(bad, TRAIL).join("\n    ")))
}

/// The `q`-quantile in milliseconds.
pub(crate) fn quantile_ms(latencies: &mut [u32], q: f64) -> f64 {
    if latencies.is_empty() {
        return 0.0;
    }
    latencies.sort_unstable();
    let index = ((latencies.len() - 1) as f64 * q).round() as usize;
    f64::from(latencies[index]) / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use bowline_history::{Attempt, Digest};
    use bowline_log::{
        Batch, BootId, Entry, LogStore, NewEvent, Opening, RealDisk, SegmentConfig, SegmentStore,
    };
    use bowline_proto::{Account, Epoch, Seq, Timestamp};
    use std::sync::Arc;

    const EPOCH: Epoch = Epoch::from_bits(7);

    fn topic() -> Topic {
        Topic::new("torture:t0").unwrap()
    }

    fn payload(n: u64) -> String {
        format!("{{\"n\":{n}}}")
    }

    /// A log that grants `reader` the topic and holds events 1 to 4 behind that, and a book in which all of it was asked for
    /// and answered.
    fn log(dir: &Path) -> Book {
        let book = Book::default();
        let account = Account::new("reader").unwrap();
        let disk = Arc::new(RealDisk::open(dir).unwrap());
        let opening = Opening { boot: BootId::of_this_machine(), fresh_epoch: EPOCH, now: Timestamp(0) };
        let (store, _) = SegmentStore::open(disk, SegmentConfig::default(), opening).unwrap();
        let grant = Entry::Grant { account: account.clone(), topic: topic() };
        let events = (1..5).map(|n| {
            let (kind, payload) = ("torture.event".into(), payload(n).into());
            Entry::Event(NewEvent { topic: topic(), kind, payload, timestamp: Timestamp(0) })
        });
        for (number, entry) in std::iter::once(grant).chain(events).enumerate() {
            let attempt = match &entry {
                Entry::Event(event) => Attempt::Event { topic: topic(), payload: Digest::of(&event.payload) },
                _ => Attempt::Grant { account: account.clone(), topic: topic() },
            };
            book.attempt((0, number as u64), vec![attempt]);
            store.append(&[Batch { entries: vec![entry], key: None }], Timestamp(0)).unwrap();
            store.commit().unwrap();
            book.answered((0, number as u64), &[store.status().head]);
        }
        store.close().unwrap();
        book
    }

    /// What a reader is judged who started behind the grant and was handed `events`.
    fn judged(events: &[u64]) -> Vec<String> {
        judged_in(EPOCH, events)
    }

    /// The same, when the reader was told that the log is called `epoch`.
    fn judged_in(epoch: Epoch, events: &[u64]) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let book = log(dir.path());
        let truth = truth::read(dir.path(), &[Account::new("reader").unwrap()].into(), &[topic()]).unwrap();
        let mut diary = Diary::new("reader", &Book::default());
        diary.accepted(epoch, Seq::new(1).unwrap());
        for n in events {
            let seq = Seq::new(n + 1).unwrap();
            let text = match truth.lives()[0].records.get(&seq) {
                Some(bowline_proto::Record::Event(event)) => Digest::of(&event.text),
                _ => Digest::of(b"made up"),
            };
            diary.push(Seen::Event { epoch, topic: topic(), seq, text });
        }
        judge(dir.path(), &[topic()], &book, &mut [diary])
    }

    #[test]
    fn a_good_run_breaks_nothing_and_each_fault_is_told_with_its_trail() {
        assert_eq!(judged(&[1, 2, 3, 4]), Vec::<String>::new());
        for (events, rule) in [
            (&[1, 2, 4][..], "hole"),
            (&[1, 2, 3], "hole"),
            (&[1, 2, 2, 3, 4], "double"),
            (&[1, 3, 2, 4], "order"),
            (&[1, 2, 3, 4, 9], "phantom"),
        ] {
            let broken = judged(events);
            assert!(broken.iter().any(|line| line.starts_with(rule)), "{events:?}: {broken:?}");
            assert!(
                broken.iter().any(|line| line.contains("what reader saw before")),
                "{events:?}: {broken:?}"
            );
        }
    }

    #[test]
    fn a_log_that_changed_its_epoch_has_lost_something_without_need() {
        let broken = judged_in(Epoch::from_bits(6), &[1, 2, 3, 4]);
        assert!(broken[0].starts_with("epoch: the log was called"), "{broken:?}");
    }
}
