//! A gateway of this process that cases are tried against, and who may do what there.

use std::net::SocketAddr;
use std::time::Duration;

use bowline_gateway::Gateway;
use bowline_gateway::auth::{NewToken, Scopes, TokenSigner};
use bowline_gateway::config::{Config, Durability, KeySource, Secret, TokenKey};
use bowline_proto::{Account, AccountKind};
use tokio::runtime::Runtime;

/// What every token of the corpus is signed with.
pub(crate) const SECRET: &str = "a secret for the corpus that is long enough";
/// Nothing here takes longer, unless the machine stands still.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// It ends with the test's process.
pub(crate) struct World {
    pub(crate) addr: SocketAddr,
    /// So many accounts have been made up.
    accounts: u64,
    _gateway: Gateway,
    _runtime: Runtime,
    _dir: tempfile::TempDir,
}

impl World {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            admin: None,
            data_dir: dir.path().to_owned(),
            durability: Durability::Memory,
            shards: Some(2),
            allowed_origins: vec!["https://app.example.com".to_owned()],
            ..Config::default()
        };
        config.auth.key = Some(TokenKey::Hs256(KeySource::Inline(Secret::new(SECRET))));
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let gateway = runtime.block_on(Gateway::builder().config(config).start()).unwrap();
        World { addr: gateway.addr(), accounts: 0, _gateway: gateway, _runtime: runtime, _dir: dir }
    }

    /// A token of an account that nobody has used: no case meets the sockets or rights of another one.
    pub(crate) fn newcomer(&mut self) -> String {
        self.accounts += 1;
        self.token(&format!("newcomer-{}", self.accounts))
    }

    /// A token of `alice`, without scopes, or of one of those who have them: `publisher`, `operator`.
    pub(crate) fn token(&self, account: &str) -> String {
        let scopes =
            Scopes { publish: matches!(account, "publisher" | "operator"), admin: account == "operator" };
        let token =
            NewToken { kind: AccountKind::Service, scopes, ..NewToken::new(Account::new(account).unwrap()) };
        TokenSigner::new(Secret::new(SECRET)).mint(&token)
    }
}
