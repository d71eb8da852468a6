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
    #[error("line {line} is not valid TOML: {problem}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// What the parser said.
        problem: String,
    },
    /// What is wrong with a file.
    #[error("{path}: {error}")]
    InFile {
        /// The file.
        path: String,
        /// What is wrong.
        #[source]
        error: Box<ConfigError>,
    },
    /// A key that means nothing.
    #[error("unknown key `{key}` in {table}; {}", match nearest {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("known are: {known}"),
    })]
    UnknownKey {
        /// The key.
        key: String,
        /// The table, such as `[limits]` or `the top level`.
        table: String,
        /// The most similar known key of that table.
        nearest: Option<&'static str>,
        /// All known keys of that table.
        known: String,
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
