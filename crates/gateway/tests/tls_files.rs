//! Certificate and key files: good ones, and how a mistake is told.

use std::path::{Path, PathBuf};

use bowline_gateway::tls::{TlsError, server_config};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

#[test]
fn a_certificate_and_its_key_are_taken() {
    let config = server_config(&fixture("tls-cert.pem"), &fixture("tls-key.pem")).unwrap();
    assert_eq!(config.alpn_protocols, [b"http/1.1"]);
}

#[test]
fn every_mistake_names_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let damaged = dir.path().join("damaged.pem");
    std::fs::write(&damaged, "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n").unwrap();
    let (cert, key) = (fixture("tls-cert.pem"), fixture("tls-key.pem"));
    for (used_cert, used_key, named, text) in [
        (fixture("missing.pem"), key.clone(), "missing.pem", "can't read"),
        (cert.clone(), fixture("missing.pem"), "missing.pem", "can't read"),
        (key.clone(), key.clone(), "tls-key.pem", "holds no certificate"),
        (cert.clone(), cert.clone(), "tls-cert.pem", "holds no private key"),
        (damaged, key, "damaged.pem", "damaged PEM"),
        (cert, fixture("rsa-private.pem"), "rsa-private.pem", "can't be used together"),
    ] {
        let error = server_config(&used_cert, &used_key).unwrap_err();
        let message = error.to_string();
        assert!(message.contains(named) && message.contains(text), "{message}");
        assert_eq!(matches!(error, TlsError::Mismatch { .. }), text == "can't be used together");
    }
}
