//! Who somebody is: access tokens, and the tickets that open one WebSocket.

mod claims;
mod sign;
mod tickets;
mod token;

pub use claims::{Claims, Scopes, filter_matches, parse_filter};
pub use sign::{NewToken, TokenSigner};
pub use tickets::{IssuedTicket, RefusedIssue, Ticket, TicketError, TicketLimits, Tickets};
pub use token::{TokenError, TokenVerifier};
