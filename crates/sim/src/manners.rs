//! How a connection has to behave besides delivering: what the gateway's operator and the application may expect of it.
//!
//! Judged from outside, by what the core orders and tells: when it dials and with which credential, how its attempts count up,
//! whether it keeps its slot of a drain and its margin before a cut, and how many sockets it holds.

use std::collections::BTreeSet;

use bowline_client_core::{CloseReason, ConnectionState, LinkId, Notice};
use bowline_proto::{Accepted, CloseCode, Draining, Time};
use core::time::Duration;

use crate::env::Env;
use crate::event::PeerNo;

/// What is remembered of one process to judge it.
#[derive(Debug)]
pub(crate) struct Manners {
    client: PeerNo,
    /// Credentials that came and were neither used nor given up.
    fresh: BTreeSet<u64>,
    /// Credentials that the core gave up; those that come nevertheless come too late.
    given_up: BTreeSet<u64>,
    /// The link that was accepted last.
    accepted: Option<LinkId>,
    /// The frame that the core looks at accepts a link.
    is_accepting: bool,
    /// Accepted links that another one has replaced, each with when it was.
    replaced: Vec<(LinkId, Time)>,
    /// Before this nothing is dialled: a slot of a drain.
    slot_opens: Time,
    /// When the gateway will cut the link that was accepted last.
    cut_at: Option<Time>,
    /// Handovers that failed since then.
    failures: u32,
    /// The number of the last announced attempt.
    attempt: u32,
    up_since: Option<Time>,
    is_closing: bool,
    changed_at: Time,
}

impl Manners {
    pub(crate) fn new(client: PeerNo) -> Self {
        Manners {
            client,
            fresh: BTreeSet::new(),
            given_up: BTreeSet::new(),
            accepted: None,
            is_accepting: false,
            replaced: Vec::new(),
            slot_opens: Time::ZERO,
            cut_at: None,
            failures: 0,
            attempt: 0,
            up_since: None,
            is_closing: false,
            changed_at: Time::ZERO,
        }
    }

    /// The machine slept, and its clock with it: all that the core reckons lies later.
    pub(crate) fn slept(&mut self, slept: Duration) {
        self.slot_opens = self.slot_opens + slept;
        self.cut_at = self.cut_at.map(|at| at + slept);
        self.up_since = self.up_since.map(|at| at + slept);
    }

    /// The application asks for a handover now, whatever was planned.
    pub(crate) fn asked_to_move(&mut self) {
        self.slot_opens = Time::ZERO;
    }

    /// When the application last saw the state of its connection change.
    pub(crate) fn changed_at(&self) -> Time {
        self.changed_at
    }

    /// Since when the application sees its connection up.
    pub(crate) fn up_since(&self) -> Option<Time> {
        self.up_since
    }

    /// The link that was accepted last.
    pub(crate) fn accepted_link(&self) -> Option<LinkId> {
        self.accepted
    }

    /// An attempt begins.
    pub(crate) fn fetches(&mut self, env: &mut Env) {
        if env.now < self.slot_opens {
            let early = self.slot_opens.since(env.now);
            env.violate("slot", format!("client {}: moves {early:?} before its slot", self.client));
        }
    }

    /// A credential is handed in.
    pub(crate) fn credential_came(&mut self, fetch: u64) {
        if !self.given_up.remove(&fetch) {
            self.fresh.insert(fetch);
        }
    }

    /// The core wants it no more.
    pub(crate) fn credential_forgotten(&mut self, fetch: u64) {
        if !self.fresh.remove(&fetch) {
            self.given_up.insert(fetch);
        }
    }

    /// A link is dialled.
    pub(crate) fn dials(&mut self, env: &mut Env, fetch: u64) {
        if !self.fresh.remove(&fetch) {
            let said =
                format!("client {}: dials with credential {fetch}, used or given up before", self.client);
            env.violate("credential", said);
        }
    }

    /// A link was accepted, as the wire says.
    pub(crate) fn accept_came(&mut self, now: Time, link: LinkId, accepted: &Accepted) {
        self.is_accepting = true;
        if let Some(before) = self.accepted.replace(link) {
            self.replaced.push((before, now));
        }
        // A shorter life than this is taken for a mistake of the gateway's.
        self.cut_at = accepted.max_duration.map(|life| now + life.max(Duration::from_secs(10)));
        self.failures = 0;
        self.slot_opens = Time::ZERO;
    }

    /// Another frame comes.
    pub(crate) fn frame_came(&mut self) {
        self.is_accepting = false;
    }

    /// The gateway asks to move.
    pub(crate) fn draining_came(&mut self, now: Time, link: LinkId, draining: &Draining, is_moving: bool) {
        if self.accepted == Some(link) {
            self.cut_at = Some(now + draining.deadline);
            self.failures = 0;
            // The last word counts. A successor that is on its way goes on, so that this word holds it back no more than the one
            // before.
            let opens = now + draining.slot;
            self.slot_opens = if is_moving { opens.min(self.slot_opens) } else { opens };
        }
    }

    /// The core tells the application something.
    pub(crate) fn tells(&mut self, env: &mut Env, notice: &Notice) {
        match notice {
            Notice::State(state) => self.state(env, state),
            Notice::Accepted { .. } => {
                let is_true = std::mem::take(&mut self.is_accepting);
                if !is_true {
                    env.violate("accepted", format!("client {}: nobody accepted a link", self.client));
                }
            }
            Notice::Reconnecting { attempt, .. } => {
                let expected = self.attempt + 1;
                if *attempt != expected {
                    let said = format!("client {}: attempt {attempt} follows {}", self.client, self.attempt);
                    env.violate("backoff", said);
                }
                self.attempt = *attempt;
            }
            Notice::HandoverFailed { delay, .. } => self.handover_failed(env, delay.unwrap_or(Duration::MAX)),
            _ => {}
        }
    }

    fn state(&mut self, env: &mut Env, state: &ConnectionState) {
        self.changed_at = env.now;
        match state {
            ConnectionState::Connected => self.up_since = Some(env.now),
            // The application asks anew: that overrides what a gateway wished before.
            ConnectionState::Connecting => {
                (self.attempt, self.is_closing, self.slot_opens) = (0, false, Time::ZERO);
            }
            ConnectionState::Closing => self.is_closing = true,
            ConnectionState::Closed(reason) => {
                self.is_closing = true;
                if matches!(reason, CloseReason::Refused(CloseCode::SUPERSEDED)) {
                    env.violate("superseded", format!("client {}: by nobody but itself", self.client));
                }
            }
            ConnectionState::Idle | ConnectionState::Reconnecting => {}
        }
        if *state != ConnectionState::Connected
            && self.up_since.take().is_some_and(|since| env.now.since(since) >= STABLE_AFTER)
        {
            self.attempt = 0;
        }
    }

    /// While there is time for another try before the cut, there is another try.
    fn handover_failed(&mut self, env: &mut Env, delay: Duration) {
        self.failures += 1;
        let Some(cut_at) = self.cut_at else { return };
        let left = cut_at.since(env.now);
        let longest_backoff = Duration::from_secs(1 << (self.failures - 1).min(5));
        if left > longest_backoff && delay > left {
            let said = format!("client {}: tries again in {delay:?}, is cut in {left:?}", self.client);
            env.violate("margin", said);
        }
    }

    /// An event is handed over.
    pub(crate) fn delivers(&mut self, env: &mut Env) {
        if self.is_closing {
            env.violate("closed", format!("client {}: an event after close", self.client));
        }
    }

    /// These are the sockets that it holds.
    pub(crate) fn holds(&mut self, env: &mut Env, is_held: impl Fn(LinkId) -> bool) {
        self.replaced.retain(|(link, _)| is_held(*link));
        if let Some((link, since)) = self.replaced.iter().find(|(_, since)| env.now.since(*since) > FAREWELL)
        {
            let said = format!("client {}: still holds {link:?}, replaced at {since:?}", self.client);
            env.violate("leak", said);
        }
    }
}

/// A connection that was up for so long starts its backoff over (the client's default).
const STABLE_AFTER: Duration = Duration::from_secs(10);

/// A link that was replaced may wait for the answers on the new one, and then for its close frame: 5 s each.
const FAREWELL: Duration = Duration::from_secs(11);
