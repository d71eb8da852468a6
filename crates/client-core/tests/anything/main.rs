//! Whatever comes in whatever order: no panic, no livelock, growing seqs, at most two links that are not retired, at most
//! one retry that waits, and no order for a link that is gone.

mod support;

use std::collections::BTreeSet;

use bowline_client_core::{
    ClientConfig, Command, ConnectionState, CredentialFailure, DialFailure, FetchId, Input, Layer, LinkId,
    MessageId, Notice, Output, RenewAfter, Timer,
};
use bowline_proto::{
    Accepted, ActivityStatus, CloseCode, DrainReason, Draining, Epoch, EventHead, GapReason, Place,
    RefusalCode, Seq, ServerFrame, SubscribeAck, Time, TopicRefusal,
};
use proptest::prelude::*;
use support::*;

/// A step, with links and fetches named by how recent they are.
#[derive(Clone, Debug)]
enum Step {
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

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["conv:a", "conv:b", "log:c", "conv_ondemand:a", "conv_ondemand:b"])
}

fn wish() -> impl Strategy<Value = Option<core::time::Duration>> {
    prop_oneof![Just(None), (0..100_000_u64).prop_map(|n| Some(ms(n))), Just(Some(core::time::Duration::MAX))]
}

fn position() -> impl Strategy<Value = u64> {
    prop_oneof![300 => 0..60_u64, 1 => Just(Seq::MAX.get())]
}

fn accepted() -> impl Strategy<Value = Accepted> {
    let positions = (prop::option::weighted(0.9, 1..3_u64), prop::option::weighted(0.9, position()));
    let gaps = prop::collection::vec((name(), position(), position()), 0..3);
    let times = (prop::option::of(0..40_000_u64), prop::option::of(0..400_000_u64));
    (positions, any::<bool>(), prop::bool::weighted(0.9), gaps, times).prop_map(
        |((epoch, seq_), resumed, can_resume, gaps, (heartbeat, most))| Accepted {
            session_id: Some(session("s")),
            resumed,
            epoch: epoch.map(Epoch::from_bits),
            seq: seq_.map(seq),
            heartbeat: heartbeat.map(ms),
            max_duration: most.map(ms),
            can_resume,
            gaps: gaps.into_iter().map(|(name, after, before)| gap(name, after, before)).collect(),
            ..Accepted::default()
        },
    )
}

fn frame() -> impl Strategy<Value = ServerFrame<Body>> {
    let event = (prop::option::weighted(0.9, name()), prop::option::weighted(0.8, (position(), position())))
        .prop_map(|(name, place)| ServerFrame::Event {
            body: place.map_or(0, |(seq, _)| seq),
            head: EventHead {
                topic: name.map(topic),
                place: place.map(|(at, prev)| Place { seq: seq(at), prev: seq(prev) }),
                digest: place.map_or(7, |(seq, _)| seq % 5),
            },
        });
    let answered = (name(), prop::option::of(position()), any::<bool>()).prop_map(|(name, at, refuse)| {
        let errors = refuse.then(|| TopicRefusal { topic: name.into(), code: RefusalCode::Forbidden });
        let subscribed = if refuse { vec![] } else { topics(&[name]) };
        ServerFrame::SubscribeAck(SubscribeAck {
            subscribed,
            errors: errors.into_iter().collect(),
            seq: at.map(seq),
        })
    });
    prop_oneof![
        8 => event,
        2 => accepted().prop_map(|accepted| ServerFrame::Accepted(accepted.into())),
        1 => (prop::sample::select(vec!["UNAUTHORIZED", "CONNECTION_LIMIT_EXCEEDED", "X"]), wish())
            .prop_map(|(reason, wish)| ServerFrame::Rejected(rejected(reason, wish))),
        2 => answered,
        1 => name().prop_map(|name| ServerFrame::UnsubscribeAck { unsubscribed: topics(&[name]) }),
        1 => position().prop_map(|at| ServerFrame::Topics { added: topics(&["conv:b"]), removed: vec![], seq: seq(at) }),
        2 => (name(), position(), position()).prop_map(|(name, a, b)| ServerFrame::Gap(gap(name, a, b))),
        2 => prop::option::of(position()).prop_map(|at| ServerFrame::Pong { seq: at.map(seq) }),
        1 => (wish(), wish()).prop_map(|(slot, deadline)| ServerFrame::Draining(Draining {
            reason: DrainReason::Rebalance,
            slot: slot.unwrap_or_default(),
            deadline: deadline.unwrap_or_default(),
        })),
        1 => Just(ServerFrame::Error { code: "BAD_FRAME".into(), message: String::new() }),
        1 => Just(ServerFrame::Unknown),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    let status = prop::sample::select(vec![
        ActivityStatus::Typing,
        ActivityStatus::Thinking,
        ActivityStatus::Idle,
        ActivityStatus::Other("x".into()),
    ]);
    prop_oneof![
        3 => Just(Command::Connect),
        1 => Just(Command::Close),
        2 => name().prop_map(|name| Command::Subscribe(topics(&[name]))),
        2 => name().prop_map(|name| Command::Unsubscribe(topics(&[name]))),
        2 => (prop::sample::select(vec!["a", "b", "c"]), status)
            .prop_map(|(id, status)| Command::SendActivity { conversation_id: id.into(), status }),
        2 => (0..9_u64, 0..50_usize).prop_map(|(id, bytes)| Command::Send { message: MessageId(id), bytes }),
        3 => Just(Command::HandOver),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    // 0 is the most recent one.
    let recent = || 0..4_u64;
    let codes = prop::sample::select(vec![1000, 1001, 1006, 4001, 4003, 4009, 4501, 4502, 4503, 4506]);
    prop_oneof![
        4 => command().prop_map(Step::Command),
        4 => recent().prop_map(Step::CredentialReady),
        1 => (recent(), wish()).prop_map(|(n, wish)| Step::CredentialFailed(
            n,
            CredentialFailure::Temporary { retry_after: wish, message: "busy".into() }
        )),
        4 => recent().prop_map(Step::Opened),
        1 => (recent(), wish()).prop_map(|(n, wish)| Step::DialFailed(
            n,
            DialFailure::Temporary { retry_after: wish, message: "down".into() }
        )),
        1 => recent().prop_map(|n| Step::DialFailed(n, DialFailure::Unauthorized)),
        1 => recent().prop_map(Step::Heard),
        1 => recent().prop_map(Step::BadFrame),
        2 => (recent(), codes).prop_map(|(n, code)| Step::Closed(n, code)),
        16 => (recent(), frame()).prop_map(|(n, frame)| Step::Frame(n, frame)),
        16 => (0..3_u64, name(), -2..5_i64, -3..4_i64).prop_map(|(n, name, at, prev)| Step::Near(n, name, at, prev)),
        1 => Just(Step::ReadPaused),
        1 => Just(Step::ReadResumed),
        1 => Just(Step::NetworkReturned),
        4 => (0..200_000_u64).prop_map(Step::Advance),
        4 => Just(Step::AdvanceToDeadline),
        6 => accepted().prop_map(Step::Succeed),
    ]
}

/// What must hold after every single step.
#[derive(Default)]
struct Watch {
    fetches: Vec<FetchId>,
    links: Vec<LinkId>,
    /// Dialled, and neither told to close nor ended.
    unretired: BTreeSet<LinkId>,
    /// Dialled, and neither aborted nor ended.
    open: BTreeSet<LinkId>,
    /// Dialled, and neither opened nor ended.
    dialling: BTreeSet<LinkId>,
    unanswered: BTreeSet<FetchId>,
    last: Option<(Epoch, Seq)>,
    retry_waits: bool,
    is_closed: bool,
}

impl Watch {
    fn observe(&mut self, output: &Output<Body>) {
        assert!(
            !self.is_closed || matches!(output, Output::Notify(Notice::State(ConnectionState::Connecting))),
            "after the end only Connect leads out: {output:?}"
        );
        match output {
            Output::FetchCredential { fetch } => {
                assert!(!self.fetches.contains(fetch), "ids are never reused");
                self.fetches.push(*fetch);
                self.unanswered.insert(*fetch);
                self.retry_waits = false;
                assert!(self.unanswered.len() <= 1, "one attempt at a time");
            }
            Output::ForgetCredential { fetch } => assert!(self.unanswered.remove(fetch)),
            Output::Dial { link, fetch, layer } => {
                assert!(!self.links.contains(link), "ids are never reused");
                assert!(matches!(layer, Layer::Plain | Layer::Resume));
                self.unanswered.remove(fetch);
                self.links.push(*link);
                self.unretired.insert(*link);
                self.open.insert(*link);
                self.dialling.insert(*link);
                assert!(self.unretired.len() <= 2, "current and successor");
            }
            Output::Send { link, .. } | Output::SendMessage { link, .. } => {
                assert!(self.unretired.contains(link), "{output:?}");
            }
            Output::Close { link, .. } => {
                assert!(self.open.contains(link));
                self.unretired.remove(link);
            }
            Output::Abort { link } => {
                assert!(self.open.contains(link), "{output:?}");
                self.ended(*link);
            }
            Output::Deliver { cursor, .. } => {
                if let Some(cursor) = cursor {
                    let grows =
                        self.last.is_none_or(|(epoch, seq)| epoch != cursor.epoch || cursor.seq > seq);
                    assert!(grows, "{:?} then {cursor:?}", self.last);
                    self.last = Some((cursor.epoch, cursor.seq));
                }
            }
            Output::DropMessage { .. } => {}
            Output::Notify(notice) => self.hear(notice),
        }
    }

    fn hear(&mut self, notice: &Notice) {
        match notice {
            Notice::State(state) => self.is_closed = matches!(state, ConnectionState::Closed(_)),
            Notice::Reconnecting { .. } => {
                assert!(!self.retry_waits, "one retry at a time");
                self.retry_waits = true;
            }
            Notice::AttemptStarted { .. } => self.retry_waits = false,
            Notice::Gap(gap) if gap.reason != GapReason::Epoch => {
                assert!(gap.before > gap.after.next(), "an empty gap is no news: {gap:?}");
            }
            Notice::Accepted { accepted, .. } => {
                // Another log counts anew.
                let epoch = accepted.epoch.filter(|_| accepted.can_resume && accepted.seq.is_some());
                if epoch.is_some() && epoch != self.last.map(|(epoch, _)| epoch) {
                    self.last = None;
                }
            }
            _ => {}
        }
    }

    fn link(&self, recency: u64) -> LinkId {
        let index = self.links.len().checked_sub(1 + usize::try_from(recency).expect("a recency is small"));
        index.map_or(LinkId(u64::MAX), |index| self.links[index])
    }

    fn fetch(&self, recency: u64) -> FetchId {
        let index = self.fetches.len().checked_sub(1 + usize::try_from(recency).expect("a recency is small"));
        index.map_or(FetchId(u64::MAX), |index| self.fetches[index])
    }

    fn ended(&mut self, link: LinkId) {
        self.open.remove(&link);
        self.dialling.remove(&link);
        self.unretired.remove(&link);
    }
}

struct Run {
    core: bowline_client_core::ClientCore<Body>,
    now: Time,
    watch: Watch,
}

impl Run {
    fn drain(&mut self) {
        for count in 0.. {
            assert!(count < 10_000, "orders without end");
            match self.core.poll_output() {
                Some(output) => self.watch.observe(&output),
                None => break,
            }
        }
        if matches!(self.core.state(), ConnectionState::Closed(_) | ConnectionState::Idle) {
            assert_eq!(self.core.poll_timeout(), None, "nothing is awaited");
            assert!(self.watch.unanswered.is_empty() && self.watch.unretired.is_empty());
        }
        let waits = self.core.poll_timeout().is_some_and(|deadline| deadline.timer == Timer::Reconnect);
        assert!(!waits || self.watch.unretired.is_empty(), "a retry waits only where there is no link");
    }

    fn input(&mut self, input: Input<Body>) {
        match &input {
            Input::Closed { link, .. } => self.watch.ended(*link),
            Input::Opened { link } => {
                self.watch.dialling.remove(link);
            }
            // Of a link that is not being dialled it is no fact, and must change nothing.
            Input::DialFailed { link, .. } if self.watch.dialling.contains(link) => self.watch.ended(*link),
            Input::CredentialFailed { fetch, .. } => {
                self.watch.unanswered.remove(fetch);
            }
            _ => {}
        }
        self.core.handle(self.now, input);
        self.drain();
    }

    fn advance(&mut self, by: core::time::Duration) {
        let end = self.now + by;
        for _ in 0..10_000 {
            match self.core.poll_timeout() {
                Some(deadline) if deadline.at <= end => {
                    self.now = self.now.max(deadline.at);
                    self.core.handle_timeout(self.now);
                    self.drain();
                    assert_ne!(self.core.poll_timeout(), Some(deadline), "a served deadline changes");
                }
                _ => {
                    self.now = end;
                    // An early call does nothing.
                    self.core.handle_timeout(self.now);
                    assert!(self.core.poll_output().is_none());
                    return;
                }
            }
        }
        panic!("livelock at {:?}", self.core.poll_timeout());
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Command(command) => {
                let _ = self.core.command(self.now, command);
                self.drain();
            }
            Step::CredentialReady(n) => self.input(Input::CredentialReady { fetch: self.watch.fetch(n) }),
            Step::CredentialFailed(n, failure) => {
                self.input(Input::CredentialFailed { fetch: self.watch.fetch(n), failure });
            }
            Step::Opened(n) => self.input(Input::Opened { link: self.watch.link(n) }),
            Step::DialFailed(n, failure) => {
                let link = self.watch.link(n);
                self.input(Input::DialFailed { link, failure });
            }
            Step::Heard(n) => self.input(Input::Heard { link: self.watch.link(n) }),
            Step::BadFrame(n) => self.input(Input::BadFrame { link: self.watch.link(n), why: "x".into() }),
            Step::Closed(n, code) => {
                self.input(Input::Closed { link: self.watch.link(n), code: CloseCode(code) });
            }
            Step::Frame(n, frame) => self.input(Input::Frame { link: self.watch.link(n), frame }),
            Step::Near(n, name, at, prev) => {
                let cursor = self.core.position().cursor.map_or(0, |cursor| cursor.seq.get());
                let near = |by: i64| Seq::new(cursor.saturating_add_signed(by)).unwrap_or(Seq::MAX);
                let place = Place { seq: near(at), prev: near(prev) };
                let head =
                    EventHead { topic: Some(topic(name)), place: Some(place), digest: place.seq.get() };
                let frame = ServerFrame::Event { head, body: place.seq.get() };
                self.input(Input::Frame { link: self.watch.link(n), frame });
            }
            Step::ReadPaused => self.input(Input::ReadPaused),
            Step::ReadResumed => self.input(Input::ReadResumed),
            Step::NetworkReturned => self.input(Input::NetworkReturned),
            Step::Advance(millis) => self.advance(ms(millis)),
            Step::AdvanceToDeadline => {
                if let Some(deadline) = self.core.poll_timeout() {
                    self.advance(deadline.at.since(self.now));
                }
            }
            Step::Succeed(accepted) => {
                self.input(Input::CredentialReady { fetch: self.watch.fetch(0) });
                self.input(Input::Opened { link: self.watch.link(0) });
                let frame = ServerFrame::Accepted(accepted.into());
                self.input(Input::Frame { link: self.watch.link(0), frame });
            }
        }
    }
}

fn config() -> impl Strategy<Value = ClientConfig> {
    let renew = prop::sample::select(vec![
        RenewAfter::Never,
        RenewAfter::About(s(60)),
        RenewAfter::Exactly(core::time::Duration::ZERO),
        RenewAfter::Exactly(core::time::Duration::MAX),
    ]);
    // The second one is as small or as large as it gets, everywhere.
    let base = prop::sample::select(vec![
        ClientConfig::new(),
        ClientConfig::new()
            .backoff_base(ms(0))
            .backoff_cap(ms(0))
            .accept_deadline(ms(0))
            .pong_deadline(ms(0))
            .close_deadline(ms(0))
            .keepalive(ms(700))
            .stable_after(core::time::Duration::MAX)
            .dial_deadline(core::time::Duration::MAX)
            .outbox_messages(2)
            .max_subscriptions(2)
            .max_activities(1)
            .max_attempts(5),
    ]);
    (base, renew, prop::option::of(position())).prop_map(|(base, renew, from)| {
        let config = base.renew_after(renew);
        match from {
            Some(at) => config.resume_from(saved(at)),
            None => config,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_facts_and_wishes_keeps_every_promise(
        config in config(),
        seed in any::<u64>(),
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let core = bowline_client_core::ClientCore::new(config, seed, Time::ZERO);
        let mut run = Run { core, now: Time::ZERO, watch: Watch::default() };
        for step in steps {
            run.step(step);
        }
    }
}
