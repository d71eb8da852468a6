//! Whether a run kept the delivery promise (wire protocol, section 7), judged from the history alone.
//!
//! Nothing here imports the code under test: rights, gaps and the places of publishes are computed anew from the records.

use crate::chain;
use crate::finding::Finding;
use crate::history::History;
use crate::publishes;
use crate::sight::LogIndex;
use crate::walk;

/// Everything that is wrong with `history`, apart from what was noticed while it was written.
///
/// Costs about 300 ns a delivery, and some 100 bytes an event of the log beside the history, whose items take 48 bytes each: five
/// million deliveries of 100,000 events in 1.4 s and 330 MB in all (`examples/judging.rs`).
#[must_use]
pub fn check(history: &History) -> Vec<Finding> {
    let mut found = Vec::new();
    let index = LogIndex::of(&history.truth, &history.readers);
    for (number, reader) in history.readers.iter().enumerate() {
        let who = format!("client {number} ({})", reader.account);
        walk::check(&who, reader, &index, &history.truth, &mut found);
    }
    publishes::check(history, &mut found);
    chain::check(&history.truth, &mut found);
    found
}
