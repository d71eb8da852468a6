//! Whether an accept says what the protocol says: a session of the account's own, a position that both logs share, and the
//! listed topics live with it; and whether anybody is let in who comes while the gateway leaves.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Included};

use bowline_history::Life;
use bowline_proto::{Accepted, Account, Epoch, Record, RequestedTopic, Resume, Seq, Topic};

use crate::env::Env;
use crate::event::WireId;

use super::Node;

/// Whose each session is, by its id.
pub(super) type Owners = BTreeMap<String, Account>;

/// The cursor that a client presented on a socket.
#[derive(Clone, Debug)]
pub(super) struct Presented {
    epoch: Option<Epoch>,
    seq: Seq,
    /// The on-demand topics that it listed and has not left since.
    topics: Vec<Topic>,
    /// How far the tail had come, in which life of the log.
    then: (Seq, u32),
}

impl Node {
    /// A client says where it stands. Only its first word counts.
    pub(super) fn watch_cursor(&mut self, wire: WireId, resume: &Resume) {
        let topics = resume.topics.iter().filter_map(on_demand).cloned().collect();
        let then = (self.tail_position(), self.life);
        if let Some(socket) = self.socket(wire) {
            socket.presented.get_or_insert(Presented { epoch: resume.epoch, seq: resume.seq, topics, then });
        }
    }

    /// A client wants no more of some topics.
    pub(super) fn watch_left(&mut self, wire: WireId, topics: &[RequestedTopic]) {
        if let Some(presented) = self.socket(wire).and_then(|socket| socket.presented.as_mut()) {
            presented.topics.retain(|topic| !topics.iter().filter_map(on_demand).any(|left| left == topic));
        }
    }

    /// A socket is accepted.
    pub(super) fn watch_accept(&mut self, env: &mut Env, wire: WireId, accepted: &Accepted) {
        let Some(socket) = self.socket(wire) else { return };
        let (account, presented) = (socket.account.clone(), socket.presented.take());
        let (conn, opened_at, blocked) = (socket.conn, socket.opened_at, socket.blocked);
        if self.draining_since().is_some_and(|since| opened_at > since) {
            env.violate(
                "drain",
                format!("{wire:?} came at {opened_at:?}, when the gateway drained, and is let in"),
            );
        }
        if let Some(session) = &accepted.session_id {
            let owner = self.watch.owners.entry(session.reveal().to_owned()).or_insert(account.clone());
            if *owner != account {
                env.violate("session", format!("{account} is accepted in a session of {owner}"));
            }
        }
        if let Some((presented, seq)) = presented.zip(accepted.seq).filter(|_| accepted.resumed) {
            let lives = env.history.truth.lives();
            if !blocked && presented.then.1 == self.life {
                let mut topics = presented.topics.clone();
                topics.retain(|topic| !has_lost(lives, &account, topic, presented.then.0));
                if let Some(process) = &mut self.process {
                    process.leases.joined(conn, &topics);
                }
            }
            if let Some(said) = passes_over(lives, &presented, accepted.epoch, seq) {
                env.violate("resume", format!("{account} presented {presented:?}, goes on at {seq}: {said}"));
            }
        }
    }
}

/// Whether the account's right to a conversation was taken behind `since`: then its activity is not followed any more.
fn has_lost(lives: &[Life], account: &Account, on_demand: &Topic, since: Seq) -> bool {
    let records = lives.last().into_iter().flat_map(|life| life.records.range(since..));
    let conversation = on_demand.on_demand_conversation().unwrap_or_default();
    records.into_iter().any(|(_, record)| {
        matches!(record, Record::Revoked { account: of, topic, .. }
            if of == account && topic.as_str().strip_prefix("conv:") == Some(conversation))
    })
}

fn on_demand(topic: &RequestedTopic) -> Option<&Topic> {
    match topic {
        RequestedTopic::Valid(topic) => Some(topic).filter(|topic| topic.is_on_demand()),
        RequestedTopic::Invalid(_) => None,
    }
}

/// What is wrong with going on at `seq` of the log `now`: it lies ahead of what was presented, or above something that the
/// two logs do not share. Between the last shared record and the beginning of a later life there is nothing to pass over.
fn passes_over(lives: &[Life], presented: &Presented, now: Option<Epoch>, seq: Seq) -> Option<String> {
    let place = |epoch: Option<Epoch>| lives.iter().position(|life| Some(life.epoch) == epoch);
    if seq > presented.seq {
        return Some("that is ahead of it".into());
    }
    let (Some(then), Some(now)) = (place(presented.epoch), place(now)) else {
        return (seq > Seq::ZERO).then(|| "nothing is known of its log".into());
    };
    let shared =
        lives.get(then + 1..=now).unwrap_or_default().iter().map(|life| life.shared).fold(seq, Seq::min);
    let mut passed = lives[then].records.range((Excluded(shared), Included(seq)));
    passed
        .next()
        .map(|(first, _)| format!("{first} of that log is not in this one, which shares up to {shared}"))
}
