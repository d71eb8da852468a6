//! How TOML becomes a [`Config`].

use std::path::Path;

use crate::config::error::ConfigError;
use crate::config::model::Config;

impl Config {
    /// Reads a TOML text.
    ///
    /// # Errors
    /// [`ConfigError`] names the key and says what to do.
    pub fn from_toml(text: &str) -> Result<Config, ConfigError> {
        let _ = text;
        todo!()
    }

    /// Reads a TOML file. Relative paths inside are relative to the working directory.
    ///
    /// # Errors
    /// [`ConfigError`] names the file or key and says what to do.
    pub fn load(path: &Path) -> Result<Config, ConfigError> {
        let _ = path;
        todo!()
    }
}
