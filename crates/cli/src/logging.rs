//! Where log lines go and how they look: stderr, as text or JSON, filtered by `RUST_LOG` (default `info`).

use std::io::IsTerminal as _;

use bowline_gateway::config::LogFormat;
use tracing_subscriber::EnvFilter;

/// Starts logging for the rest of the process.
pub(crate) fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).with_target(false).init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
}

/// Quiet unless `RUST_LOG` asks: the commands speak for themselves.
pub(crate) fn start_quietly() {
    if std::env::var_os("RUST_LOG").is_some() {
        start(LogFormat::Text);
    }
}
