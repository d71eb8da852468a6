//! Which topics a socket's path opens.

use std::collections::BTreeMap;

use bowline_gateway_core::SocketKind;
use bowline_proto::{Account, Topic};

/// The paths that open a socket.
#[derive(Clone, Debug)]
pub struct PathMap {
    routes: Vec<()>,
}

/// What a path opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathTarget {
    /// Which limit the socket counts against.
    pub socket: SocketKind,
    /// Topics that are the account's own and need no grant: the inbox of an account socket, and what the map writes as
    /// `prefix:{account}`.
    pub own: Vec<Topic>,
    /// Topics that need a grant or a claim. On an account socket none: there every grant counts.
    pub gated: Vec<Topic>,
}

/// Why a line of the path table can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRoute {
    /// The path.
    #[error("path {path:?}: {problem}")]
    Path {
        /// As configured.
        path: String,
        /// What is wrong, and what to do.
        problem: String,
    },
}

impl PathMap {
    /// The built-in paths and those of `table` (path template to topic templates); a configured path wins over a built-in
    /// one.
    ///
    /// # Errors
    /// The first line that makes no sense.
    pub fn new(table: &BTreeMap<String, Vec<String>>) -> Result<Self, InvalidRoute> {
        let _ = table;
        todo!()
    }

    /// What `path` (as sent, without the query) opens for `account`. `None`: no such path, or a capture that makes no
    /// topic.
    #[must_use]
    pub fn resolve(&self, path: &str, account: &Account) -> Option<PathTarget> {
        let _ = (path, account, &self.routes);
        todo!()
    }
}

/// One spelling for all spellings of a path: percent-decoded and encoded again, without query and trailing slash. Tickets
/// are bound to it. `None` when it is no path.
#[must_use]
pub fn canonical(path: &str) -> Option<String> {
    let _ = path;
    todo!()
}
