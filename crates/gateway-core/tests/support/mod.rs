//! A shard with a log in memory and clients that remember what they got. Every output passes through the rules that hold
//! always: nothing before `connection.accepted`, it comes once, seqs grow, nothing after a close, one read per socket.
#![allow(dead_code, reason = "each test uses its part")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod log;

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bowline_gateway_core::{
    ConnId, GatewayCore, Hello, Input, Opening, Output, ShardConfig, Shared, SocketKind, TopicFilter,
};
use bowline_proto::{
    Accepted, Account, AccountKind, ActivityStatus, ClientFrame, CloseCode, Draining, Epoch, Gap, GrantScope,
    Query, Record, RequestedTopic, Resume, Seq, ServerFrame, SessionId, SubscribeAck, Time, Topic,
};

pub(crate) use log::Log;

/// What a client got.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Got {
    Frame(ServerFrame<Infallible>),
    Event(u64),
    Signal(String),
    Ping,
    Closed(CloseCode),
}

/// A shard and all around it.
pub(crate) struct World {
    pub(crate) core: GatewayCore,
    pub(crate) log: Log,
    pub(crate) now: Time,
    pub(crate) inboxes: BTreeMap<ConnId, Vec<Got>>,
    pub(crate) reads: VecDeque<(ConnId, Query)>,
    pub(crate) shared: Vec<Shared>,
    /// Every order but reads, in order: what a test that counts looks at.
    pub(crate) orders: Vec<Output>,
    /// Reads are answered as they come.
    pub(crate) answers: bool,
    last_seq: BTreeMap<ConnId, u64>,
    next_generation: u32,
}

pub(crate) fn topic(name: &str) -> Topic {
    Topic::new(name).unwrap()
}

pub(crate) fn account(name: &str) -> Account {
    Account::new(name).unwrap()
}

pub(crate) fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(crate) fn seq(n: u64) -> Seq {
    Seq::new(n).unwrap()
}

pub(crate) fn asked(topics: &[&str]) -> Vec<RequestedTopic> {
    topics
        .iter()
        .map(|t| {
            Topic::new(t).map_or_else(|_| RequestedTopic::Invalid((*t).to_owned()), RequestedTopic::Valid)
        })
        .collect()
}

impl World {
    pub(crate) fn new() -> Self {
        World::with(ShardConfig::default())
    }

    pub(crate) fn with(config: ShardConfig) -> Self {
        let epoch = Epoch::from_bits(7);
        World {
            core: GatewayCore::new(config, epoch, Seq::ZERO, Time::ZERO),
            log: Log::new(epoch),
            now: Time::ZERO,
            inboxes: BTreeMap::new(),
            reads: VecDeque::new(),
            shared: Vec::new(),
            orders: Vec::new(),
            answers: true,
            last_seq: BTreeMap::new(),
            next_generation: 0,
        }
    }

    /// A hello of an agent's account socket.
    pub(crate) fn hello(&mut self, name: &str) -> Hello {
        let (grants, as_of) = self.log.grants(&account(name));
        let n = self.next_generation;
        Hello {
            account: account(name),
            kind: AccountKind::Agent,
            socket: SocketKind::Account,
            claims: Arc::from([]),
            open: Arc::from([Topic::inbox(&account(name))]),
            granted: GrantScope::All,
            grants,
            as_of,
            opening: Opening::Plain,
            connection_id: format!("c{n}").into(),
            session_id: SessionId::new(&format!("session-{n}")).unwrap(),
        }
    }

    /// A hello of a path socket of one topic.
    pub(crate) fn path_hello(&mut self, name: &str, path_topic: &str) -> Hello {
        let hello = self.hello(name);
        Hello {
            socket: SocketKind::Path,
            open: Arc::from([]),
            granted: GrantScope::Only(Arc::from([topic(path_topic)])),
            ..hello
        }
    }

    pub(crate) fn open(&mut self, hello: Hello) -> ConnId {
        let slot =
            (0..).find(|slot| !self.inboxes.keys().any(|c| c.slot == *slot && self.is_open(*c))).unwrap();
        let conn = ConnId { slot, generation: self.next_generation };
        self.next_generation += 1;
        self.inboxes.insert(conn, Vec::new());
        self.input(Input::Opened { conn, hello: Box::new(hello) });
        conn
    }

    /// Opens an agent's account socket on the plain layer.
    pub(crate) fn connect(&mut self, name: &str) -> ConnId {
        let hello = self.hello(name);
        self.open(hello)
    }

    /// Opens with `resume=1`, and sends no frame.
    pub(crate) fn knock(&mut self, name: &str) -> ConnId {
        let hello = Hello { opening: Opening::Resume, ..self.hello(name) };
        self.open(hello)
    }

    /// Opens with `resume=1` and resumes.
    pub(crate) fn resume(
        &mut self,
        name: &str,
        session: Option<SessionId>,
        after: u64,
        topics: &[&str],
    ) -> ConnId {
        let conn = self.knock(name);
        self.send_resume(conn, session, after, topics);
        conn
    }

    pub(crate) fn send_resume(
        &mut self,
        conn: ConnId,
        session_id: Option<SessionId>,
        after: u64,
        topics: &[&str],
    ) {
        let epoch = Some(self.log.epoch);
        let resume = Resume { session_id, epoch, seq: seq(after), topics: asked(topics) };
        self.frame(conn, ClientFrame::Resume(resume));
    }

    pub(crate) fn frame(&mut self, conn: ConnId, frame: ClientFrame) {
        self.input(Input::Frame { conn, frame });
    }

    pub(crate) fn subscribe(&mut self, conn: ConnId, topics: &[&str]) -> SubscribeAck {
        self.frame(conn, ClientFrame::Subscribe { topics: asked(topics) });
        let ack = self.frames(conn).into_iter().rev().find_map(|frame| match frame {
            ServerFrame::SubscribeAck(ack) => Some(ack),
            _ => None,
        });
        ack.expect("a subscribe is answered")
    }

    pub(crate) fn say(&mut self, conn: ConnId, conversation: &str, status: ActivityStatus) {
        self.frame(conn, ClientFrame::Activity { conversation_id: conversation.into(), status });
    }

    pub(crate) fn input(&mut self, input: Input) {
        if let Input::Closed { conn } = &input {
            self.inboxes.entry(*conn).or_default().push(Got::Closed(CloseCode::ABNORMAL));
        }
        self.core.handle(self.now, input);
        self.drain();
    }

    /// Appends to the log and shows it to the shard.
    pub(crate) fn publish(&mut self, name: &str) -> u64 {
        let record = self.log.event(name);
        self.show(vec![record])
    }

    pub(crate) fn grant(&mut self, name: &str, to: &str) -> u64 {
        let record = self.log.grant(name, to);
        self.show(vec![record])
    }

    pub(crate) fn revoke(&mut self, name: &str, from: &str) -> u64 {
        let record = self.log.revoke(name, from);
        self.show(vec![record])
    }

    pub(crate) fn show(&mut self, records: Vec<Record>) -> u64 {
        let last = records.last().unwrap().seq().get();
        self.input(Input::Appended { records: records.into() });
        last
    }

    /// Lets time pass; every timer fires at its time.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        let mut turns = 0;
        while let Some(at) = self.core.poll_timeout().filter(|at| *at <= end) {
            assert!(at >= self.now, "a timer is stuck in the past");
            self.now = at;
            self.core.handle_timeout(at);
            self.drain();
            assert!(self.core.poll_timeout().is_none_or(|next| next > at), "a timer does not move on");
            turns += 1;
            assert!(turns < 1_000_000, "livelock");
        }
        self.now = end;
        self.core.handle_timeout(end);
        self.drain();
    }

    /// Lets time pass while these clients answer every ping.
    pub(crate) fn pass_alive(&mut self, time: Duration, alive: &[ConnId]) {
        let end = self.now + time;
        while self.now < end {
            for conn in alive {
                self.input(Input::Heard { conn: *conn });
            }
            self.pass(secs(1).min(end.since(self.now)));
        }
    }

    /// Answers the oldest open read.
    pub(crate) fn answer(&mut self) {
        let (conn, query) = self.reads.pop_front().expect("a read is open");
        let page = self.log.read(&query);
        self.core.handle(self.now, Input::PageRead { conn, page });
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            while let Some(output) = self.core.poll_output() {
                self.take(output);
            }
            if !self.answers || self.reads.is_empty() {
                return;
            }
            let (conn, query) = self.reads.pop_front().unwrap();
            let page = self.log.read(&query);
            self.core.handle(self.now, Input::PageRead { conn, page });
        }
    }

    fn take(&mut self, output: Output) {
        match &output {
            Output::Send { conn, frame } => self.put(*conn, Got::Frame(frame.clone())),
            Output::Deliver { records, range, to } => {
                assert!(!to.is_empty() && !range.is_empty(), "an empty order");
                for conn in to {
                    for record in &records[range.clone()] {
                        let Record::Event(event) = record else { panic!("only events are delivered") };
                        let last = self.last_seq.insert(*conn, event.seq.get()).unwrap_or(0);
                        assert!(last < event.seq.get(), "{conn:?} got {} after {last}", event.seq);
                        self.put(*conn, Got::Event(event.seq.get()));
                    }
                }
            }
            Output::Signal { text, to } => {
                for conn in to {
                    self.put(*conn, Got::Signal(String::from_utf8(text.to_vec()).unwrap()));
                }
            }
            Output::Ping { conn } => self.put(*conn, Got::Ping),
            Output::Close { conn, code } => self.put(*conn, Got::Closed(*code)),
            Output::Share(shared) => self.shared.push(shared.clone()),
            Output::Read { conn, query } => {
                assert!(self.is_open(*conn));
                self.reads.retain(|(other, _)| self.inboxes.contains_key(other));
                assert!(!self.reads.iter().any(|(other, _)| other == conn), "two reads at once");
                self.reads.push_back((*conn, query.clone()));
                return;
            }
        }
        self.orders.push(output);
    }

    fn put(&mut self, conn: ConnId, got: Got) {
        assert!(self.is_open(conn), "{got:?} for a closed socket");
        let is_accept = matches!(got, Got::Frame(ServerFrame::Accepted(_)));
        let was_accepted = self.is_accepted(conn);
        let needs_accept = match &got {
            Got::Frame(frame) => !matches!(
                frame,
                ServerFrame::Accepted(_) | ServerFrame::Rejected(_) | ServerFrame::Error { .. }
            ),
            Got::Event(_) | Got::Signal(_) => true,
            Got::Ping | Got::Closed(_) => false,
        };
        assert!(!(is_accept && was_accepted), "accepted twice");
        assert!(was_accepted || !needs_accept, "{got:?} before connection.accepted");
        self.inboxes.get_mut(&conn).unwrap().push(got);
    }

    pub(crate) fn is_open(&self, conn: ConnId) -> bool {
        self.inboxes.get(&conn).is_some_and(|inbox| !inbox.iter().any(|got| matches!(got, Got::Closed(_))))
    }

    pub(crate) fn is_accepted(&self, conn: ConnId) -> bool {
        self.inboxes[&conn].iter().any(|got| matches!(got, Got::Frame(ServerFrame::Accepted(_))))
    }

    pub(crate) fn closed(&self, conn: ConnId) -> Option<CloseCode> {
        self.inboxes[&conn].iter().find_map(|got| match got {
            Got::Closed(code) => Some(*code),
            _ => None,
        })
    }

    pub(crate) fn frames(&self, conn: ConnId) -> Vec<ServerFrame<Infallible>> {
        let frames = self.inboxes[&conn].iter().filter_map(|got| match got {
            Got::Frame(frame) => Some(frame.clone()),
            _ => None,
        });
        frames.collect()
    }

    pub(crate) fn events(&self, conn: ConnId) -> Vec<u64> {
        let events = self.inboxes[&conn].iter().filter_map(|got| match got {
            Got::Event(seq) => Some(*seq),
            _ => None,
        });
        events.collect()
    }

    pub(crate) fn signals(&self, conn: ConnId) -> Vec<String> {
        let signals = self.inboxes[&conn].iter().filter_map(|got| match got {
            Got::Signal(text) => Some(text.clone()),
            _ => None,
        });
        signals.collect()
    }

    pub(crate) fn pings(&self, conn: ConnId) -> usize {
        self.inboxes[&conn].iter().filter(|got| **got == Got::Ping).count()
    }

    pub(crate) fn accepted(&self, conn: ConnId) -> Accepted {
        let accepted = self.frames(conn).into_iter().find_map(|frame| match frame {
            ServerFrame::Accepted(accepted) => Some(*accepted),
            _ => None,
        });
        accepted.expect("accepted")
    }

    pub(crate) fn session(&self, conn: ConnId) -> Option<SessionId> {
        self.accepted(conn).session_id
    }

    pub(crate) fn draining(&self, conn: ConnId) -> Vec<Draining> {
        let draining = self.frames(conn).into_iter().filter_map(|frame| match frame {
            ServerFrame::Draining(draining) => Some(draining),
            _ => None,
        });
        draining.collect()
    }

    pub(crate) fn gaps(&self, conn: ConnId) -> Vec<Gap> {
        let gaps = self.frames(conn).into_iter().filter_map(|frame| match frame {
            ServerFrame::Gap(gap) => Some(gap),
            _ => None,
        });
        gaps.collect()
    }

    /// `topics` frames: what was added, what removed, where.
    pub(crate) fn topic_changes(&self, conn: ConnId) -> Vec<(Vec<String>, Vec<String>, u64)> {
        let names = |topics: Vec<Topic>| topics.iter().map(|t| t.as_str().to_owned()).collect::<Vec<_>>();
        let changes = self.frames(conn).into_iter().filter_map(|frame| match frame {
            ServerFrame::Topics { added, removed, seq } => Some((names(added), names(removed), seq.get())),
            _ => None,
        });
        changes.collect()
    }

    pub(crate) fn errors(&self, conn: ConnId) -> Vec<String> {
        let errors = self.frames(conn).into_iter().filter_map(|frame| match frame {
            ServerFrame::Error { code, .. } => Some(code),
            _ => None,
        });
        errors.collect()
    }

    pub(crate) fn pongs(&self, conn: ConnId) -> Vec<u64> {
        let pongs = self.frames(conn).into_iter().filter_map(|frame| match frame {
            ServerFrame::Pong { seq } => seq.map(Seq::get),
            _ => None,
        });
        pongs.collect()
    }
}

pub(crate) fn claim(prefix: &str) -> Arc<[TopicFilter]> {
    Arc::from([TopicFilter::Prefix(prefix.into())])
}
