//! How a gateway starts: check the configuration, take the addresses, open the log, start the threads.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bowline_gateway_core::{GatewayCore, ShardConfig};
use bowline_log::{LogStore, Status};
use bowline_proto::{AccountKind, Record, Time};
use tokio_rustls::TlsAcceptor;
use tracing::info;

use crate::accept;
use crate::auth::{TicketLimits, Tickets, TokenVerifier};
use crate::clock::{self, Clock};
use crate::config::Config;
use crate::gateway::Gateway;
use crate::handshake::Door;
use crate::http;
use crate::journal::Journal;
use crate::listen::listen;
use crate::metrics::{Metrics, Tally};
use crate::node::{Node, Tuning};
use crate::origin::AllowedOrigins;
use crate::paths::PathMap;
use crate::shard::{self, Inbox, Surroundings};
use crate::start_error::StartError;
use crate::tls;

/// Collects what a gateway needs. See [`Gateway::builder`].
#[derive(Debug, Default)]
pub struct GatewayBuilder {
    config: Config,
    tuning: Tuning,
    store: Option<Arc<dyn LogStore>>,
    is_embedded: bool,
}

/// What one thread listens to.
struct Post {
    clients: Option<TcpListener>,
    admin: Option<TcpListener>,
}

impl Gateway {
    /// Everything at its default; a token key must be configured.
    #[must_use]
    pub fn builder() -> GatewayBuilder {
        GatewayBuilder::default()
    }
}

impl GatewayBuilder {
    /// What the operator decided.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Where clients connect; port 0 takes any free one. Overrides the configuration.
    #[must_use]
    pub fn listen(mut self, addr: SocketAddr) -> Self {
        self.config.listen = addr;
        self
    }

    /// Where health and metrics are served; `None`: nowhere. Overrides the configuration.
    #[must_use]
    pub fn admin(mut self, addr: Option<SocketAddr>) -> Self {
        self.config.admin = addr;
        self
    }

    /// No listener of its own: [`Gateway::router`] is the only way in.
    #[must_use]
    pub fn embedded(mut self) -> Self {
        self.is_embedded = true;
        self
    }

    /// Another log than the configured one: a seam for tests and for stores of one's own.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn LogStore>) -> Self {
        self.store = Some(store);
        self
    }

    /// From accept to the end of the request's head, TLS included. Default 10 s. Less frees the places of peers that
    /// say nothing sooner, more is patient with bad networks.
    #[must_use]
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.tuning.handshake = timeout;
        self
    }

    /// How long a socket that does not read may make no progress before it is closed with 4008. Default 30 s.
    #[must_use]
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.tuning.write = timeout;
        self
    }

    /// Most connections at a time, of every kind; above it a peer is told 503. Default 1,000,000, which leaves the decision
    /// to the limit of open files.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.tuning.connections = connections;
        self
    }

    /// Starts the gateway; returns when it serves.
    ///
    /// # Errors
    /// [`StartError`] says what is in the way and what to do.
    pub async fn start(self) -> Result<Gateway, StartError> {
        // Opening a log reads the disk.
        match tokio::task::spawn_blocking(move || self.start_here()).await {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }

    fn start_here(self) -> Result<Gateway, StartError> {
        let GatewayBuilder { config, tuning, store, is_embedded } = self;
        let verifier = TokenVerifier::new(&config.auth)?;
        let mut origins = AllowedOrigins::new(&config.allowed_origins)?;
        if config.allow_loopback_origins {
            origins = origins.with_loopback();
        }
        let paths = PathMap::new(&config.paths)?;
        let tls = match &config.tls {
            Some(files) => Some(TlsAcceptor::from(tls::server_config(&files.cert, &files.key)?)),
            None => None,
        };
        let clients = if is_embedded { None } else { Some(listen(config.listen, "listen")?) };
        let admin = config.admin.map(|addr| listen(addr, "admin")).transpose()?;
        let count = config.shards.unwrap_or_else(one_per_cpu).max(1);
        let metrics = Arc::new(Metrics::new(count));
        let inboxes: Arc<[Arc<Inbox>]> = (0..count).map(|_| Arc::default()).collect();
        let journal = {
            let (tails, restarted, metrics) =
                (Arc::clone(&inboxes), Arc::clone(&inboxes), Arc::clone(&metrics));
            let on_commit = move |records: &Arc<[Record]>| {
                for inbox in tails.iter() {
                    if inbox.push_tail(Arc::clone(records)) {
                        metrics.count(Tally::TailOverflows, 1);
                    }
                }
            };
            let on_reopen = move |status: Status| {
                restarted.iter().for_each(|inbox| inbox.restart_tail(status.epoch, status.head));
            };
            Journal::open(&config, store, on_commit, on_reopen)?
        };
        let limits = TicketLimits { ttl: config.ticket_ttl, ..TicketLimits::default() };
        let tickets = Tickets::new(limits);
        let node = Node::new(config, tuning, verifier, tickets, paths, origins, journal, metrics, inboxes);
        let addr = clients.as_ref().and_then(|listener| listener.local_addr().ok());
        let admin_addr = admin.as_ref().and_then(|listener| listener.local_addr().ok());
        let threads =
            start_threads(&node, clients.as_ref(), admin, tls.as_ref()).map_err(StartError::Threads)?;
        info!(?addr, ?admin_addr, shards = count, "started");
        Ok(Gateway::new(node, addr, admin_addr, threads))
    }
}

fn start_threads(
    node: &Arc<Node>,
    clients: Option<&TcpListener>,
    admin: Option<TcpListener>,
    tls: Option<&TlsAcceptor>,
) -> std::io::Result<Vec<JoinHandle<()>>> {
    let clock = Clock::start();
    let config = shard_config(node);
    // Every shard starts at this head: nobody appends before, and what comes later waits in the inboxes.
    let status = node.journal.status();
    let mut admin = admin;
    let mut threads = Vec::new();
    for index in 0..node.inboxes.len() {
        let around = Surroundings {
            index,
            inboxes: Arc::clone(&node.inboxes),
            journal: node.journal.clone(),
            limits: node.limits(),
            metrics: Arc::clone(&node.metrics),
            clock,
        };
        let config = config.clone();
        let make_core = move || GatewayCore::new(config, status.epoch, status.head, Time::ZERO);
        let clients = clients.map(TcpListener::try_clone).transpose()?;
        let post = Post { clients, admin: admin.take() };
        let (here, tls) = (Arc::clone(node), tls.cloned());
        let started = shard::spawn(around, make_core, move || serve(here, index, post, tls));
        match started {
            Ok(thread) => threads.push(thread),
            Err(error) => {
                node.end_shards();
                return Err(error);
            }
        }
    }
    Ok(threads)
}

/// Runs on the shard's thread.
fn serve(node: Arc<Node>, shard: usize, post: Post, tls: Option<TlsAcceptor>) {
    if let Some(listener) = post.admin {
        let door = Door::new(Arc::clone(&node), shard, http::admin_router(Arc::clone(&node)));
        spawn_accept(listener, move |listener| accept::run_admin(door, listener));
    }
    if let Some(listener) = post.clients {
        let router = http::own_router(Arc::clone(&node));
        let door = Door::new(node, shard, router);
        spawn_accept(listener, move |listener| accept::run(door, listener, tls));
    }
}

fn spawn_accept<F: Future<Output = ()> + 'static>(
    listener: TcpListener,
    run: impl FnOnce(tokio::net::TcpListener) -> F,
) {
    let listener =
        tokio::net::TcpListener::from_std(listener).expect("a shard's runtime has a reactor with room");
    tokio::task::spawn_local(run(listener));
}

fn shard_config(node: &Node) -> ShardConfig {
    let Config { heartbeat, max_duration, limits, .. } = &node.config;
    ShardConfig::default()
        .heartbeat(*heartbeat)
        .max_duration(*max_duration)
        .account_sockets(AccountKind::Agent, limits.agent_sockets)
        .account_sockets(AccountKind::Human, limits.human_sockets)
        .account_sockets(AccountKind::Service, limits.service_sockets)
        .path_sockets(limits.path_sockets)
        .write_timeout(node.tuning.write)
        .wall_origin(clock::wall())
}

fn one_per_cpu() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
