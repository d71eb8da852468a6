//! Whether a run of real processes kept the delivery promise: the checker that also judges the simulator decides.

use std::collections::BTreeSet;
use std::path::Path;

use bowline_history::{History, check};
use bowline_proto::Topic;

use crate::diary::Diary;
use crate::gateway::TortureError;
use crate::publisher::Ledger;
use crate::truth;

/// Findings that are told in full; more would only repeat them.
const TOLD: usize = 20;
/// Things before a broken promise that are told.
const TRAIL: usize = 12;

/// The broken promises, in words, each with what came before it; empty when every promise held. The gateway of
/// `data_dir` must have ended.
///
/// # Errors
/// When the log cannot be read.
pub(crate) fn judge(
    data_dir: &Path,
    topics: &[Topic],
    ledger: Ledger,
    diaries: &mut [Diary],
) -> Result<Vec<String>, TortureError> {
    let accounts: BTreeSet<_> = diaries.iter().map(|diary| diary.reader.account.clone()).collect();
    let mut broken = ledger.complaints;
    let mut history = History { publishes: ledger.publishes, ..History::default() };
    history.truth = truth::read(data_dir, &accounts, topics)?;
    history.readers = diaries.iter().map(|diary| diary.reader.clone()).collect();
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
    Ok(broken)
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
