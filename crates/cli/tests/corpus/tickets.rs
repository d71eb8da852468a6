//! What comes of a ticket each time it is shown.

use bowline_gateway::auth::{Claims, Scopes, TicketLimits, Tickets};
use bowline_proto::{Account, AccountKind, Timestamp};
use serde_json::Value;

const BOUGHT: u64 = 1_800_000_000_000;

pub(crate) fn judge(case: &Value) -> Result<(), String> {
    let tickets = Tickets::new(TicketLimits::default());
    let bought = &case["bought"];
    let claims = Claims {
        account: Account::new("alice").unwrap(),
        kind: AccountKind::Human,
        scopes: Scopes::default(),
        topics: [].into(),
        expires: Timestamp(BOUGHT + bought["tokenFor"].as_u64().unwrap()),
    };
    let path = bought["path"].as_str().unwrap();
    let issued = tickets.issue(&claims, path, bought["origin"].as_str(), Timestamp(BOUGHT));
    let issued = issued.map_err(|refused| refused.to_string())?;
    for (at, shown) in case["shown"].as_array().unwrap().iter().enumerate() {
        let text = shown["text"].as_str().unwrap().replace("{ticket}", issued.ticket.reveal());
        let now = Timestamp(BOUGHT + shown["at"].as_u64().unwrap());
        let outcome = tickets.redeem(&text, shown["path"].as_str().unwrap(), shown["origin"].as_str(), now);
        let seen = match outcome {
            Ok(redeemed) if redeemed == claims => "good".to_owned(),
            Ok(other) => format!("good for {:?}", other.account),
            // Variants without anything in them: their names.
            Err(problem) => format!("{problem:?}"),
        };
        if shown["expect"] != seen.as_str() {
            return Err(format!("shown {at}: expected {}, got {seen}", shown["expect"]));
        }
    }
    Ok(())
}
