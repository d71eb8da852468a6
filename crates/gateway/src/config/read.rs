//! How TOML becomes a [`Config`], and which values make no sense.

use core::time::Duration;
use std::fs;
use std::path::{Path, PathBuf};

use crate::config::error::ConfigError;
use crate::config::model::{
    AuthConfig, Config, Durability, KeySource, LimitsConfig, LogFormat, Retention, TlsFiles, TokenKey,
};
use crate::config::secret::Secret;
use crate::config::table::Table;
use crate::origin::AllowedOrigins;
use crate::paths::PathMap;

impl Config {
    /// Reads a TOML text.
    ///
    /// ```
    /// use bowline_gateway::config::Config;
    ///
    /// let config = Config::from_toml("listen = \"0.0.0.0:8787\"\n[limits]\nagent_sockets = 4")?;
    /// assert_eq!(config.limits.agent_sockets, 4);
    /// # Ok::<(), bowline_gateway::config::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// [`ConfigError`] names the key and says what to do.
    pub fn from_toml(text: &str) -> Result<Config, ConfigError> {
        let table = text.parse::<toml::Table>().map_err(|error| {
            // The full text of the error quotes the line, which may hold a secret.
            let line =
                error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            ConfigError::Syntax { line, problem: error.message().to_owned() }
        })?;
        let config = read(Table::top(table))?;
        config.check()?;
        Ok(config)
    }

    /// Reads a TOML file. Relative paths inside are relative to the working directory.
    ///
    /// # Errors
    /// [`ConfigError`] names the file or key and says what to do.
    pub fn load(path: &Path) -> Result<Config, ConfigError> {
        let named = |error| ConfigError::InFile { path: path.display().to_string(), error: Box::new(error) };
        let text = fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.display().to_string(), source })?;
        Config::from_toml(&text).map_err(named)
    }

    /// Checks what no type says: for a configuration built in code. [`Config::from_toml`] has done it.
    ///
    /// # Errors
    /// The first value that makes no sense.
    pub fn check(&self) -> Result<(), ConfigError> {
        let second = Duration::from_secs(1);
        at_least("heartbeat", self.heartbeat, second)?;
        at_least("ticket_ttl", self.ticket_ttl, second)?;
        if self.max_duration < 4 * self.heartbeat {
            return Err(invalid(
                "max_duration",
                "must be at least four heartbeats, or no client can move in time; raise it or lower `heartbeat`",
            ));
        }
        if self.shards == Some(0) {
            return Err(invalid("shards", "must be at least 1; leave it out for one per CPU"));
        }
        if self.admin == Some(self.listen) && self.listen.port() != 0 {
            return Err(invalid("admin", "is the same as `listen`; choose another port, or \"off\""));
        }
        if self.limits.message_bytes < 1024 || self.limits.message_bytes > 16 << 20 {
            return Err(invalid("limits.message_bytes", "must be from 1KiB to 16MiB"));
        }
        if self.limits.depth == 0 || self.limits.depth > 100 {
            return Err(invalid("limits.depth", "must be from 1 to 100"));
        }
        if self.limits.topics_per_frame == 0 {
            return Err(invalid("limits.topics_per_frame", "must be at least 1"));
        }
        if self.retention.age.is_some_and(|age| age < Duration::from_secs(60)) {
            return Err(invalid(
                "retention.age",
                "must be at least \"1m\", or \"off\" to keep events by size only",
            ));
        }
        if self.retention.bytes.is_some_and(|bytes| bytes < 1 << 20) {
            return Err(invalid(
                "retention.bytes",
                "must be at least \"1MiB\", or \"off\" to keep events by age only",
            ));
        }
        AllowedOrigins::new(&self.allowed_origins)
            .map_err(|error| invalid("allowed_origins", &error.to_string()))?;
        PathMap::new(&self.paths).map_err(|error| invalid("paths", &error.to_string()))?;
        Ok(())
    }
}

impl KeySource {
    /// The key's text. `key` names the setting in messages.
    pub(crate) fn read(&self, key: &str) -> Result<Secret, ConfigError> {
        match self {
            KeySource::Inline(secret) => Ok(secret.clone()),
            KeySource::File(path) => {
                let text = fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
                    path: format!("{} (`{key}`)", path.display()),
                    source,
                })?;
                // Editors end a file with a line end; it is no part of a secret.
                Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
            }
        }
    }
}

fn read(mut top: Table) -> Result<Config, ConfigError> {
    let default = Config::default();
    let config = Config {
        listen: top.address("listen")?.unwrap_or(default.listen),
        admin: top.address_or_off("admin")?.unwrap_or(default.admin),
        data_dir: top.text("data_dir")?.map_or(default.data_dir, PathBuf::from),
        durability: top.choice("durability", DURABILITY)?.unwrap_or(default.durability),
        heartbeat: top.duration("heartbeat")?.unwrap_or(default.heartbeat),
        max_duration: top.duration("max_duration")?.unwrap_or(default.max_duration),
        ticket_ttl: top.duration("ticket_ttl")?.unwrap_or(default.ticket_ttl),
        token_in_url: top.flag("token_in_url")?.unwrap_or(default.token_in_url),
        allowed_origins: top.texts("allowed_origins")?.unwrap_or(default.allowed_origins),
        allow_loopback_origins: default.allow_loopback_origins,
        tls: tls_files(&mut top)?,
        shards: top.count("shards", 1)?.map(|shards| shards as usize),
        drain_window: top.duration("drain_window")?.unwrap_or(default.drain_window),
        log_format: top.choice("log_format", LOG_FORMAT)?.unwrap_or(default.log_format),
        retention: retention(top.table("retention")?)?,
        limits: limits(top.table("limits")?)?,
        auth: auth(top.table("auth")?)?,
        paths: top.table("paths")?.free_texts()?.into_iter().collect(),
    };
    top.end()?;
    Ok(config)
}

const DURABILITY: &[(&str, Durability)] =
    &[("fsync", Durability::Fsync), ("os", Durability::Os), ("memory", Durability::Memory)];

const LOG_FORMAT: &[(&str, LogFormat)] = &[("text", LogFormat::Text), ("json", LogFormat::Json)];

fn retention(mut table: Table) -> Result<Retention, ConfigError> {
    let default = Retention::default();
    let retention = Retention {
        age: table.duration_or_off("age")?.unwrap_or(default.age),
        bytes: table.size_or_off("bytes")?.unwrap_or(default.bytes),
    };
    table.end()?;
    Ok(retention)
}

fn limits(mut table: Table) -> Result<LimitsConfig, ConfigError> {
    let default = LimitsConfig::default();
    let limits = LimitsConfig {
        message_bytes: table
            .size("message_bytes")?
            .map_or(default.message_bytes, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX)),
        depth: table.count("depth", 1)?.map_or(default.depth, |depth| depth as usize),
        topics_per_frame: table
            .count("topics_per_frame", 1)?
            .map_or(default.topics_per_frame, |n| n as usize),
        agent_sockets: table.count("agent_sockets", 1)?.unwrap_or(default.agent_sockets),
        human_sockets: table.count("human_sockets", 1)?.unwrap_or(default.human_sockets),
        service_sockets: table.count("service_sockets", 1)?.unwrap_or(default.service_sockets),
        path_sockets: table.count("path_sockets", 1)?.unwrap_or(default.path_sockets),
    };
    table.end()?;
    Ok(limits)
}

fn auth(mut table: Table) -> Result<AuthConfig, ConfigError> {
    let default = AuthConfig::default();
    let secret = source(&mut table, "secret", "secret_file")?;
    let public_key = source(&mut table, "public_key", "public_key_file")?;
    let algorithm =
        table.choice("algorithm", &[("HS256", "HS256"), ("EdDSA", "EdDSA"), ("RS256", "RS256")])?;
    let key = match (algorithm, secret, public_key) {
        (None, None, None) => None,
        (Some("HS256") | None, Some(secret), None) => Some(TokenKey::Hs256(secret)),
        (Some("EdDSA"), None, Some(key)) => Some(TokenKey::EdDsa(key)),
        (Some("RS256"), None, Some(key)) => Some(TokenKey::Rs256(key)),
        (Some("HS256"), _, _) => {
            return Err(invalid(
                "auth.algorithm",
                "HS256 needs `secret` or `secret_file`, and no public key",
            ));
        }
        (Some(other), _, _) => {
            return Err(invalid(
                "auth.algorithm",
                &format!("{other} needs `public_key` or `public_key_file`, and no secret"),
            ));
        }
        (None, _, Some(_)) => {
            return Err(invalid(
                "auth.algorithm",
                "say which one the public key is for: \"EdDSA\" or \"RS256\"",
            ));
        }
    };
    let auth = AuthConfig {
        key,
        audience: table.text("audience")?,
        issuer: table.text("issuer")?,
        leeway: table.duration("leeway")?.unwrap_or(default.leeway),
    };
    table.end()?;
    Ok(auth)
}

/// A key that stands in the file itself or in another one, never in both.
fn source(
    table: &mut Table,
    inline: &'static str,
    file: &'static str,
) -> Result<Option<KeySource>, ConfigError> {
    match (table.text(inline)?, table.text(file)?) {
        (Some(_), Some(_)) => {
            Err(invalid(&table.name_of(file), &format!("is set together with `{inline}`; keep one")))
        }
        (Some(text), None) => Ok(Some(KeySource::Inline(Secret::new(&text)))),
        (None, Some(path)) => Ok(Some(KeySource::File(path.into()))),
        (None, None) => Ok(None),
    }
}

fn tls_files(top: &mut Table) -> Result<Option<TlsFiles>, ConfigError> {
    match (top.text("tls_cert")?, top.text("tls_key")?) {
        (Some(cert), Some(key)) => Ok(Some(TlsFiles { cert: cert.into(), key: key.into() })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(invalid("tls_key", "is missing; TLS needs `tls_cert` and `tls_key`")),
        (None, Some(_)) => Err(invalid("tls_cert", "is missing; TLS needs `tls_cert` and `tls_key`")),
    }
}

fn at_least(key: &str, value: Duration, least: Duration) -> Result<(), ConfigError> {
    if value >= least { Ok(()) } else { Err(invalid(key, &format!("must be at least {least:?}"))) }
}

fn invalid(key: &str, problem: &str) -> ConfigError {
    ConfigError::Invalid { key: key.to_owned(), problem: problem.to_owned() }
}
