//! Who may open which socket.
//!
//! The path comes first (404), then the origin (403), then the credential, of which the first that is present decides:
//! `Authorization` (`Bearer` or `Ticket`), `?ticket=`, `?token=`. A socket whose credential is bad is opened, told why and closed with
//! 4501, because a browser cannot see an HTTP status. So is one whose account has no right to a topic of the path:
//! `connection.rejected` says `FORBIDDEN`, and the code is 4501 too, since only another credential can help.

use std::sync::Arc;

use bowline_gateway_core::{Hello, Opening, SocketKind};
use bowline_proto::{Account, CloseCode, GrantScope, Seq, Topic};

use crate::auth::{Claims, TicketError, TokenError};
use crate::clock;
use crate::ids;
use crate::node::Node;
use crate::paths::PathTarget;
use crate::problem::Problem;
use crate::upgrade_request::UpgradeRequest;

/// What an upgrade asks for.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) path: &'a str,
    pub(crate) origin: Option<&'a str>,
    pub(crate) bearer: Option<&'a str>,
    pub(crate) ticket: Option<&'a str>,
    pub(crate) token: Option<&'a str>,
    pub(crate) opening: Opening,
}

impl<'a> From<&'a UpgradeRequest> for Asked<'a> {
    fn from(request: &'a UpgradeRequest) -> Self {
        Asked {
            path: &request.path,
            origin: request.origin.as_deref(),
            bearer: request.bearer.as_deref(),
            ticket: request.ticket.as_deref(),
            token: request.token.as_deref(),
            opening: if request.resume { Opening::Resume } else { Opening::Plain },
        }
    }
}

/// What an upgrade gets.
#[derive(Debug)]
pub(crate) enum Admission {
    /// A socket.
    Admitted(Box<Hello>),
    /// A socket that is told why it is closed.
    Rejected(Rejection),
    /// An HTTP status.
    Refused(Problem),
}

/// Why a socket is closed right after it was opened.
#[derive(Debug)]
pub(crate) struct Rejection {
    /// Stable reason.
    pub(crate) reason: &'static str,
    /// For people.
    pub(crate) message: String,
    /// The close code.
    pub(crate) code: CloseCode,
}

/// Why a credential opens nothing.
#[derive(Debug, thiserror::Error)]
enum BadCredential {
    #[error("no credential: send `Authorization: Bearer` or `Ticket`, `?ticket=` or `?token=`")]
    Missing,
    #[error("this gateway takes no token in the URL: exchange it for a ticket (POST /v1/tickets)")]
    TokenInUrl,
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Ticket(#[from] TicketError),
}

/// Decides about an upgrade.
pub(crate) fn admit(node: &Node, asked: Asked<'_>) -> Admission {
    if node.is_draining() {
        return Admission::Refused(Problem::draining());
    }
    if !is_socket_path(node, asked.path) {
        return Admission::Refused(Problem::no_such_path(asked.path));
    }
    if asked.origin.is_some_and(|origin| !node.origins.allows(origin)) {
        return Admission::Refused(Problem::bad_origin());
    }
    let claims = match authenticate(node, asked) {
        Ok(claims) => claims,
        Err(bad) => {
            return Admission::Rejected(Rejection {
                reason: "UNAUTHORIZED",
                message: bad.to_string(),
                code: CloseCode::UNAUTHORIZED,
            });
        }
    };
    let Some(target) = node.paths.resolve(asked.path, &claims.account) else {
        return Admission::Refused(Problem::no_such_path(asked.path));
    };
    match rights(node, &claims, &target) {
        Some(rights) => Admission::Admitted(Box::new(hello(claims, target.socket, rights, asked.opening))),
        None => Admission::Rejected(Rejection {
            reason: "FORBIDDEN",
            message: format!("{} has no right to a topic of this path", claims.account),
            code: CloseCode::UNAUTHORIZED,
        }),
    }
}

/// Whether `path` opens a socket for anybody.
pub(crate) fn is_socket_path(node: &Node, path: &str) -> bool {
    let anybody = Account::new("a").expect("one letter is an account");
    node.paths.resolve(path, &anybody).is_some()
}

/// Which topics a socket has, and which need a grant.
#[derive(Debug)]
pub(crate) struct Rights {
    open: Vec<Topic>,
    granted: GrantScope,
}

/// What `claims` may see of `target`; `None` when a topic of the path is closed to them.
pub(crate) fn rights(node: &Node, claims: &Claims, target: &PathTarget) -> Option<Rights> {
    let mut open = target.own.clone();
    let (claimed, gated): (Vec<_>, Vec<_>) =
        target.gated.iter().cloned().partition(|topic| claims.opens(topic));
    open.extend(claimed);
    if !gated.is_empty() {
        let (granted, _) = node.journal.grants(&claims.account);
        if !gated.iter().all(|topic| granted.contains(topic)) {
            return None;
        }
    }
    let granted = match target.socket {
        SocketKind::Account => GrantScope::All,
        SocketKind::Path => GrantScope::Only(gated.into()),
    };
    Some(Rights { open, granted })
}

fn authenticate(node: &Node, asked: Asked<'_>) -> Result<Claims, BadCredential> {
    if let Some(bearer) = asked.bearer {
        return Ok(node.verifier.verify(bearer)?);
    }
    if let Some(ticket) = asked.ticket {
        return Ok(node.tickets.redeem(ticket, asked.path, asked.origin, clock::wall())?);
    }
    match asked.token {
        Some(token) if node.config.token_in_url => Ok(node.verifier.verify(token)?),
        Some(_) => Err(BadCredential::TokenInUrl),
        None => Err(BadCredential::Missing),
    }
}

fn hello(claims: Claims, socket: SocketKind, rights: Rights, opening: Opening) -> Hello {
    let (session_id, connection_id) = ids::session_and_connection();
    Hello {
        account: claims.account,
        kind: claims.kind,
        socket,
        claims: Arc::clone(&claims.topics),
        open: rights.open.into(),
        granted: rights.granted,
        // Read by the shard when it takes the socket in, so that they are as of a position that it has not passed.
        grants: Vec::new(),
        as_of: Seq::ZERO,
        opening,
        connection_id,
        session_id,
    }
}
