//! How a plan that breaks a rule is made small: what can be left out while the same rule still breaks is left out.
//!
//! Faults go first, in halves, quarters and so on down to single ones; then hostile peers, strangers, publishers and clients,
//! which keep their numbers and never start; then settings; then faults once more.

use crate::plan::Plan;
use crate::trace::Trace;
use crate::world::run_plan;

/// A plan that was made smaller.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The smallest one that was found.
    pub plan: Plan,
    /// The rule that it still breaks.
    pub rule: &'static str,
    /// Runs that it took.
    pub runs: u32,
}

/// Makes `plan` smaller, with at most `most_runs` runs. `None` when it breaks no rule.
#[must_use]
pub fn shrink(plan: &Plan, most_runs: u32) -> Option<Shrunk> {
    let rule = broken_rule(plan)?;
    let mut search = Search { best: plan.clone(), rule, runs: 1, most_runs };
    search.drop_faults();
    search.drop_peers();
    search.drop_settings();
    search.drop_faults();
    Some(Shrunk { plan: search.best, rule, runs: search.runs })
}

struct Search {
    best: Plan,
    rule: &'static str,
    runs: u32,
    most_runs: u32,
}

impl Search {
    /// Takes `plan` when it still breaks the rule.
    fn offer(&mut self, plan: Plan) -> bool {
        if self.runs >= self.most_runs || plan == self.best {
            return false;
        }
        self.runs += 1;
        let fits = broken_rule(&plan) == Some(self.rule);
        if fits {
            self.best = plan;
        }
        fits
    }

    fn drop_faults(&mut self) {
        let mut size = self.best.faults.len().div_ceil(2);
        while size > 0 {
            let mut at = 0;
            while at < self.best.faults.len() {
                let mut plan = self.best.clone();
                let end = (at + size).min(plan.faults.len());
                plan.faults.drain(at..end);
                if !self.offer(plan) {
                    at = end;
                }
            }
            size /= 2;
        }
    }

    fn drop_peers(&mut self) {
        for index in 0..self.best.hostiles.len() {
            self.change(|plan| plan.hostiles[index].absent = true);
        }
        for index in 0..self.best.strangers.len() {
            self.change(|plan| plan.strangers[index].absent = true);
        }
        for index in 0..self.best.publishers.len() {
            self.change(|plan| plan.publishers[index].absent = true);
        }
        for index in 0..self.best.clients.len() {
            self.change(|plan| plan.clients[index].absent = true);
        }
    }

    fn drop_settings(&mut self) {
        self.change(|plan| plan.node.limits.truncate(1));
        self.change(|plan| plan.node.lost_before = None);
        self.change(|plan| plan.feeds.clear());
        for index in 0..self.best.clients.len() {
            self.change(|plan| plan.clients[index].conversations.clear());
            self.change(|plan| plan.clients[index].renews_every = None);
            self.change(|plan| plan.clients[index].token_trouble = 0);
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut Plan)) {
        let mut plan = self.best.clone();
        change(&mut plan);
        self.offer(plan);
    }
}

/// The rule that a plan breaks first.
fn broken_rule(plan: &Plan) -> Option<&'static str> {
    run_plan(plan.clone(), Trace::hashing()).violations.first().map(|violation| violation.rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_that_keeps_every_promise_is_not_shrunk() {
        assert!(shrink(&Plan::of(3), 10).is_none());
    }

    #[test]
    fn what_does_not_matter_is_left_out() {
        // A world that ends before anybody can have everything breaks its promise, whatever else happens in it.
        let mut plan = Plan::of(3);
        plan.ends_at = plan.clients[0].starts_at;
        let shrunk = shrink(&plan, 400).unwrap();
        assert_eq!(shrunk.rule, "liveness");
        assert_eq!(shrunk.plan.faults, []);
        let broken = run_plan(Plan::from_text(&shrunk.plan.to_text()).unwrap(), Trace::hashing());
        assert_eq!(broken.violations[0].rule, "liveness", "the smallest plan can be run again from its text");
    }
}
