//! How a gateway's process ends, drains, or loses and reopens its log.

use std::collections::{BTreeSet, VecDeque};

use bowline_gateway_core::Input;
use bowline_log::StoreError;
use core::time::Duration;

use crate::counters::Rare;
use crate::env::Env;
use crate::event::{End, Event, WireId};
use crate::network::Network;

use super::rare::Cause;
use super::sockets::CLOSE_DEADLINE;
use super::{Node, Process};

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
        env.after(down, Event::NodeStarts);
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
        env.after(down, Event::NodeStarts);
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
        if self.is_draining() {
            env.counters.reach(Rare::DrainDuringDrain);
            self.drained_at = self.drained_at.min(until);
        } else {
            self.drained_at = until;
        }
        let Some(process) = &mut self.process else { return };
        env.trace.say(env.now, format_args!("gateway drains within {window:?}"));
        process.draining = true;
        self.down_after_drain = down;
        self.cause = Cause::Drain;
        env.after(window + Duration::from_millis(500), Event::DrainEnds { life: self.life });
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

    /// The log is closed and recovered in the living process.
    pub(crate) fn reopen_log(&mut self, env: &mut Env, net: &mut Network) {
        let Some(mut process) = self.process.take() else { return };
        env.trace.say(env.now, format_args!("gateway reopens its log"));
        env.counters.count("gateway: reopened its log");
        // What was planned with the old log is stale; the sockets stay.
        self.life += 1;
        process.appended.clear();
        process.waiting.clear();
        process.committing = false;
        process.tail.clear();
        process.reads.clear();
        for socket in process.sockets.values() {
            if socket.hello.is_some() {
                // Its upgrade is under way with facts of the old log.
                process.wires.remove(&socket.conn);
            }
        }
        let half_open: Vec<WireId> =
            process.sockets.iter().filter(|(_, s)| s.hello.is_some()).map(|(wire, _)| *wire).collect();
        for wire in half_open {
            process.sockets.remove(&wire);
            net.close(env, wire, End::Gateway);
        }
        let Process { core, store, sockets, wires, generations, free, draining, .. } = process;
        drop(store);
        let Some(store) = self.open_log(env) else { return };
        let status = store.status();
        self.process = Some(Process {
            core,
            store,
            armed: None,
            sockets,
            wires,
            generations,
            free,
            waiting: VecDeque::new(),
            appended: Vec::new(),
            committing: false,
            tail: VecDeque::new(),
            tail_due: env.now,
            reads: BTreeSet::new(),
            draining,
        });
        env.after(self.plan.retain_every, Event::Retains { life: self.life });
        if draining {
            env.after(Duration::from_secs(1), Event::DrainEnds { life: self.life });
        }
        let closing: Vec<WireId> = self.closing();
        for wire in closing {
            env.after(CLOSE_DEADLINE, Event::CloseDue { wire, life: self.life });
        }
        self.watch_start();
        self.feed(env, net, Input::LogReopened { epoch: status.epoch, head: status.head });
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

    pub(super) fn log_failed(&mut self, env: &mut Env, net: &mut Network, error: &StoreError) {
        if self.disk.is_dead() {
            env.counters.count("gateway: died in the middle of a write");
            let down = self.down_after_death;
            self.kill(env, net, down);
        } else {
            env.violate("log", format!("the log failed without a cause: {error}"));
            self.kill(env, net, Duration::from_millis(100));
        }
    }
}
