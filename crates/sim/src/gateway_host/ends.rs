//! How a gateway's process ends and drains.

use bowline_gateway_core::Input;
use core::time::Duration;

use crate::counters::Rare;
use crate::env::Env;
use crate::event::{NodeEvent, WireId};
use crate::network::Network;
use crate::plan::End;

use super::Node;
use super::rare::Cause;

impl Node {
    /// The process is killed.
    pub(crate) fn kill(&mut self, env: &mut Env, net: &mut Network, down: Duration) {
        let Some(process) = self.process.take() else { return };
        env.trace.say(env.now, format_args!("gateway is killed"));
        self.watch_death(env);
        for wire in process.sockets.keys() {
            net.reset(env, *wire, End::Gateway);
        }
        // A dead process runs no destructor that reaches the disk.
        self.disk = self.disk.next_process();
        drop(process);
        self.later(env, down, NodeEvent::Starts);
    }

    /// The machine loses its power.
    pub(crate) fn cut_power(&mut self, env: &mut Env, net: &mut Network, down: Duration) {
        let Some(process) = self.process.take() else { return };
        env.trace.say(env.now, format_args!("gateway's power is cut"));
        self.watch_death(env);
        for wire in process.sockets.keys() {
            net.vanish(env, *wire, End::Gateway);
        }
        self.disk.cut_power();
        self.boot += 1;
        drop(process);
        self.later(env, down, NodeEvent::Starts);
    }

    /// The process is asked to leave.
    pub(crate) fn start_draining(
        &mut self,
        env: &mut Env,
        net: &mut Network,
        window: Duration,
        down: Duration,
    ) {
        let until = env.now + window;
        self.drained_at = if self.is_draining() { self.drained_at.min(until) } else { until };
        let Some(process) = &mut self.process else { return };
        env.trace.say(env.now, format_args!("gateway drains within {window:?}"));
        if process.draining.is_some() {
            env.counters.reach(Rare::DrainDuringDrain);
        }
        process.draining.get_or_insert(env.now);
        self.down_after_drain = down;
        self.later(env, window + Duration::from_millis(500), NodeEvent::DrainEnds { life: self.life });
        self.cause = Cause::Drain;
        self.feed(env, net, Input::DrainStarted { window });
        self.cause = Cause::Fact;
    }

    /// The drained process ends.
    pub(crate) fn drain_ends(&mut self, env: &mut Env, net: &mut Network, life: u32) {
        if life == self.life && self.process.is_some() {
            env.counters.count("gateway: drained and restarted");
            self.watch_drained(env);
            self.kill(env, net, self.down_after_drain);
        }
    }

    pub(super) fn closing(&self) -> Vec<WireId> {
        let sockets = self.process.as_ref().map(|process| process.sockets.iter());
        sockets
            .into_iter()
            .flatten()
            .filter(|(_, s)| s.closing || s.close_heard)
            .map(|(wire, _)| *wire)
            .collect()
    }
}
