//! A scripted host: virtual time, every order kept, and short words for what peers do.
#![allow(dead_code, unreachable_pub, missing_docs, missing_debug_implementations)]

use core::time::Duration;

use bowline_client_core::{
    ClientConfig, ClientCore, CloseReason, Command, ConnectionState, FetchId, Input, Jitter, Layer, LinkId,
    MessageId, Notice, Output, SavedPosition, Timer,
};
use bowline_proto::{
    Accepted, ClientFrame, CloseCode, Cursor, Epoch, EventHead, Gap, GapReason, Place, Rejected, Resume, Seq,
    ServerFrame, SessionId, SubscribeAck, Time, Topic,
};

/// What the driver keeps of an event: its seq, or a label of the test's.
pub type Body = u64;

pub struct Host {
    pub core: ClientCore<Body>,
    pub now: Time,
    orders: Vec<Output<Body>>,
    fetch: Option<FetchId>,
    dialled: Option<(LinkId, Layer)>,
}

impl Host {
    pub fn new(config: ClientConfig) -> Self {
        Host::seeded(config, 1)
    }

    pub fn seeded(config: ClientConfig, seed: u64) -> Self {
        let core = ClientCore::new(config, seed, Time::ZERO);
        Host { core, now: Time::ZERO, orders: Vec::new(), fetch: None, dialled: None }
    }

    pub fn command(&mut self, command: Command) {
        self.core.command(self.now, command).expect("the command is allowed here");
        self.drain();
    }

    pub fn input(&mut self, input: Input<Body>) {
        self.core.handle(self.now, input);
        self.drain();
    }

    pub fn frame(&mut self, link: LinkId, frame: ServerFrame<Body>) {
        self.input(Input::Frame { link, frame });
    }

    /// Lets time pass; every deadline on the way is served at its own time.
    pub fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        for _ in 0..100_000 {
            match self.core.poll_timeout() {
                Some(deadline) if deadline.at <= end => {
                    self.now = self.now.max(deadline.at);
                    self.core.handle_timeout(self.now);
                    self.drain();
                    assert_ne!(self.core.poll_timeout(), Some(deadline), "a served deadline must change");
                }
                _ => {
                    self.now = end;
                    return;
                }
            }
        }
        panic!("livelock: {:?}", self.core.poll_timeout());
    }

    /// Seconds pass in which `link` is heard.
    pub fn hear(&mut self, link: LinkId, seconds: u64) {
        for _ in 0..seconds {
            self.advance(s(1));
            self.input(Input::Heard { link });
        }
    }

    /// Lets time pass until a `timer` is served.
    pub fn advance_to(&mut self, timer: Timer) {
        let deadline = self.core.poll_timeout().expect("a deadline is armed");
        assert_eq!(deadline.timer, timer);
        let by = deadline.at.since(self.now);
        self.advance(by);
    }

    pub fn next_timer(&self) -> Option<(Timer, Duration)> {
        self.core.poll_timeout().map(|deadline| (deadline.timer, deadline.at.since(self.now)))
    }

    fn drain(&mut self) {
        while let Some(output) = self.core.poll_output() {
            match &output {
                Output::FetchCredential { fetch } => self.fetch = Some(*fetch),
                Output::Dial { link, layer, .. } => self.dialled = Some((*link, *layer)),
                _ => {}
            }
            self.orders.push(output);
        }
    }

    /// Every order since the last call.
    pub fn take(&mut self) -> Orders {
        Orders(core::mem::take(&mut self.orders))
    }

    pub fn fetch(&mut self) -> FetchId {
        self.fetch.take().expect("a credential was asked for")
    }

    /// Answers the token fetch; the link that is dialled then.
    pub fn dial(&mut self) -> (LinkId, Layer) {
        let fetch = self.fetch();
        self.input(Input::CredentialReady { fetch });
        self.dialled.take().expect("a credential leads to a dial")
    }

    /// Answers fetch and dial.
    pub fn open(&mut self) -> LinkId {
        let (link, _) = self.dial();
        self.input(Input::Opened { link });
        link
    }

    pub fn accept(&mut self, link: LinkId, accepted: Accepted) {
        self.frame(link, ServerFrame::Accepted(accepted.into()));
    }

    pub fn close(&mut self, link: LinkId, code: u16) {
        self.input(Input::Closed { link, code: CloseCode(code) });
    }

    /// Connects to a gateway that can resume, at `head`. Orders so far are taken.
    pub fn connected_at(config: ClientConfig, head: u64) -> (Host, LinkId) {
        let mut host = Host::new(config);
        host.command(Command::Connect);
        let link = host.open();
        host.accept(link, at(head));
        assert_eq!(host.core.state(), &ConnectionState::Connected);
        host.take();
        (host, link)
    }

    /// Connects to a server that knows the plain layer only. Orders so far are taken.
    pub fn connected_plainly(config: ClientConfig) -> (Host, LinkId) {
        let mut host = Host::new(config);
        host.command(Command::Connect);
        let link = host.open();
        host.accept(link, Accepted::default());
        host.take();
        (host, link)
    }

    /// Starts a handover and brings the successor to where it awaits its accept.
    pub fn successor(&mut self) -> LinkId {
        self.command(Command::HandOver);
        self.open()
    }

    pub fn event(&mut self, link: LinkId, name: &str, seq_: u64, prev: u64) {
        let head = EventHead {
            topic: Some(topic(name)),
            place: Some(Place { seq: seq(seq_), prev: seq(prev) }),
            digest: seq_,
        };
        self.frame(link, ServerFrame::Event { head, body: seq_ });
    }

    /// A signal, or an event of a plain server; its label is its text's digest.
    pub fn unplaced(&mut self, link: LinkId, name: Option<&str>, label: u64) {
        let head = EventHead { topic: name.map(topic), place: None, digest: label };
        self.frame(link, ServerFrame::Event { head, body: label });
    }

    pub fn pong(&mut self, link: LinkId, at: u64) {
        self.frame(link, ServerFrame::Pong { seq: Some(seq(at)) });
    }

    pub fn cursor(&self) -> Option<(u64, u64)> {
        self.core.position().cursor.map(|cursor| (cursor.epoch.bits(), cursor.seq.get()))
    }

    pub fn is_closed(&self, reason: &CloseReason) -> bool {
        matches!(self.core.state(), ConnectionState::Closed(given) if given == reason)
    }
}

/// Orders, and what a test asks of them.
pub struct Orders(pub Vec<Output<Body>>);

impl Orders {
    pub fn delivered(&self) -> Vec<Body> {
        let body = |output: &Output<Body>| match output {
            Output::Deliver { body, .. } => Some(*body),
            _ => None,
        };
        self.0.iter().filter_map(body).collect()
    }

    pub fn notices(&self) -> Vec<&Notice> {
        let notices = self.0.iter().filter_map(|output| match output {
            Output::Notify(notice) => Some(notice),
            _ => None,
        });
        notices.collect()
    }

    pub fn states(&self) -> Vec<ConnectionState> {
        let state = |notice: &&Notice| match notice {
            Notice::State(state) => Some(state.clone()),
            _ => None,
        };
        self.notices().iter().filter_map(state).collect()
    }

    pub fn gaps(&self) -> Vec<(String, u64, u64, GapReason)> {
        let gap = |notice: &&Notice| match notice {
            Notice::Gap(Gap { topic, after, before, reason }) => {
                Some((topic.to_string(), after.get(), before.get(), *reason))
            }
            _ => None,
        };
        self.notices().iter().filter_map(gap).collect()
    }

    /// Attempt and delay of each announced reconnect.
    pub fn reconnects(&self) -> Vec<(u32, Duration)> {
        let reconnect = |notice: &&Notice| match notice {
            Notice::Reconnecting { attempt, delay, .. } => Some((*attempt, *delay)),
            _ => None,
        };
        self.notices().iter().filter_map(reconnect).collect()
    }

    pub fn sent_on(&self, wanted: LinkId) -> Vec<&ClientFrame> {
        let sent = |output| match output {
            &Output::Send { link, ref frame } if link == wanted => Some(frame),
            _ => None,
        };
        self.0.iter().filter_map(sent).collect()
    }

    pub fn resume_on(&self, wanted: LinkId) -> Resume {
        match self.sent_on(wanted).as_slice() {
            [ClientFrame::Resume(resume), ..] => resume.clone(),
            other => panic!("no resume but {other:?}"),
        }
    }

    pub fn subscribed_on(&self, wanted: LinkId) -> Vec<String> {
        let topics = |frame: &&ClientFrame| match frame {
            ClientFrame::Subscribe { topics } => topics.clone(),
            _ => Vec::new(),
        };
        names(self.sent_on(wanted).iter().flat_map(topics))
    }

    pub fn unsubscribed_on(&self, wanted: LinkId) -> Vec<String> {
        let topics = |frame: &&ClientFrame| match frame {
            ClientFrame::Unsubscribe { topics } => topics.clone(),
            _ => Vec::new(),
        };
        names(self.sent_on(wanted).iter().flat_map(topics))
    }

    pub fn messages(&self) -> Vec<(LinkId, MessageId)> {
        let message = |output: &Output<Body>| match output {
            Output::SendMessage { link, message } => Some((*link, *message)),
            _ => None,
        };
        self.0.iter().filter_map(message).collect()
    }

    pub fn dropped(&self) -> Vec<MessageId> {
        let message = |output: &Output<Body>| match output {
            Output::DropMessage { message } => Some(*message),
            _ => None,
        };
        self.0.iter().filter_map(message).collect()
    }

    pub fn fetches(&self) -> usize {
        self.0.iter().filter(|output| matches!(output, Output::FetchCredential { .. })).count()
    }

    pub fn forgets(&self, wanted: FetchId) -> bool {
        self.0.iter().any(|output| matches!(output, Output::ForgetCredential { fetch } if *fetch == wanted))
    }

    pub fn closes(&self, wanted: LinkId) -> bool {
        let is_close = |output: &Output<Body>| matches!(output, Output::Close { link, code } if *link == wanted && *code == CloseCode::NORMAL);
        self.0.iter().any(is_close)
    }

    pub fn aborts(&self, wanted: LinkId) -> bool {
        self.0.iter().any(|output| matches!(output, Output::Abort { link } if *link == wanted))
    }

    pub fn has(&self, is_it: impl Fn(&Notice) -> bool) -> bool {
        self.notices().into_iter().any(is_it)
    }
}

pub fn names(topics: impl IntoIterator<Item = bowline_proto::RequestedTopic>) -> Vec<String> {
    let name = |topic| match topic {
        bowline_proto::RequestedTopic::Valid(topic) => topic.to_string(),
        bowline_proto::RequestedTopic::Invalid(text) => text,
    };
    topics.into_iter().map(name).collect()
}

pub const EPOCH: u64 = 0xe1;
pub const HEARTBEAT: Duration = Duration::from_secs(15);

pub fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub fn seq(n: u64) -> Seq {
    Seq::new(n).expect("a test's seq is small")
}

pub fn topic(name: &str) -> Topic {
    Topic::new(name).expect("a test's topic is well formed")
}

pub fn topics(names: &[&str]) -> Vec<Topic> {
    names.iter().map(|name| topic(name)).collect()
}

pub fn session(name: &str) -> SessionId {
    SessionId::new(name).expect("a test's session is well formed")
}

pub fn cursor(epoch: u64, at: u64) -> Cursor {
    Cursor { epoch: Epoch::from_bits(epoch), seq: seq(at) }
}

pub fn saved(at: u64) -> SavedPosition {
    SavedPosition { session_id: Some(session("saved")), cursor: Some(cursor(EPOCH, at)) }
}

/// A fresh accept of a gateway that can resume.
pub fn at(head: u64) -> Accepted {
    Accepted {
        session_id: Some(session("s1")),
        epoch: Some(Epoch::from_bits(EPOCH)),
        seq: Some(seq(head)),
        heartbeat: Some(HEARTBEAT),
        can_resume: true,
        can_drain: true,
        ..Accepted::default()
    }
}

/// An accept that goes on after the presented cursor.
pub fn resumed_at(position: u64) -> Accepted {
    Accepted { resumed: true, ..at(position) }
}

pub fn gap(name: &str, after: u64, before: u64) -> Gap {
    Gap { topic: topic(name), after: seq(after), before: seq(before), reason: GapReason::Retention }
}

pub fn rejected(reason: &str, retry_after: Option<Duration>) -> Rejected {
    Rejected { reason: reason.into(), message: String::new(), retry_after }
}

pub fn ack(names: &[&str], at: Option<u64>) -> ServerFrame<Body> {
    ServerFrame::SubscribeAck(SubscribeAck {
        subscribed: topics(names),
        errors: Vec::new(),
        seq: at.map(seq),
    })
}

/// Delays without chance.
pub fn exact() -> ClientConfig {
    ClientConfig::new().jitter(Jitter::None)
}
