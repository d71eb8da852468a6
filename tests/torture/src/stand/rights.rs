//! Rights that are given and taken while the faults go on: who may see what is a matter of the log, whatever happens to
//! those who look.

use std::collections::BTreeSet;
use std::thread::{self, JoinHandle};

use bowline_proto::Topic;

use crate::account::{Admin, Change};
use crate::gateway::{TortureError, error};
use crate::stand::Stand;

/// Changes under way, on a thread of their own.
pub(crate) struct Meddling(JoinHandle<Result<Vec<Flip>, TortureError>>);

/// One right that becomes another.
#[derive(Clone, Debug)]
struct Flip {
    native: usize,
    account: String,
    topic: Topic,
    change: Change,
}

/// Who decides about rights on a stand, and who holds what by the last answer.
#[derive(Debug)]
pub(super) struct Rights {
    pub(super) admin: Admin,
    pub(super) held: Vec<BTreeSet<Topic>>,
}

/// Changes at a time.
const FLIPS: u64 = 3;

impl Stand {
    /// Begins to change a few rights of native readers. Until the end nobody waits for those topics of theirs; the checker
    /// knows from the log what they should have had.
    pub(crate) fn meddle(&mut self) -> Meddling {
        let mut flips = Vec::new();
        for _ in 0..FLIPS.min(self.natives.len() as u64) {
            let native = self.random.between(0, self.natives.len() as u64) as usize;
            let topic = self.random.pick(&self.topics).clone();
            if flips.iter().any(|flip: &Flip| flip.native == native && flip.topic == topic) {
                continue;
            }
            let held = &mut self.rights.held[native];
            let change = if held.remove(&topic) { Change::Revoke } else { Change::Grant };
            self.natives[native].topics.retain(|known| *known != topic);
            flips.push(Flip { native, account: self.natives[native].name.clone(), topic, change });
        }
        let admin = self.rights.admin.clone();
        Meddling(thread::spawn(move || {
            for flip in &flips {
                admin.change(&flip.account, &flip.topic, flip.change)?;
            }
            Ok(flips)
        }))
    }

    /// Waits until the changes are answered.
    pub(crate) fn settle(&mut self, meddling: Meddling) -> Result<(), TortureError> {
        let flips = meddling.0.join().map_err(|_| error("the thread that changes rights panicked"))??;
        self.round.rights_changed += flips.len() as u64;
        for flip in flips {
            if flip.change == Change::Grant {
                self.rights.held[flip.native].insert(flip.topic);
            }
        }
        Ok(())
    }

    /// From now on everybody waits for all that he has a right to.
    pub(super) fn wait_for_all_rights(&mut self) {
        for (native, held) in self.natives.iter_mut().zip(&self.rights.held) {
            native.topics = held.iter().cloned().collect();
        }
    }
}
