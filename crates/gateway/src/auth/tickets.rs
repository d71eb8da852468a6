//! The tickets that open one WebSocket: single use, short-lived, bound to account, path and origin.

use core::fmt;
use core::time::Duration;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bowline_proto::{Account, Timestamp};

use crate::auth::claims::Claims;
use crate::paths::canonical;

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
    unused: Mutex<Unused>,
}

#[derive(Default)]
struct Unused {
    /// By the ticket's bits.
    entries: HashMap<u128, Entry>,
    /// The same tickets in the order in which they expire.
    by_expiry: BTreeSet<(Timestamp, u128)>,
    /// How many of them each account holds; never zero.
    per_account: HashMap<Account, usize>,
}

impl fmt::Debug for Unused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unused").field("count", &self.entries.len()).finish_non_exhaustive()
    }
}

/// What a ticket stands for.
struct Entry {
    claims: Claims,
    /// In canonical form.
    path: String,
    origin: Option<String>,
    expires: Timestamp,
}

/// How long an expired ticket is remembered where there is room, so that its holder is told "too late" and not "unknown".
const REMEMBER_EXPIRED: u64 = 60_000;

impl Tickets {
    /// No tickets.
    #[must_use]
    pub fn new(limits: TicketLimits) -> Self {
        Tickets { limits, unused: Mutex::default() }
    }

    /// A new ticket for a socket on `path`, opened by a page of `origin` when there is one. It does not outlive the token
    /// that it was bought with. Whether the account may open that path is the caller's question.
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
        let ttl = u64::try_from(self.limits.ttl.as_millis()).unwrap_or(u64::MAX);
        let expires = Timestamp(now.0.saturating_add(ttl)).min(claims.expires);
        let mut secret = [0; 16];
        getrandom::fill(&mut secret).expect("the operating system has randomness");
        let id = u128::from_be_bytes(secret);

        let mut unused = self.lock();
        unused.forget_expired(Timestamp(now.0.saturating_sub(REMEMBER_EXPIRED)));
        if unused.room(&claims.account, &self.limits).is_err() {
            unused.forget_expired(now);
            unused.room(&claims.account, &self.limits)?;
        }
        unused.insert(
            id,
            Entry {
                claims: claims.clone(),
                path: canonical(path).unwrap_or_else(|| path.to_owned()),
                origin: origin.map(str::to_owned),
                expires,
            },
        );
        Ok(IssuedTicket { ticket: Ticket(URL_SAFE_NO_PAD.encode(secret)), expires })
    }

    /// Uses a ticket up, and says whose it is. A ticket that is shown in the wrong place is used up as well: it has been in
    /// a URL where it does not belong.
    ///
    /// # Errors
    /// [`TicketError`].
    pub fn redeem(
        &self,
        ticket: &str,
        path: &str,
        origin: Option<&str>,
        now: Timestamp,
    ) -> Result<Claims, TicketError> {
        let entry = parse(ticket).and_then(|id| self.lock().remove(id)).ok_or(TicketError::Unknown)?;
        if now >= entry.expires {
            return Err(TicketError::Expired);
        }
        if canonical(path).as_deref() != Some(&entry.path) {
            return Err(TicketError::WrongPath);
        }
        // Bought without an origin, by a backend, it may be used by any page that the gateway allows.
        if entry.origin.is_some() && entry.origin.as_deref() != origin {
            return Err(TicketError::WrongOrigin);
        }
        Ok(entry.claims)
    }

    /// How many tickets are unused, expired ones that are still remembered among them.
    #[must_use]
    pub fn unused(&self) -> usize {
        self.lock().entries.len()
    }

    fn lock(&self) -> MutexGuard<'_, Unused> {
        // No code that holds the lock leaves the three maps in disagreement when it panics half-way: it does not panic.
        self.unused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Unused {
    fn room(&self, account: &Account, limits: &TicketLimits) -> Result<(), RefusedIssue> {
        if self.per_account.get(account).is_some_and(|count| *count >= limits.per_account) {
            return Err(RefusedIssue::AccountFull);
        }
        if self.entries.len() >= limits.total { Err(RefusedIssue::Full) } else { Ok(()) }
    }

    fn insert(&mut self, id: u128, entry: Entry) {
        *self.per_account.entry(entry.claims.account.clone()).or_default() += 1;
        self.by_expiry.insert((entry.expires, id));
        self.entries.insert(id, entry);
    }

    fn remove(&mut self, id: u128) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        self.by_expiry.remove(&(entry.expires, id));
        if let Some(count) = self.per_account.get_mut(&entry.claims.account) {
            *count -= 1;
            if *count == 0 {
                self.per_account.remove(&entry.claims.account);
            }
        }
        Some(entry)
    }

    /// Forgets what expired at `upto` or before.
    fn forget_expired(&mut self, upto: Timestamp) {
        while let Some((expires, id)) = self.by_expiry.first().copied() {
            if expires > upto {
                break;
            }
            self.remove(id);
        }
    }
}

fn parse(ticket: &str) -> Option<u128> {
    // 16 bytes are 22 digits; anything longer is not even decoded.
    let bytes = (ticket.len() == 22).then(|| URL_SAFE_NO_PAD.decode(ticket).ok())??;
    Some(u128::from_be_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bowline_proto::AccountKind;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn later(millis: u64) -> Timestamp {
        Timestamp(NOW.0 + millis)
    }

    fn claims(account: &str) -> Claims {
        Claims {
            account: Account::new(account).unwrap(),
            kind: AccountKind::Human,
            scopes: crate::auth::claims::Scopes::default(),
            topics: [].into(),
            expires: later(3_600_000),
        }
    }

    fn issue(tickets: &Tickets, account: &str, origin: Option<&str>) -> String {
        tickets.issue(&claims(account), "/chats/t1", origin, NOW).unwrap().ticket.reveal().to_owned()
    }

    #[test]
    fn a_ticket_opens_one_socket_once() {
        let tickets = Tickets::new(TicketLimits::default());
        let ticket = issue(&tickets, "alice", None);
        assert_eq!(tickets.redeem(&ticket, "/chats/%741?resume=1", None, later(29_999)), Ok(claims("alice")));
        assert_eq!(tickets.redeem(&ticket, "/chats/t1", None, later(29_999)), Err(TicketError::Unknown));
        assert_eq!(tickets.unused(), 0);
    }

    #[test]
    fn a_late_ticket_opens_nothing() {
        let tickets = Tickets::new(TicketLimits::default());
        let ticket = issue(&tickets, "alice", None);
        issue(&tickets, "alice", None);
        assert_eq!(tickets.redeem(&ticket, "/chats/t1", None, later(30_000)), Err(TicketError::Expired));
        assert_eq!(tickets.redeem(&ticket, "/chats/t1", None, later(0)), Err(TicketError::Unknown));
    }

    #[test]
    fn a_ticket_shown_on_another_path_is_refused_and_used_up() {
        let tickets = Tickets::new(TicketLimits::default());
        for path in ["/chats/t2", "/chats/t1/x", "/", "", "/chats%2Ft1"] {
            let ticket = issue(&tickets, "alice", None);
            assert_eq!(tickets.redeem(&ticket, path, None, NOW), Err(TicketError::WrongPath), "{path}");
            assert_eq!(tickets.redeem(&ticket, "/chats/t1", None, NOW), Err(TicketError::Unknown));
        }
    }

    #[test]
    fn a_ticket_bought_by_a_page_is_used_by_pages_of_its_origin() {
        let tickets = Tickets::new(TicketLimits::default());
        for (bought, used, expected) in [
            (None, None, Ok(())),
            (None, Some("https://a"), Ok(())),
            (Some("https://a"), Some("https://a"), Ok(())),
            (Some("https://a"), Some("https://b"), Err(TicketError::WrongOrigin)),
            (Some("https://a"), None, Err(TicketError::WrongOrigin)),
        ] {
            let ticket = issue(&tickets, "alice", bought);
            assert_eq!(
                tickets.redeem(&ticket, "/chats/t1", used, NOW).map(|_| ()),
                expected,
                "{bought:?} {used:?}"
            );
        }
    }

    #[test]
    fn a_text_that_is_no_ticket_is_unknown() {
        let tickets = Tickets::new(TicketLimits::default());
        issue(&tickets, "alice", None);
        for text in [
            "",
            "x",
            "AAAAAAAAAAAAAAAAAAAAAA",
            "AAAAAAAAAAAAAAAAAAAAAAA",
            "!!!!!!!!!!!!!!!!!!!!!!",
            &"A".repeat(9999),
        ] {
            assert_eq!(tickets.redeem(text, "/chats/t1", None, NOW), Err(TicketError::Unknown));
        }
    }

    #[test]
    fn a_ticket_does_not_outlive_its_token() {
        let tickets = Tickets::new(TicketLimits::default());
        let short = Claims { expires: later(1000), ..claims("alice") };
        let issued = tickets.issue(&short, "/", None, NOW).unwrap();
        assert_eq!(issued.expires, later(1000));
        assert_eq!(tickets.redeem(issued.ticket.reveal(), "/", None, later(1000)), Err(TicketError::Expired));
    }

    #[test]
    fn unused_tickets_are_bounded_and_expired_ones_make_room() {
        let limits = TicketLimits { total: 5, per_account: 3, ..TicketLimits::default() };
        let tickets = Tickets::new(limits);
        let held: Vec<String> = (0..3).map(|_| issue(&tickets, "alice", None)).collect();
        let refusal = |account, now| tickets.issue(&claims(account), "/", None, now).err();
        assert_eq!(refusal("alice", NOW), Some(RefusedIssue::AccountFull));
        issue(&tickets, "bob", None);
        issue(&tickets, "bob", None);
        assert_eq!(refusal("carol", NOW), Some(RefusedIssue::Full));
        tickets.redeem(&held[0], "/chats/t1", None, NOW).unwrap();
        assert_eq!(refusal("alice", NOW), None);
        assert_eq!(refusal("carol", later(29_999)), Some(RefusedIssue::Full));
        assert_eq!(refusal("carol", later(30_000)), None);
        assert_eq!(tickets.unused(), 1);
    }

    #[test]
    fn debug_shows_no_ticket() {
        let tickets = Tickets::new(TicketLimits::default());
        let issued = tickets.issue(&claims("alice"), "/", None, NOW).unwrap();
        let shown = format!("{issued:?} {tickets:?}");
        assert!(!shown.contains(issued.ticket.reveal()), "{shown}");
        assert_eq!(issued.ticket.reveal().len(), 22);
    }
}
