//! How a run ends: everybody is connected and has everything, in the order of the log, within the bound.

use std::collections::BTreeMap;

use bowline_history::check;
use bowline_proto::{AccountKind, Time};
use core::time::Duration;

use crate::env::Env;
use crate::event::Event;
use crate::stranger::Stranger;

use super::{HOME, LOOKS_EVERY, Outcome, World};

impl World {
    /// Looks whether everybody has everything. `true` when the run can end.
    pub(super) fn looks(&mut self) -> bool {
        let unsettled = self.unsettled();
        let is_settled = unsettled.is_empty() && self.publishers.iter().all(|p| p.unanswered() == 0);
        if !is_settled {
            self.settled_at = None;
        } else if self.settled_at.is_none() {
            self.settled_at = Some(self.env.now);
        }
        self.env.after(LOOKS_EVERY, Event::Looks);
        let settled_for = self.settled_at.map_or(Duration::ZERO, |at| self.env.now.since(at));
        if self.plan.stays || settled_for < STEADY {
            return false;
        }
        // Somebody may still be reading: then the run goes on, up to its bound.
        self.mark_who_must_have_everything();
        let is_over = check(&self.env.history).is_empty();
        if !is_over {
            self.settled_at = None;
        }
        is_over
    }

    fn mark_who_must_have_everything(&mut self) {
        let readers = &mut self.env.history.readers;
        for (number, client) in self.clients.iter().enumerate() {
            // Whoever found no room beside the other processes of its account has nothing to say.
            readers[number].must_be_caught_up = client.is_settled();
        }
        for reader in readers.iter_mut().skip(self.clients.len()) {
            reader.must_be_caught_up = false;
        }
        for reader in self.strangers.iter().filter_map(Stranger::reader) {
            readers[reader].must_be_caught_up = true;
        }
    }

    /// Who is not where it should be, and why.
    fn unsettled(&self) -> Vec<String> {
        let mut found = Vec::new();
        // Of more processes than an account may have sockets, as many as may are connected.
        let mut by_account: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (number, client) in self.plan.clients.iter().enumerate() {
            if self.clients[number].has_left(self.env.now) {
                continue;
            }
            if client.path.is_none() {
                by_account.entry(&client.account).or_default().push(number);
            } else if !self.clients[number].is_live(self.env.now) {
                found.push(self.clients[number].describe());
            }
        }
        for (account, clients) in by_account {
            let live = clients.iter().filter(|client| self.clients[**client].is_live(self.env.now)).count();
            if live < clients.len().min(self.limit_of(clients[0])) {
                let said: Vec<String> =
                    clients.iter().map(|client| self.clients[*client].describe()).collect();
                found.push(format!("{account}: {}", said.join("; ")));
            }
        }
        found.extend(self.strangers.iter().filter(|s| !s.is_settled(self.env.now)).map(|s| s.describe()));
        found
    }

    fn limit_of(&self, client: usize) -> usize {
        let limits = self.nodes[HOME].limits();
        let limit = match self.plan.identity(client).kind {
            AccountKind::Agent => limits.agent_sockets,
            AccountKind::Human | AccountKind::Service => limits.human_sockets,
        };
        limit as usize
    }

    pub(super) fn outcome(mut self) -> Outcome {
        let now = self.env.now;
        self.nodes[HOME].compare_at_end(&mut self.env);
        for said in self.unsettled() {
            self.env.violate("liveness", said);
        }
        self.mark_who_must_have_everything();
        let World { env, net, nodes, clients, publishers, plan, .. } = &mut self;
        if now >= plan.ends_at {
            nodes[HOME].watch_ghosts(env, net);
        }
        let calm_since = plan.ends_at - CALM;
        for (number, client) in clients.iter_mut().enumerate() {
            env.trace.say(now, format_args!("at the end client {number}: {}", client.describe()));
            // Who has to share what an account may have comes and goes.
            if client.is_settled() {
                client.watch_at_end(env, calm_since);
            }
        }
        env.trace.say(now, format_args!("at the end gateway: {}", nodes[HOME].describe()));
        for (number, publisher) in publishers.iter().enumerate() {
            let unanswered = publisher.unanswered();
            if unanswered > 0 {
                env.violate(
                    "liveness",
                    format!("publisher {number}: {unanswered} publishes without an answer"),
                );
            }
        }
        for (rule, detail) in check(&env.history) {
            env.violate(rule, detail);
        }
        let settled_after = self.settled_at.map(|at| at.since(self.plan.publishers_stop_at));
        let Env { history, counters, trace, .. } = self.env;
        Outcome {
            seed: self.plan.seed,
            violations: history.violations.clone(),
            history,
            counters,
            trace,
            lasted: now.since(Time::ZERO),
            clients: self.plan.clients.iter().filter(|client| !client.absent).count() + self.strangers.len(),
            events: self.events,
            settled_after,
        }
    }
}

/// So long before the end everything has recovered: from then on no application sees its connection change.
const CALM: Duration = Duration::from_secs(40);
/// How long everybody must stay connected before a run may end early.
const STEADY: Duration = Duration::from_secs(4);
