//! Names, positions and times: each text is taken exactly when the rule, written down once more, takes it.

use bowline_gateway::auth::{filter_matches, parse_filter};
use bowline_gateway::origin::AllowedOrigins;
use bowline_gateway::paths::{PathMap, canonical};
use bowline_gateway_core::TopicFilter;
use bowline_proto::{
    Account, Epoch, EventTime, InvalidTopic, MAX_ACCOUNT_BYTES, MAX_TOPIC_BYTES, SessionId, Timestamp, Topic,
};
use std::collections::BTreeMap;

/// Two texts, each on its line: the second is looked at in the light of the first.
pub fn topics(lines: &[u8]) {
    let text = String::from_utf8_lossy(lines);
    let (first, second) = text.split_once('\n').unwrap_or((&text, ""));
    name(first);
    filter(first, second);
    path(first, second);
    origin(first);
    time(first);
    epoch(first);
}

fn is_topic(text: &str) -> Result<(), InvalidTopic> {
    if text.len() > MAX_TOPIC_BYTES {
        return Err(InvalidTopic::TooLong(text.len()));
    }
    let colon = text.find(':').ok_or(InvalidTopic::Shape)?;
    let is_prefix = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '_');
    if colon == 0 || colon + 1 == text.len() || !text[..colon].chars().all(is_prefix) {
        return Err(InvalidTopic::Shape);
    }
    let is_control = |c: char| matches!(c, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}');
    if text.chars().any(is_control) { Err(InvalidTopic::ControlCharacter) } else { Ok(()) }
}

fn name(text: &str) {
    let topic = Topic::new(text);
    assert_eq!(topic.as_ref().map(|_| ()).map_err(|why| *why), is_topic(text), "{text:?}");
    if let Ok(topic) = &topic {
        assert_eq!(topic.as_str(), text);
        assert_eq!(topic.is_on_demand(), text.starts_with("conv_ondemand:"));
    }
    let on_demand = Topic::activity_of(text);
    assert_eq!(on_demand.is_ok(), is_topic(&format!("conv_ondemand:{text}")).is_ok());
    if let Ok(topic) = on_demand {
        assert_eq!(topic.on_demand_conversation(), Some(text));
    }
    let account = Account::new(text);
    let fits = (1..=MAX_ACCOUNT_BYTES).contains(&text.len()) && !text.chars().any(char::is_control);
    assert_eq!(account.is_ok(), fits, "{text:?}");
    if let Ok(account) = account {
        // Whoever has an account has an inbox: the name must always fit.
        assert_eq!(is_topic(Topic::inbox(&account).as_str()), Ok(()));
    }
    let is_id = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let fits = (1..=64).contains(&text.len()) && text.bytes().all(is_id);
    assert_eq!(SessionId::new(text).is_some(), fits, "{text:?}");
}

fn filter(text: &str, other: &str) {
    match parse_filter(text) {
        Ok(TopicFilter::Exact(topic)) => {
            assert_eq!(topic.as_str(), text);
            assert!(!text.ends_with('*'));
        }
        Ok(filter @ TopicFilter::Prefix(_)) => {
            let start = text.strip_suffix('*').expect("a prefix is written with a star");
            let completions = [format!("{start}x"), format!("{start}:x"), "x:x".to_owned()];
            let is_matched =
                |text: &String| Topic::new(text).is_ok_and(|topic| filter_matches(&filter, &topic));
            assert!(completions.iter().any(is_matched), "{text:?} matches nothing");
            if let Ok(topic) = Topic::new(other) {
                assert_eq!(filter_matches(&filter, &topic), other.starts_with(start), "{text:?} {other:?}");
            }
        }
        Err(_) => assert!(is_topic(text).is_err() || text.ends_with('*'), "{text:?}"),
    }
}

fn path(path: &str, who: &str) {
    let account = Account::new(who).unwrap_or_else(|_| Account::new("x").expect("a name"));
    let table = BTreeMap::from([("/rooms/{room}".to_owned(), vec!["room:{account}:{room}".to_owned()])]);
    let map = PathMap::new(&table).expect("a good table");
    let target = map.resolve(path, &account);
    let Some(spelling) = canonical(path) else {
        assert_eq!(target, None, "{path:?} is no path");
        return;
    };
    // Tickets are bound to this spelling: another path must never have it, and it must open the same.
    assert_eq!(canonical(&spelling).as_ref(), Some(&spelling));
    assert_eq!(map.resolve(&spelling, &account), target, "{path:?} {spelling:?}");
    assert!(spelling.bytes().all(|byte| byte.is_ascii_graphic()), "{spelling:?}");
    let Some(target) = target else { return };
    let prefixes: &[&str] = match spelling.split('/').nth(1) {
        Some("chats") => &["chat:"],
        Some("workspaces") => &["transcript:"],
        Some("notifications") => &["notifications:"],
        Some("rooms") => &["room:"],
        _ => &["user:"],
    };
    for topic in target.own.iter().chain(&target.gated) {
        assert!(prefixes.iter().any(|prefix| topic.as_str().starts_with(prefix)), "{path:?} opens {topic}");
    }
    for own in &target.own {
        assert!(own.as_str().ends_with(account.as_str()), "{path:?} gives {own} away");
    }
}

/// A page that may use a gateway for development comes from this machine, as a browser reads its origin.
fn origin(text: &str) {
    let here = AllowedOrigins::default().with_loopback();
    if !here.allows(text) {
        return;
    }
    let Ok(url) = url::Url::parse(text) else { return };
    let is_here = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    assert!(is_here, "{text:?} is not this machine");
}

fn time(text: &str) {
    assert_eq!(EventTime::from(text).as_str(), text);
    let read = Timestamp::parse_rfc3339(text);
    assert_eq!(read, rfc3339(text).map(Timestamp), "{text:?}");
    assert_eq!(EventTime::from(text).parse(), read);
    if let Some(at) = read.filter(|at| *at <= LAST) {
        assert_eq!(Timestamp::parse_rfc3339(&at.to_string()), Some(at));
    }
}

/// 9999-12-31T23:59:59.999Z.
const LAST: Timestamp = Timestamp(253_402_300_799_999);

/// RFC 3339, section 5.6, read part by part; the days are counted year by year.
fn rfc3339(text: &str) -> Option<u64> {
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let sign = |at: usize| text.as_bytes().get(at).copied();
    let is_shaped = sign(4)? == b'-'
        && sign(7)? == b'-'
        && matches!(sign(10)?, b'T' | b't' | b' ')
        && sign(13)? == b':'
        && sign(16)? == b':';
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let is_leap = |year: i64| year % 4 == 0 && year % 100 != 0 || year % 400 == 0;
    let february = if is_leap(year) { 29 } else { 28 };
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = *months.get(usize::try_from(month - 1).ok()?)?;
    if !is_shaped || day < 1 || day > length || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let rest = text.get(19..)?;
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).filter(|&end| end > 0)?),
        None => ("", rest),
    };
    let millis: i64 = format!("{fraction}000").get(..3)?.parse().ok()?;
    let offset = match zone.as_bytes() {
        [b'Z' | b'z'] => 0,
        [direction @ (b'+' | b'-'), _, _, b':', _, _] => {
            let at = text.len() - 5;
            let (hours, minutes) = (number(at, at + 2)?, number(at + 3, at + 5)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 60 + minutes) * if *direction == b'+' { 1 } else { -1 }
        }
        _ => return None,
    };
    let years = 1970.min(year)..1970.max(year);
    let of_years: i64 = years.map(|year| if is_leap(year) { 366 } else { 365 }).sum();
    let of_years = if year < 1970 { -of_years } else { of_years };
    let of_months: i64 = months[..usize::try_from(month - 1).ok()?].iter().sum();
    let minutes = (of_years + of_months + day - 1) * 1440 + hour * 60 + minute - offset;
    if minutes < 0 {
        return None;
    }
    u64::try_from((minutes * 60 + second) * 1000 + millis).ok()
}

fn epoch(text: &str) {
    let is_epoch = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let read: Option<Epoch> = text.parse().ok();
    assert_eq!(read.is_some(), is_epoch, "{text:?}");
    if let Some(epoch) = read {
        assert_eq!(epoch.to_string(), text.to_ascii_lowercase());
    }
}
