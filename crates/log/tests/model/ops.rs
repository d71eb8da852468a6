//! What happens to a store, chosen by bytes.

use bowline_log::{Batch, Entry};

use super::choices::Choices;
use super::common::{batch, event, grant, revoke};

#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// Appends batches and commits them.
    Append(Vec<Batch>),
    /// Removes everything that an hour-long retention would, this long after the last time.
    Retain(u64),
    /// The process is killed and another starts; sometimes what was appended last had not been committed.
    Kill { uncommitted: Option<Batch> },
    /// Closes and opens again.
    Restart,
    /// Reads.
    Read { who: usize, open: Vec<usize>, only: Option<Vec<usize>>, back: u64, max_records: usize },
}

pub(crate) const WHO: [&str; 3] = ["x", "y", "z"];
pub(crate) const TOPICS: [&str; 5] = ["conv:a", "conv:b", "conv:c", "conv:d", "user:x"];

fn entry(choices: &mut Choices<'_>) -> Entry {
    let kind = choices.below(9);
    let topic = choices.one_of(&TOPICS);
    match kind {
        0..=5 => event(topic, &"p".repeat(choices.index(900))),
        6..=7 => grant(choices.one_of(&WHO), topic),
        _ => revoke(choices.one_of(&WHO), topic),
    }
}

fn a_batch(choices: &mut Choices<'_>) -> Batch {
    batch((0..=choices.below(5)).map(|_| entry(choices)))
}

fn topics(choices: &mut Choices<'_>) -> Vec<usize> {
    (0..choices.below(3)).map(|_| choices.index(TOPICS.len())).collect()
}

impl Op {
    /// The next thing that happens.
    pub(crate) fn choose(choices: &mut Choices<'_>) -> Op {
        match choices.below(20) {
            0..=7 => Op::Append((0..=choices.below(3)).map(|_| a_batch(choices)).collect()),
            8..=9 => Op::Retain(choices.below(80)),
            10 => Op::Kill { uncommitted: (choices.below(2) > 0).then(|| a_batch(choices)) },
            11 => Op::Restart,
            _ => Op::Read {
                who: choices.index(WHO.len()),
                open: topics(choices),
                only: (choices.below(2) > 0).then(|| topics(choices)),
                back: choices.below(200),
                max_records: 1 + choices.index(40),
            },
        }
    }
}
