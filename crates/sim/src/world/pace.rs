//! Processes that stand still or are slow: what happens to them waits, and then happens at once, in order. The deadlines come
//! last, as in the drivers: what arrived in the meantime is older than the deadline that was missed.

use core::time::Duration;
use std::collections::VecDeque;

use crate::client_host::ClientHost;
use crate::event::{Event, NodeEvent, PeerEvent, Process};

use super::World;

/// How a process runs.
#[derive(Debug)]
pub(super) struct Pace {
    /// Which fault made it so.
    fault: usize,
    /// How long a turn takes; `None`: there is none before the fault ends.
    turn: Option<Duration>,
    waiting: VecDeque<Event>,
}

impl Pace {
    pub(super) fn wait(&mut self, event: Event) {
        self.waiting.push_back(event);
    }

    /// Whether this fault made it so.
    pub(super) fn is_of(&self, fault: usize) -> bool {
        self.fault == fault
    }
}

impl World {
    /// A process stands still from now on, or takes `turn` for each turn. `false` when it does already.
    pub(super) fn slow_down(&mut self, process: Process, fault: usize, turn: Option<Duration>) -> bool {
        if self.paces.contains_key(&process) {
            return false;
        }
        match process {
            Process::Peer(peer) => self.clients.get_mut(peer).into_iter().for_each(ClientHost::is_held_up),
            Process::Node(node) => self.nodes[node].is_held_up(),
        }
        self.paces.insert(process, Pace { fault, turn, waiting: VecDeque::new() });
        if let Some(turn) = turn {
            self.env.after(turn, Event::Turn { process, fault });
        }
        true
    }

    /// A slow process has its turn.
    pub(super) fn turn(&mut self, process: Process, fault: usize) {
        let Some(pace) = self.paces.get_mut(&process).filter(|pace| pace.fault == fault) else { return };
        let Some(turn) = pace.turn else { return };
        let waiting = std::mem::take(&mut pace.waiting);
        self.env.after(turn, Event::Turn { process, fault });
        self.happen_at_once(waiting);
    }

    /// The process runs as usual again, if it was this fault that hindered it.
    pub(super) fn speed_up(&mut self, process: Process, fault: usize) {
        if self.paces.get(&process).is_some_and(|pace| pace.fault == fault) {
            self.run_free(process);
        }
    }

    /// The process runs as usual again, or is gone: then whatever waited finds nobody.
    pub(super) fn run_free(&mut self, process: Process) {
        if let Some(pace) = self.paces.remove(&process) {
            self.happen_at_once(pace.waiting);
        }
    }

    fn happen_at_once(&mut self, waiting: VecDeque<Event>) {
        let (deadlines, facts): (Vec<Event>, Vec<Event>) = waiting.into_iter().partition(is_deadline);
        for event in facts.into_iter().chain(deadlines) {
            self.happen(event);
        }
    }
}

fn is_deadline(event: &Event) -> bool {
    matches!(
        event,
        Event::Peer { what: PeerEvent::Wakes { .. }, .. } | Event::Node { what: NodeEvent::Wakes { .. }, .. }
    )
}
