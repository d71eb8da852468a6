//! Whether a socket on which nothing is heard is freed in time: after 2.5 heartbeats where its client can resume, and after
//! the silence of the plain layer otherwise.

use bowline_proto::Time;
use core::time::Duration;

use crate::env::Env;
use crate::event::WireId;

use super::{Node, PLAIN_SILENCE};

impl Node {
    /// Bytes came from the client, or it took some.
    pub(super) fn watch_life(&mut self, now: Time, wire: WireId) {
        if let Some(socket) = self.socket(wire) {
            socket.alive_at = now;
        }
    }

    /// Looks at every socket that the shard has to care for. A blocked one has the time of a slow reader.
    pub(super) fn watch_silence(&self, env: &mut Env) {
        let Some(process) = self.process.as_ref().filter(|_| !self.was_held_up) else { return };
        let resumes = self.limits().heartbeat * 5 / 2;
        let silent = process.sockets.iter().find(|(_, socket)| {
            let bears = if socket.resumes { resumes } else { resumes.max(PLAIN_SILENCE) };
            let is_cared_for =
                socket.hello.is_none() && !socket.closing && !socket.close_heard && !socket.blocked;
            is_cared_for && env.now > socket.alive_at + bears + LATE
        });
        if let Some((wire, socket)) = silent {
            let said = format!("{wire:?} of {} has been silent since {:?}", socket.account, socket.alive_at);
            env.violate("ghost", said);
        }
    }
}

/// The shard's timer and this look may lie in one moment.
const LATE: Duration = Duration::from_secs(1);
