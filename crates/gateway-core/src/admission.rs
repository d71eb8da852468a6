//! Who gets in: identity, then the proof of a session, then the limit (wire protocol, section 5).

use std::sync::Arc;

use bowline_proto::{CloseCode, Rejected, Resume, Seq, ServerFrame, SessionId, Time};
use smallvec::SmallVec;

use crate::acceptance::Start;
use crate::connections::{Awaiting, CatchUp, Connection, Introduction, Phase, Resuming, Writing};
use crate::frame_rate::FrameMeter;
use crate::keys::{AccountKey, SessionKey};
use crate::shard::GatewayCore;
use crate::vocabulary::{ConnId, Hello, Opening, SocketKind};

impl GatewayCore {
    /// A socket with a good credential was upgraded.
    ///
    /// While the shard drains it is closed at once: the client goes elsewhere, or keeps the socket that it has.
    pub(crate) fn opened(&mut self, now: Time, conn: ConnId, mut hello: Hello) {
        if self.connections.get(conn.slot).is_some() {
            self.forget(now, conn.slot);
        }
        let account = self.accounts.enter(&mut hello, self.head, &self.recent_grants);
        let introduction = Introduction { connection_id: hello.connection_id, session_id: hello.session_id };
        let await_resume = Phase::AwaitResume {
            introduction: Box::new(introduction),
            until: now + self.config.resume_deadline,
        };
        let connection = Connection {
            account,
            kind: hello.kind,
            socket: hello.socket,
            opening: hello.opening,
            phase: await_resume,
            writing: Writing::Free,
            claims: hello.claims,
            open: hello.open,
            granted: hello.granted,
            memberships: SmallVec::new(),
            asked: 0,
            grants_as_of: Seq::ZERO,
            told_ahead: Vec::new(),
            start: Seq::ZERO,
            opened: now,
            heard: now,
            next_beat: self.first_beat(now, conn.slot),
            armed: Time::MAX,
            frames: FrameMeter::default(),
            bad_frames: 0,
            answers_pings: false,
            is_told_to_move: false,
        };
        self.connections.insert(conn, connection);
        self.accounts.entry(account).slots.push(conn.slot);
        if self.drain.is_on() {
            return self.close(now, conn.slot, CloseCode::DRAINING);
        }
        self.arm(now, conn.slot);
        match hello.opening {
            Opening::Plain => self.admit_plain(now, conn),
            Opening::Resume => self.shed_waiting(now, account, hello.socket, conn.slot),
        }
    }

    /// An account may have as many sockets before their `resume` as it may have behind it: the oldest gives way.
    fn shed_waiting(&mut self, now: Time, account: AccountKey, socket: SocketKind, newest: u32) {
        let Some(kind) = self.connections.get(newest).map(|c| c.kind) else { return };
        let limit = self.config.sockets(kind, socket).max(1) as usize;
        let waiting: Vec<u32> = self
            .accounts
            .entry(account)
            .slots
            .iter()
            .copied()
            .filter(|slot| {
                self.connections
                    .get(*slot)
                    .is_some_and(|c| c.socket == socket && matches!(c.phase, Phase::AwaitResume { .. }))
            })
            .collect();
        if waiting.len() > limit {
            self.close(now, waiting[0], CloseCode::IDLE_TIMEOUT);
        }
    }

    fn admit_plain(&mut self, now: Time, conn: ConnId) {
        let slot = conn.slot;
        let Some(introduction) = self.take_introduction(slot) else { return };
        let Some(session) = self.new_session(now, slot, introduction.session_id) else { return };
        let Some(connection) = self.connections.get_mut(slot) else { return };
        let account = connection.account;
        let grants = &self.accounts.entry(account).grants;
        let (seq, is_current) = (grants.as_of(self.head), grants.is_current());
        self.accepted(slot, session, introduction.connection_id, Start::Fresh(seq));
        self.follow_defaults(slot);
        if is_current {
            self.go_live_first(slot, session, seq);
        } else {
            // The grants of `Hello` are older than what is known of the tail: the log says what came in between.
            self.stats.catching_up += 1;
            let catch_up =
                CatchUp { epoch: self.epoch, position: seq, awaiting: Awaiting::Drained, failures: 0 };
            if let Some(connection) = self.connections.get_mut(slot) {
                connection.phase = Phase::CatchingUp { session, catch_up };
            }
            self.read_on(slot);
        }
    }

    fn go_live_first(&mut self, slot: u32, session: SessionKey, seq: Seq) {
        self.stats.live += 1;
        self.connections.hot[slot as usize].live_from = seq.get();
        if let Some(connection) = self.connections.get_mut(slot) {
            connection.phase = Phase::Live { session };
        }
    }

    fn take_introduction(&mut self, slot: u32) -> Option<Introduction> {
        match &mut self.connections.get_mut(slot)?.phase {
            Phase::AwaitResume { introduction, .. } => Some(Introduction {
                connection_id: Arc::clone(&introduction.connection_id),
                session_id: introduction.session_id.clone(),
            }),
            Phase::AwaitFirstPage(_) | Phase::Live { .. } | Phase::CatchingUp { .. } => None,
        }
    }

    /// The first frame on a URL with `resume=1`.
    pub(crate) fn resume(&mut self, now: Time, slot: u32, resume: Resume) {
        let epoch = match resume.epoch {
            // Nothing is behind a reader from the oldest event, so no history can have been lost.
            _ if resume.seq == Seq::ZERO => self.epoch,
            Some(epoch) => epoch,
            None => return self.bad_frame(now, slot, "resume has a seq without its epoch"),
        };
        let Some(introduction) = self.take_introduction(slot) else { return };
        let Some(connection) = self.connections.get(slot) else { return };
        let proved = resume
            .session_id
            .as_ref()
            .and_then(|id| self.sessions.prove(id, connection.account, connection.socket));
        let session = match proved {
            Some(session) => self.take_over(now, slot, session),
            None => self.new_session(now, slot, introduction.session_id),
        };
        let Some(session) = session else { return };
        self.stats.catching_up += 1;
        let catch_up = CatchUp { epoch, position: resume.seq, awaiting: Awaiting::Drained, failures: 0 };
        let resuming =
            Resuming { session, connection_id: introduction.connection_id, catch_up, errors: Vec::new() };
        if let Some(connection) = self.connections.get_mut(slot) {
            connection.phase = Phase::AwaitFirstPage(Box::new(resuming));
        }
        let (_, errors) = self.ask_for(now, slot, resume.topics);
        let Some(connection) = self.connections.get_mut(slot) else { return };
        if let Phase::AwaitFirstPage(resuming) = &mut connection.phase {
            resuming.errors = errors;
        }
        self.read_on(slot);
    }

    /// The socket gets a session of its own, within the limit.
    fn new_session(&mut self, now: Time, slot: u32, id: SessionId) -> Option<SessionKey> {
        self.count_against_limit(now, slot)?;
        let connection = self.connections.get(slot)?;
        Some(self.sessions.create(id, connection.account, connection.socket, self.connections.id(slot)))
    }

    /// Counts one more session with a socket, or refuses the socket.
    pub(crate) fn count_against_limit(&mut self, now: Time, slot: u32) -> Option<()> {
        let connection = self.connections.get(slot)?;
        let limit = self.config.sockets(connection.kind, connection.socket);
        let occupied = self.accounts.entry(connection.account).occupied(connection.socket);
        if *occupied < limit {
            *occupied += 1;
            return Some(());
        }
        self.stats.rejected += 1;
        let rejected = Rejected {
            reason: "CONNECTION_LIMIT_EXCEEDED".to_owned(),
            message: format!("this account may hold {limit} connections of this kind at a time"),
            retry_after: None,
        };
        self.send(slot, ServerFrame::Rejected(rejected));
        self.close(now, slot, CloseCode::LIMIT_EXCEEDED);
        None
    }
}
