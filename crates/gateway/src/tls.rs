//! How the operator's certificate and key become a TLS configuration.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

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
    let chain = chain(cert)?;
    let private = private_key(key)?;
    let mismatch = |source| TlsError::Mismatch {
        cert: cert.display().to_string(),
        key: key.display().to_string(),
        source,
    };
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(mismatch)?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(mismatch)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = read(path)?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|error| bad_pem(path, &format!("damaged PEM ({error})")))?;
    if chain.is_empty() {
        return Err(bad_pem(
            path,
            "holds no certificate; it must have a `BEGIN CERTIFICATE` block, the server's own first",
        ));
    }
    Ok(chain)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|error| match error {
        pem::Error::NoItemsFound => bad_pem(
            path,
            "holds no private key; it must have a `BEGIN PRIVATE KEY` block, without a passphrase",
        ),
        error => bad_pem(path, &format!("damaged PEM ({error})")),
    })
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Unreadable { path: path.display().to_string(), source })
}

fn bad_pem(path: &Path, problem: &str) -> TlsError {
    TlsError::BadPem { path: path.display().to_string(), problem: problem.to_owned() }
}
