//! What "every event once, in order" means for a finished run.

use std::collections::{HashMap, VecDeque};

use crate::publisher::Ledger;

/// One delivery as the application saw it.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) topic: String,
    pub(crate) n: usize,
    pub(crate) seq: u64,
}

/// Everything one listener saw, in order.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) gaps: Vec<String>,
    /// Microseconds from publish to hand-over.
    pub(crate) latencies: Vec<u64>,
    /// State changes after the first `Connected`.
    pub(crate) state_changes: Vec<String>,
    pub(crate) handovers: u64,
    pub(crate) reconnects: u64,
    /// The newest items of any kind, in words: what went before a broken promise.
    trail: VecDeque<String>,
    /// The trails of the first broken promises.
    trails: Vec<String>,
}

/// Items of a trail.
const TRAIL: usize = 12;
/// Trails that are kept: more would only repeat them.
const TRAILS: usize = 3;

impl Seen {
    /// Notes an item of any kind, as `{item:?}`.
    pub(crate) fn note(&mut self, item: String) {
        if self.trail.len() == TRAIL {
            self.trail.pop_front();
        }
        self.trail.push_back(item);
    }

    /// Notes a delivery; one that is not behind the last keeps the trail that led to it.
    pub(crate) fn deliver(&mut self, delivery: Delivery, gone_before: String) {
        let seq = delivery.seq;
        self.note(gone_before);
        if self.deliveries.last().is_some_and(|last| last.seq >= seq) && self.trails.len() < TRAILS {
            self.trails.push(format!("before seq {seq}: {}", self.trail.make_contiguous().join("; ")));
        }
        self.deliveries.push(delivery);
    }
}

/// The broken promises of one listener, in words; empty when every promise held.
pub(crate) fn judge(name: &str, seen: &Seen, ledger: &Ledger) -> Vec<String> {
    let mut broken = Vec::new();
    let mut counts: HashMap<&str, Vec<u32>> =
        ledger.topics.iter().map(|t| (t.topic.as_str(), vec![0; t.acked.len()])).collect();
    let mut last_seq = 0;
    let mut last_n: HashMap<&str, usize> = HashMap::new();
    for delivery in &seen.deliveries {
        let Delivery { topic, n, seq } = delivery;
        if *seq <= last_seq {
            broken.push(format!("{name}: seq {seq} after {last_seq} (doubled or reordered)"));
        }
        last_seq = last_seq.max(*seq);
        match counts.get_mut(topic.as_str()).and_then(|c| c.get_mut(*n)) {
            Some(count) => *count += 1,
            None => broken.push(format!("{name}: {topic} #{n} was never published")),
        }
        if last_n.insert(topic, *n).is_some_and(|before| before >= *n) {
            broken.push(format!("{name}: {topic} #{n} came out of the order of publishing"));
        }
    }
    for topic in &ledger.topics {
        for (n, acked) in topic.acked.iter().enumerate() {
            match (acked, counts[topic.topic.as_str()][n]) {
                (Some(_), 1) | (None, 0 | 1) => {}
                (Some(seq), 0) => {
                    broken.push(format!("{name}: lost {} #{n} (acknowledged as seq {seq})", topic.topic))
                }
                (_, times) => broken.push(format!("{name}: {} #{n} delivered {times} times", topic.topic)),
            }
        }
    }
    broken.extend(seen.trails.iter().map(|trail| format!("{name}: {trail}")));
    broken.extend(seen.gaps.iter().map(|gap| format!("{name}: a gap without a reason: {gap}")));
    broken
}

/// The seq that every listener must reach.
pub(crate) fn last_acked(ledger: &Ledger) -> u64 {
    ledger.topics.iter().flat_map(|t| t.acked.iter().flatten()).copied().max().unwrap_or(0)
}

/// How many events were acknowledged.
pub(crate) fn acked(ledger: &Ledger) -> usize {
    ledger.topics.iter().map(|t| t.acked.iter().flatten().count()).sum()
}

/// The `q`-quantile in milliseconds.
pub(crate) fn quantile_ms(latencies: &mut [u64], q: f64) -> f64 {
    if latencies.is_empty() {
        return 0.0;
    }
    latencies.sort_unstable();
    let index = ((latencies.len() - 1) as f64 * q).round() as usize;
    latencies[index] as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publisher::TopicLedger;

    fn ledger(acked: &[Option<u64>]) -> Ledger {
        Ledger { topics: vec![TopicLedger { topic: "t:1".into(), acked: acked.to_vec() }] }
    }

    fn seen(deliveries: &[(usize, u64)]) -> Seen {
        let deliveries =
            deliveries.iter().map(|(n, seq)| Delivery { topic: "t:1".into(), n: *n, seq: *seq }).collect();
        Seen { deliveries, ..Seen::default() }
    }

    #[test]
    fn a_good_run_breaks_nothing_and_each_fault_is_told() {
        let ledger = ledger(&[Some(1), Some(2), None]);
        for (deliveries, is_good) in [
            (&[(0, 1), (1, 2)][..], true),
            (&[(0, 1), (1, 2), (2, 3)], true),
            (&[(0, 1)], false),
            (&[(0, 1), (1, 2), (1, 2)], false),
            (&[(1, 2), (0, 1)], false),
            (&[(0, 1), (1, 2), (2, 3), (2, 4)], false),
            (&[(0, 1), (1, 2), (7, 3)], false),
        ] {
            assert_eq!(judge("x", &seen(deliveries), &ledger).is_empty(), is_good, "{deliveries:?}");
        }
    }
}
