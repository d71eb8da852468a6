//! What a socket hears when it is accepted, and where its stream starts.

use std::sync::Arc;

use bowline_proto::{Accepted, CloseCode, Gap, Seq, ServerFrame, SubscribeAck, Time};

use crate::connections::Phase;
use crate::keys::SessionKey;
use crate::shard::GatewayCore;

/// Where a socket starts.
pub(crate) enum Start {
    /// At the head.
    Fresh(Seq),
    /// Behind a cursor.
    Resumed { seq: Seq, gaps: Vec<Gap> },
}

impl GatewayCore {
    /// Puts out `connection.accepted` and what follows it at once.
    pub(crate) fn accepted(&mut self, slot: u32, session: SessionKey, connection_id: Arc<str>, start: Start) {
        let (resumed, seq, gaps) = match start {
            Start::Fresh(seq) => (false, seq, Vec::new()),
            Start::Resumed { seq, gaps } => (true, seq, gaps),
        };
        tracing::debug!(slot, resumed, seq = seq.get(), gaps = gaps.len(), "socket is accepted");
        self.stats.accepted += 1;
        self.stats.resumed += u64::from(resumed);
        self.stats.gaps += gaps.len() as u64;
        let accepted = Accepted {
            connection_id: Some(connection_id),
            session_id: self.sessions.id(session),
            resumed,
            epoch: Some(self.epoch),
            seq: Some(seq),
            heartbeat: Some(self.config.heartbeat),
            max_duration: Some(self.config.max_duration),
            can_resume: true,
            can_drain: true,
            gaps,
        };
        self.send(slot, ServerFrame::Accepted(Box::new(accepted)));
    }

    /// The first page after a cursor came: the socket is accepted at the page's start.
    pub(crate) fn accept_resumed(&mut self, now: Time, slot: u32, from: Seq, gaps: Vec<Gap>) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        let Phase::AwaitFirstPage(resuming) = &mut connection.phase else { return };
        let (session, catch_up) = (resuming.session, resuming.catch_up);
        let connection_id = Arc::clone(&resuming.connection_id);
        let errors = core::mem::take(&mut resuming.errors);
        let grants = &self.accounts.entry(connection.account).grants;
        if !grants.is_current() && grants.as_of(self.head) < from {
            // Nobody here knows the grants at the cursor: a new `Hello` brings them.
            return self.close(now, slot, CloseCode::DRAINING);
        }
        connection.start = from;
        connection.phase = Phase::CatchingUp { session, catch_up };
        self.accepted(slot, session, connection_id, Start::Resumed { seq: from, gaps });
        if !errors.is_empty() {
            let ack = SubscribeAck { subscribed: Vec::new(), errors, seq: Some(from) };
            self.send(slot, ServerFrame::SubscribeAck(ack));
        }
        self.tell_activities_followed(now, slot);
        self.follow_defaults(slot);
    }
}
