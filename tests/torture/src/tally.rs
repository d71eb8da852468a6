//! What several runs have done together, beside what was asked for.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::gateway::{TortureError, error};

/// Where runs are noted, from the repository's root; committed with the code.
pub const TALLY: &str = "tests/torture/tally.ndjson";

/// The figures of one run: a line of a tally file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// What was tortured: a commit, `-dirty` where it was more than that.
    pub commit: String,
    /// Which order of faults.
    pub seed: u64,
    /// How long it took.
    pub seconds: f64,
    /// Stands raised and judged.
    pub rounds: u64,
    /// How often each fault has been done.
    pub faults: BTreeMap<String, u64>,
    /// Handovers carried out by native clients.
    pub handovers: u64,
    /// Links accepted again after a loss.
    pub reconnects: u64,
    /// Rights given or taken while the faults went on.
    pub rights_changed: u64,
    /// Events handed to applications.
    pub deliveries: u64,
    /// Ephemeral events handed to applications.
    pub signals: u64,
    /// Events whose publish was answered.
    pub acknowledged: u64,
    /// Events whose publish was never answered.
    pub unknown: u64,
    /// Broken promises.
    pub broken: u64,
    /// From the start of a process to its being ready, at worst.
    pub worst_ready_ms: u64,
    /// From the end of a fault until every reader had everything, at worst.
    pub worst_caught_up_ms: u64,
    /// Starts after a `kill -9` with a log of 1 GiB.
    pub large_log_starts: u64,
    /// The slowest of them.
    pub large_log_ready_ms: u64,
    /// What the machine did not allow.
    pub skipped: Vec<String>,
}

/// Several runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sum {
    /// Their figures together.
    pub total: Tally,
    /// How many runs there were of each commit, their seconds and their broken promises.
    pub commits: BTreeMap<String, (u64, f64, u64)>,
}

impl Sum {
    /// The lines of `file`, summed up.
    ///
    /// # Errors
    /// When it cannot be read or a line is none of ours.
    pub fn of(file: &Path) -> Result<Sum, TortureError> {
        let text = fs::read_to_string(file).map_err(|e| error(format!("{}: {e}", file.display())))?;
        let mut sum = Sum::default();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let run: Tally = serde_json::from_str(line).map_err(error)?;
            let of_commit = sum.commits.entry(run.commit.clone()).or_default();
            of_commit.0 += 1;
            of_commit.1 += run.seconds;
            of_commit.2 += run.broken;
            sum.total.add(run);
        }
        Ok(sum)
    }

    /// The figures beside the targets and what they are figures of, as tables in Markdown.
    #[must_use]
    pub fn table(&self) -> String {
        let mut table = self.total.table();
        table += "\n| commit | runs | seconds | broken |\n|---|--:|--:|--:|\n";
        for (commit, (runs, seconds, broken)) in &self.commits {
            let _ = writeln!(table, "| {commit} | {runs} | {} | {broken} |", grouped(*seconds as u64));
        }
        for commit in self.commits.keys().filter(|commit| !is_known(commit)) {
            let _ = writeln!(table, "\nNOT of known code: the runs of {commit:?}");
        }
        table
    }
}

/// It names code that anybody can have.
fn is_known(commit: &str) -> bool {
    !commit.is_empty() && commit.chars().all(|c| c.is_ascii_hexdigit())
}

impl Tally {
    /// Appends the figures to `file` as one line.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn append(&self, file: &Path) -> Result<(), TortureError> {
        let line = serde_json::to_string(self).map_err(error)? + "\n";
        let mut file = OpenOptions::new().create(true).append(true).open(file).map_err(error)?;
        file.write_all(line.as_bytes()).map_err(error)
    }

    fn add(&mut self, run: Tally) {
        self.seconds += run.seconds;
        self.rounds += run.rounds;
        for (fault, times) in run.faults {
            *self.faults.entry(fault).or_default() += times;
        }
        self.handovers += run.handovers;
        self.reconnects += run.reconnects;
        self.rights_changed += run.rights_changed;
        self.deliveries += run.deliveries;
        self.signals += run.signals;
        self.acknowledged += run.acknowledged;
        self.unknown += run.unknown;
        self.broken += run.broken;
        self.worst_ready_ms = self.worst_ready_ms.max(run.worst_ready_ms);
        self.worst_caught_up_ms = self.worst_caught_up_ms.max(run.worst_caught_up_ms);
        self.large_log_starts += run.large_log_starts;
        self.large_log_ready_ms = self.large_log_ready_ms.max(run.large_log_ready_ms);
        self.skipped.extend(run.skipped);
        self.skipped.sort();
        self.skipped.dedup();
    }

    fn of(&self, faults: &[&str]) -> u64 {
        faults.iter().filter_map(|fault| self.faults.get(*fault)).sum()
    }

    /// The figures beside the targets, as a table in Markdown.
    #[must_use]
    pub fn table(&self) -> String {
        let at_least = |name: &str, had: u64, target: u64| {
            let verdict = if had >= target { "reached" } else { "NOT reached" };
            format!("| {name} | {} | at least {} | {verdict} |\n", grouped(had), grouped(target))
        };
        let at_most = |name: &str, had: u64, target: u64, unit: &str| {
            let verdict = if had <= target { "kept" } else { "NOT kept" };
            format!("| {name} | {}{unit} | {target}{unit} | {verdict} |\n", grouped(had))
        };
        let mut table = String::from("| figure | measured | target | |\n|---|--:|--:|---|\n");
        table += &at_least("seconds of torture", self.seconds as u64, 3_600);
        table += &at_least("`kill -9` of the gateway", self.of(&["gateway_kill"]), 500);
        table += &at_least("SIGSTOP", self.of(&["gateway_stop", "listener_stop"]), 200);
        table += &at_least("rolling restarts with 50 clients", self.of(&["rolling_restart"]), 50);
        table += &at_least("handovers", self.handovers, 2_000);
        table += &at_least("deliveries judged", self.deliveries, 5_000_000);
        table += &at_most("lost, doubled, reordered, otherwise broken", self.broken, 0, "");
        if self.large_log_starts == 0 {
            table += "| ready after `kill -9` with 1 GiB of log | not measured | 1000 ms | NOT reached |\n";
        } else {
            let name = format!("ready after `kill -9` with 1 GiB of log, worst of {}", self.large_log_starts);
            table += &at_most(&name, self.large_log_ready_ms, 1_000, " ms");
        }
        let _ = writeln!(
            table,
            "\n{} rounds; {} events acknowledged, {} unknown; {} reconnects, {} changes of rights, {} signals; ready again within {} ms and everybody \
             caught up within {} ms of the end of a fault, at worst.\n",
            self.rounds,
            grouped(self.acknowledged),
            grouped(self.unknown),
            grouped(self.reconnects),
            grouped(self.rights_changed),
            grouped(self.signals),
            grouped(self.worst_ready_ms),
            grouped(self.worst_caught_up_ms),
        );
        table += "| fault | times |\n|---|--:|\n";
        for (fault, times) in &self.faults {
            let _ = writeln!(table, "| {fault} | {} |", grouped(*times));
        }
        for skipped in &self.skipped {
            let _ = writeln!(table, "\nSKIPPED: {skipped}");
        }
        table
    }
}

/// 1234567 as 1,234,567.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_add_up_and_the_worst_of_them_counts() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("tally");
        let run = |kills, ready| Tally {
            commit: if ready > 50 { "c0ffee-dirty".into() } else { "c0ffee".into() },
            seconds: 1_800.0,
            faults: BTreeMap::from([("gateway_kill".to_string(), kills)]),
            deliveries: 2_500_000,
            worst_ready_ms: ready,
            ..Tally::default()
        };
        run(200, 70).append(&file).unwrap();
        run(299, 30).append(&file).unwrap();
        let sum = Sum::of(&file).unwrap();
        let total = &sum.total;
        assert_eq!(
            (total.of(&["gateway_kill"]), total.deliveries, total.worst_ready_ms),
            (499, 5_000_000, 70)
        );
        let table = sum.table();
        assert!(table.contains("| seconds of torture | 3,600 | at least 3,600 | reached |"), "{table}");
        assert!(table.contains("| `kill -9` of the gateway | 499 | at least 500 | NOT reached |"), "{table}");
        assert!(table.contains("not measured"), "{table}");
        assert!(table.contains("| c0ffee | 1 | 1,800 | 0 |"), "{table}");
        assert!(table.contains("NOT of known code: the runs of \"c0ffee-dirty\""), "{table}");
        assert!(!table.contains("NOT of known code: the runs of \"c0ffee\""), "{table}");
    }

    #[test]
    fn figures_without_their_thousands_are_hard_to_read() {
        assert_eq!([grouped(7), grouped(1_234), grouped(1_234_567)], ["7", "1,234", "1,234,567"]);
    }
}
