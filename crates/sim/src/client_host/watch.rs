//! What is looked at in a client: what comes before its core sees it, its wishes, its cursor, and how it stands at the end.

use bowline_client_core::{ConnectionState, LinkId};
use bowline_proto::{Cursor, Event as AppEvent, ServerFrame, Time};
use core::time::Duration;

use crate::counters::Rare;
use crate::env::Env;

use super::ClientHost;

impl ClientHost {
    /// Looks at what comes before the core sees it.
    pub(super) fn watch_frame(&mut self, env: &mut Env, link: LinkId, frame: &ServerFrame<AppEvent>) {
        let Some(process) = &mut self.process else { return };
        // Whoever says goodbye listens to nobody any more.
        if matches!(process.core.state(), ConnectionState::Closing | ConnectionState::Closed(_)) {
            return;
        }
        process.manners.frame_came();
        match frame {
            ServerFrame::Accepted(accepted) => process.manners.accept_came(env.now, link, accepted),
            ServerFrame::Draining(draining) => {
                let is_moving = process.links.keys().any(|other| *other > link);
                process.manners.draining_came(env.now, link, draining, is_moving);
            }
            ServerFrame::SubscribeAck(ack) if process.manners.accepted_link() == Some(link) => {
                process.wishes.answered(link, ack);
            }
            ServerFrame::Event { head, .. } => {
                let newest = process.manners.accepted_link();
                if head.place.is_some() && newest.is_some_and(|newest| link < newest) {
                    env.counters.reach(Rare::OldLinkDeliversAfterPromotion);
                }
            }
            _ => {}
        }
    }

    pub(super) fn watch_wishes(&mut self, env: &mut Env) {
        // Whoever changes its wishes faster than they are answered wishes for what has just been refused.
        if self.was_held_up || self.plan.acts_every < CALM_WISHES {
            return;
        }
        let Some(process) = &mut self.process else { return };
        if let Some(up_since) = process.manners.up_since() {
            process.wishes.look_at_activities(env, up_since);
            // While no other link is there, nothing has to wait.
            let accepted = process.manners.accepted_link().filter(|link| process.links.contains_key(link));
            if let Some(link) = accepted.filter(|_| process.links.len() == 1) {
                process.wishes.look_at_topics(env, link);
            }
        }
    }

    /// A link breaks: is it the second one at a time?
    pub(super) fn watch_break(&mut self, env: &mut Env) {
        let Some(process) = &mut self.process else { return };
        if process.broke_at == Some(env.now) {
            env.counters.reach(Rare::BothLinksDieInOneTick);
        }
        process.broke_at = (process.links.len() > 1).then_some(env.now);
    }

    /// What can be said of a connection that nothing has disturbed for a long time.
    pub(crate) fn watch_at_end(&mut self, env: &mut Env, calm_since: Time) {
        let Some(process) = &mut self.process else { return };
        let links = &process.links;
        process.manners.holds(env, |link| links.contains_key(&link));
        // A handover may be under way at any time, for as long as the gateway's reads take.
        let accepted = process.manners.accepted_link().filter(|_| process.links.len() == 1);
        if let Some(link) = accepted.filter(|_| self.plan.acts_every >= CALM_WISHES) {
            process.wishes.look_at_topics(env, link);
        }
        let changed_at = process.manners.changed_at();
        if changed_at > calm_since {
            let said = format!("client {}: its state changed at {changed_at:?}", self.number);
            env.violate("steady", said);
        }
    }

    /// The cursor never goes back within one log.
    pub(super) fn watch_cursor(&mut self, env: &mut Env, cursor: Option<Cursor>) {
        let (Some(process), Some(cursor)) = (&mut self.process, cursor) else { return };
        if let Some(before) = process.cursor
            && before.epoch == cursor.epoch
            && cursor.seq < before.seq
        {
            let said = format!("client {}: from {} to {}", self.number, before.seq, cursor.seq);
            env.violate("cursor", said);
        }
        process.cursor = Some(cursor);
    }
}

/// Wishes that change less often are answered in between.
const CALM_WISHES: Duration = Duration::from_millis(700);
