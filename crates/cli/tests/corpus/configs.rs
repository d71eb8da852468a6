//! What is said of a configuration file: which key, and what is wrong with it.

use bowline_gateway::config::{Config, ConfigError};
use serde_json::{Value, json};

use crate::case::{same, text};

pub(crate) fn judge(case: &Value) -> Result<(), String> {
    let seen = match Config::from_toml(&text(&case["toml"])) {
        Ok(_) => json!({"good": true}),
        Err(ConfigError::Syntax { line, .. }) => json!({"error": "Syntax", "line": line}),
        Err(ConfigError::UnknownKey { key, .. }) => json!({"error": "UnknownKey", "key": key}),
        Err(ConfigError::WrongType { key, .. }) => json!({"error": "WrongType", "key": key}),
        Err(ConfigError::Invalid { key, .. }) => json!({"error": "Invalid", "key": key}),
        Err(other) => json!({"error": other.to_string()}),
    };
    same(&seen, &case["expect"])
}
