//! Which news concern the host, and how they look to it: one object each, named as in `core.ts`, durations in milliseconds.

use bowline_client_core::{CloseReason, ConnectionState, Notice, SavedPosition};
use bowline_proto::{Cursor, Gap, GapReason, RefusalCode, Rejected, SubscribeAck, Topic};

use crate::json::Json;

/// Whether the host makes anything of a notice. What it knows from the frame of this very call is not said to it again.
pub(crate) fn concerns_host(notice: &Notice) -> bool {
    !matches!(notice, Notice::Accepted { .. } | Notice::TopicsChanged { .. } | Notice::Rejected(_))
}

/// The members of a notice that concerns the host.
pub(crate) fn write(json: &mut Json, notice: &Notice) {
    match notice {
        Notice::State(state) => state_members(json, state),
        Notice::Moved(cursor) => {
            json.kind("moved");
            json.member("cursor", |json| cursor_members(json, *cursor));
        }
        Notice::Gap(gap) => {
            json.kind("gap");
            json.member("gap", |json| gap_members(json, gap));
        }
        Notice::Skipped { after, now: _ } => {
            json.kind("skipped");
            json.member("after", |json| cursor_members(json, *after));
        }
        Notice::Reconnecting { attempt, delay, cause } => {
            json.kind("reconnecting");
            json.number("attempt", (*attempt).into());
            json.millis("delayMs", *delay);
            json.text("cause", cause);
        }
        Notice::AttemptStarted { attempt } => {
            json.kind("attemptStarted");
            json.number("attempt", (*attempt).into());
        }
        Notice::HandoverStarted => json.kind("handoverStarted"),
        Notice::HandoverFailed { cause, delay: _ } => {
            json.kind("handoverFailed");
            json.text("cause", cause);
        }
        Notice::SubscribeAck(ack) => subscribe_ack_members(json, ack),
        Notice::UnsubscribeAck(unsubscribed) => {
            json.kind("unsubscribeAck");
            json.topics("unsubscribed", unsubscribed);
        }
        Notice::GatewayError { code, message } => {
            json.kind("gatewayError");
            json.text("code", code);
            json.text("message", message);
        }
        Notice::Trouble(message) => {
            json.kind("trouble");
            json.text("message", message);
        }
        _ => json.kind("unknown"),
    }
}

/// The members of a saved position.
pub(crate) fn position_members(json: &mut Json, position: &SavedPosition) {
    json.text_if_any("sessionId", position.session_id.as_ref().map(|session| session.reveal()));
    if let Some(cursor) = position.cursor {
        cursor_members(json, cursor);
    }
}

fn state_members(json: &mut Json, state: &ConnectionState) {
    json.kind("state");
    json.text("state", state.name());
    if let ConnectionState::Closed(reason) = state {
        json.member("reason", |json| reason_members(json, reason));
    }
}

fn reason_members(json: &mut Json, reason: &CloseReason) {
    match reason {
        CloseReason::Asked => json.kind("asked"),
        CloseReason::Rejected(rejected) => {
            json.kind("rejected");
            json.rejected(rejected);
        }
        CloseReason::Refused(code) => {
            json.kind("refused");
            json.number("code", code.0.into());
        }
        CloseReason::Unauthorized => json.kind("unauthorized"),
        CloseReason::NoCredential(message) => {
            json.kind("noCredential");
            json.text("message", message);
        }
        CloseReason::Unreachable(message) => {
            json.kind("unreachable");
            json.text("message", message);
        }
        CloseReason::AttemptsExhausted { attempts, last } => {
            json.kind("attemptsExhausted");
            json.number("attempts", (*attempts).into());
            json.text("last", last);
        }
        _ => json.kind("unknown"),
    }
}

fn cursor_members(json: &mut Json, cursor: Cursor) {
    json.hex("epoch", cursor.epoch.bits());
    json.number("seq", cursor.seq.get());
}

fn gap_members(json: &mut Json, gap: &Gap) {
    json.text("topic", gap.topic.as_str());
    json.number("after", gap.after.get());
    json.number("before", gap.before.get());
    json.text(
        "reason",
        match gap.reason {
            GapReason::Retention => "retention",
            GapReason::Epoch => "epoch",
            GapReason::Storage => "storage",
            GapReason::Missing => "missing",
        },
    );
}

fn subscribe_ack_members(json: &mut Json, ack: &SubscribeAck) {
    json.kind("subscribeAck");
    json.topics("subscribed", &ack.subscribed);
    json.list("errors", &ack.errors, |json, refusal| {
        json.object(|json| {
            json.text("topic", &refusal.topic);
            json.text(
                "code",
                match &refusal.code {
                    RefusalCode::Forbidden => "FORBIDDEN",
                    RefusalCode::InvalidTopic => "INVALID_TOPIC",
                    RefusalCode::LimitExceeded => "LIMIT_EXCEEDED",
                    RefusalCode::Other(code) => code,
                },
            );
        });
    });
}

impl Json {
    fn topics(&mut self, name: &str, topics: &[Topic]) {
        self.list(name, topics, |json, topic| json.string(topic.as_str()));
    }

    fn rejected(&mut self, rejected: &Rejected) {
        self.member("rejected", |json| {
            json.text("reason", &rejected.reason);
            json.text("message", &rejected.message);
            json.millis_if_any("retryAfterMs", rejected.retry_after);
        });
    }
}
