//! What the network does to bytes: it delays them, keeps their order, holds them back, and loses a connection with or
//! without telling the ends.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use bowline_proto::{CloseCode, Time};
use bytes::Bytes;

use crate::counters::Rare;
use crate::env::Env;
use crate::event::{ClientNo, End, Event, WireId};

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

/// How a connection is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// When the client's end learns of it; `None`: never.
    pub(crate) client_learns: Option<Duration>,
    /// When the gateway's end learns of it; `None`: never.
    pub(crate) gateway_learns: Option<Duration>,
}

/// All connections.
#[derive(Debug)]
pub(crate) struct Network {
    wires: BTreeMap<WireId, Wire>,
    next: u64,
    /// Clients whose machines reach nobody at the moment.
    unreachable: Vec<bool>,
    /// Clients whose next ticket somebody else uses as well, in the same instant.
    stolen: Vec<bool>,
    /// One-way delay, in milliseconds.
    latency: (u64, u64),
    /// Bytes that a gateway's socket takes before it blocks.
    window: usize,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Wire {
    /// Who dialled.
    pub(crate) client: ClientNo,
    /// Whether it asked for the resume layer.
    pub(crate) resume: bool,
    /// The ticket that it brought.
    pub(crate) ticket: u64,
    to_client: Pipe,
    to_gateway: Pipe,
}

#[derive(Debug, Default)]
struct Pipe {
    parcels: VecDeque<(Time, Parcel)>,
    bytes: usize,
    /// Parcels never overtake.
    last_due: Time,
    /// Nothing moves for the moment.
    stalled: bool,
    /// The receiving end does not read for the moment.
    unread: bool,
    /// Nothing arrives any more.
    lost: bool,
    /// The receiving end learns that the connection is broken, whatever is under way.
    breaks_at: Option<Time>,
    /// The receiving end has closed its socket.
    closed: bool,
}

impl Network {
    pub(crate) fn new(clients: usize, latency: (u64, u64), window: usize) -> Self {
        Network {
            wires: BTreeMap::new(),
            next: 0,
            unreachable: vec![false; clients],
            stolen: vec![false; clients],
            latency,
            window,
        }
    }

    /// A client dials the gateway.
    pub(crate) fn dial(&mut self, env: &mut Env, client: ClientNo, resume: bool, ticket: u64) -> WireId {
        self.next += 1;
        let id = WireId(self.next);
        let wire = Wire { client, resume, ticket, to_client: Pipe::default(), to_gateway: Pipe::default() };
        self.wires.insert(id, wire);
        if self.unreachable[client] {
            if env.rng.percent(50) {
                let delay = env.rng.millis(1, 3_000);
                env.after(delay, Event::DialFails { client, wire: id });
            }
            if let Some(wire) = self.wires.get_mut(&id) {
                wire.to_client.lost = true;
                wire.to_gateway.lost = true;
            }
        } else {
            let delay = self.delay(env);
            env.after(delay, Event::DialArrives { wire: id });
            if std::mem::take(&mut self.stolen[client]) {
                env.counters.reach(Rare::TicketTwiceInOneTick);
                self.next += 1;
                let thief = WireId(self.next);
                let pipes = (Pipe::default(), Pipe::default());
                let wire = Wire { client, resume, ticket, to_client: pipes.0, to_gateway: pipes.1 };
                self.wires.insert(thief, wire);
                env.after(delay, Event::DialArrives { wire: thief });
            }
        }
        id
    }

    pub(crate) fn wire(&self, id: WireId) -> Option<&Wire> {
        self.wires.get(&id)
    }

    /// The client's wires that still connect something, in the order of dialling.
    pub(crate) fn wires_of(&self, client: ClientNo) -> Vec<WireId> {
        let alive = |wire: &&Wire| wire.client == client && !wire.to_client.closed && !wire.to_gateway.closed;
        self.wires.iter().filter(|(_, wire)| alive(wire)).map(|(id, _)| *id).collect()
    }

    /// Room in the gateway's socket, in bytes.
    pub(crate) fn room(&self, id: WireId) -> usize {
        self.wires.get(&id).map_or(usize::MAX, |wire| self.window.saturating_sub(wire.to_client.bytes))
    }

    /// Puts a parcel onto a wire. What is sent to a closed socket comes back as its end.
    pub(crate) fn send(&mut self, env: &mut Env, id: WireId, from: End, parcel: Parcel) {
        let delay = self.delay(env);
        let Some(wire) = self.wires.get_mut(&id) else { return };
        let pipe = wire.pipe(from.other());
        pipe.bytes += parcel.bytes();
        if pipe.lost {
            return;
        }
        if pipe.closed {
            self.break_end(env, id, from, delay);
            return;
        }
        let due = pipe.last_due.max(env.now + delay);
        pipe.last_due = due;
        pipe.parcels.push_back((due, parcel));
        env.at(due, Event::WireMoves { wire: id, toward: from.other() });
    }

    /// The next parcel that has arrived at `toward`.
    pub(crate) fn take(&mut self, env: &mut Env, id: WireId, toward: End) -> Option<Parcel> {
        let delay = self.delay(env);
        let wire = self.wires.get_mut(&id)?;
        let pipe = wire.pipe(toward);
        if pipe.closed {
            return None;
        }
        if pipe.breaks_at.is_some_and(|at| at <= env.now) {
            pipe.closed = true;
            return Some(Parcel::End);
        }
        let is_due = pipe.parcels.front().is_some_and(|(due, _)| *due <= env.now);
        if !is_due || pipe.stalled || pipe.unread || pipe.lost {
            return None;
        }
        let (_, parcel) = pipe.parcels.pop_front()?;
        pipe.bytes -= parcel.bytes();
        if toward == End::Client && parcel.bytes() > 0 {
            env.after(delay, Event::WindowOpens { wire: id });
        }
        if matches!(parcel, Parcel::End) {
            pipe.closed = true;
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
            wire.pipe(end.other()).parcels.clear();
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
        for (end, learns) in [(End::Client, cut.client_learns), (End::Gateway, cut.gateway_learns)] {
            if let Some(after) = learns {
                self.break_end(env, id, end, after);
            }
        }
    }

    /// Holds one direction back, or lets it move again.
    pub(crate) fn set_stalled(&mut self, env: &mut Env, id: WireId, toward: End, stalled: bool) {
        if let Some(wire) = self.wires.get_mut(&id) {
            wire.pipe(toward).stalled = stalled;
            env.after(Duration::ZERO, Event::WireMoves { wire: id, toward });
        }
    }

    /// The client's process stops reading its sockets, or reads again.
    pub(crate) fn set_unread(&mut self, env: &mut Env, id: WireId, unread: bool) {
        if let Some(wire) = self.wires.get_mut(&id) {
            wire.to_client.unread = unread;
            env.after(Duration::ZERO, Event::WireMoves { wire: id, toward: End::Client });
        }
    }

    /// The client's machine is cut off from everything, or back.
    pub(crate) fn set_unreachable(&mut self, client: ClientNo, unreachable: bool) {
        self.unreachable[client] = unreachable;
    }

    /// Somebody has seen the next ticket of a client.
    pub(crate) fn steal_ticket(&mut self, client: ClientNo) {
        self.stolen[client] = true;
    }

    /// The client has closed its end.
    pub(crate) fn is_given_up(&self, id: WireId) -> bool {
        self.wires.get(&id).is_none_or(|wire| wire.to_client.closed)
    }

    /// How long one parcel takes.
    pub(crate) fn delay(&self, env: &mut Env) -> Duration {
        env.rng.millis(self.latency.0, self.latency.1)
    }

    fn break_end(&mut self, env: &mut Env, id: WireId, end: End, after: Duration) {
        let Some(wire) = self.wires.get_mut(&id) else { return };
        let at = env.now + after;
        let pipe = wire.pipe(end);
        pipe.breaks_at = Some(pipe.breaks_at.map_or(at, |known| known.min(at)));
        env.at(at, Event::WireMoves { wire: id, toward: end });
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
