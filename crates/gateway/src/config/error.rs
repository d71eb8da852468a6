//! What can be wrong with a configuration. Every text says what to do.

/// Why a configuration can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file can't be read.
    #[error("can't read {path}: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Not TOML.
    #[error("not valid TOML: {0}")]
    Syntax(String),
    /// A key that means nothing.
    #[error("unknown key `{key}` in {table}{}", nearest.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default())]
    UnknownKey {
        /// The key.
        key: String,
        /// The table, such as `[limits]` or `the top level`.
        table: String,
        /// The most similar known key of that table.
        nearest: Option<&'static str>,
    },
    /// A value of another type.
    #[error("`{key}` must be {expected}, not {found}")]
    WrongType {
        /// The key with its table: `limits.depth`.
        key: String,
        /// What is expected: `a duration such as "15s"`.
        expected: &'static str,
        /// What stands there: `an integer`.
        found: &'static str,
    },
    /// A value that makes no sense.
    #[error("`{key}`: {problem}")]
    Invalid {
        /// The key with its table.
        key: String,
        /// What is wrong, and what to do.
        problem: String,
    },
}
