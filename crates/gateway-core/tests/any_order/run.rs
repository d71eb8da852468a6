//! A shard, and what each of its readers is owed.

use std::collections::BTreeMap;

use bowline_gateway_core::{ConnId, Hello, Input, Opening, ShardConfig};
use bowline_proto::{ActivityStatus, ClientFrame, Record, ServerFrame, SessionId, Topic};

use super::ops::{NAMES, Op, TOPICS};
use super::support::{World, account, asked, secs, topic};

/// A run: the world, and what only the run knows.
pub(crate) struct Run {
    world: World,
    /// Records of the log that the shard has seen in its tail.
    shown: usize,
    hello: Option<Hello>,
    conns: Vec<(ConnId, Hello)>,
    sessions: Vec<SessionId>,
}

impl Run {
    pub(crate) fn new() -> Self {
        let mut world = World::with(ShardConfig::default().page(2, 1 << 20).reads_at_once(2));
        world.answers = false;
        Run { world, shown: 0, hello: None, conns: Vec::new(), sessions: Vec::new() }
    }

    /// One of the open sockets.
    fn pick(&self, which: usize) -> Option<ConnId> {
        let open: Vec<ConnId> =
            self.conns.iter().map(|(conn, _)| *conn).filter(|conn| self.world.is_open(*conn)).collect();
        open.get(which % open.len().max(1)).copied()
    }

    fn take_tail(&mut self, count: usize) -> Vec<Record> {
        let end = (self.shown + count).min(self.world.log.records.len());
        let records = self.world.log.records[self.shown..end].to_vec();
        self.shown = end;
        records
    }

    pub(crate) fn step(&mut self, op: Op) {
        match op {
            Op::Prepare { who, is_path } => {
                let hello = if is_path {
                    self.world.path_hello(NAMES[who], "chat:t1")
                } else {
                    self.world.hello(NAMES[who])
                };
                self.hello = Some(hello);
            }
            Op::Open { resumes } => {
                let Some(mut hello) = self.hello.take() else { return };
                if resumes {
                    hello.opening = Opening::Resume;
                }
                let n = self.conns.len();
                hello.session_id = SessionId::new(&format!("s{n}")).unwrap();
                self.sessions.push(hello.session_id.clone());
                let conn = self.world.open(hello.clone());
                self.conns.push((conn, hello));
            }
            Op::SendResume { which, session, back } => {
                let Some(conn) = self.pick(which) else { return };
                let after = self.world.log.head().get().saturating_sub(back);
                let session = self.sessions.get(session).cloned();
                self.world.send_resume(conn, session, after, &["conv_ondemand:c1", "conv:c2"]);
            }
            Op::Append { topic } => drop(self.world.log.event(TOPICS[topic])),
            Op::Right { who, topic } => {
                if self.world.log.is_granted(NAMES[who], TOPICS[topic]) {
                    self.world.log.revoke(NAMES[who], TOPICS[topic]);
                } else {
                    self.world.log.grant(NAMES[who], TOPICS[topic]);
                }
            }
            Op::Show { count } => {
                let records = self.take_tail(count);
                self.world.input(Input::Appended { records: records.into() });
            }
            Op::Skip { count } => {
                if let Some(last) = self.take_tail(count).last() {
                    self.world.input(Input::TailSkipped { upto: last.seq() });
                }
            }
            Op::Answer => {
                if !self.world.reads.is_empty() {
                    self.world.answer();
                }
            }
            Op::FailRead => {
                if let Some((conn, _)) = self.world.reads.pop_front() {
                    self.world.input(Input::ReadFailed { conn });
                }
            }
            Op::Block { which } => self.with(which, |conn| Input::Blocked { conn }),
            Op::Progress { which } => self.with(which, |conn| Input::Progressed { conn }),
            Op::Drain { which } => self.with(which, |conn| Input::Drained { conn }),
            Op::Hear { which } => self.with(which, |conn| Input::Heard { conn }),
            Op::Ping { which } => self.with(which, |conn| Input::Frame { conn, frame: ClientFrame::Ping }),
            Op::Bad { which } => self.with(which, |conn| Input::BadFrame { conn, why: "bad".to_owned() }),
            Op::Close { which } => self.with(which, |conn| Input::Closed { conn }),
            Op::Subscribe { which, conversation, is_logged } => self.with(which, |conn| {
                let prefix = if is_logged { "conv" } else { "conv_ondemand" };
                let topics = asked(&[&format!("{prefix}:c{conversation}")]);
                Input::Frame { conn, frame: ClientFrame::Subscribe { topics } }
            }),
            Op::Say { which, conversation, is_active } => self.with(which, |conn| {
                let status = if is_active { ActivityStatus::Typing } else { ActivityStatus::Idle };
                let conversation_id = format!("c{conversation}").into();
                Input::Frame { conn, frame: ClientFrame::Activity { conversation_id, status } }
            }),
            Op::Disconnect { who } => self.world.input(Input::Disconnect { account: account(NAMES[who]) }),
            Op::Pass { millis } => self.world.pass(std::time::Duration::from_millis(millis)),
        }
    }

    fn with(&mut self, which: usize, input: impl FnOnce(ConnId) -> Input) {
        if let Some(conn) = self.pick(which) {
            self.world.input(input(conn));
        }
    }

    /// No session has more than two sockets, no account more sessions with sockets than it may have.
    pub(crate) fn check_limits(&self) {
        let mut sockets: BTreeMap<(&str, bool, String), usize> = BTreeMap::new();
        for (conn, hello) in &self.conns {
            if self.world.is_open(*conn) && self.world.is_accepted(*conn) {
                let session = self.world.session(*conn).unwrap().reveal().to_owned();
                let is_path = hello.claims.is_empty() && hello.open.is_empty();
                *sockets.entry((hello.account.as_str(), is_path, session)).or_default() += 1;
            }
        }
        assert!(sockets.values().all(|count| *count <= 2), "{sockets:?}");
        for name in NAMES {
            let of_account = sockets.keys().filter(|(who, is_path, _)| *who == name && !is_path).count();
            assert!(of_account <= 2, "{sockets:?}");
        }
        let stats = self.world.core.stats();
        let open = self.conns.iter().filter(|(conn, _)| self.world.is_open(*conn)).count();
        assert_eq!(stats.connections as usize, open);
        assert!(stats.live + stats.catching_up <= stats.connections);
    }

    /// Everything comes to rest: the tail is shown, every socket takes bytes, every read is answered.
    pub(crate) fn settle(&mut self) {
        self.world.answers = true;
        let rest = self.take_tail(usize::MAX - self.shown);
        self.world.input(Input::Appended { records: rest.into() });
        for which in 0..self.conns.len() {
            let conn = self.conns[which].0;
            if self.world.is_open(conn) {
                self.world.input(Input::Drained { conn });
            }
        }
        while let Some((conn, query)) = self.world.reads.pop_front() {
            let page = self.world.log.read(&query);
            self.world.input(Input::PageRead { conn, page });
        }
        // A read that failed is asked again a second later.
        for (conn, _) in &self.conns {
            if self.world.is_open(*conn) {
                self.world.core.handle(self.world.now, Input::Heard { conn: *conn });
            }
        }
        self.world.pass(secs(1));
    }

    /// What a socket subscribed to, from where, up to where.
    fn subscribed(&self, conn: ConnId) -> Vec<(Topic, u64, Option<u64>)> {
        let mut spans: Vec<(Topic, u64, Option<u64>)> = Vec::new();
        let accepted = self.world.accepted(conn);
        if accepted.resumed {
            spans.push((topic("conv:c2"), accepted.seq.unwrap().get(), None));
        }
        for frame in self.world.frames(conn) {
            match frame {
                ServerFrame::SubscribeAck(ack) => {
                    spans.retain(|span| {
                        !ack.errors.iter().any(|e| e.topic == span.0.as_str() && span.2.is_none())
                    });
                    for topic in ack.subscribed {
                        if !spans.iter().any(|span| span.0 == topic && span.2.is_none()) {
                            spans.push((topic, ack.seq.unwrap().get(), None));
                        }
                    }
                }
                ServerFrame::Topics { removed, seq, .. } => {
                    for span in spans.iter_mut().filter(|span| span.2.is_none() && removed.contains(&span.0))
                    {
                        span.2 = Some(seq.get());
                    }
                }
                _ => {}
            }
        }
        spans
    }

    /// Every reader has got every event that it had a right to at the event's position, since it was accepted.
    pub(crate) fn check_delivery(&self) {
        for (conn, hello) in &self.conns {
            if !self.world.is_open(*conn) || !self.world.is_accepted(*conn) {
                continue;
            }
            let from = self.world.accepted(*conn).seq.unwrap().get();
            let is_path = hello.open.is_empty();
            let open: Vec<Topic> = if is_path { vec![] } else { vec![Topic::inbox(&hello.account)] };
            let spans = self.subscribed(*conn);
            let is_due = |seq: &u64| {
                let Record::Event(event) = &self.world.log.records[usize::try_from(*seq - 1).unwrap()] else {
                    return false;
                };
                let is_asked = spans.iter().any(|(topic, after, before)| {
                    *topic == event.topic && *after < *seq && before.is_none_or(|before| *seq <= before)
                });
                !is_path || event.topic == topic("chat:t1") || is_asked
            };
            let mut owed = self.world.log.owed(hello.account.as_str(), &open, from);
            owed.retain(is_due);
            assert_eq!(self.world.events(*conn), owed, "{conn:?} from {from}");
        }
        let stats = self.world.core.stats();
        assert_eq!(stats.catching_up, 0, "a reader hangs");
    }
}
