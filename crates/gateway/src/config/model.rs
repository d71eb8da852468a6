//! The configuration and its defaults.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::config::secret::Secret;

/// Everything an operator can decide.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `listen`: where clients connect. Default `127.0.0.1:8787`. Port 0 takes any free port.
    pub listen: SocketAddr,
    /// `admin`: where health and metrics are served, never reachable for clients; `"off"` serves them nowhere. Default
    /// `127.0.0.1:8788`.
    pub admin: Option<SocketAddr>,
    /// `data_dir`: the log's directory, made when missing. Default `bowline-data`.
    pub data_dir: PathBuf,
    /// `durability`: what a publish waits for. Default `fsync`.
    pub durability: Durability,
    /// `[retention]`.
    pub retention: Retention,
    /// `[limits]`.
    pub limits: LimitsConfig,
    /// `heartbeat`: how often each end must be heard; 2.5 of them in silence end a socket. Default 15 s.
    pub heartbeat: Duration,
    /// `max_duration`: how long a socket may live. Default 2 h.
    pub max_duration: Duration,
    /// `ticket_ttl`: how long a ticket is good for. Default 30 s.
    pub ticket_ttl: Duration,
    /// `token_in_url`: whether `?token=` is a credential, as clients of the plain layer send it. A URL ends in proxies'
    /// logs: off is safer where every client can do without. Default on.
    pub token_in_url: bool,
    /// `allowed_origins`: web origins that may use the gateway (`https://app.example.com`, or `*`). Default none: browsers
    /// are refused, everybody else sends no `Origin`.
    pub allowed_origins: Vec<String>,
    /// Pages on loopback hosts are allowed too, whatever their port. Set by `--dev`, not by a file. Default off.
    pub allow_loopback_origins: bool,
    /// `[auth]`.
    pub auth: AuthConfig,
    /// `tls_cert`, `tls_key`: serve TLS by itself. Default none.
    pub tls: Option<TlsFiles>,
    /// `shards`: how many threads share the sockets. Default one per CPU.
    pub shards: Option<usize>,
    /// `drain_window`: over how long the clients are moved away at shutdown. Default 30 s.
    pub drain_window: Duration,
    /// `[paths]`: further paths; a path template to topic templates. Default none.
    pub paths: BTreeMap<String, Vec<String>>,
    /// `log_format`: how the process logs. Default `text`.
    pub log_format: LogFormat,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 8787)),
            admin: Some(SocketAddr::from(([127, 0, 0, 1], 8788))),
            data_dir: PathBuf::from("bowline-data"),
            durability: Durability::Fsync,
            retention: Retention::default(),
            limits: LimitsConfig::default(),
            heartbeat: Duration::from_secs(15),
            max_duration: Duration::from_secs(2 * 3600),
            ticket_ttl: Duration::from_secs(30),
            token_in_url: true,
            allowed_origins: Vec::new(),
            allow_loopback_origins: false,
            auth: AuthConfig::default(),
            tls: None,
            shards: None,
            drain_window: Duration::from_secs(30),
            paths: BTreeMap::new(),
            log_format: LogFormat::Text,
        }
    }
}

/// What a publish waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// `fsync`: the device has it; survives a power cut.
    Fsync,
    /// `os`: the operating system has it; survives the end of the process.
    Os,
    /// `memory`: nothing outlives the process.
    Memory,
}

/// How long events can be replayed. What goes first, age or bytes, decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// `age`: older events go; `"off"` keeps them. Default 7 d.
    pub age: Option<Duration>,
    /// `bytes`: the oldest events go when the log is larger; `"off"` sets no bound. Default 8 GiB.
    pub bytes: Option<u64>,
}

impl Default for Retention {
    fn default() -> Self {
        Retention { age: Some(Duration::from_secs(7 * 24 * 3600)), bytes: Some(8 << 30) }
    }
}

/// How much one peer may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitsConfig {
    /// `message_bytes`: longest message of a client, and longest payload of an event. Default 64 KiB.
    pub message_bytes: usize,
    /// `depth`: deepest nesting of JSON. Default 32.
    pub depth: usize,
    /// `topics_per_frame`: most topics in one frame. Default 100.
    pub topics_per_frame: usize,
    /// `agent_sockets`: account sockets of one agent account at a time. Default 2.
    pub agent_sockets: u32,
    /// `human_sockets`: the same for a human account. Default 20.
    pub human_sockets: u32,
    /// `service_sockets`: the same for a service account. Default 20.
    pub service_sockets: u32,
    /// `path_sockets`: sockets of one account on all other paths. Default 100.
    pub path_sockets: u32,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        LimitsConfig {
            message_bytes: 64 * 1024,
            depth: 32,
            topics_per_frame: 100,
            agent_sockets: 2,
            human_sockets: 20,
            service_sockets: 20,
            path_sockets: 100,
        }
    }
}

/// How access tokens are verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthConfig {
    /// `algorithm` with `secret`, `secret_file`, `public_key` or `public_key_file`. No default: a gateway needs one.
    pub key: Option<TokenKey>,
    /// `audience`: tokens must carry it in `aud`. Default unchecked.
    pub audience: Option<String>,
    /// `issuer`: tokens must carry it in `iss`. Default unchecked.
    pub issuer: Option<String>,
    /// `leeway`: how far the clocks of issuer and gateway may differ. Default 5 s.
    pub leeway: Duration,
}

impl Default for AuthConfig {
    fn default() -> Self {
        AuthConfig { key: None, audience: None, issuer: None, leeway: Duration::from_secs(5) }
    }
}

/// The pinned algorithm and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenKey {
    /// `HS256`: a shared secret of at least 32 bytes.
    Hs256(KeySource),
    /// `EdDSA`: an Ed25519 public key in PEM.
    EdDsa(KeySource),
    /// `RS256`: an RSA public key in PEM.
    Rs256(KeySource),
}

/// Where a key stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// Here.
    Inline(Secret),
    /// In this file; a trailing line end does not belong to a secret.
    File(PathBuf),
}

/// The files that TLS needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// `tls_cert`: the certificate chain in PEM, leaf first.
    pub cert: PathBuf,
    /// `tls_key`: its private key in PEM.
    pub key: PathBuf,
}

/// How the process logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// `text`: for people.
    Text,
    /// `json`: one object a line.
    Json,
}
