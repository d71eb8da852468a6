//! What many trials came to, as a table for people and for documents.

use std::fmt;

use crate::bug::Bug;
use crate::trial::{End, Ended};

/// All trials, in the order in which they ended.
#[derive(Clone, Debug, Default)]
pub struct Table {
    rows: Vec<(Bug, Ended)>,
}

impl Table {
    /// Adds a trial.
    pub fn add(&mut self, bug: Bug, ended: Ended) {
        self.rows.push((bug, ended));
    }

    /// Whether every bug was noticed.
    #[must_use]
    pub fn is_all_killed(&self) -> bool {
        self.rows.iter().all(|(_, ended)| ended.end.is_killed())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = vec![HEADINGS.map(str::to_owned)];
        let mut rows: Vec<&(Bug, Ended)> = self.rows.iter().collect();
        rows.sort_by_key(|(bug, _)| (&bug.area, &bug.name));
        lines.extend(rows.iter().map(|(bug, ended)| cells(bug, ended)));
        let widths: Vec<usize> = (0..HEADINGS.len())
            .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
            .collect();
        for (number, line) in lines.iter().enumerate() {
            let padded: Vec<String> =
                line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            writeln!(f, "| {} |", padded.join(" | "))?;
            if number == 0 {
                let rules: Vec<String> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
                writeln!(f, "|{}|", rules.join("|"))?;
            }
        }
        let killed = rows.iter().filter(|(_, ended)| ended.end.is_killed()).count();
        let most = rows.iter().filter_map(|(_, ended)| needed(ended)).max().unwrap_or(0);
        let total: f64 = rows.iter().map(|(_, ended)| (ended.built_in + ended.ran_for).as_secs_f64()).sum();
        write!(f, "\n{killed} of {} bugs killed, at most {most} seeds needed, {total:.0} s", rows.len())
    }
}

fn cells(bug: &Bug, ended: &Ended) -> [String; 7] {
    let (outcome, seed, rule) = match &ended.end {
        End::Killed { seed, rule, .. } => ("killed", seed.to_string(), rule.clone()),
        End::Survived => ("SURVIVED", String::new(), String::new()),
        End::DoesNotApply(_) => ("DOES NOT APPLY", String::new(), String::new()),
        End::DoesNotBuild(_) => ("DOES NOT BUILD", String::new(), String::new()),
    };
    [
        bug.path(),
        outcome.to_owned(),
        seed,
        needed(ended).map(|needed| needed.to_string()).unwrap_or_default(),
        rule,
        bug.promise.clone(),
        format!("{:.0} + {:.0}", ended.built_in.as_secs_f64(), ended.ran_for.as_secs_f64()),
    ]
}

fn needed(ended: &Ended) -> Option<u64> {
    match ended.end {
        End::Killed { needed, .. } => Some(needed),
        End::Survived | End::DoesNotApply(_) | End::DoesNotBuild(_) => None,
    }
}

const HEADINGS: [&str; 7] = [
    "bug",
    "outcome",
    "by seed",
    "seeds needed",
    "rule that fired",
    "promise that it breaks",
    "s (build + run)",
];
