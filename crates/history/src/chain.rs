//! Whether the log's own thread is whole: `prev` of every event names the event of its topic before it, and an epoch names
//! one life.

use std::collections::{BTreeMap, BTreeSet};

use bowline_proto::{Record, Seq, Topic};

use crate::finding::Finding;
use crate::rules;
use crate::truth::Truth;

pub(crate) fn check(truth: &Truth, found: &mut Vec<Finding>) {
    let mut epochs = BTreeSet::new();
    for life in truth.lives() {
        if !epochs.insert(life.epoch) {
            found.push((rules::EPOCH, format!("two lives of the log are called {}", life.epoch)));
        }
        let mut heads: BTreeMap<&Topic, Seq> = BTreeMap::new();
        for record in life.records.values() {
            let Record::Event(event) = record else { continue };
            let before = match heads.insert(&event.topic, event.seq) {
                Some(before) => before,
                // The one before it is not known.
                None if event.prev <= life.unknown_upto => continue,
                None => Seq::ZERO,
            };
            if event.prev != before {
                let said = format!("{} {} has prev {}, not {before}", event.topic, event.seq, event.prev);
                found.push((rules::CHAIN, said));
            }
        }
    }
}
