//! How the operator's certificate and key become a TLS configuration.

use std::path::Path;
use std::sync::Arc;

/// Why TLS can't be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file can't be read.
    #[error("can't read {path}: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file holds no PEM of the kind that is needed.
    #[error("{path}: {problem}")]
    BadPem {
        /// The file.
        path: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Certificate and key don't fit each other, or are of a kind that is not supported.
    #[error("the certificate in {cert} and the key in {key} can't be used together: {source}")]
    Mismatch {
        /// The certificate's file.
        cert: String,
        /// The key's file.
        key: String,
        /// What rustls said.
        #[source]
        source: rustls::Error,
    },
}

/// A server configuration from a PEM certificate chain and a PEM private key (PKCS#8, PKCS#1 or SEC1). ALPN: `http/1.1`.
///
/// # Errors
/// [`TlsError`] names the file and what is wrong with it.
pub fn server_config(cert: &Path, key: &Path) -> Result<Arc<rustls::ServerConfig>, TlsError> {
    let _ = (cert, key);
    todo!()
}
