//! How a gateway's process treats its sockets: upgrade, read, write as far as they take it, close.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use bowline_gateway_core::{ConnId, Hello, Input, Opening, SocketKind};
use bowline_proto::{
    ClientFrame, CloseCode, GrantScope, Limits, Seq, SessionId, Time, Topic, decode_client_frame,
};
use core::time::Duration;

use crate::env::Env;
use crate::event::{End, Event, WireId};
use crate::network::{Network, Parcel};
use crate::plan::ClientPlan;

use super::{Node, Socket};

impl Node {
    /// Somebody dials.
    pub(crate) fn dialled(&mut self, env: &mut Env, net: &mut Network, wire: WireId, client: &ClientPlan) {
        let Some(dial) = net.wire(wire) else { return };
        let resume = dial.resume;
        let (number, ticket) = (dial.client, dial.ticket);
        let life = self.life;
        // A process that drains has closed its listener, or leaves the answer to the core.
        let (open, late) = (!self.refuses_dials, self.rng.percent(50));
        let Some(process) = self.process.as_mut().filter(|process| open && (late || !process.draining))
        else {
            let delay = net.delay(env);
            env.after(delay, Event::DialFails { client: number, wire });
            return;
        };
        if !self.used_tickets.insert(ticket) {
            return self.refuse(env, net, wire);
        }
        let slot = process.free.pop().unwrap_or_else(|| {
            process.generations.push(0);
            u32::try_from(process.generations.len() - 1).unwrap_or(u32::MAX)
        });
        let generation = &mut process.generations[slot as usize];
        *generation += 1;
        let conn = ConnId { slot, generation: *generation };
        let (granted, open, socket) = match &client.path {
            Some(topic) => (GrantScope::Only(vec![topic.clone()].into()), Vec::new(), SocketKind::Path),
            None => (GrantScope::All, vec![Topic::inbox(&client.account)], SocketKind::Account),
        };
        let (grants, as_of) = process.store.grants(&client.account);
        let hello = Hello {
            account: client.account.clone(),
            kind: client.kind,
            socket,
            claims: Arc::new([]),
            open: open.into(),
            granted,
            grants,
            as_of,
            opening: if resume { Opening::Resume } else { Opening::Plain },
            connection_id: format!("{}-{}", wire.0, generation).into(),
            session_id: SessionId::new(&format!("s{:016x}", self.rng.next_u64()))
                .expect("letters and digits"),
        };
        process.sockets.insert(
            wire,
            Socket {
                conn,
                hello: Some(Box::new(hello)),
                account: client.account.clone(),
                kind: client.kind,
                socket,
                pending: VecDeque::new(),
                blocked: false,
                closing: false,
                close_heard: false,
                session: None,
                opened_at: env.now,
                accepted_at: Time::ZERO,
                accept_written: false,
                stays_until: None,
                last_seq: Seq::ZERO,
            },
        );
        env.trace.say(
            env.now,
            format_args!("gateway upgrades {wire:?} of client {number}: {conn:?}, grants as of {as_of}"),
        );
        // Between reading the grants and the shard's hearing of the socket, commits pass.
        let handshake = self.rng.millis(0, *self.rng.clone().pick(&[0, 2, 60]));
        env.after(handshake, Event::UpgradeDone { wire, life });
    }

    /// The handshake is done.
    pub(crate) fn upgraded(&mut self, env: &mut Env, net: &mut Network, wire: WireId, life: u32) {
        if life != self.life {
            return;
        }
        let Some(process) = &mut self.process else { return };
        let Some(socket) = process.sockets.get_mut(&wire) else { return };
        let Some(hello) = socket.hello.take() else { return };
        let conn = socket.conn;
        process.wires.insert(conn, wire);
        net.send(env, wire, End::Gateway, Parcel::Upgraded);
        self.feed(env, net, Input::Opened { conn, hello });
        self.read(env, net, wire);
    }

    /// Reads one socket until nothing is there.
    pub(crate) fn read(&mut self, env: &mut Env, net: &mut Network, wire: WireId) {
        loop {
            let Some(socket) = self.process.as_ref().and_then(|process| process.sockets.get(&wire)) else {
                if net.take(env, wire, End::Gateway).is_some() {
                    net.close(env, wire, End::Gateway);
                }
                return;
            };
            if socket.hello.is_some() {
                // Not upgraded yet: what comes waits in the kernel.
                return;
            }
            let (conn, told, closing) = (socket.conn, !socket.closing && !socket.close_heard, socket.closing);
            let Some(parcel) = net.take(env, wire, End::Gateway) else { return };
            match parcel {
                Parcel::Text(text) if told => match decode_client_frame(&text, &Limits::default()) {
                    Ok(frame) => {
                        if let ClientFrame::Resume(resume) = &frame {
                            self.watch_resume(env, resume);
                        }
                        self.feed(env, net, Input::Frame { conn, frame });
                    }
                    Err(why) => {
                        env.violate("codec", format!("the gateway can't read {text:?}: {why}"));
                        self.feed(env, net, Input::BadFrame { conn, why: why.to_string() });
                    }
                },
                Parcel::Pong | Parcel::Ping if told => self.feed(env, net, Input::Heard { conn }),
                Parcel::Text(_) | Parcel::Pong | Parcel::Ping | Parcel::Upgraded => {}
                Parcel::Close(_) if closing => self.end(env, net, wire),
                Parcel::Close(code) => self.close_heard(env, net, wire, conn, code),
                Parcel::End => {
                    self.end(env, net, wire);
                    if told {
                        self.feed(env, net, Input::Closed { conn });
                    }
                }
            }
        }
    }

    /// The client says goodbye: what is written still goes out, or not.
    pub(super) fn close_heard(
        &mut self,
        env: &mut Env,
        net: &mut Network,
        wire: WireId,
        conn: ConnId,
        code: CloseCode,
    ) {
        let flushes = self.rng.percent(50);
        let Some(socket) = self.socket(wire) else { return };
        if std::mem::replace(&mut socket.close_heard, true) {
            return;
        }
        if !flushes {
            socket.pending.clear();
        }
        socket.pending.push_back(Parcel::Close(code));
        socket.pending.push_back(Parcel::End);
        let life = self.life;
        env.after(CLOSE_DEADLINE, Event::CloseDue { wire, life });
        self.feed(env, net, Input::Closed { conn });
        self.flush(env, net, wire);
    }

    /// The close deadline of a socket.
    pub(crate) fn close_due(&mut self, env: &mut Env, net: &mut Network, wire: WireId, life: u32) {
        if life == self.life {
            self.end(env, net, wire);
        }
    }

    /// A socket took bytes.
    pub(crate) fn window_opens(&mut self, env: &mut Env, net: &mut Network, wire: WireId) {
        let Some(socket) = self.socket(wire) else { return };
        if socket.pending.is_empty() {
            return;
        }
        let before = socket.pending.len();
        let blocked = socket.blocked && !socket.closing && !socket.close_heard;
        let conn = socket.conn;
        self.flush(env, net, wire);
        let Some(socket) = self.socket(wire) else { return };
        let left = socket.pending.len();
        if left == 0 {
            socket.blocked = false;
        }
        if blocked && left == 0 {
            self.feed(env, net, Input::Drained { conn });
        } else if blocked && left < before {
            self.feed(env, net, Input::Progressed { conn });
        }
    }

    /// The wire of a socket that the core may still speak to.
    pub(super) fn told(&mut self, env: &mut Env, conn: ConnId) -> Option<WireId> {
        let process = self.process.as_mut()?;
        let wire = process.wires.get(&conn).copied();
        let socket = wire.and_then(|wire| process.sockets.get(&wire));
        match socket {
            Some(socket) if socket.close_heard => None,
            Some(socket) if !socket.closing => wire,
            _ => {
                env.violate(
                    "stranger",
                    format!("an order for {conn:?}, which the core has closed or never had"),
                );
                None
            }
        }
    }

    pub(super) fn write(&mut self, wire: WireId, parcel: Parcel, touched: &mut BTreeSet<WireId>) {
        if let Some(socket) = self.socket(wire) {
            socket.pending.push_back(parcel);
            touched.insert(wire);
        }
    }

    /// Writes what fits.
    pub(super) fn flush(&mut self, env: &mut Env, net: &mut Network, wire: WireId) {
        let mut over = false;
        if let Some(socket) = self.process.as_mut().and_then(|process| process.sockets.get_mut(&wire)) {
            while let Some(parcel) = socket.pending.front() {
                // A socket with any room takes at least a part: here whole frames move.
                if parcel.bytes() > 0 && net.room(wire) == 0 {
                    break;
                }
                let Some(parcel) = socket.pending.pop_front() else { break };
                over |= matches!(parcel, Parcel::End);
                if !over {
                    net.send(env, wire, End::Gateway, parcel);
                }
            }
        }
        self.watch_written(env, net, wire);
        if over {
            self.end(env, net, wire);
        }
    }

    /// The socket is over.
    pub(super) fn end(&mut self, env: &mut Env, net: &mut Network, wire: WireId) {
        self.watch_end(env, wire);
        let Some(process) = &mut self.process else { return };
        if let Some(socket) = process.sockets.remove(&wire) {
            process.wires.remove(&socket.conn);
            process.free.push(socket.conn.slot);
            net.close(env, wire, End::Gateway);
        }
    }

    pub(super) fn socket(&mut self, wire: WireId) -> Option<&mut Socket> {
        self.process.as_mut()?.sockets.get_mut(&wire)
    }
}

/// How long the gateway waits for the answer to its close frame.
pub(super) const CLOSE_DEADLINE: Duration = Duration::from_secs(5);
