//! Frames of both directions: each as full and as empty as it gets. A frame or a member that is added must be added here.

use std::convert::Infallible;
use std::time::Duration;

use bowline_proto::{
    Accepted, ActivityStatus, ClientFrame, DrainReason, Draining, Epoch, Gap, GapReason, RefusalCode,
    Rejected, RequestedTopic, Resume, Seq, ServerFrame, SessionId, SubscribeAck, Topic, TopicRefusal,
};

pub(crate) fn topic(text: &str) -> Topic {
    Topic::new(text).expect("a topic")
}

pub(crate) fn seq(position: u64) -> Seq {
    Seq::new(position).expect("a position")
}

/// The name that the document has for a client's frame.
pub(crate) fn client_message(frame: &ClientFrame) -> Option<&'static str> {
    match frame {
        ClientFrame::Ping => Some("ping"),
        ClientFrame::Subscribe { .. } => Some("subscribe"),
        ClientFrame::Unsubscribe { .. } => Some("unsubscribe"),
        ClientFrame::Activity { .. } => Some("activity"),
        ClientFrame::Resume(_) => Some("resume"),
        ClientFrame::Unknown => None,
    }
}

/// The name that the document has for a steering frame.
pub(crate) fn steering_message<B>(frame: &ServerFrame<B>) -> Option<&'static str> {
    match frame {
        ServerFrame::Accepted(_) => Some("connection.accepted"),
        ServerFrame::Rejected(_) => Some("connection.rejected"),
        ServerFrame::SubscribeAck(_) => Some("subscribe_ack"),
        ServerFrame::UnsubscribeAck { .. } => Some("unsubscribe_ack"),
        ServerFrame::Topics { .. } => Some("topics"),
        ServerFrame::Gap(_) => Some("gap"),
        ServerFrame::Pong { .. } => Some("pong"),
        ServerFrame::Draining(_) => Some("connection.draining"),
        ServerFrame::Error { .. } => Some("error"),
        ServerFrame::Event { .. } | ServerFrame::Unknown => None,
    }
}

/// The codes of [`RefusalCode`] that have a name.
pub(crate) fn refusal_codes() -> Vec<RefusalCode> {
    let codes = vec![RefusalCode::Forbidden, RefusalCode::InvalidTopic, RefusalCode::LimitExceeded];
    for code in &codes {
        // A new variant does not compile here before it stands in the list above.
        match code {
            RefusalCode::Forbidden | RefusalCode::InvalidTopic | RefusalCode::LimitExceeded => {}
            RefusalCode::Other(_) => unreachable!("not in the list"),
        }
    }
    codes
}

/// The reasons that a gateway gives; [`GapReason::Missing`] is the client's own.
pub(crate) fn gap_reasons() -> Vec<GapReason> {
    let reasons = vec![GapReason::Retention, GapReason::Epoch, GapReason::Storage];
    for reason in &reasons {
        match reason {
            GapReason::Retention | GapReason::Epoch | GapReason::Storage => {}
            GapReason::Missing => unreachable!("not in the list"),
        }
    }
    reasons
}

/// The reasons of [`DrainReason`] that have a name.
pub(crate) fn drain_reasons() -> Vec<DrainReason> {
    let reasons = vec![DrainReason::Shutdown, DrainReason::Rebalance, DrainReason::MaxDuration];
    for reason in &reasons {
        match reason {
            DrainReason::Shutdown | DrainReason::Rebalance | DrainReason::MaxDuration => {}
            DrainReason::Other => unreachable!("not in the list"),
        }
    }
    reasons
}

/// The statuses that have a name.
pub(crate) fn statuses() -> Vec<ActivityStatus> {
    let statuses = vec![
        ActivityStatus::Typing,
        ActivityStatus::Thinking,
        ActivityStatus::ToolCalling,
        ActivityStatus::Idle,
    ];
    for status in &statuses {
        match status {
            ActivityStatus::Typing
            | ActivityStatus::Thinking
            | ActivityStatus::ToolCalling
            | ActivityStatus::Idle => {}
            ActivityStatus::Other(_) => unreachable!("not in the list"),
        }
    }
    statuses
}

/// What a client says. The first frame of each kind has every member.
pub(crate) fn of_clients() -> Vec<ClientFrame> {
    let topics =
        || vec![RequestedTopic::from(topic("conv_ondemand:c1")), RequestedTopic::Invalid("x".into())];
    let activity = |status| ClientFrame::Activity { conversation_id: "c1".into(), status };
    let mut frames = vec![
        ClientFrame::Ping,
        ClientFrame::Subscribe { topics: topics() },
        ClientFrame::Unsubscribe { topics: topics() },
        ClientFrame::Resume(Resume {
            session_id: SessionId::new("q1Zr8cJx0mVtN4pS7yLbWA"),
            epoch: Some(Epoch::from_bits(0x9f3c_0a77_d1e2_4b60)),
            seq: seq(18443),
            topics: topics(),
        }),
        ClientFrame::Resume(Resume { session_id: None, epoch: None, seq: Seq::ZERO, topics: Vec::new() }),
    ];
    frames.extend(statuses().into_iter().map(activity));
    frames.push(activity(ActivityStatus::Other("dreaming".into())));
    frames
}

/// What a gateway says beside events. The first frame of each kind has every member.
pub(crate) fn of_gateways() -> Vec<ServerFrame<Infallible>> {
    let gap = |reason| Gap { topic: topic("conv:c1"), after: seq(3), before: seq(9), reason };
    let accepted = Accepted {
        connection_id: Some("k7Jx".into()),
        session_id: SessionId::new("q1Zr8cJx0mVtN4pS7yLbWA"),
        resumed: true,
        epoch: Some(Epoch::from_bits(1)),
        seq: Some(Seq::MAX),
        heartbeat: Some(Duration::from_secs(15)),
        max_duration: Some(Duration::from_secs(7200)),
        can_resume: true,
        can_drain: true,
        gaps: gap_reasons().into_iter().map(gap).collect(),
    };
    let fresh = Accepted { resumed: false, gaps: Vec::new(), ..accepted.clone() };
    let rejected =
        |retry_after| Rejected { reason: "UNAUTHORIZED".into(), message: "Who are you?".into(), retry_after };
    let refusal = |code| TopicRefusal { topic: "x".into(), code };
    let ack = SubscribeAck {
        subscribed: vec![topic("conv_ondemand:c1")],
        errors: refusal_codes().into_iter().map(refusal).collect(),
        seq: Some(seq(7)),
    };
    let mut frames = vec![
        ServerFrame::Accepted(Box::new(accepted)),
        ServerFrame::Accepted(Box::new(fresh)),
        ServerFrame::Rejected(rejected(Some(Duration::from_secs(3)))),
        ServerFrame::Rejected(rejected(None)),
        ServerFrame::SubscribeAck(ack),
        ServerFrame::SubscribeAck(SubscribeAck { seq: Some(seq(7)), ..SubscribeAck::default() }),
        ServerFrame::UnsubscribeAck { unsubscribed: vec![topic("conv:c1")] },
        ServerFrame::Topics { added: vec![topic("conv:c1")], removed: vec![topic("conv:c2")], seq: seq(8) },
        ServerFrame::Pong { seq: Some(seq(8)) },
        ServerFrame::Error { code: "BAD_FRAME".into(), message: "no JSON".into() },
    ];
    frames.extend(gap_reasons().into_iter().map(|reason| ServerFrame::Gap(gap(reason))));
    frames.extend(drain_reasons().into_iter().map(|reason| {
        let (slot, deadline) = (Duration::from_secs(12), Duration::from_secs(60));
        ServerFrame::Draining(Draining { reason, slot, deadline })
    }));
    frames
}
