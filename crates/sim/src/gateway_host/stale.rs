//! Facts that come too late: a socket is over, its slot may have a new tenant, and something about it was already on its way.

use bowline_gateway_core::{ConnId, Input};
use bowline_proto::ClientFrame;

use crate::env::Env;
use crate::event::NodeEvent;
use crate::network::Network;
use crate::rng::Rng;

use super::Node;

impl Node {
    /// A socket is over: of some of them something comes late.
    pub(super) fn may_hear_late(&mut self, env: &mut Env, conn: ConnId) {
        // A stream of its own: what comes late reshuffles nothing else.
        let mut dice =
            Rng::new(env.now.as_micros() ^ (u64::from(conn.slot) << 48) ^ u64::from(conn.generation));
        if dice.percent(LATE_OF_A_HUNDRED) {
            let (after, life) = (dice.millis(0, 1_500), self.life);
            self.later(env, after, NodeEvent::StaleFact { life, conn, dice: dice.next_u64() });
        }
    }

    /// It comes. Whoever has the slot by now has nothing to do with it: nothing is ordered.
    pub(super) fn stale_fact(
        &mut self,
        env: &mut Env,
        net: &mut Network,
        life: u32,
        conn: ConnId,
        dice: u64,
    ) {
        let Some(process) = self.process.as_mut().filter(|_| life == self.life) else { return };
        let fact = match Rng::new(dice).below(5) {
            0 => Input::Closed { conn },
            1 => Input::BadFrame { conn, why: "too late".into() },
            2 => Input::ReadFailed { conn },
            3 => Input::Drained { conn },
            _ => Input::Frame { conn, frame: ClientFrame::Ping },
        };
        let said = format!("a late {fact:?}");
        let tenants = process.core.stats().connections;
        process.core.handle(env.now, fact);
        env.counters.count("gateway: a late fact of a socket that is over");
        if process.core.stats().connections != tenants {
            env.violate("late", format!("{said} made the shard forget a socket"));
        }
        if let Some(order) = process.core.poll_output() {
            env.violate("late", format!("{said} made it order {order:?}"));
        }
        self.drain(env, Some(net));
    }
}

/// How many of a hundred sockets something comes late of.
const LATE_OF_A_HUNDRED: u64 = 10;
