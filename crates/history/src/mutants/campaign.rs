//! How many mutants are made of which histories, and what became of them.

use super::{MUTATORS, Verdict};
use crate::checker::check;
use crate::dice::Dice;
use crate::history::History;

/// Many mutants, shared out evenly among all mutators.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// Mutants of each mutator that are enough.
    quota: u64,
    tallies: Vec<Tally>,
    /// Findings in histories before anything was spoilt.
    false_alarms: Vec<String>,
    good: u64,
    dice: Dice,
}

/// What became of one mutator's mutants.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Its name.
    pub mutator: &'static str,
    /// Mutants that the checker caught by the rule that was broken.
    pub caught: u64,
    /// The others, each with its history and what the checker said instead.
    pub survivors: Vec<String>,
    /// Histories without a place where it does harm.
    pub declined: u64,
}

impl Campaign {
    /// At least `count` mutants in all.
    #[must_use]
    pub fn new(count: u64, seed: u64) -> Self {
        let tallies =
            MUTATORS.iter().map(|mutator| Tally { mutator: mutator.name, ..Tally::default() }).collect();
        let quota = count.div_ceil(MUTATORS.len() as u64);
        Campaign { quota, tallies, false_alarms: Vec::new(), good: 0, dice: Dice::new(seed) }
    }

    /// Spoils `good` with every mutator that has not made enough mutants yet, `each` times.
    pub fn spoil(&mut self, label: &str, good: &History, each: u32) {
        self.good += 1;
        if let Some((rule, detail)) = check(good).first() {
            self.false_alarms.push(format!("{label}, not spoilt: [{rule}] {detail}"));
            return;
        }
        for (mutator, tally) in MUTATORS.iter().zip(&mut self.tallies) {
            for _ in 0..each {
                if tally.made() >= self.quota {
                    break;
                }
                match mutator.try_on(good, &mut self.dice) {
                    Verdict::Declined => {
                        tally.declined += 1;
                        break;
                    }
                    Verdict::Caught => tally.caught += 1,
                    Verdict::Survived(found) => {
                        tally.survivors.push(format!("{label}, {}: found {found:?}", mutator.name));
                    }
                }
            }
        }
    }

    /// Whether every mutator has made enough mutants.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.tallies.iter().all(|tally| tally.made() >= self.quota)
    }

    /// By mutator.
    #[must_use]
    pub fn tallies(&self) -> &[Tally] {
        &self.tallies
    }

    /// Mutants made.
    #[must_use]
    pub fn made(&self) -> u64 {
        self.tallies.iter().map(Tally::made).sum()
    }

    /// Good histories used.
    #[must_use]
    pub fn good(&self) -> u64 {
        self.good
    }

    /// Everything that speaks against the checker: mutants that it let pass, and findings where nothing was wrong.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        let survivors = self.tallies.iter().flat_map(|tally| &tally.survivors);
        self.false_alarms.iter().chain(survivors).cloned().collect()
    }
}

impl Tally {
    /// Mutants made.
    #[must_use]
    pub fn made(&self) -> u64 {
        self.caught + self.survivors.len() as u64
    }
}
