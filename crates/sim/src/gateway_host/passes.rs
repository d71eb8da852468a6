//! Who is let in at the door: tickets of one use, and tokens with an end, by the gateway's own wall clock.

use std::collections::BTreeMap;

use crate::env::Env;
use crate::network::Pass;

use super::Node;

/// Tickets that were given out and not used.
#[derive(Debug, Default)]
pub(super) struct Tickets {
    /// When each ends, in milliseconds of the wall clock.
    open: BTreeMap<u64, u64>,
    used: u64,
}

impl Node {
    /// Gives out a ticket; `None` when nobody is there to ask.
    pub(crate) fn mint_ticket(&mut self, env: &Env) -> Option<u64> {
        let ends = self.wall(env).0 + TICKET_MS;
        let process = self.process.as_mut()?;
        let ticket = self.rng.next_u64();
        process.tickets.open.insert(ticket, ends);
        Some(ticket)
    }

    /// Whether somebody with this pass may come in. A ticket is used up by the question.
    pub(super) fn admits(&mut self, env: &mut Env, pass: &Pass) -> bool {
        let now = self.wall(env).0;
        let Some(process) = &mut self.process else { return false };
        match pass {
            Pass::Token { until } => {
                let is_good = now <= *until;
                if !is_good {
                    env.counters.count("gateway: a token was too old");
                }
                is_good
            }
            Pass::Ticket(ticket) => {
                env.loot.ticket = Some(*ticket);
                let ends = process.tickets.open.remove(ticket);
                if ends.is_some() {
                    process.tickets.used += 1;
                    env.counters.count("gateway: a ticket was used");
                } else {
                    env.counters.count("gateway: a ticket was unknown or used before");
                }
                ends.is_some_and(|ends| now < ends)
            }
        }
    }
}

/// How long a ticket lives.
const TICKET_MS: u64 = 30_000;
