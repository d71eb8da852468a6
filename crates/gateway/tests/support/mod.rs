//! A gateway on a free port, and clients small enough to break every rule.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test file uses a part; these are tests"
)]

pub mod http;
pub mod tls;
pub mod ws;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use bowline_gateway::auth::{NewToken, Scopes, TokenSigner};
use bowline_gateway::config::{Config, Durability, KeySource, Secret, TokenKey};
use bowline_gateway::{Gateway, GatewayBuilder};
use bowline_proto::{Account, AccountKind, Topic};

const SECRET: &str = "a secret for tests that is long enough";
/// Nothing in these tests takes longer, unless the machine stands still.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A configuration for `dir` on free ports.
pub fn config(dir: &Path) -> Config {
    let mut config = Config {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        admin: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        data_dir: dir.to_owned(),
        durability: Durability::Os,
        shards: Some(2),
        ..Config::default()
    };
    config.auth.key = Some(TokenKey::Hs256(KeySource::Inline(Secret::new(SECRET))));
    config
}

/// A builder for `dir` on free ports.
pub fn builder(dir: &Path) -> GatewayBuilder {
    Gateway::builder().config(config(dir))
}

/// A gateway in a directory of its own, which lives as long as it.
pub async fn start() -> (Gateway, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let gateway = builder(dir.path()).start().await.unwrap();
    (gateway, dir)
}

/// A token of an agent without scopes.
pub fn token(account: &str) -> String {
    mint(|token| token.kind = AccountKind::Agent, account)
}

/// A token that may publish and administer.
pub fn operator() -> String {
    mint(|token| token.scopes = Scopes { publish: true, admin: true }, "operator")
}

/// A token with the claim `topics`.
pub fn claiming(account: &str, topics: &[&str]) -> String {
    mint(|token| token.topics = topics.iter().map(|&text| text.to_owned()).collect(), account)
}

pub fn mint(change: impl FnOnce(&mut NewToken), name: &str) -> String {
    let mut token = NewToken::new(account(name));
    change(&mut token);
    TokenSigner::new(Secret::new(SECRET)).mint(&token)
}

pub fn account(name: &str) -> Account {
    Account::new(name).unwrap()
}

pub fn topic(name: &str) -> Topic {
    Topic::new(name).unwrap()
}

/// Waits until `is_so`; the gateway counts at the end of a tick.
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = tokio::time::Instant::now() + PATIENCE;
    while !is_so() {
        assert!(tokio::time::Instant::now() < end, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
