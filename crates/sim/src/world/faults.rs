//! Where a fault strikes: links and clients here, the gateway and its disk in `strikes`.

use bowline_client_core::{Command, Input};
use bowline_proto::Seq;
use core::time::Duration;

use crate::event::{Event, PeerEvent, Process};
use crate::plan::{Cut, End, Fault};

use super::{HOME, World};

impl World {
    pub(super) fn begin_fault(&mut self, index: usize) {
        let fault = self.plan.faults[index].fault.clone();
        self.env.trace.say(self.env.now, format_args!("fault {index}: {fault:?}"));
        if self.strikes_link(index, &fault)
            || self.strikes_client(index, &fault)
            || self.strikes_node(index, &fault)
        {
            self.env.counters.count(fault.name());
        }
        if let Some(lasts) = fault.lasts() {
            self.env.after(lasts, Event::FaultEnds { index });
        }
    }

    /// Whether the fault is one of a link and has struck.
    fn strikes_link(&mut self, index: usize, fault: &Fault) -> bool {
        let World { env, net, .. } = self;
        match fault {
            Fault::CutWires { client, cut } => {
                let wires = net.wires_of(*client);
                if wires.len() > 1 {
                    env.counters.count("fault: both links dead at once");
                }
                wires.iter().for_each(|wire| net.cut(env, *wire, *cut));
                !wires.is_empty()
            }
            Fault::CutOneWire { client, newest, cut } => {
                let wires = net.wires_of(*client);
                let chosen = if *newest { wires.last() } else { wires.first() };
                chosen.inspect(|wire| net.cut(env, **wire, *cut)).is_some() && wires.len() > 1
            }
            Fault::CutAfterFrames { client, frames, cut } => {
                let wires = net.wires_of(*client);
                wires.iter().for_each(|wire| net.cut_after(*wire, *frames, *cut));
                !wires.is_empty()
            }
            // Counted when somebody walks into it.
            Fault::CutInHandshake { client, frames, cut } => {
                net.way(*client).trap = Some((*frames, *cut));
                false
            }
            Fault::Reset { client } => {
                let now = Some(core::time::Duration::ZERO);
                let wires = net.wires_of(*client);
                let cut = Cut { client_learns: now, gateway_learns: now };
                wires.iter().for_each(|wire| net.cut(env, *wire, cut));
                !wires.is_empty()
            }
            Fault::Stall { client, toward, .. } => {
                let wires = net.wires_of(*client);
                for wire in &wires {
                    net.set_stalled(env, *wire, *toward, true);
                    self.held.push((index, *wire, *toward));
                }
                !wires.is_empty()
            }
            Fault::Throttle { client, micros_a_byte, .. } => {
                let wires = net.wires_of(*client);
                for wire in &wires {
                    net.set_pace(env, *wire, *micros_a_byte);
                    self.held.push((index, *wire, End::Client));
                }
                !wires.is_empty()
            }
            Fault::Delay { client, by, .. } => {
                net.way(*client).detour = *by;
                true
            }
            Fault::Unreachable { client, .. } => {
                net.way(*client).is_unreachable = true;
                for wire in net.wires_of(*client) {
                    net.cut(env, wire, Cut { client_learns: None, gateway_learns: None });
                }
                true
            }
            _ => false,
        }
    }

    /// Whether the fault is one of a client's machine, process or application and has struck.
    fn strikes_client(&mut self, index: usize, fault: &Fault) -> bool {
        let World { env, net, clients, .. } = self;
        match fault {
            Fault::Sleep { client, .. } => {
                for wire in net.wires_of(*client) {
                    for toward in [End::Client, End::Gateway] {
                        net.set_stalled(env, wire, toward, true);
                        self.held.push((index, wire, toward));
                    }
                }
                let client = *client;
                self.env.history.readers.get(client).is_some()
                    && self.slow_down(Process::Peer(client), index, None)
            }
            Fault::FreezeClient { client, .. } => self.slow_down(Process::Peer(*client), index, None),
            Fault::SlowClient { client, turn, .. } => {
                self.slow_down(Process::Peer(*client), index, Some(*turn))
            }
            Fault::KillClient { client, down, machine } => {
                clients[*client].kill(env, net, *machine);
                env.after(*down, Event::Peer { peer: *client, what: PeerEvent::Starts });
                self.run_free(Process::Peer(*client));
                true
            }
            Fault::StopReading { client, .. } => {
                clients[*client].set_app_stopped(env, true);
                true
            }
            Fault::JumpClientClock { client } | Fault::WakeUp { client } => {
                let is_frozen = self.paces.contains_key(&Process::Peer(*client));
                if !is_frozen {
                    clients[*client].feed(env, net, Input::NetworkReturned);
                }
                !is_frozen
            }
            Fault::ComeBackAtTheEdge { client, behind } => {
                let Some((epoch, edge)) = self.nodes[HOME].retention_edge() else { return false };
                let seq = edge.get().checked_add_signed(*behind).and_then(Seq::new);
                let was_there = seq.is_some_and(|seq| clients[*client].had_saved_at(env, epoch, seq));
                if was_there {
                    clients[*client].kill(env, net, false);
                    env.after(Duration::ZERO, Event::Peer { peer: *client, what: PeerEvent::Starts });
                    self.run_free(Process::Peer(*client));
                }
                was_there
            }
            // Counted when the ticket is used.
            Fault::StealTicket { client } => {
                net.way(*client).is_watched_by_a_thief = true;
                false
            }
            Fault::HandOver { client } => self.asks(*client, Command::HandOver),
            // The application asks for a connection again when it hears that it is closed.
            Fault::CloseAndConnect { client } => self.asks(*client, Command::Close),
            Fault::Disconnect { client } => {
                let account = self.plan.identity(*client).account;
                let is_frozen = self.paces.contains_key(&Process::Node(HOME));
                if !is_frozen {
                    self.nodes[HOME].disconnect(env, net, account);
                }
                !is_frozen
            }
            _ => false,
        }
    }

    fn asks(&mut self, client: usize, command: Command) -> bool {
        let World { env, net, clients, .. } = self;
        !self.paces.contains_key(&Process::Peer(client)) && clients[client].command(env, net, command)
    }
}
