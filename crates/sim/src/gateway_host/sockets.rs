//! How a gateway's process treats its sockets: upgrade, read, write as far as they take it, close.

use std::collections::{BTreeSet, VecDeque};

use bowline_gateway_core::{ConnId, Hello, Input, Opening, SocketKind, TopicFilter};
use bowline_proto::{
    ClientFrame, CloseCode, GrantScope, Limits, Rejected, RequestedTopic, Seq, ServerFrame, SessionId, Time,
    Topic, decode_client_frame, encode_server_frame,
};
use bytes::Bytes;
use core::time::Duration;

use crate::env::Env;
use crate::event::{Event, NodeEvent, PeerEvent, WireId};
use crate::messages;
use crate::network::{Network, Parcel};
use crate::plan::{End, Identity};

use super::{Deafness, Node, Socket};

impl Node {
    /// Somebody dials.
    pub(crate) fn dialled(&mut self, env: &mut Env, net: &mut Network, wire: WireId, who: &Identity) {
        let Some(dial) = net.wire(wire) else { return };
        let (resume, peer, pass) = (dial.dial.resume, dial.peer, dial.dial.pass.clone());
        let life = self.life;
        if self.deaf == Some(Deafness::Ignores) {
            env.counters.count("fault: dial unanswered");
            return;
        }
        if self.deaf == Some(Deafness::Refuses) {
            env.counters.count("fault: dial refused");
        }
        // A process that drains has closed its listener, or leaves the answer to the core. One whose log has failed is not
        // ready.
        let late = self.rng.percent(50);
        let is_open = self.deaf.is_none()
            && self.process.as_ref().is_some_and(|p| (late || p.draining.is_none()) && !p.log_failed);
        if !is_open {
            let delay = net.delay(env, wire);
            env.after(delay, Event::Peer { peer, what: PeerEvent::DialFails { wire } });
            return;
        }
        if !self.admits(env, &pass) {
            return reject(env, net, wire);
        }
        let Some(process) = &mut self.process else { return };
        let slot = process.free.pop().unwrap_or_else(|| {
            process.generations.push(0);
            u32::try_from(process.generations.len() - 1).unwrap_or(u32::MAX)
        });
        let generation = &mut process.generations[slot as usize];
        *generation += 1;
        let conn = ConnId { slot, generation: *generation };
        let (granted, open, socket) = match &who.path {
            Some(topic) => (GrantScope::Only(vec![topic.clone()].into()), Vec::new(), SocketKind::Path),
            None => (GrantScope::All, vec![Topic::inbox(&who.account)], SocketKind::Account),
        };
        let claims = if who.feeds { vec![TopicFilter::Prefix("feed:".into())] } else { Vec::new() };
        let (grants, as_of) = process.store.grants(&who.account);
        let hello = Hello {
            account: who.account.clone(),
            kind: who.kind,
            socket,
            claims: claims.into(),
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
                peer,
                hello: Some(Box::new(hello)),
                account: who.account.clone(),
                kind: who.kind,
                socket,
                pending: VecDeque::new(),
                blocked: false,
                closing: false,
                close_heard: false,
                presented: None,
                session: None,
                opened_at: env.now,
                resumes: resume,
                alive_at: env.now,
                accepted_at: Time::ZERO,
                accept_written: false,
                stays_until: None,
                last_seq: Seq::ZERO,
            },
        );
        env.trace.say(
            env.now,
            format_args!("gateway upgrades {wire:?} of peer {peer}: {conn:?}, grants as of {as_of}"),
        );
        // Between reading the grants and the shard's hearing of the socket, commits pass.
        let handshake = self.rng.millis(0, *self.rng.clone().pick(&[0, 2, 60]));
        self.later(env, handshake, NodeEvent::UpgradeDone { wire, life });
    }

    /// The handshake is done.
    pub(crate) fn upgraded(&mut self, env: &mut Env, net: &mut Network, wire: WireId, life: u32) {
        if life != self.life {
            return;
        }
        let Some(process) = &mut self.process else { return };
        let Some(socket) = process.sockets.get_mut(&wire) else { return };
        let Some(hello) = socket.hello.take() else { return };
        socket.alive_at = env.now;
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
            self.watch_life(env.now, wire);
            match parcel {
                Parcel::Text(text) if told => self.text_came(env, net, wire, conn, &text),
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

    fn text_came(&mut self, env: &mut Env, net: &mut Network, wire: WireId, conn: ConnId, text: &Bytes) {
        let Some(socket) = self.socket(wire) else { return };
        let (peer, account) = (socket.peer, socket.account.clone());
        if let Some(number) = messages::number(text)
            && let Err(said) = env.messages.arrived(peer, wire, number)
        {
            env.violate("messages", said);
        }
        match decode_client_frame(text, &Limits::default()) {
            Ok(frame) => {
                let Some(process) = &mut self.process else { return };
                match &frame {
                    ClientFrame::Activity { conversation_id, status } => {
                        process.leases.heard(env.now, conn, &account, conversation_id, status.clone());
                    }
                    ClientFrame::Unsubscribe { topics } => {
                        for topic in topics {
                            if let RequestedTopic::Valid(topic) = topic {
                                process.leases.left(conn, Some(topic));
                            }
                        }
                    }
                    ClientFrame::Resume(resume) => {
                        self.watch_resume(env, resume);
                        self.watch_cursor(wire, resume);
                    }
                    ClientFrame::Ping | ClientFrame::Subscribe { .. } | ClientFrame::Unknown => {}
                }
                if let ClientFrame::Unsubscribe { topics } = &frame {
                    self.watch_left(wire, topics);
                }
                self.feed(env, net, Input::Frame { conn, frame });
                if let Some(process) = &mut self.process {
                    process.leases.took_words();
                }
            }
            Err(why) => {
                self.watch_bad_frame(env, peer, text, &why.to_string());
                self.feed(env, net, Input::BadFrame { conn, why: why.to_string() });
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
        self.later(env, CLOSE_DEADLINE, NodeEvent::CloseDue { wire, life });
        if let Some(process) = &mut self.process {
            process.leases.left(conn, None);
        }
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
        // What waited may have gone out with something new, when there was room before this was heard.
        if socket.pending.is_empty() && !socket.blocked {
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
        if left < before {
            self.watch_life(env.now, wire);
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
            process.leases.left(socket.conn, None);
            process.free.push(socket.conn.slot);
            net.close(env, wire, End::Gateway);
            self.may_hear_late(env, socket.conn);
        }
    }

    pub(super) fn socket(&mut self, wire: WireId) -> Option<&mut Socket> {
        self.process.as_mut()?.sockets.get_mut(&wire)
    }
}

/// A credential that is missing or bad is told so after the upgrade: a browser sees no HTTP status.
fn reject(env: &mut Env, net: &mut Network, wire: WireId) {
    env.counters.count("gateway: rejected a credential");
    let rejected = Rejected {
        reason: "UNAUTHORIZED".into(),
        message: "the credential is not accepted".into(),
        retry_after: None,
    };
    let text = encode_server_frame(&ServerFrame::Rejected(rejected));
    net.send(env, wire, End::Gateway, Parcel::Upgraded);
    net.send(env, wire, End::Gateway, Parcel::Text(text.into()));
    net.send(env, wire, End::Gateway, Parcel::Close(CloseCode::UNAUTHORIZED));
}

/// How long the gateway waits for the answer to its close frame.
pub(super) const CLOSE_DEADLINE: Duration = Duration::from_secs(5);
