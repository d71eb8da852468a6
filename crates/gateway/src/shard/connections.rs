//! The table of a shard's sockets: dense slots, reused, each with the count of its tenants.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use bowline_gateway_core::ConnId;
use slab::Slab;
use tokio::task::JoinHandle;

use crate::limit::Seat;
use crate::shard::pending::Pending;
use crate::shard::socket::Socket;

/// A socket as the shard holds it. An idle one costs this, its read task and what the core remembers.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Shared with the read task and, while it is blocked, with the write task.
    pub(crate) socket: Rc<RefCell<Socket>>,
    /// What waits to be written.
    pub(crate) pending: Pending,
    /// Where the link stands.
    pub(crate) phase: Phase,
    /// A write task waits for the socket.
    pub(crate) is_blocked: bool,
    /// Stands in the list of sockets to be written at the end of this tick.
    pub(crate) is_dirty: bool,
    /// The read task; ended with the connection.
    pub(crate) reader: Option<JoinHandle<()>>,
    /// The link's public id, for log lines.
    pub(crate) public_id: Arc<str>,
    /// Which tenant of its slot.
    generation: u32,
    /// Counts against the node's connection limit.
    _seat: Seat,
}

/// Where a link stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The core knows it.
    Open,
    /// Our close frame is sent or pending; the core has forgotten it. Awaits the peer's close frame.
    AwaitClose,
    /// The peer broke RFC 6455: our close frame is sent or pending, what comes is not looked at. Awaits its end.
    AwaitEnd,
    /// Both close frames are said: ends when ours is gone out.
    AwaitFlush,
}

/// All sockets of a shard.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    slots: Slab<Connection>,
    tenants: Vec<u32>,
}

impl Connections {
    /// Puts a socket into a free slot.
    pub(crate) fn insert(&mut self, socket: Socket, public_id: Arc<str>, seat: Seat) -> ConnId {
        let entry = self.slots.vacant_entry();
        let slot = entry.key();
        if slot == self.tenants.len() {
            self.tenants.push(0);
        }
        let generation = self.tenants[slot].wrapping_add(1);
        self.tenants[slot] = generation;
        entry.insert(Connection {
            socket: Rc::new(RefCell::new(socket)),
            pending: Pending::Empty,
            phase: Phase::Open,
            is_blocked: false,
            is_dirty: false,
            reader: None,
            public_id,
            generation,
            _seat: seat,
        });
        ConnId { slot: u32::try_from(slot).expect("descriptors are fewer than 2^32"), generation }
    }

    /// The socket, if it is still there.
    pub(crate) fn get_mut(&mut self, conn: ConnId) -> Option<&mut Connection> {
        self.slots.get_mut(conn.slot as usize).filter(|found| found.generation == conn.generation)
    }

    /// Takes the socket out; its descriptor is closed when its tasks have let it go, which this ends.
    pub(crate) fn remove(&mut self, conn: ConnId) -> Option<Connection> {
        self.get_mut(conn)?;
        let gone = self.slots.remove(conn.slot as usize);
        if let Some(reader) = &gone.reader {
            reader.abort();
        }
        Some(gone)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }
}
