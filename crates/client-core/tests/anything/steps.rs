//! Steps of a client core's life, chosen by bytes: facts and wishes that fit, mixed with such as do not.

use bowline_client_core::{ClientConfig, Command, CredentialFailure, DialFailure, MessageId, RenewAfter};
use bowline_proto::{
    Accepted, ActivityStatus, DrainReason, Draining, Epoch, EventHead, Place, RefusalCode, Seq, ServerFrame,
    SubscribeAck, TopicRefusal,
};
use core::time::Duration;

use super::choices::Choices;
use super::support::{Body, gap, ms, rejected, s, saved, seq, session, topic, topics};

/// A step, with links and fetches named by how recent they are.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Command(Command),
    CredentialReady(u64),
    CredentialFailed(u64, CredentialFailure),
    Opened(u64),
    DialFailed(u64, DialFailure),
    Heard(u64),
    BadFrame(u64),
    Closed(u64, u16),
    Frame(u64, ServerFrame<Body>),
    /// An event around the cursor: link, topic, and how far its seq and its prev lie from it.
    Near(u64, &'static str, i64, i64),
    ReadPaused,
    ReadResumed,
    NetworkReturned,
    Advance(u64),
    AdvanceToDeadline,
    /// Fetch, dial, open and accept in one go: otherwise deep states are rare.
    Succeed(Accepted),
}

fn name(choices: &mut Choices<'_>) -> &'static str {
    choices.one_of(&["conv:a", "conv:b", "log:c", "conv_ondemand:a", "conv_ondemand:b"])
}

/// How long a peer asks to wait, if it does.
fn wish(choices: &mut Choices<'_>) -> Option<Duration> {
    match choices.below(3) {
        0 => None,
        1 => Some(ms(choices.below(100_000))),
        _ => Some(Duration::MAX),
    }
}

/// Small ones, so that they meet; now and then the largest.
fn position(choices: &mut Choices<'_>) -> u64 {
    let position = choices.below(61);
    if position == 60 { Seq::MAX.get() } else { position }
}

/// `None` in one case of ten.
fn usually<T>(choices: &mut Choices<'_>, choose: impl FnOnce(&mut Choices<'_>) -> T) -> Option<T> {
    (choices.below(10) > 0).then(|| choose(choices))
}

/// `None` in one case of two.
fn perhaps<T>(choices: &mut Choices<'_>, choose: impl FnOnce(&mut Choices<'_>) -> T) -> Option<T> {
    (choices.below(2) > 0).then(|| choose(choices))
}

fn accepted(choices: &mut Choices<'_>) -> Accepted {
    Accepted {
        session_id: Some(session("s")),
        epoch: usually(choices, |choices| Epoch::from_bits(1 + choices.below(2))),
        seq: usually(choices, |choices| seq(position(choices))),
        resumed: choices.below(2) > 0,
        can_resume: choices.below(10) > 0,
        gaps: (0..choices.below(3))
            .map(|_| gap(name(choices), position(choices), position(choices)))
            .collect(),
        heartbeat: perhaps(choices, |choices| ms(choices.below(40_000))),
        max_duration: perhaps(choices, |choices| ms(choices.below(400_000))),
        ..Accepted::default()
    }
}

fn event(choices: &mut Choices<'_>) -> ServerFrame<Body> {
    let topic = usually(choices, |choices| topic(name(choices)));
    let place =
        usually(choices, |choices| Place { seq: seq(position(choices)), prev: seq(position(choices)) });
    let body = place.map_or(0, |place| place.seq.get());
    let digest = place.map_or(7, |place| place.seq.get() % 5);
    ServerFrame::Event { body, head: EventHead { topic, place, digest } }
}

fn subscribe_ack(choices: &mut Choices<'_>) -> ServerFrame<Body> {
    let (name, seq) = (name(choices), perhaps(choices, |choices| seq(position(choices))));
    ServerFrame::SubscribeAck(match choices.below(2) {
        0 => SubscribeAck { subscribed: topics(&[name]), errors: vec![], seq },
        _ => {
            let refusal = TopicRefusal { topic: name.into(), code: RefusalCode::Forbidden };
            SubscribeAck { subscribed: vec![], errors: vec![refusal], seq }
        }
    })
}

fn frame(choices: &mut Choices<'_>) -> ServerFrame<Body> {
    match choices.below(22) {
        0..=7 => event(choices),
        8..=9 => ServerFrame::Accepted(accepted(choices).into()),
        10 => {
            let reason = choices.one_of(&["UNAUTHORIZED", "CONNECTION_LIMIT_EXCEEDED", "X"]);
            ServerFrame::Rejected(rejected(reason, wish(choices)))
        }
        11..=12 => subscribe_ack(choices),
        13 => ServerFrame::UnsubscribeAck { unsubscribed: topics(&[name(choices)]) },
        14 => {
            ServerFrame::Topics { added: topics(&["conv:b"]), removed: vec![], seq: seq(position(choices)) }
        }
        15..=16 => ServerFrame::Gap(gap(name(choices), position(choices), position(choices))),
        17..=18 => ServerFrame::Pong { seq: perhaps(choices, |choices| seq(position(choices))) },
        19 => ServerFrame::Draining(Draining {
            reason: DrainReason::Rebalance,
            slot: wish(choices).unwrap_or_default(),
            deadline: wish(choices).unwrap_or_default(),
        }),
        20 => ServerFrame::Error { code: "BAD_FRAME".into(), message: String::new() },
        _ => ServerFrame::Unknown,
    }
}

fn command(choices: &mut Choices<'_>) -> Command {
    use ActivityStatus::{Idle, Other, Thinking, Typing};
    match choices.below(16) {
        0..=2 => Command::Connect,
        3 => Command::Close,
        4..=5 => Command::Subscribe(topics(&[name(choices)])),
        6..=7 => Command::Unsubscribe(topics(&[name(choices)])),
        8..=9 => Command::SendActivity {
            conversation_id: choices.one_of(&["a", "b", "c"]).into(),
            status: choices.one_of(&[Typing, Thinking, Idle, Other("x".into())]),
        },
        10..=11 => Command::Send { message: MessageId(choices.below(9)), bytes: choices.index(50) },
        _ => Command::HandOver,
    }
}

impl Step {
    /// The next step.
    pub(crate) fn choose(choices: &mut Choices<'_>) -> Step {
        // 0 is the most recent one.
        let recent = |choices: &mut Choices<'_>| choices.below(4);
        match choices.below(68) {
            0..=3 => Step::Command(command(choices)),
            4..=7 => Step::CredentialReady(recent(choices)),
            8 => Step::CredentialFailed(
                recent(choices),
                CredentialFailure::Temporary { retry_after: wish(choices), message: "busy".into() },
            ),
            9..=12 => Step::Opened(recent(choices)),
            13 => Step::DialFailed(
                recent(choices),
                DialFailure::Temporary { retry_after: wish(choices), message: "down".into() },
            ),
            14 => Step::DialFailed(recent(choices), DialFailure::Unauthorized),
            15 => Step::Heard(recent(choices)),
            16 => Step::BadFrame(recent(choices)),
            17..=18 => {
                let codes = [1000, 1001, 1006, 4001, 4003, 4009, 4501, 4502, 4503, 4506];
                Step::Closed(recent(choices), choices.one_of(&codes))
            }
            19..=34 => Step::Frame(recent(choices), frame(choices)),
            35..=50 => {
                let (link, topic) = (choices.below(3), name(choices));
                Step::Near(link, topic, choices.below(7) as i64 - 2, choices.below(7) as i64 - 3)
            }
            51 => Step::ReadPaused,
            52 => Step::ReadResumed,
            53 => Step::NetworkReturned,
            54..=57 => Step::Advance(choices.below(200_000)),
            58..=61 => Step::AdvanceToDeadline,
            _ => Step::Succeed(accepted(choices)),
        }
    }
}

/// A configuration: the default, or as small or as large as it gets, everywhere.
pub(crate) fn config(choices: &mut Choices<'_>) -> ClientConfig {
    let config = match choices.below(2) {
        0 => ClientConfig::new(),
        _ => ClientConfig::new()
            .backoff_base(ms(0))
            .backoff_cap(ms(0))
            .accept_deadline(ms(0))
            .pong_deadline(ms(0))
            .close_deadline(ms(0))
            .keepalive(ms(700))
            .stable_after(Duration::MAX)
            .dial_deadline(Duration::MAX)
            .outbox_messages(2)
            .max_subscriptions(2)
            .max_activities(1)
            .max_attempts(5),
    };
    let config = config.renew_after(choices.one_of(&[
        RenewAfter::Never,
        RenewAfter::About(s(60)),
        RenewAfter::Exactly(Duration::ZERO),
        RenewAfter::Exactly(Duration::MAX),
    ]));
    match perhaps(choices, position) {
        Some(at) => config.resume_from(saved(at)),
        None => config,
    }
}
