//! Faults of the gateway and its disk, and how lasting faults end.

use bowline_client_core::Input;
use core::time::Duration;

use crate::client_host::ClientHost;
use crate::event::{Event, Process};
use crate::gateway_host::Deafness;
use crate::hostile::Hostile;
use crate::plan::Fault;

use super::{HOME, World};

impl World {
    /// Whether the fault is one of the gateway and has struck.
    pub(super) fn strikes_node(&mut self, index: usize, fault: &Fault) -> bool {
        let World { env, net, nodes, .. } = self;
        let node = &mut nodes[HOME];
        let was_up = node.is_up();
        match fault {
            Fault::KillNode { down } => {
                self.count_kill();
                self.kill_node(*down);
                was_up
            }
            // Counted when it dies of it.
            Fault::KillNodeInWrite { changes, down } => {
                node.kill_in_write(*changes, *down);
                was_up
            }
            Fault::CutPower { down } => {
                node.cut_power(env, net, *down);
                self.run_free(Process::Node(HOME));
                was_up
            }
            Fault::FreezeNode { .. } => was_up && self.slow_down(Process::Node(HOME), index, None),
            Fault::SlowNode { turn, .. } => was_up && self.slow_down(Process::Node(HOME), index, Some(*turn)),
            Fault::Drain { window, down } => {
                node.start_draining(env, net, *window, *down);
                was_up
            }
            Fault::DrainTwice { window, again_after, down } => {
                node.start_draining(env, net, *window, *down);
                env.after(*again_after, Event::FaultGoesOn { index, part: 1 });
                false
            }
            Fault::RollingRestarts { window, every, .. } => {
                node.start_draining(env, net, *window, Duration::from_millis(100));
                env.after(*window + *every, Event::FaultGoesOn { index, part: 1 });
                was_up
            }
            Fault::JumpNodeClock { millis } => {
                node.jump_clock(*millis);
                true
            }
            Fault::ReopenLog => {
                node.reopen_log(env, net);
                was_up
            }
            // Counted when a sync has failed.
            Fault::FailSync { syncs, times } => {
                node.fail_sync(*syncs, *times);
                false
            }
            Fault::SlowSync { millis, .. } => {
                node.set_slow_sync(Some(*millis));
                true
            }
            Fault::FlipByte { rot, at } => node.flip_byte(env, *rot, *at),
            Fault::FillDisk { room, .. } => {
                node.set_disk_room(Some(*room));
                true
            }
            Fault::FullAtStart { room, .. } => {
                node.set_disk_room(Some(*room));
                self.kill_node(Duration::from_millis(50));
                true
            }
            // Counted when somebody dials.
            Fault::RefuseDials { silent, .. } => {
                node.set_deaf(Some(if *silent { Deafness::Ignores } else { Deafness::Refuses }));
                false
            }
            Fault::SlowReads { by, .. } => {
                node.set_reads_wait(*by);
                true
            }
            // Counted when it is lost.
            Fault::LoseEvent => {
                node.lose_an_event();
                false
            }
            // Counted when a batch was left out.
            Fault::SkipTail { batches } => {
                node.skip_tail(*batches);
                false
            }
            _ => false,
        }
    }

    /// A further part of a fault.
    pub(super) fn go_on(&mut self, index: usize, part: u32) {
        if self.env.now >= self.plan.quiet_at {
            return;
        }
        let World { env, net, nodes, .. } = self;
        match &self.plan.faults[index].fault {
            Fault::DrainTwice { window, down, .. } if nodes[HOME].is_draining() => {
                env.counters.count("fault: drain during a drain");
                nodes[HOME].start_draining(env, net, *window / 4, *down);
            }
            Fault::RollingRestarts { times, window, every } => {
                nodes[HOME].start_draining(env, net, *window, Duration::from_millis(100));
                if part + 1 < *times {
                    env.after(*window + *every, Event::FaultGoesOn { index, part: part + 1 });
                }
            }
            _ => {}
        }
    }

    pub(super) fn end_fault(&mut self, index: usize) {
        let World { env, net, nodes, clients, .. } = self;
        let node = &mut nodes[HOME];
        env.trace.say(env.now, format_args!("fault {index} ends"));
        let held: Vec<_> = self.held.extract_if(.., |(fault, _, _)| *fault == index).collect();
        match &self.plan.faults[index].fault {
            Fault::Stall { .. } => {
                held.into_iter().for_each(|(_, wire, toward)| net.set_stalled(env, wire, toward, false));
            }
            Fault::Throttle { .. } => held.into_iter().for_each(|(_, wire, _)| net.set_pace(env, wire, 0)),
            Fault::Delay { client, .. } => net.way(*client).detour = Duration::ZERO,
            Fault::CutInHandshake { client, .. } => net.way(*client).trap = None,
            Fault::Unreachable { client, .. } => net.way(*client).is_unreachable = false,
            Fault::Sleep { client, lasts, .. } => {
                let client = *client;
                let slept = env.now.since(self.plan.faults[index].at).min(*lasts);
                held.into_iter().for_each(|(_, wire, toward)| net.set_stalled(env, wire, toward, false));
                if self.paces.get(&Process::Peer(client)).is_some_and(|pace| pace.is_of(index)) {
                    clients[client].wakes_from_sleep(env, slept);
                    self.run_free(Process::Peer(client));
                }
            }
            Fault::FreezeClient { client, .. } | Fault::SlowClient { client, .. } => {
                self.speed_up(Process::Peer(*client), index);
            }
            Fault::StopReading { client, .. } => clients[*client].set_app_stopped(env, false),
            Fault::FreezeNode { .. } | Fault::SlowNode { .. } => self.speed_up(Process::Node(HOME), index),
            Fault::SlowSync { .. } => node.set_slow_sync(None),
            Fault::SlowReads { .. } => node.set_reads_wait(Duration::ZERO),
            Fault::FillDisk { .. } | Fault::FullAtStart { .. } => node.set_disk_room(None),
            Fault::RefuseDials { .. } => node.set_deaf(None),
            Fault::KillNodeInWrite { .. }
            | Fault::SkipTail { .. }
            | Fault::FailSync { .. }
            | Fault::JumpNodeClock { .. } => node.forget_plans(),
            _ => {}
        }
    }

    /// Some machines tell their programs that the network is back.
    pub(super) fn wake_up_after(&mut self, index: usize) {
        if let Fault::Unreachable { client, woken: true, .. } | Fault::Sleep { client, woken: true, .. } =
            self.plan.faults[index].fault
            && !self.paces.contains_key(&Process::Peer(client))
        {
            self.clients[client].feed(&mut self.env, &mut self.net, Input::NetworkReturned);
        }
    }

    /// Whatever lasts ends now, and those who mean harm stop.
    pub(super) fn begin_quiet(&mut self) {
        self.env.trace.say(self.env.now, format_args!("quiet begins"));
        for index in 0..self.plan.faults.len() {
            self.end_fault(index);
        }
        self.clients.iter_mut().for_each(ClientHost::end_token_trouble);
        self.hostiles.iter_mut().for_each(Hostile::stop);
        let now = self.env.now;
        for client in self.clients.iter_mut().filter(|client| client.has_left(now)) {
            client.kill(&mut self.env, &mut self.net, false);
        }
    }

    fn kill_node(&mut self, down: Duration) {
        self.nodes[HOME].kill(&mut self.env, &mut self.net, down);
        self.run_free(Process::Node(HOME));
    }

    fn count_kill(&mut self) {
        let in_handover = (0..self.clients.len()).any(|client| self.net.wires_of(client).len() > 1);
        if self.nodes[HOME].is_up() && in_handover {
            self.env.counters.count("fault: gateway killed during a handover");
        }
    }
}
