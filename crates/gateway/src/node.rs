//! What all threads of a gateway share.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bowline_gateway_core::Shared;
use bowline_proto::{Account, Limits};

use crate::auth::{Tickets, TokenVerifier};
use crate::config::Config;
use crate::journal::Journal;
use crate::limit::Seats;
use crate::metrics::{Metrics, Standing, Tally};
use crate::origin::AllowedOrigins;
use crate::paths::PathMap;
use crate::shard::{Inbox, NodeOrder};

/// Deadlines and limits of the driver itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tuning {
    /// From accept to the end of the request's head, TLS included.
    pub(crate) handshake: Duration,
    /// How long a blocked socket may make no progress.
    pub(crate) write: Duration,
    /// Most connections at a time.
    pub(crate) connections: usize,
}

impl Default for Tuning {
    fn default() -> Self {
        Tuning { handshake: Duration::from_secs(10), write: Duration::from_secs(30), connections: 1_000_000 }
    }
}

/// One gateway process.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) config: Config,
    pub(crate) tuning: Tuning,
    pub(crate) verifier: TokenVerifier,
    pub(crate) tickets: Tickets,
    pub(crate) paths: PathMap,
    pub(crate) origins: AllowedOrigins,
    pub(crate) journal: Journal,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) seats: Seats,
    pub(crate) inboxes: Arc<[Arc<Inbox>]>,
    pub(crate) requests: InFlight,
    /// New sockets are sent away.
    draining: AtomicBool,
}

/// HTTP requests that are being answered.
#[derive(Debug, Default)]
pub(crate) struct InFlight(AtomicUsize);

/// One of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct Request(Arc<Node>);

impl Node {
    #[expect(clippy::too_many_arguments, reason = "made in one place, of parts that are made there")]
    pub(crate) fn new(
        config: Config,
        tuning: Tuning,
        verifier: TokenVerifier,
        tickets: Tickets,
        paths: PathMap,
        origins: AllowedOrigins,
        journal: Journal,
        metrics: Arc<Metrics>,
        inboxes: Arc<[Arc<Inbox>]>,
    ) -> Arc<Node> {
        Arc::new(Node {
            config,
            tuning,
            verifier,
            tickets,
            paths,
            origins,
            journal,
            metrics,
            seats: Seats::new(tuning.connections),
            inboxes,
            requests: InFlight::default(),
            draining: AtomicBool::new(false),
        })
    }

    /// The shard that serves `account`: the same for all its sockets.
    pub(crate) fn shard_of(&self, account: &Account) -> usize {
        let mut hasher = DefaultHasher::new();
        account.hash(&mut hasher);
        (hasher.finish() % self.inboxes.len() as u64) as usize
    }

    /// Limits of what a peer sends.
    pub(crate) fn limits(&self) -> Limits {
        let limits = &self.config.limits;
        Limits {
            message_bytes: limits.message_bytes,
            depth: limits.depth,
            topics_per_frame: limits.topics_per_frame,
        }
    }

    /// Tells every shard.
    pub(crate) fn share(&self, shared: &Shared) {
        for inbox in self.inboxes.iter() {
            if !inbox.push_signal(shared.clone()) {
                self.metrics.count(Tally::SignalsDropped, 1);
            }
        }
    }

    /// Closes an account's sockets.
    pub(crate) fn disconnect(&self, account: Account) {
        self.inboxes[self.shard_of(&account)].order(NodeOrder::Disconnect(account));
    }

    /// From now on new sockets are sent away, and the old ones are moved.
    pub(crate) fn start_drain(&self, window: Duration) {
        self.draining.store(true, Ordering::Relaxed);
        for inbox in self.inboxes.iter() {
            inbox.order(NodeOrder::Drain(window));
        }
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Ends every shard's thread.
    pub(crate) fn end_shards(&self) {
        for inbox in self.inboxes.iter() {
            inbox.order(NodeOrder::Stop);
        }
    }

    pub(crate) fn standing(&self) -> Standing {
        let log = self.journal.status();
        Standing {
            head: log.head.get(),
            oldest: log.oldest.get(),
            log_bytes: log.bytes,
            connections: self.seats.taken() as u64,
            is_draining: self.is_draining(),
            is_log_writable: self.journal.is_writable(),
        }
    }

    /// Counts a request until the answer drops.
    pub(crate) fn begin_request(self: &Arc<Self>) -> Request {
        self.requests.0.fetch_add(1, Ordering::Relaxed);
        Request(Arc::clone(self))
    }
}

impl InFlight {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.0.requests.0.fetch_sub(1, Ordering::Relaxed);
    }
}
