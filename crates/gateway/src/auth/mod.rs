//! Who somebody is: access tokens, and the tickets that open one WebSocket.

mod claims;
mod proven;
mod sign;
mod tickets;
mod token;

pub use claims::{Claims, Scopes, filter_matches, parse_filter, parse_kind};
pub use sign::{NewToken, TokenSigner};
pub use tickets::{IssuedTicket, RefusedIssue, Ticket, TicketError, TicketLimits, Tickets};
pub use token::{MAX_TOKEN_BYTES, TokenError, TokenVerifier};
