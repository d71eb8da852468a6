//! The default dial: WebSocket over TCP, with TLS for `wss`.

use std::sync::Arc;

use bowline_client_core::DialFailure;
use rustls::ClientConfig;

use crate::dial::{Dial, DialRequest};
use crate::network::{self, NetStream};
use crate::tls::{InvalidCertificate, Tls};
use crate::websocket::{WebSocket, upgrade};

/// Dials with tokio's TCP, rustls and tungstenite. Trusts the system's root certificates.
///
/// ```
/// # fn main() -> Result<(), bowline::BuildError> {
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let dial = bowline::TungsteniteDial::new();
/// let connection = bowline::Connection::builder("wss://127.0.0.1:1/agent").dial(dial).connect()?;
/// # drop(connection); Ok(()) })
/// # }
/// ```
#[derive(Debug, Default)]
pub struct TungsteniteDial {
    tls: Tls,
}

impl TungsteniteDial {
    /// Trusts what the system trusts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts the certificates of a PEM text as well: for a private certificate authority.
    ///
    /// # Errors
    /// [`InvalidCertificate`] when the text holds none, or a broken one.
    pub fn root_certificates(mut self, pem: impl AsRef<[u8]>) -> Result<Self, InvalidCertificate> {
        self.tls.trust_pem(pem.as_ref())?;
        Ok(self)
    }

    /// Uses a TLS configuration as it is, in place of the system's certificates and added ones: for client
    /// certificates or another crypto provider.
    #[must_use]
    pub fn tls_config(mut self, config: Arc<ClientConfig>) -> Self {
        self.tls.replace(config);
        self
    }

    pub(crate) async fn open(&self, host: &str, port: u16, secure: Secure) -> Result<NetStream, DialFailure> {
        let tls = match secure {
            Secure::Yes => Some(&self.tls),
            Secure::No => None,
        };
        network::open(tls, host, port).await
    }
}

/// Whether a stream is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secure {
    Yes,
    No,
}

impl From<&DialRequest> for Secure {
    fn from(request: &DialRequest) -> Self {
        if request.is_secure() { Secure::Yes } else { Secure::No }
    }
}

impl Dial for TungsteniteDial {
    type Socket = WebSocket<NetStream>;

    async fn dial(&self, request: DialRequest) -> Result<Self::Socket, DialFailure> {
        let stream = self.open(&request.host(), request.port(), Secure::from(&request)).await?;
        upgrade(&request, stream).await
    }
}
