//! Which sockets belong to one session, and for how long a session outlives them.
//!
//! A session has at most two sockets: one, or a pair in handover. A pair counts once against the limits, so "sessions
//! with a socket" is what the limits count.

use std::collections::HashMap;

use bowline_proto::{SessionId, Time};

use crate::keys::{AccountKey, SessionKey};
use crate::vocabulary::{ConnId, SocketKind};

/// One session.
#[derive(Debug)]
pub(crate) struct Session {
    id: SessionId,
    pub(crate) account: AccountKey,
    pub(crate) socket: SocketKind,
    pub(crate) sockets: Sockets,
}

/// The sockets of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sockets {
    /// None, since then.
    None { since: Time },
    /// One.
    One(ConnId),
    /// Two that count once until then; then one of them is evicted.
    Pair { older: ConnId, newer: ConnId, until: Time },
}

/// The table.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_id: HashMap<SessionId, SessionKey>,
    places: Vec<Place>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Place {
    generation: u32,
    session: Option<Session>,
}

impl Sessions {
    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Makes a session with one socket.
    pub(crate) fn create(
        &mut self,
        id: SessionId,
        account: AccountKey,
        socket: SocketKind,
        conn: ConnId,
    ) -> SessionKey {
        let index = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place { generation: 0, session: None });
            u32::try_from(self.places.len() - 1).expect("a shard holds fewer than 2^32 sessions")
        });
        let place = &mut self.places[index as usize];
        place.session = Some(Session { id: id.clone(), account, socket, sockets: Sockets::One(conn) });
        let key = SessionKey { index, generation: place.generation };
        self.by_id.insert(id, key);
        key
    }

    /// The session that `id` proves to be the account's own. Somebody else's session looks like an unknown one.
    pub(crate) fn prove(
        &self,
        id: &SessionId,
        account: AccountKey,
        socket: SocketKind,
    ) -> Option<SessionKey> {
        let key = *self.by_id.get(id)?;
        let session = self.get(key)?;
        (session.account == account && session.socket == socket).then_some(key)
    }

    pub(crate) fn get(&self, key: SessionKey) -> Option<&Session> {
        let place = self.places.get(key.index as usize)?;
        if place.generation == key.generation { place.session.as_ref() } else { None }
    }

    pub(crate) fn get_mut(&mut self, key: SessionKey) -> Option<&mut Session> {
        let place = self.places.get_mut(key.index as usize)?;
        if place.generation == key.generation { place.session.as_mut() } else { None }
    }

    /// The id behind a key.
    pub(crate) fn id(&self, key: SessionKey) -> Option<SessionId> {
        self.get(key).map(|session| session.id.clone())
    }

    /// Forgets a session.
    pub(crate) fn remove(&mut self, key: SessionKey) -> Option<Session> {
        self.get(key)?;
        let place = &mut self.places[key.index as usize];
        place.generation = place.generation.wrapping_add(1);
        let session = place.session.take()?;
        self.free.push(key.index);
        if self.by_id.get(&session.id) == Some(&key) {
            self.by_id.remove(&session.id);
        }
        Some(session)
    }
}

impl Session {
    /// A socket proved this session. The caller has made room: there is at most one other.
    pub(crate) fn attach(&mut self, conn: ConnId, until: Time) {
        self.sockets = match self.sockets {
            Sockets::None { .. } => Sockets::One(conn),
            Sockets::One(older) | Sockets::Pair { newer: older, .. } => {
                Sockets::Pair { older, newer: conn, until }
            }
        };
    }

    /// A socket is gone.
    pub(crate) fn detach(&mut self, conn: ConnId, now: Time) {
        self.sockets = match self.sockets {
            Sockets::Pair { older, newer, .. } if older == conn => Sockets::One(newer),
            Sockets::Pair { older, newer, .. } if newer == conn => Sockets::One(older),
            Sockets::One(only) if only == conn => Sockets::None { since: now },
            unchanged @ (Sockets::None { .. } | Sockets::One(_) | Sockets::Pair { .. }) => unchanged,
        };
    }
}
