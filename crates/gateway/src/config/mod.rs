//! What an operator can decide, and what happens when nothing is decided.
//!
//! A configuration is one TOML file ([`Config::load`]) or is built in code from [`Config::default`]. Every duration is
//! written for people (`"15s"`, `"110m"`), every size too (`"64KiB"`).

mod error;
mod human;
mod model;
mod read;
mod secret;
mod table;

pub use error::ConfigError;
pub use human::{InvalidDuration, InvalidSize, format_duration, parse_duration, parse_size};
pub use model::{
    AuthConfig, Config, Durability, KeySource, LimitsConfig, LogFormat, Retention, TlsFiles, TokenKey,
};
pub use secret::Secret;
