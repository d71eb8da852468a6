//! Whose certificates are trusted.

use std::fmt;
use std::sync::Arc;

use bowline_client_core::DialFailure;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;

/// A text that holds no PEM certificate, or a broken one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no usable certificate in the PEM text ({why}): it needs blocks of -----BEGIN CERTIFICATE-----")]
pub struct InvalidCertificate {
    why: String,
}

/// The TLS side of a dial. Nothing is loaded before the first `wss` connection.
#[derive(Default)]
pub(crate) struct Tls {
    /// Trusted in addition to the system's.
    added: Vec<CertificateDer<'static>>,
    /// Used instead of everything else.
    own: Option<Arc<ClientConfig>>,
    /// Made from the above at the first use: reading the system's store takes tens of milliseconds.
    made: OnceCell<Arc<ClientConfig>>,
}

impl Tls {
    pub(crate) fn trust_pem(&mut self, pem: &[u8]) -> Result<(), InvalidCertificate> {
        let found = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| InvalidCertificate { why: error.to_string() })?;
        if found.is_empty() {
            return Err(InvalidCertificate { why: "it holds none".to_owned() });
        }
        let mut probe = RootCertStore::empty();
        for certificate in &found {
            probe.add(certificate.clone()).map_err(|error| InvalidCertificate { why: error.to_string() })?;
        }
        self.added.extend(found);
        Ok(())
    }

    pub(crate) fn replace(&mut self, config: Arc<ClientConfig>) {
        self.own = Some(config);
    }

    pub(crate) async fn connector(&self) -> Result<TlsConnector, DialFailure> {
        if let Some(own) = &self.own {
            return Ok(TlsConnector::from(own.clone()));
        }
        let made = self.made.get_or_try_init(|| self.make()).await?;
        Ok(TlsConnector::from(made.clone()))
    }

    async fn make(&self) -> Result<Arc<ClientConfig>, DialFailure> {
        let native = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs)
            .await
            .map_err(|_| temporary("loading the system's certificates was interrupted"))?;
        for error in &native.errors {
            tracing::debug!(%error, "a part of the system's certificates could not be read");
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(native.certs);
        roots.add_parsable_certificates(self.added.iter().cloned());
        if roots.is_empty() {
            return Err(DialFailure::Refused {
                message:
                    "no root certificates were found: install the system's (ca-certificates), or add some \
                          with `root_certificates`"
                        .to_owned(),
            });
        }
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| DialFailure::Refused { message: error.to_string() })?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::new(config))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("added", &self.added.len())
            .field("own", &self.own.is_some())
            .finish_non_exhaustive()
    }
}

fn temporary(message: &str) -> DialFailure {
    DialFailure::Temporary { retry_after: None, message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_a_certificate_is_no_root() {
        let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for pem in [&b""[..], b"hello", broken] {
            assert!(Tls::default().trust_pem(pem).is_err());
        }
    }
}
