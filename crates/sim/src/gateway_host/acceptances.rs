//! Whether an accept says what the protocol says: a session of the account's own, and a position that both logs share.

use std::collections::BTreeMap;

use bowline_history::Life;
use bowline_proto::{Accepted, Account, Epoch, Resume, Seq};

use crate::env::Env;
use crate::event::WireId;

use super::Node;

/// Whose each session is, by its id.
pub(super) type Owners = BTreeMap<String, Account>;

/// The cursor that a client presented on a socket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Presented {
    epoch: Option<Epoch>,
    seq: Seq,
}

impl Node {
    /// A client says where it stands. Only its first word counts.
    pub(super) fn watch_cursor(&mut self, wire: WireId, resume: &Resume) {
        if let Some(socket) = self.socket(wire) {
            socket.presented.get_or_insert(Presented { epoch: resume.epoch, seq: resume.seq });
        }
    }

    /// A socket is accepted.
    pub(super) fn watch_accept(&mut self, env: &mut Env, wire: WireId, accepted: &Accepted) {
        let Some(socket) = self.socket(wire) else { return };
        let (account, presented) = (socket.account.clone(), socket.presented);
        if let Some(session) = &accepted.session_id {
            let owner = self.watch.owners.entry(session.reveal().to_owned()).or_insert(account.clone());
            if *owner != account {
                env.violate("session", format!("{account} is accepted in a session of {owner}"));
            }
        }
        if let Some((presented, seq)) = presented.zip(accepted.seq).filter(|_| accepted.resumed) {
            let shared = shared_of(env.history.truth.lives(), &presented, accepted.epoch);
            if seq > shared {
                let said = format!(
                    "{account} presented {presented:?} and goes on at {seq}; this log shares up to {shared} with it"
                );
                env.violate("resume", said);
            }
        }
    }
}

/// The last position up to the presented one that its log and the present one have in common.
fn shared_of(lives: &[Life], presented: &Presented, now: Option<Epoch>) -> Seq {
    let place = |epoch: Option<Epoch>| lives.iter().position(|life| Some(life.epoch) == epoch);
    match (place(presented.epoch), place(now)) {
        (Some(then), Some(now)) if then <= now => {
            lives[then + 1..=now].iter().map(|life| life.shared).fold(presented.seq, Seq::min)
        }
        // Nothing is known of a log that never was this one.
        _ => Seq::ZERO,
    }
}
