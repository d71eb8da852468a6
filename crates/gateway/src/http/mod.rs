//! The HTTP API (wire protocol, section 2), and what it shares.

mod accounts;
mod admin;
mod bearer;
mod body;
mod cors;
mod events;
mod history;
mod openapi;
mod router;
mod serve;
mod sockets;
mod tickets;
mod url_path;

pub(crate) use admin::router as admin_router;
pub(crate) use router::{embedded_router, own_router};
pub(crate) use serve::serve_connection;
