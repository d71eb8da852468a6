//! What all sockets of a client share.

use std::sync::Arc;

use crate::credential::{CredentialMode, ErasedTokenProvider};
use crate::dial::ErasedDial;
use crate::managed::options::SocketOptions;
use crate::managed::path::Base;
use crate::managed::registry::Registry;
use crate::tungstenite_dial::TungsteniteDial;

pub(crate) struct Common {
    pub(crate) base: Base,
    pub(crate) tokens: Option<Arc<dyn ErasedTokenProvider>>,
    pub(crate) mode: CredentialMode,
    pub(crate) dial: Arc<dyn ErasedDial>,
    /// Buys tickets, whatever `dial` is.
    pub(crate) network: Arc<TungsteniteDial>,
    /// Of sockets that are opened without options of their own.
    pub(crate) options: SocketOptions,
    pub(crate) registry: Arc<Registry>,
}
