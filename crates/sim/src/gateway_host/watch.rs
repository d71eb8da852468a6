//! What is checked at the gateway while the world runs: the log against what was committed, the order on each socket, the
//! limits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bowline_gateway_core::SocketKind;
use bowline_log::{LogStore, StoreError};
use bowline_proto::{Account, AccountKind, CloseCode, LoggedEvent, Seq, ServerFrame, Topic};
use bytes::Bytes;

use crate::counters::Rare;
use crate::env::Env;
use crate::event::{PeerNo, WireId};
use crate::log_process;

use super::Node;

impl Node {
    /// Compares what the log shows with what was committed.
    pub(crate) fn compare(&self, env: &mut Env, store: &dyn LogStore) {
        let status = store.status();
        let all = log_process::read_all(store, &self.accounts, &self.topics);
        let (shown, shared) = match all.and_then(|all| Ok((all, self.shared(env, store)?))) {
            Ok(both) => both,
            // What it would have shown is seen by the next process.
            Err(_) if self.disk.is_dead() => return,
            Err(error) => return env.violate("recovery", format!("the log can't be read: {error}")),
        };
        let was_oldest = std::mem::replace(&mut env.history.oldest, status.oldest);
        let epochs = env.history.truth.lives().len();
        let truth = &mut env.history.truth;
        if let Err(said) =
            truth.reopened(status.epoch, status.oldest, was_oldest, status.head, shared, &shown)
        {
            env.violate("durable", said);
        }
        if epochs > 0 && env.history.truth.lives().len() > epochs {
            env.counters.count("log: a new epoch");
            if self.plan.durability == bowline_log::Durability::Fsync && !self.is_rotten {
                env.violate("epoch", "the epoch changed although everything was synced".into());
            }
        }
        if env.history.truth.head() != status.head {
            let said =
                format!("the log says head {}, its records say {}", status.head, env.history.truth.head());
            env.violate("head", said);
        }
        let held = env.history.truth.grants_at_head();
        for account in &self.accounts {
            let (topics, _) = store.grants(account);
            let known: BTreeSet<Topic> = topics.into_iter().collect();
            let expected = held.get(account).cloned().unwrap_or_default();
            if known != expected {
                env.violate("grants", format!("{account} holds {known:?}; the records say {expected:?}"));
            }
        }
    }

    /// Up to where the log says that it goes on with the life that was last compared.
    fn shared(&self, env: &Env, store: &dyn LogStore) -> Result<Seq, StoreError> {
        let truth = &env.history.truth;
        match (self.accounts.first(), truth.lives().last()) {
            (Some(reader), Some(life)) => log_process::shared(store, reader, life.epoch, truth.head()),
            (_, _) => Ok(Seq::ZERO),
        }
    }

    /// Compares once more, at the end of a run.
    pub(crate) fn compare_at_end(&self, env: &mut Env) {
        if let Some(process) = &self.process {
            let store = Arc::clone(&process.store);
            self.compare(env, &*store);
        }
    }

    /// On one socket events arrive in growing seq, and never before it was accepted.
    pub(super) fn watch_delivery(&mut self, env: &mut Env, wire: WireId, event: &LoggedEvent) {
        let seq = event.seq;
        let Some(socket) = self.socket(wire) else { return };
        let is_inbox = event.topic == Topic::inbox(&socket.account);
        if is_hostile(&socket.account) && !is_inbox {
            let said = format!("{} was sent {seq} of {}", socket.account, event.topic);
            return env.violate("right", said);
        }
        let (before, accepted) = (socket.last_seq, socket.session.is_some());
        socket.last_seq = seq;
        if seq <= before {
            env.violate("socket order", format!("{wire:?} was sent {seq} after {before}"));
        }
        let blocked = self.socket(wire).is_some_and(|socket| socket.blocked);
        if blocked {
            env.violate("slow reader", format!("{wire:?} does not take what it has, and was sent {seq}"));
        }
        if !accepted {
            env.violate("socket order", format!("{wire:?} was sent {seq} before it was accepted"));
        }
    }

    pub(super) fn watch_steering(
        &mut self,
        env: &mut Env,
        wire: WireId,
        frame: &ServerFrame<core::convert::Infallible>,
    ) {
        match frame {
            ServerFrame::Accepted(accepted) => {
                env.counters.count(if accepted.resumed { "gateway: resumed" } else { "gateway: accepted" });
                if !accepted.gaps.is_empty() {
                    env.counters.count("gateway: resumed with a gap");
                }
                self.watch_accept(env, wire, accepted);
                let now = env.now;
                let Some(socket) = self.socket(wire) else { return };
                socket.session.clone_from(&accepted.session_id);
                if let Some(session) = accepted.session_id.clone().filter(|_| !is_hostile(&socket.account)) {
                    env.loot.sessions.truncate(MOST_LOOT);
                    env.loot.sessions.insert(0, session);
                }
                socket.accepted_at = now;
                let (account, kind, path) = (socket.account.clone(), socket.kind, socket.socket);
                self.count_sockets(env, &account, kind, path);
            }
            ServerFrame::Rejected(_) => {
                env.counters.count("gateway: rejected");
                self.watch_refusal(env, wire);
            }
            ServerFrame::Gap(_) => env.counters.reach(Rare::GapWhileReplaying),
            ServerFrame::Topics { removed, .. } => {
                env.counters.count("gateway: topics changed");
                if let Some(conn) = self.socket(wire).map(|socket| socket.conn)
                    && let Some(process) = &mut self.process
                {
                    removed.iter().for_each(|topic| process.leases.left(conn, Some(topic)));
                }
            }
            ServerFrame::Draining(draining) => {
                env.counters.count("gateway: asked to move");
                self.watch_draining(env.now, wire, draining.deadline);
            }
            ServerFrame::SubscribeAck(ack) => {
                if let Some(conn) =
                    self.socket(wire).filter(|socket| !socket.blocked).map(|socket| socket.conn)
                    && let Some(process) = &mut self.process
                {
                    process.leases.joined(conn, &ack.subscribed);
                    process.leases.refused(conn, &ack.errors);
                }
            }
            ServerFrame::Error { .. } => {
                if let Some(conn) = self.socket(wire).map(|socket| socket.conn)
                    && let Some(process) = &mut self.process
                {
                    process.leases.refused_words(conn);
                }
            }
            ServerFrame::Event { .. }
            | ServerFrame::UnsubscribeAck { .. }
            | ServerFrame::Pong { .. }
            | ServerFrame::Unknown => {}
        }
    }

    /// An account never has more sockets than it may; a handover counts once.
    pub(super) fn count_sockets(
        &mut self,
        env: &mut Env,
        account: &Account,
        kind: AccountKind,
        path: SocketKind,
    ) {
        if path != SocketKind::Account {
            return;
        }
        let Some(process) = &self.process else { return };
        let mut sessions: BTreeMap<&str, u32> = BTreeMap::new();
        for socket in process.sockets.values() {
            let counts =
                socket.account == *account && socket.socket == path && !socket.closing && !socket.close_heard;
            if let Some(session) = socket.session.as_ref().filter(|_| counts) {
                *sessions.entry(session.reveal()).or_default() += 1;
            }
        }
        let limit = match kind {
            AccountKind::Agent => self.limits().agent_sockets,
            AccountKind::Human | AccountKind::Service => self.limits().human_sockets,
        };
        if u32::try_from(sessions.len()).unwrap_or(u32::MAX) > limit
            || sessions.values().any(|held| *held > 2)
        {
            let held: Vec<u32> = sessions.values().copied().collect();
            env.violate("limit", format!("{account} has {held:?} sockets by session, {limit} are allowed"));
        }
    }
}

impl Node {
    /// Nobody but the hostile sends what is no frame.
    pub(super) fn watch_bad_frame(&self, env: &mut Env, peer: PeerNo, text: &Bytes, why: &str) {
        let socket = self.process.as_ref().and_then(|p| p.sockets.values().find(|s| s.peer == peer));
        if socket.is_some_and(|socket| is_hostile(&socket.account)) {
            env.counters.count("gateway: a bad frame of a hostile peer");
        } else {
            env.violate("codec", format!("the gateway can't read {text:?} of peer {peer}: {why}"));
        }
    }
}

fn is_hostile(account: &Account) -> bool {
    account.as_str().starts_with(HOSTILE)
}

/// How the accounts of hostile peers start.
const HOSTILE: &str = "m";
/// How many sessions of others they know at most.
const MOST_LOOT: usize = 40;

pub(super) fn count_close(env: &mut Env, code: CloseCode) {
    env.counters.count(match code {
        CloseCode::SUPERSEDED => "gateway: closed, superseded",
        CloseCode::IDLE_TIMEOUT => "gateway: closed, silent",
        CloseCode::SLOW_CONSUMER => "gateway: closed, does not read",
        CloseCode::DRAINING => "gateway: closed, draining",
        CloseCode::MAX_DURATION => "gateway: closed, too old",
        CloseCode::LIMIT_EXCEEDED => "gateway: closed, above the limit",
        _ => "gateway: closed for another reason",
    });
}
