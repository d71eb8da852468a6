//! Which gateway a command talks to, and with whose token.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bowline_gateway::auth::{NewToken, Scopes, TokenSigner};
use bowline_gateway::config::Secret;
use bowline_proto::{Account, AccountKind};
use serde::{Deserialize, Serialize};

use crate::args::Reach;
use crate::failure::Failure;

/// What `serve --dev` leaves in the data dir so that the other commands need no token.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct DevFile {
    /// Where the gateway answers.
    pub(crate) url: String,
    /// The HS256 secret, in hex.
    pub(crate) secret: String,
    /// The first conversation's topic.
    pub(crate) conversation: String,
}

impl DevFile {
    pub(crate) const NAME: &'static str = "dev.json";

    /// The file of `dir`, `None` when there is none.
    pub(crate) fn load(dir: &Path) -> Result<Option<Self>, Failure> {
        let path = dir.join(Self::NAME);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::new(format!("can't read {}: {error}", path.display()))),
        };
        serde_json::from_str(&text).map(Some).map_err(|error| {
            Failure::new(format!("{} is damaged: {error}", path.display()))
                .hint("remove that file; `bowline serve --dev` makes a new secret (tokens made before stop working)")
        })
    }

    /// Writes it so that only its owner can read it.
    pub(crate) fn save(&self, dir: &Path) -> Result<(), Failure> {
        let path = dir.join(Self::NAME);
        let beside = dir.join("dev.json.new");
        let failed = |error: std::io::Error| Failure::new(format!("can't write {}: {error}", path.display()));
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)
            .map_err(failed)?;
        let text = serde_json::to_string_pretty(self).expect("strings serialize");
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        fs::rename(&beside, &path).map_err(failed)
    }

    /// Signs tokens with the secret.
    pub(crate) fn signer(&self) -> TokenSigner {
        TokenSigner::new(Secret::new(&self.secret))
    }
}

/// What a token is wanted for.
pub(crate) struct Wanted<'a> {
    pub(crate) account: &'a str,
    pub(crate) kind: AccountKind,
    pub(crate) publish: bool,
    pub(crate) admin: bool,
}

/// A gateway and a way to tokens for it.
pub(crate) struct Target {
    url: String,
    token: Option<String>,
    dev: Option<DevFile>,
    data_dir: PathBuf,
}

const DEFAULT_URL: &str = "http://127.0.0.1:8787";
/// Long enough for a command, short enough to be worthless in a shell history.
const TOKEN_TTL: Duration = Duration::from_secs(15 * 60);

impl Target {
    pub(crate) fn of(reach: &Reach) -> Result<Self, Failure> {
        let dev = DevFile::load(&reach.data_dir)?;
        let url =
            reach.url.clone().or_else(|| dev.as_ref().map(|d| d.url.clone())).unwrap_or(DEFAULT_URL.into());
        Ok(Target {
            url: url.trim_end_matches('/').to_string(),
            token: reach.token.clone().filter(|t| !t.is_empty()),
            dev,
            data_dir: reach.data_dir.clone(),
        })
    }

    /// `http://…` or `https://…`, without a trailing slash.
    pub(crate) fn http(&self) -> String {
        self.url.replacen("ws", "http", usize::from(self.url.starts_with("ws")))
    }

    /// `ws://…` or `wss://…` with a path.
    pub(crate) fn socket(&self, path: &str) -> String {
        let base = self.url.replacen("http", "ws", usize::from(self.url.starts_with("http")));
        format!("{base}/{}", path.trim_start_matches('/'))
    }

    /// The token given, or a fresh one signed by the data dir's secret.
    pub(crate) fn token(&self, wanted: &Wanted<'_>) -> Result<String, Failure> {
        if let Some(token) = &self.token {
            return Ok(token.clone());
        }
        let Some(dev) = &self.dev else {
            return Err(Failure::new(format!(
                "no token, and no {} in {} to make one",
                DevFile::NAME,
                self.data_dir.display()
            ))
            .hint("pass --token (or BOWLINE_TOKEN), or --data-dir (or BOWLINE_DATA_DIR) of a gateway that runs with `serve --dev`"));
        };
        let account = Account::new(wanted.account).map_err(|e| Failure::new(format!("--account: {e}")))?;
        let scopes = Scopes { publish: wanted.publish, admin: wanted.admin };
        Ok(dev.signer().mint(&NewToken {
            kind: wanted.kind,
            scopes,
            ttl: TOKEN_TTL,
            ..NewToken::new(account)
        }))
    }

    /// A fresh token can be made at any time.
    pub(crate) fn can_sign(&self) -> bool {
        self.token.is_none() && self.dev.is_some()
    }
}
