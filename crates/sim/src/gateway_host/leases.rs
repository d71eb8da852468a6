//! Whether activities are told as promised: a status only while somebody holds it, and its end when nobody does.

use std::collections::BTreeMap;

use bowline_gateway_core::ConnId;
use bowline_proto::{ACTIVITY_LEASE, Account, ActivityStatus, Time, Topic, TopicRefusal};
use bytes::Bytes;
use core::time::Duration;
use serde::Deserialize;

use crate::env::Env;

use super::Node;

/// Who said what, and who was told.
#[derive(Debug, Default)]
pub(super) struct Leases {
    /// The last words of an account in a conversation, the latest last.
    heard: BTreeMap<(Topic, Account), Vec<(ActivityStatus, Time)>>,
    /// Followers that believe that somebody is active.
    told: BTreeMap<(Topic, Account), Vec<ConnId>>,
    /// Who has just heard that it follows a conversation.
    joined: Vec<(ConnId, Topic)>,
    /// What was said last, as long as it may still be refused.
    last_said: Option<Said>,
}

/// Words that the core has just been given.
#[derive(Debug)]
struct Said {
    conn: ConnId,
    name: (Topic, Account),
    /// It had been told of its account's status itself.
    was_told: bool,
}

#[derive(Deserialize)]
struct Signal<'a> {
    #[serde(borrow)]
    topic: &'a str,
    #[serde(borrow)]
    payload: Status<'a>,
}

#[derive(Deserialize)]
struct Status<'a> {
    #[serde(borrow, rename = "userId")]
    user_id: &'a str,
    #[serde(borrow)]
    status: &'a str,
}

impl Leases {
    /// A client says what its account does.
    pub(super) fn heard(
        &mut self,
        now: Time,
        conn: ConnId,
        account: &Account,
        conversation: &str,
        status: ActivityStatus,
    ) {
        let Ok(topic) = Topic::activity_of(conversation) else { return };
        let name = (topic, account.clone());
        // Whoever says it hears no echo.
        let told = self.told.get_mut(&name);
        let was_told = told.is_some_and(|told| told.extract_if(.., |other| *other == conn).count() > 0);
        let words = self.heard.entry(name.clone()).or_default();
        words.retain(|(_, at)| now.since(*at) <= ACTIVITY_LEASE);
        words.push((status, now));
        self.last_said = Some(Said { conn, name, was_told });
    }

    /// An answer goes to a socket that has just said something: it was refused, and nobody has heard it.
    pub(super) fn refused_words(&mut self, conn: ConnId) {
        let Some(Said { name, was_told, .. }) = self.last_said.take_if(|said| said.conn == conn) else {
            return;
        };
        self.heard.get_mut(&name).and_then(Vec::pop);
        if was_told {
            self.told.entry(name).or_default().push(conn);
        }
    }

    /// What was said has been taken.
    pub(super) fn took_words(&mut self) {
        self.last_said = None;
    }

    /// A socket follows a topic no more, or any topic.
    pub(super) fn left(&mut self, conn: ConnId, topic: Option<&Topic>) {
        self.joined.retain(|(other, joined)| *other != conn || topic.is_some_and(|topic| topic != joined));
        for ((followed, _), told) in &mut self.told {
            if topic.is_none_or(|topic| topic == followed) {
                told.retain(|other| *other != conn);
            }
        }
    }

    /// A socket hears that it follows these topics, as of now or already.
    pub(super) fn joined(&mut self, conn: ConnId, topics: &[Topic]) {
        self.joined
            .extend(topics.iter().filter(|topic| topic.is_on_demand()).map(|topic| (conn, topic.clone())));
    }

    /// Not these: the list of a resume may name what it has no right to.
    pub(super) fn refused(&mut self, conn: ConnId, refusals: &[TopicRefusal]) {
        let is_refused = |topic: &Topic| refusals.iter().any(|refusal| refusal.topic == topic.as_str());
        self.joined.retain(|(other, topic)| *other != conn || !is_refused(topic));
    }

    /// Who follows a conversation since just now, and was not told what the others there believe.
    fn unheard(&mut self, now: Time) -> Option<String> {
        let joined = std::mem::take(&mut self.joined);
        joined.into_iter().find_map(|(conn, topic)| {
            self.told.iter().find_map(|(name, told)| {
                let is_there = name.0 == topic && told.iter().any(|other| *other != conn);
                let last = self.heard.get(name).and_then(|words| words.last())?;
                let is_held = last.0.is_active() && now.since(last.1) < ACTIVITY_LEASE;
                (is_there && is_held && !told.contains(&conn))
                    .then(|| format!("{conn:?} follows {topic} and was not told of {}, {last:?}", name.1))
            })
        })
    }

    /// A signal goes out.
    fn told(&mut self, now: Time, text: &Bytes, to: &[ConnId]) -> Result<(), String> {
        let Ok(signal) = serde_json::from_slice::<Signal<'_>>(text) else {
            return Err(format!("{text:?} is no signal"));
        };
        let (Ok(topic), Ok(account)) = (Topic::new(signal.topic), Account::new(signal.payload.user_id))
        else {
            return Err(format!("{text:?} names no topic or account"));
        };
        let name = (topic, account);
        let told = self.told.entry(name.clone()).or_default();
        told.retain(|conn| !to.contains(conn));
        if signal.payload.status == ActivityStatus::Idle.as_str() {
            return Ok(());
        }
        told.extend(to);
        let words = self.heard.get(&name).map(Vec::as_slice).unwrap_or_default();
        let is_held = words
            .iter()
            .any(|(status, at)| status.as_str() == signal.payload.status && now.since(*at) <= ACTIVITY_LEASE);
        if is_held { Ok(()) } else { Err(format!("{text:?} is told at {now:?}; last words {words:?}")) }
    }

    /// Who still believes in a status that has lapsed.
    fn overdue(&self, now: Time) -> Option<String> {
        self.told.iter().filter(|(_, told)| !told.is_empty()).find_map(|(name, told)| {
            let last = self.heard.get(name).and_then(|words| words.last());
            let is_over = last.is_none_or(|(_, at)| now.since(*at) > ACTIVITY_LEASE + LATE);
            is_over.then(|| format!("{told:?} were not told that {name:?} is idle; last words {last:?}"))
        })
    }
}

impl Node {
    pub(super) fn watch_signal(&mut self, env: &mut Env, text: &Bytes, to: &[ConnId]) {
        let Some(process) = &mut self.process else { return };
        if let Err(said) = process.leases.told(env.now, text, to) {
            env.violate("activity", said);
        }
    }

    /// A turn is over: a late follower of a conversation knows by now what the others know.
    pub(super) fn watch_joined(&mut self, env: &mut Env) {
        let Some(process) = &mut self.process else { return };
        if process.leases.joined.is_empty() {
            return;
        }
        if let Some(said) = process.leases.unheard(env.now) {
            env.violate("activity", said);
        }
    }

    /// The core's deadlines are through: nobody may believe in what has lapsed.
    pub(super) fn watch_leases(&mut self, env: &mut Env) {
        let Some(process) = &mut self.process else { return };
        if let Some(said) = process.leases.overdue(env.now) {
            env.violate("activity", said);
            process.leases = Leases::default();
        }
    }
}

/// The end of a lease and the shard's timer may lie in one moment.
const LATE: Duration = Duration::from_millis(1);
