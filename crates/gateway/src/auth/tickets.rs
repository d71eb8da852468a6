//! The tickets that open one WebSocket: single use, short-lived, bound to account, path and origin.

use core::fmt;
use core::time::Duration;

use bowline_proto::Timestamp;

use crate::auth::claims::Claims;

/// A ticket's text. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket(String);

impl Ticket {
    /// The secret itself, for the answer to whom it was issued.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket(…)")
    }
}

/// A new ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedTicket {
    /// The secret.
    pub ticket: Ticket,
    /// Good before this time.
    pub expires: Timestamp,
}

/// Why no ticket is issued: answered with 429.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RefusedIssue {
    /// The account holds as many unused tickets as it may.
    #[error("too many unused tickets of this account")]
    AccountFull,
    /// The gateway holds as many unused tickets as it may.
    #[error("too many unused tickets")]
    Full,
}

/// Why a ticket opens nothing. It is used up all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TicketError {
    /// Never issued, used already, or expired long ago.
    #[error("unknown ticket; a ticket opens one socket, once")]
    Unknown,
    /// Too late.
    #[error("the ticket has expired")]
    Expired,
    /// Issued for another path.
    #[error("the ticket is for another path")]
    WrongPath,
    /// Issued for a page of another origin.
    #[error("the ticket is for another origin")]
    WrongOrigin,
}

/// How many tickets, for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TicketLimits {
    /// How long a ticket is good for. Default 30 s.
    pub ttl: Duration,
    /// Most unused tickets of the gateway. Default 100,000.
    pub total: usize,
    /// Most unused tickets of one account. Default 100.
    pub per_account: usize,
}

impl Default for TicketLimits {
    fn default() -> Self {
        TicketLimits { ttl: Duration::from_secs(30), total: 100_000, per_account: 100 }
    }
}

/// The unused tickets of this gateway. Shared by reference: locked inside, for a short time.
#[derive(Debug)]
pub struct Tickets {
    limits: TicketLimits,
}

impl Tickets {
    /// No tickets.
    #[must_use]
    pub fn new(limits: TicketLimits) -> Self {
        Tickets { limits }
    }

    /// A new ticket for a socket on `path`, opened by a page of `origin` when there is one. It does not outlive the token
    /// that it was bought with.
    ///
    /// # Errors
    /// [`RefusedIssue`] when too many are unused.
    pub fn issue(
        &self,
        claims: &Claims,
        path: &str,
        origin: Option<&str>,
        now: Timestamp,
    ) -> Result<IssuedTicket, RefusedIssue> {
        let _ = (claims, path, origin, now, self.limits);
        todo!()
    }

    /// Uses a ticket up, and says whose it is.
    ///
    /// # Errors
    /// [`TicketError`]; the ticket is used up then as well.
    pub fn redeem(
        &self,
        ticket: &str,
        path: &str,
        origin: Option<&str>,
        now: Timestamp,
    ) -> Result<Claims, TicketError> {
        let _ = (ticket, path, origin, now);
        todo!()
    }
}
