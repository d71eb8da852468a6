//! Who hears of a status: the live followers of the conversation's on-demand topic, on every shard.
//!
//! The socket that said it does not hear its echo; the account's other sockets do. Each shard holds the leases for itself, so a
//! lease that lapses needs no word between shards, and a shard that dies takes no status with it for longer than 8 s.
//! When an account's last socket on its shard is gone, its statuses end at once.

use bowline_proto::{Account, ActivityStatus, Time, Timestamp, Topic, encode_signal};
use bytes::Bytes;

use crate::activities::{Change, Lease, conversation_of};
use crate::keys::AccountKey;
use crate::shard::GatewayCore;
use crate::timers::Timer;
use crate::vocabulary::{ConnId, Output, Shared};

/// The longest status that is passed on, in bytes: room for the names of later versions.
const MAX_STATUS_BYTES: usize = 64;

impl GatewayCore {
    /// A client says what its account does.
    pub(crate) fn activity_said(&mut self, now: Time, slot: u32, conversation: &str, status: ActivityStatus) {
        let Ok(topic) = Topic::activity_of(conversation) else {
            return self.error(slot, "INVALID_TOPIC", "conversationId is no name of a conversation");
        };
        if status.as_str().len() > MAX_STATUS_BYTES {
            return self.bad_frame(now, slot, "status is too long");
        }
        match self.may_speak_in(now, slot, &topic) {
            None => return,
            Some(false) => return self.error(slot, "FORBIDDEN", "no right to this conversation"),
            Some(true) => {}
        }
        let Some(connection) = self.connections.get(slot) else { return };
        let home = connection.account;
        let account = self.accounts.entry(home);
        let name = account.name.clone();
        let is_active = self.activities.current(&topic).iter().any(|lease| lease.account == name);
        if status.is_active() && !is_active && account.activities.len() >= self.config.activities {
            return self.error(slot, "LIMIT_EXCEEDED", "active in too many conversations at a time");
        }
        let said = self.wall(now);
        let from = self.connections.id(slot);
        if self.take_status(now, &topic, &name, status.clone(), said, Some(home), Some(from)) {
            self.share_status(&topic, name, status, said);
        }
    }

    /// Another shard heard it.
    pub(crate) fn activity_shared(
        &mut self,
        now: Time,
        conversation: &str,
        account: &Account,
        status: ActivityStatus,
        said: Timestamp,
    ) {
        let Ok(topic) = Topic::activity_of(conversation) else { return };
        self.take_status(now, &topic, account, status, said, None, None);
    }

    /// Holds a status and sends it to the followers here; says whether it was news.
    #[expect(clippy::too_many_arguments, reason = "who said what, where, when, and from which socket")]
    fn take_status(
        &mut self,
        now: Time,
        topic: &Topic,
        account: &Account,
        status: ActivityStatus,
        said: Timestamp,
        home: Option<AccountKey>,
        from: Option<ConnId>,
    ) -> bool {
        let text = signal_text(topic, account, &status, said);
        match self.activities.say(now, topic, account, status, said, home) {
            Change::Quiet => return false,
            Change::Heard => {}
            Change::Began(place) => {
                if let Some(home) = home {
                    self.accounts.entry(home).activities.push(place);
                }
                self.arm_lease(place);
            }
            Change::Ended(place) => {
                if let Some(home) = home {
                    self.accounts.entry(home).activities.retain(|other| *other != place);
                }
            }
        }
        self.signal(topic.as_str(), text, from);
        true
    }

    fn arm_lease(&mut self, place: usize) {
        let Some(end) = self.activities.next_end(place) else { return };
        if let Some(conversation) = self.activities.get_mut(place)
            && end < conversation.armed
        {
            conversation.armed = end;
            self.timers.set(end, Timer::Lease(place));
        }
    }

    /// The timer of a conversation fired: what was not renewed ends.
    pub(crate) fn lease_due(&mut self, now: Time, place: usize, at: Time) {
        let Some(conversation) = self.activities.get_mut(place) else { return };
        if conversation.armed != at {
            return;
        }
        conversation.armed = Time::MAX;
        let topic = conversation.topic.clone();
        for lapsed in self.activities.expire(now, place) {
            if let Some(home) = lapsed.home {
                self.accounts.entry(home).activities.retain(|other| *other != place);
            }
            self.signal_idle(now, &topic, &lapsed);
        }
        self.arm_lease(place);
    }

    /// The account's last socket is gone.
    pub(crate) fn end_activities(&mut self, now: Time, key: AccountKey) {
        let account = self.accounts.entry(key);
        let name = account.name.clone();
        for place in core::mem::take(&mut account.activities) {
            if let Some((topic, ended)) = self.activities.end(place, &name) {
                self.signal_idle(now, &topic, &ended);
                self.share_status(&topic, name.clone(), ActivityStatus::Idle, self.wall(now));
            }
        }
    }

    fn signal_idle(&mut self, now: Time, topic: &Topic, ended: &Lease) {
        let text = signal_text(topic, &ended.account, &ActivityStatus::Idle, self.wall(now));
        self.signal(topic.as_str(), text, None);
    }

    fn share_status(&mut self, topic: &Topic, account: Account, status: ActivityStatus, at: Timestamp) {
        let conversation_id = conversation_of(topic);
        self.outputs.push_back(Output::Share(Shared::Activity { conversation_id, account, status, at }));
    }

    /// A new follower of an on-demand topic hears what is the case. One whose socket is blocked waits for the renewals.
    /// What has lapsed is told to nobody, although its timer may still wait for its turn.
    pub(crate) fn tell_activities(&mut self, now: Time, slot: u32, topic: &Topic) {
        if self.connections.get(slot).is_none_or(|connection| connection.is_blocked()) {
            return;
        }
        let to = self.connections.id(slot);
        for lease in self.activities.current(topic).iter().filter(|lease| !lease.has_lapsed(now)) {
            let text = signal_text(topic, &lease.account, &lease.status, lease.said);
            self.outputs.push_back(Output::Signal { text, to: vec![to] });
        }
    }

    fn wall(&self, now: Time) -> Timestamp {
        Timestamp(self.config.wall_origin.0.saturating_add(now.as_micros() / 1_000))
    }
}

/// The frame `activity.status`.
fn signal_text(topic: &Topic, account: &Account, status: &ActivityStatus, said: Timestamp) -> Bytes {
    let payload = format!(
        r#"{{"conversationId":{},"userId":{},"status":{}}}"#,
        serde_json::Value::from(topic.on_demand_conversation().unwrap_or_default()),
        serde_json::Value::from(account.as_str()),
        serde_json::Value::from(status.as_str()),
    );
    encode_signal("activity.status", said, topic, payload.as_bytes())
}
