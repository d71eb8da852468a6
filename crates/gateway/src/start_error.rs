//! Why a gateway does not start. Every text says what to do.

use std::io;
use std::net::SocketAddr;

use bowline_log::StoreError;

use crate::config::ConfigError;
use crate::origin::InvalidOrigin;
use crate::paths::InvalidRoute;
use crate::tls::TlsError;

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Somebody else listens there.
    #[error("{addr} is in use by another process; stop that one, or choose another address with `{option}`")]
    PortTaken {
        /// Where the gateway wanted to listen.
        addr: SocketAddr,
        /// The option that moves it: `listen` or `admin`.
        option: &'static str,
    },
    /// The system refuses the address for another reason.
    #[error("can't listen on {addr}: {source}; choose another address with `{option}`")]
    Listen {
        /// Where the gateway wanted to listen.
        addr: SocketAddr,
        /// The option that moves it.
        option: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The configuration can't be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An entry of `allowed_origins`.
    #[error("allowed_origins: {0}")]
    Origin(#[from] InvalidOrigin),
    /// An entry of `[paths]`.
    #[error("[paths]: {0}")]
    Route(#[from] InvalidRoute),
    /// The certificate or its key.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The log can't be opened: in use by another gateway, not writable, foreign or damaged.
    #[error("the log can't be opened: {0}")]
    Log(#[from] StoreError),
    /// The system refuses a thread or a runtime.
    #[error("can't start a thread: {0}; raise the limit of processes or lower `shards`")]
    Threads(#[source] io::Error),
}
