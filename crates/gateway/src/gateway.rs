//! The gateway as its owner holds it: start, publish, drain, stop.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use axum::Router;
use bowline_gateway_core::Stats;
use bowline_log::{Entry, IdempotencyKey, NewEvent};
use bowline_proto::{Account, Topic};
use tracing::info;

use crate::http;
use crate::node::Node;
use crate::publish::{self, PublishError, Published};

/// How often a drain looks whether everybody has left.
const DRAIN_POLL: Duration = Duration::from_millis(20);
/// Closing handshakes may outlast the window by the close deadline of a socket.
const DRAIN_GRACE: Duration = Duration::from_secs(6);

/// A running gateway. Its threads are its own: it runs inside any program, on any runtime. Dropping it ends it without
/// a drain; nothing that was acknowledged is lost by that.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use bowline_gateway::{Gateway, config::Config};
///
/// let config = Config::load("bowline.toml".as_ref())?;
/// let gateway = Gateway::builder().config(config).start().await?;
/// println!("ready on {}", gateway.url());
/// gateway.drain(std::time::Duration::from_secs(30)).await;
/// gateway.stop().await;
/// # Ok(())
/// # }
/// ```
pub struct Gateway {
    node: Arc<Node>,
    addr: Option<SocketAddr>,
    admin_addr: Option<SocketAddr>,
    threads: Vec<JoinHandle<()>>,
}

/// What a gateway has done and holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeStats {
    /// Open connections of every kind.
    pub connections: u64,
    /// WebSockets, closing ones included.
    pub sockets: u64,
    /// What the shards count, summed.
    pub shards: Stats,
    /// Events handed to sockets.
    pub deliveries: u64,
    /// Write calls on WebSockets.
    pub writes: u64,
    /// Bytes written to WebSockets.
    pub bytes_out: u64,
}

impl Gateway {
    pub(crate) fn new(
        node: Arc<Node>,
        addr: Option<SocketAddr>,
        admin_addr: Option<SocketAddr>,
        threads: Vec<JoinHandle<()>>,
    ) -> Gateway {
        Gateway { node, addr, admin_addr, threads }
    }

    /// Where clients connect.
    ///
    /// # Panics
    /// When the gateway was started without a listener of its own (see [`GatewayBuilder::embedded`](crate::GatewayBuilder::embedded)).
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr.expect("an embedded gateway has no address of its own")
    }

    /// Where health and metrics are served.
    #[must_use]
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.admin_addr
    }

    /// The base URL: `http://127.0.0.1:8787`, or `https` with TLS.
    ///
    /// # Panics
    /// As [`Gateway::addr`].
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.node.config.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.addr())
    }

    /// The HTTP API and the socket paths for somebody's own axum app: merge it, or nest it under a prefix. Upgrades go
    /// through hyper's `OnUpgrade` there, and the sockets are then served by the gateway's own threads. `GET /` stays the
    /// app's.
    pub fn router(&self) -> Router {
        http::embedded_router(Arc::clone(&self.node))
    }

    /// Publishes events, all or nothing, and returns when they are durable.
    ///
    /// # Errors
    /// [`PublishError`]; nothing was appended then.
    pub async fn publish(
        &self,
        events: Vec<NewEvent>,
        key: Option<IdempotencyKey>,
    ) -> Result<Published, PublishError> {
        let entries = events.into_iter().map(Entry::Event).collect();
        publish::append(&self.node, entries, key).await
    }

    /// Gives `account` the right to `topic`, from the returned position on.
    ///
    /// # Errors
    /// [`PublishError`]; nothing was changed then.
    pub async fn grant(&self, account: &Account, topic: &Topic) -> Result<Published, PublishError> {
        let entry = Entry::Grant { account: account.clone(), topic: topic.clone() };
        publish::append(&self.node, vec![entry], None).await
    }

    /// Takes the right of `account` to `topic`, from the returned position on.
    ///
    /// # Errors
    /// [`PublishError`]; nothing was changed then.
    pub async fn revoke(&self, account: &Account, topic: &Topic) -> Result<Published, PublishError> {
        let entry = Entry::Revoke { account: account.clone(), topic: topic.clone() };
        publish::append(&self.node, vec![entry], None).await
    }

    /// Closes the sockets of `account` with 4502.
    pub fn disconnect(&self, account: &Account) {
        self.node.disconnect(account.clone());
    }

    /// Counts, as of the last tick of each shard.
    #[must_use]
    pub fn stats(&self) -> NodeStats {
        let report = self.node.metrics.total();
        NodeStats {
            connections: self.node.seats.taken() as u64,
            sockets: report.sockets,
            shards: report.core,
            deliveries: report.counts.deliveries,
            writes: report.counts.writes,
            bytes_out: report.counts.bytes_out,
        }
    }

    /// Sends new sockets away (503), turns readiness off, asks every client to move within `window`, and returns when
    /// all are gone or the window is over. The HTTP API goes on until [`Gateway::stop`].
    pub async fn drain(&self, window: Duration) {
        info!(window_ms = window.as_millis(), "draining");
        self.node.start_drain(window);
        let end = Instant::now() + window + DRAIN_GRACE;
        // Each shard reports at the end of a tick: a socket that was accepted just now is not counted before.
        loop {
            tokio::time::sleep(DRAIN_POLL).await;
            if self.is_left() || Instant::now() >= end {
                return;
            }
        }
    }

    /// Ends the gateway: sockets, threads, log. What was acknowledged is in the log.
    pub async fn stop(mut self) {
        self.node.end_shards();
        let threads = std::mem::take(&mut self.threads);
        // A panic of a shard's thread has been told where it happened.
        let _joined = tokio::task::spawn_blocking(move || {
            threads.into_iter().for_each(|thread| drop(thread.join()));
        })
        .await;
        self.node.journal.close().await;
        info!("stopped");
    }

    fn is_left(&self) -> bool {
        self.node.metrics.total().sockets == 0 && self.node.requests.count() == 0
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.node.end_shards();
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway")
            .field("addr", &self.addr)
            .field("admin_addr", &self.admin_addr)
            .finish_non_exhaustive()
    }
}
