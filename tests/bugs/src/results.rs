//! Which bugs were killed and by how many seeds: the committed file, one row for each bug, sorted by name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::trial::End;

/// Where the outcomes are noted, relative to the root.
pub const RESULTS: &str = "tests/bugs/results.tsv";

/// The rows of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Results {
    killed: BTreeMap<String, Kill>,
}

/// How a bug was killed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kill {
    /// How many seeds that took, counted from the first one that was tried.
    pub needed: u64,
    /// The seed that noticed it.
    pub seed: u64,
    /// The rule that was broken, `panic`, or `hang`.
    pub rule: String,
}

impl Results {
    /// The rows of a file; none where there is no file.
    ///
    /// # Errors
    /// Says which row is not what it should be.
    pub fn read(path: &Path) -> Result<Results, String> {
        let text = if path.exists() { fs::read_to_string(path) } else { Ok(String::new()) };
        let text = text.map_err(|error| format!("{}: {error}", path.display()))?;
        let mut killed = BTreeMap::new();
        for line in text.lines().skip(1) {
            let kill = parse(line).ok_or_else(|| format!("{}: what is this? {line}", path.display()))?;
            killed.insert(kill.0, kill.1);
        }
        Ok(Results { killed })
    }

    /// How each bug was killed, by area and name.
    #[must_use]
    pub fn killed(&self) -> &BTreeMap<String, Kill> {
        &self.killed
    }

    /// A trial of `bug` ended so. One that is not killed any more loses its row.
    pub fn note(&mut self, bug: &str, end: &End) {
        self.killed.remove(bug);
        if let End::Killed { seed, needed, rule, .. } = end {
            self.killed.insert(bug.to_owned(), Kill { needed: *needed, seed: *seed, rule: rule.clone() });
        }
    }

    /// Bugs that are gone lose their rows.
    pub fn keep_only(&mut self, bugs: &BTreeSet<String>) {
        self.killed.retain(|bug, _| bugs.contains(bug));
    }

    /// Writes the file.
    ///
    /// # Errors
    /// Says why it can't be written.
    pub fn write(&self, path: &Path) -> Result<(), String> {
        let rows = self.killed.iter().map(|(bug, kill)| {
            let Kill { needed, seed, rule } = kill;
            format!("{bug}\t{needed}\t{seed}\t{rule}\n")
        });
        let text: String = [HEADING.to_owned()].into_iter().chain(rows).collect();
        fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
    }
}

fn parse(line: &str) -> Option<(String, Kill)> {
    let cells: Vec<&str> = line.split('\t').collect();
    let [bug, needed, seed, rule] = cells[..] else { return None };
    let kill = Kill { needed: needed.parse().ok()?, seed: seed.parse().ok()?, rule: rule.to_owned() };
    Some((bug.to_owned(), kill))
}

const HEADING: &str = "bug\tseeds needed\tkilled by seed\tbroken rule\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn killed_by(seed: u64) -> End {
        End::Killed { seed, needed: seed, rule: "hole".into(), detail: "a0 went on".into() }
    }

    #[test]
    fn what_is_noted_is_read_again_and_what_survives_or_is_gone_has_no_row() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("results.tsv");
        let mut results = Results::read(&file).unwrap();
        for (bug, seed) in [("log/b", 7), ("log/a", 3), ("log/c", 1)] {
            results.note(bug, &killed_by(seed));
        }
        results.note("log/c", &End::Survived);
        results.note("log/a", &killed_by(4));
        results.keep_only(&["log/a".to_owned(), "log/c".to_owned()].into());
        results.write(&file).unwrap();
        let again = Results::read(&file).unwrap();
        assert_eq!(again, results);
        let expected = Kill { needed: 4, seed: 4, rule: "hole".into() };
        assert_eq!(again.killed(), &BTreeMap::from([("log/a".to_owned(), expected)]));
    }

    #[test]
    fn a_row_that_is_none_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("results.tsv");
        fs::write(&file, format!("{HEADING}log/a\tmany\t3\thole\n")).unwrap();
        assert!(Results::read(&file).unwrap_err().contains("log/a"));
    }
}
