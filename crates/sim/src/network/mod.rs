//! What the network does to bytes: it delays them, keeps their order, holds them back, and loses a connection with or
//! without telling the ends.

mod pipe;
mod ways;

use core::time::Duration;
use std::collections::BTreeMap;

use bowline_proto::{CloseCode, Time};
use bytes::Bytes;

use crate::counters::Rare;
use crate::env::Env;
use crate::event::{Event, NodeEvent, NodeNo, PeerEvent, PeerNo, WireId};
use crate::plan::{Cut, End, LinkPlan};

use pipe::Pipe;
use ways::Way;

/// One unit on a wire.
#[derive(Clone, Debug)]
pub(crate) enum Parcel {
    /// The handshake's answer.
    Upgraded,
    /// A text frame.
    Text(Bytes),
    /// A WebSocket ping.
    Ping,
    /// A WebSocket pong.
    Pong,
    /// A WebSocket close frame.
    Close(CloseCode),
    /// The TCP connection is over.
    End,
}

impl Parcel {
    /// What it takes of a socket's send buffer.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Parcel::Text(text) => text.len() + 4,
            Parcel::Ping | Parcel::Pong | Parcel::Close(_) => 4,
            Parcel::Upgraded | Parcel::End => 0,
        }
    }
}

/// What a dial's URL and headers say.
#[derive(Clone, Debug)]
pub(crate) struct Dial {
    /// Asks for the resume layer.
    pub(crate) resume: bool,
    /// Shows who dials.
    pub(crate) pass: Pass,
}

/// A credential.
#[derive(Clone, Debug)]
pub(crate) enum Pass {
    /// Good until this time of the issuer's wall clock, in milliseconds.
    Token { until: u64 },
    /// A ticket of the gateway's.
    Ticket(u64),
}

/// All connections.
#[derive(Debug)]
pub(crate) struct Network {
    wires: BTreeMap<WireId, Wire>,
    next: u64,
    /// By peer.
    ways: Vec<Way>,
    /// Bytes that a gateway's socket takes before it blocks.
    window: usize,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Wire {
    /// Who dialled.
    pub(crate) peer: PeerNo,
    /// Whom.
    pub(crate) node: NodeNo,
    pub(crate) dial: Dial,
    to_client: Pipe,
    to_gateway: Pipe,
    /// It is cut after so many more frames.
    cut_after: Option<(u32, Cut)>,
}

impl Network {
    pub(crate) fn new(links: impl Iterator<Item = LinkPlan>, window: usize) -> Self {
        Network { wires: BTreeMap::new(), next: 0, ways: links.map(Way::new).collect(), window }
    }

    /// A peer dials the gateway.
    pub(crate) fn dial(&mut self, env: &mut Env, peer: PeerNo, node: NodeNo, dial: Dial) -> WireId {
        self.next += 1;
        let id = WireId(self.next);
        let delay = self.ways[peer].delay(env);
        let way = &mut self.ways[peer];
        let mut wire = Wire {
            peer,
            node,
            dial,
            to_client: Pipe::default(),
            to_gateway: Pipe::default(),
            cut_after: way.trap.take(),
        };
        if let Some((_, cut)) = wire.cut_after {
            env.counters.count("fault: cut inside a handshake");
            env.trace.say(env.now, format_args!("{id:?} is trapped: {cut:?}"));
        }
        if way.is_unreachable {
            if env.rng.percent(50) {
                let delay = env.rng.millis(1, 3_000);
                env.after(delay, Event::Peer { peer, what: PeerEvent::DialFails { wire: id } });
            }
            wire.to_client.lost = true;
            wire.to_gateway.lost = true;
        } else {
            env.after(delay, Event::Node { node, what: NodeEvent::Dialled { wire: id } });
            if way.is_watched_by_a_thief && matches!(wire.dial.pass, Pass::Ticket(_)) {
                way.is_watched_by_a_thief = false;
                env.counters.count("fault: ticket stolen");
                env.counters.reach(Rare::TicketTwiceInOneTick);
                self.next += 1;
                let thief = WireId(self.next);
                let dial = wire.dial.clone();
                let (to_client, to_gateway) = (Pipe::default(), Pipe::default());
                let stolen = Wire { peer, node, dial, to_client, to_gateway, cut_after: None };
                self.wires.insert(thief, stolen);
                env.after(delay, Event::Node { node, what: NodeEvent::Dialled { wire: thief } });
            }
        }
        self.wires.insert(id, wire);
        if let Some((0, cut)) = self.wires.get(&id).and_then(|wire| wire.cut_after) {
            self.cut(env, id, cut);
        }
        id
    }

    pub(crate) fn wire(&self, id: WireId) -> Option<&Wire> {
        self.wires.get(&id)
    }

    /// Nothing of what the client says reaches the gateway any more, and the other way round.
    pub(crate) fn is_lost(&self, id: WireId) -> bool {
        self.wires.get(&id).is_none_or(|wire| wire.to_client.lost && wire.to_gateway.lost)
    }

    /// The client has closed its end.
    pub(crate) fn is_given_up(&self, id: WireId) -> bool {
        self.wires.get(&id).is_none_or(|wire| wire.to_client.closed)
    }

    /// The peer's wires that still connect something, in the order of dialling.
    pub(crate) fn wires_of(&self, peer: PeerNo) -> Vec<WireId> {
        let alive = |wire: &&Wire| wire.peer == peer && !wire.to_client.closed && !wire.to_gateway.closed;
        self.wires.iter().filter(|(_, wire)| alive(wire)).map(|(id, _)| *id).collect()
    }

    /// Room in the gateway's socket, in bytes.
    pub(crate) fn room(&self, id: WireId) -> usize {
        self.wires.get(&id).map_or(usize::MAX, |wire| self.window.saturating_sub(wire.to_client.bytes))
    }

    /// Puts a parcel onto a wire. What is sent to a closed socket comes back as its end.
    pub(crate) fn send(&mut self, env: &mut Env, id: WireId, from: End, parcel: Parcel) {
        let Some(wire) = self.wires.get_mut(&id) else { return };
        let delay = self.ways[wire.peer].delay(env);
        let pipe = wire.pipe(from.other());
        pipe.bytes += parcel.bytes();
        if pipe.lost {
            return;
        }
        if pipe.closed {
            self.break_end(env, id, from, delay);
            return;
        }
        let due = pipe.push(env.now + delay, parcel);
        self.moves(env, id, from.other(), due);
    }

    /// The next parcel that has arrived at `toward`.
    pub(crate) fn take(&mut self, env: &mut Env, id: WireId, toward: End) -> Option<Parcel> {
        let wire = self.wires.get_mut(&id)?;
        let (peer, node) = (wire.peer, wire.node);
        let pipe = wire.pipe(toward);
        let parcel = match pipe.pop(env.now) {
            pipe::Popped::Parcel(parcel) => parcel,
            pipe::Popped::Nothing => return None,
            pipe::Popped::Later(at) => {
                self.moves(env, id, toward, at);
                return None;
            }
        };
        if toward == End::Client && parcel.bytes() > 0 {
            let delay = self.ways[peer].delay(env);
            env.after(delay, Event::Node { node, what: NodeEvent::WindowOpens { wire: id } });
        }
        if let Some((left, cut)) = wire.cut_after {
            if left <= 1 {
                wire.cut_after = None;
                env.trace.say(env.now, format_args!("{id:?} is cut at this frame"));
                self.cut(env, id, cut);
            } else {
                wire.cut_after = Some((left - 1, cut));
            }
        }
        Some(parcel)
    }

    /// One end closes its socket: it hears nothing any more, the other end hears of it unless the wire is lost.
    pub(crate) fn close(&mut self, env: &mut Env, id: WireId, end: End) {
        let Some(wire) = self.wires.get_mut(&id) else { return };
        if std::mem::replace(&mut wire.pipe(end).closed, true) {
            return;
        }
        self.send(env, id, end, Parcel::End);
        self.forget_if_over(id);
    }

    /// A process is gone: its kernel resets the connection, so that what is under way may not arrive.
    pub(crate) fn reset(&mut self, env: &mut Env, id: WireId, end: End) {
        let drops = env.rng.percent(50);
        let Some(wire) = self.wires.get_mut(&id) else { return };
        if drops && !wire.pipe(end).closed {
            wire.pipe(end.other()).drop_all();
        }
        self.close(env, id, end);
    }

    /// A machine is gone: nobody is told, and nothing answers.
    pub(crate) fn vanish(&mut self, env: &mut Env, id: WireId, end: End) {
        let Some(wire) = self.wires.get_mut(&id) else { return };
        wire.pipe(end).closed = true;
        wire.to_client.lost = true;
        wire.to_gateway.lost = true;
        if env.rng.percent(50) {
            let delay = env.rng.millis(100, 20_000);
            self.break_end(env, id, end.other(), delay);
        }
    }

    /// The connection is lost in both directions.
    pub(crate) fn cut(&mut self, env: &mut Env, id: WireId, cut: Cut) {
        let Some(wire) = self.wires.get_mut(&id) else { return };
        wire.to_client.lost = true;
        wire.to_gateway.lost = true;
        if cut.client_learns.is_none() || cut.gateway_learns.is_none() {
            env.counters.count("fault: half-open");
        }
        for (end, learns) in [(End::Client, cut.client_learns), (End::Gateway, cut.gateway_learns)] {
            if let Some(after) = learns {
                self.break_end(env, id, end, after);
            }
        }
    }

    /// The connection is lost after so many more frames of either direction.
    pub(crate) fn cut_after(&mut self, id: WireId, frames: u32, cut: Cut) {
        if let Some(wire) = self.wires.get_mut(&id) {
            wire.cut_after = Some((frames.max(1), cut));
        }
    }

    /// Holds one direction back, or lets it move again.
    pub(crate) fn set_stalled(&mut self, env: &mut Env, id: WireId, toward: End, stalled: bool) {
        if let Some(wire) = self.wires.get_mut(&id) {
            wire.pipe(toward).stalled = stalled;
            self.moves(env, id, toward, env.now);
        }
    }

    /// The client's process stops reading its sockets, or reads again.
    pub(crate) fn set_unread(&mut self, env: &mut Env, id: WireId, unread: bool) {
        if let Some(wire) = self.wires.get_mut(&id) {
            wire.to_client.unread = unread;
            self.moves(env, id, End::Client, env.now);
        }
    }

    /// The client's socket takes so many microseconds a byte; 0: it takes everything at once.
    pub(crate) fn set_pace(&mut self, env: &mut Env, id: WireId, micros_a_byte: u64) {
        if let Some(wire) = self.wires.get_mut(&id) {
            wire.to_client.micros_a_byte = micros_a_byte;
            self.moves(env, id, End::Client, env.now);
        }
    }

    /// The way of a peer, to change it.
    pub(crate) fn way(&mut self, peer: PeerNo) -> &mut Way {
        &mut self.ways[peer]
    }

    /// How long one parcel takes on the wire.
    pub(crate) fn delay(&self, env: &mut Env, id: WireId) -> Duration {
        self.wires.get(&id).map_or(Duration::ZERO, |wire| self.ways[wire.peer].delay(env))
    }

    fn moves(&self, env: &mut Env, id: WireId, toward: End, at: Time) {
        let Some(wire) = self.wires.get(&id) else { return };
        let event = match toward {
            End::Client => Event::Peer { peer: wire.peer, what: PeerEvent::Reads { wire: id } },
            End::Gateway => Event::Node { node: wire.node, what: NodeEvent::Reads { wire: id } },
        };
        env.at(at, event);
    }

    fn break_end(&mut self, env: &mut Env, id: WireId, end: End, after: Duration) {
        let Some(wire) = self.wires.get_mut(&id) else { return };
        let at = env.now + after;
        let pipe = wire.pipe(end);
        pipe.breaks_at = Some(pipe.breaks_at.map_or(at, |known| known.min(at)));
        self.moves(env, id, end, at);
    }

    fn forget_if_over(&mut self, id: WireId) {
        if self.wires.get(&id).is_some_and(|wire| wire.to_client.closed && wire.to_gateway.closed) {
            self.wires.remove(&id);
        }
    }
}

impl Wire {
    fn pipe(&mut self, toward: End) -> &mut Pipe {
        match toward {
            End::Client => &mut self.to_client,
            End::Gateway => &mut self.to_gateway,
        }
    }
}
