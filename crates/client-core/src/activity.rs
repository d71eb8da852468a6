//! When an activity is said: a changed status at once, the same one not within 3 s, an active one again every 5 s,
//! `idle` at once and only where something was active. Each conversation on its own.

use std::sync::Arc;

use bowline_proto::{
    ACTIVITY_HEARTBEAT, ACTIVITY_LEASE, ACTIVITY_THROTTLE, ActivityStatus, ClientFrame, Time,
};

use crate::config::ClientConfig;
use crate::sorted::Sorted;
use crate::timers::{Timer, Timers};
use crate::vocabulary::CommandError;

/// What this account is doing, by conversation.
#[derive(Debug, Default)]
pub(crate) struct Activities {
    doing: Sorted<Arc<str>, Doing>,
}

#[derive(Debug)]
struct Doing {
    status: ActivityStatus,
    /// When this status was last said; `None`: it waits for a link.
    said_at: Option<Time>,
    /// When the gateway's lease of what was last said ends: until then an `idle` is worth saying.
    lease_ends: Time,
}

/// Whether there is a link to say it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// An accepted link.
    Up,
    /// None.
    Down,
}

impl Activities {
    /// Takes a status. The frame to send now, if any.
    pub(crate) fn set(
        &mut self,
        now: Time,
        conversation: Arc<str>,
        status: ActivityStatus,
        line: Line,
        config: &ClientConfig,
    ) -> Result<Option<ClientFrame>, CommandError> {
        self.forget_lapsed(now);
        if !status.is_active() {
            return Ok(self.end(conversation, line));
        }
        if !self.doing.contains(&conversation) && self.doing.len() >= config.max_activities {
            return Err(CommandError::TooManyActivities { limit: config.max_activities });
        }
        let doing = self.doing.get_or_insert(Arc::clone(&conversation), Doing::new(now));
        let is_fresh = doing.said_at.is_some_and(|at| now.since(at) < ACTIVITY_THROTTLE);
        if doing.status == status && is_fresh {
            return Ok(None);
        }
        if doing.status != status {
            doing.status = status;
            doing.said_at = None;
        }
        Ok((line == Line::Up).then(|| doing.say(now, conversation)))
    }

    /// A link was accepted after there was none: everything that still holds is said on it.
    pub(crate) fn say_all(&mut self, now: Time) -> Vec<ClientFrame> {
        self.forget_lapsed(now);
        let mut frames = Vec::new();
        for (conversation, doing) in self.doing.iter_mut() {
            frames.push(doing.say(now, Arc::clone(conversation)));
        }
        self.doing.retain(|_, doing| doing.status.is_active());
        frames
    }

    /// The heartbeat is due: says again what has not been said for [`ACTIVITY_HEARTBEAT`].
    pub(crate) fn beat(&mut self, now: Time) -> Vec<ClientFrame> {
        let mut frames = Vec::new();
        for (conversation, doing) in self.doing.iter_mut() {
            if doing.next_beat().is_some_and(|at| at <= now) {
                frames.push(doing.say(now, Arc::clone(conversation)));
            }
        }
        frames
    }

    /// Arms the next heartbeat.
    pub(crate) fn arm(&self, line: Line, timers: &mut Timers) {
        let next = self.doing.values().filter_map(Doing::next_beat).min();
        match (line, next) {
            (Line::Up, Some(at)) => timers.set(Timer::Activity, at),
            (Line::Up, None) | (Line::Down, _) => timers.clear(Timer::Activity),
        }
    }

    /// `Close`: what was going on is over.
    pub(crate) fn forget_all(&mut self) {
        self.doing.clear();
    }

    fn end(&mut self, conversation: Arc<str>, line: Line) -> Option<ClientFrame> {
        match line {
            Line::Up => self.doing.remove(&conversation).map(|_| ClientFrame::Activity {
                conversation_id: conversation,
                status: ActivityStatus::Idle,
            }),
            Line::Down => {
                if let Some(doing) = self.doing.get_mut(&conversation) {
                    doing.status = ActivityStatus::Idle;
                    doing.said_at = None;
                }
                None
            }
        }
    }

    /// An `idle` that waits for a link is moot once the gateway's lease has ended by itself.
    fn forget_lapsed(&mut self, now: Time) {
        self.doing.retain(|_, doing| doing.status.is_active() || now < doing.lease_ends);
    }
}

impl Doing {
    /// Nothing yet: the gateway knows of no lease.
    fn new(now: Time) -> Self {
        Doing { status: ActivityStatus::Idle, said_at: None, lease_ends: now }
    }

    fn say(&mut self, now: Time, conversation_id: Arc<str>) -> ClientFrame {
        self.said_at = Some(now);
        self.lease_ends = now + ACTIVITY_LEASE;
        ClientFrame::Activity { conversation_id, status: self.status.clone() }
    }

    fn next_beat(&self) -> Option<Time> {
        self.said_at.map(|at| at + ACTIVITY_HEARTBEAT)
    }
}
