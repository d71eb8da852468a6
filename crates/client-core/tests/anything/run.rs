//! What must hold after every single step, whatever the steps are.

use std::collections::BTreeSet;

use bowline_client_core::{
    ClientConfig, ClientCore, ConnectionState, FetchId, Input, Layer, LinkId, Notice, Output, Timer,
};
use bowline_proto::{CloseCode, Epoch, EventHead, GapReason, Place, Seq, ServerFrame, Time};

use super::steps::Step;
use super::support::{Body, ms, topic};

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

/// A core, its time, and what has been seen of it.
pub(crate) struct Run {
    core: ClientCore<Body>,
    now: Time,
    watch: Watch,
}

impl Run {
    pub(crate) fn new(config: ClientConfig, seed: u64) -> Self {
        let core = ClientCore::new(config, seed, Time::ZERO);
        Run { core, now: Time::ZERO, watch: Watch::default() }
    }

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

    pub(crate) fn step(&mut self, step: Step) {
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
