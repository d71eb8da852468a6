//! A ticket opens one socket, once, in time, where it was bought for: beside a model that keeps a list.

use core::time::Duration;

use bowline_gateway::auth::{Claims, RefusedIssue, Scopes, TicketError, TicketLimits, Tickets};
use bowline_gateway::paths::canonical;
use bowline_proto::{Account, AccountKind, Timestamp};

use crate::choices::Choices;

const PATHS: [&str; 6] = ["/agent", "/agent/", "/chats/t1", "/chats/%741", "/chats/t2?x", "no path"];
const ORIGINS: [Option<&str>; 3] = [None, Some("https://a"), Some("https://b")];
const NAMES: [&str; 3] = ["ann", "bob", "eve"];

/// Tickets are few, so that there is no room.
const LIMITS: TicketLimits = TicketLimits { ttl: Duration::from_millis(1000), total: 5, per_account: 3 };
/// Expired ones are remembered for so long where there is room.
const REMEMBERED: u64 = 60_000;

/// What the gateway holds unused.
struct Held {
    text: String,
    account: &'static str,
    path: &'static str,
    origin: Option<&'static str>,
    expires: u64,
}

/// Purchases, uses and time.
pub fn tickets(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let tickets = Tickets::new(LIMITS);
    let mut now = 1_800_000_000_000;
    let (mut held, mut seen): (Vec<Held>, Vec<String>) = (Vec::new(), Vec::new());
    while !choices.are_used_up() {
        match choices.below(4) {
            0 => now += choices.below(2000),
            1 => now += choices.below(100_000),
            2 => buy(&tickets, &mut held, &mut seen, now, &mut choices),
            _ => show(&tickets, &mut held, &seen, now, &mut choices),
        }
        assert_eq!(tickets.unused(), held.len());
    }
}

fn buy(tickets: &Tickets, held: &mut Vec<Held>, seen: &mut Vec<String>, now: u64, choices: &mut Choices<'_>) {
    let (account, path, origin) = (choices.one_of(&NAMES), choices.one_of(&PATHS), choices.one_of(&ORIGINS));
    let token_expires = now + choices.below(3000);
    let claims = Claims {
        account: Account::new(account).expect("a name"),
        kind: AccountKind::Human,
        scopes: Scopes::default(),
        topics: [].into(),
        expires: Timestamp(token_expires),
    };
    let room = |held: &[Held]| {
        let of_account = held.iter().filter(|ticket| ticket.account == account).count();
        match (of_account < LIMITS.per_account, held.len() < LIMITS.total) {
            (false, _) => Err(RefusedIssue::AccountFull),
            (true, false) => Err(RefusedIssue::Full),
            (true, true) => Ok(()),
        }
    };
    held.retain(|ticket| ticket.expires > now - REMEMBERED);
    if room(held).is_err() {
        held.retain(|ticket| ticket.expires > now);
    }
    let issued = tickets.issue(&claims, path, origin, Timestamp(now));
    assert_eq!(issued.as_ref().map(|_| ()).map_err(|why| *why), room(held));
    let Ok(issued) = issued else { return };
    let text = issued.ticket.reveal().to_owned();
    assert_eq!(issued.expires.0, token_expires.min(now + 1000));
    assert!(!seen.contains(&text), "no ticket comes twice");
    seen.push(text.clone());
    held.push(Held { text, account, path, origin, expires: issued.expires.0 });
}

fn show(tickets: &Tickets, held: &mut Vec<Held>, seen: &[String], now: u64, choices: &mut Choices<'_>) {
    let mut text = if seen.is_empty() { "A".repeat(22) } else { seen[choices.index(seen.len())].clone() };
    if choices.sometimes(40) {
        // A text close to a ticket is none.
        let at = choices.index(text.len());
        let (head, tail) = text.split_at(at);
        text = format!("{head}{}{}", char::from(choices.byte() & 0x7f), tail.get(1..).unwrap_or_default());
    }
    let (path, origin) = (choices.one_of(&PATHS), choices.one_of(&ORIGINS));
    let at = held.iter().position(|ticket| ticket.text == text);
    let expected = match at.map(|at| held.remove(at)) {
        None => Err(TicketError::Unknown),
        Some(ticket) if now >= ticket.expires => Err(TicketError::Expired),
        Some(ticket) if canonical(path).is_none() || canonical(ticket.path) != canonical(path) => {
            Err(TicketError::WrongPath)
        }
        Some(ticket) if ticket.origin.is_some() && ticket.origin != origin => Err(TicketError::WrongOrigin),
        Some(ticket) => Ok(ticket.account.to_owned()),
    };
    let redeemed = tickets.redeem(&text, path, origin, Timestamp(now));
    assert_eq!(redeemed.map(|claims| claims.account.to_string()), expected, "{path} {origin:?}");
}
