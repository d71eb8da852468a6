//! A listener that knows the plain layer only: it dials, waits for `connection.accepted`, pings, subscribes, and dials again
//! when it is closed. What it misses between two sockets is its own loss; on each socket it is promised everything.

use bowline_history::{Digest, Reader, Seen};
use bowline_proto::{
    CloseCode, Epoch, Event as AppEvent, Gap, GrantScope, Limits, ServerFrame, Time, Topic,
    decode_server_frame,
};
use bytes::Bytes;
use core::time::Duration;

use crate::env::Env;
use crate::event::{Event, NodeNo, PeerEvent, PeerNo, WireId};
use crate::network::{Dial, Network, Parcel, Pass};
use crate::plan::{End, StrangerPlan, account, on_demand, topic};
use crate::rng::Rng;

/// One stranger.
#[derive(Debug)]
pub(crate) struct Stranger {
    number: PeerNo,
    plan: StrangerPlan,
    rng: Rng,
    life: u32,
    socket: Option<Socket>,
    dials_again: bool,
    /// When its last accepted socket was over.
    accepted_until: Option<Time>,
}

#[derive(Debug)]
struct Socket {
    wire: WireId,
    /// Its reader in the history, and the log that it reads, once it is accepted.
    reader: Option<(usize, Epoch)>,
    /// When it heard something last.
    heard: Time,
}

impl Stranger {
    pub(crate) fn new(number: PeerNo, plan: StrangerPlan, rng: Rng) -> Self {
        Stranger { number, plan, rng, life: 0, socket: None, dials_again: false, accepted_until: None }
    }

    /// Whether its socket is accepted, or was until a moment ago: it can't do without these moments.
    pub(crate) fn is_settled(&self, now: Time) -> bool {
        let was = self.accepted_until.is_some_and(|at| now.since(at) < MOMENT);
        self.plan.absent || self.reader().is_some() || was
    }

    /// Where its present socket's reader is in the history.
    pub(crate) fn reader(&self) -> Option<usize> {
        self.socket.as_ref().and_then(|socket| socket.reader).map(|(reader, _)| reader)
    }

    pub(crate) fn describe(&self) -> String {
        format!("stranger {}: {:?}", self.number, self.socket)
    }

    /// Something happens to it.
    pub(crate) fn happen(&mut self, env: &mut Env, net: &mut Network, what: &PeerEvent) {
        match *what {
            PeerEvent::Starts => {
                self.life += 1;
                self.dial(env, net);
                self.acts_later(env);
            }
            PeerEvent::Connects { life } if life == self.life => {
                self.dials_again = false;
                self.dial(env, net);
            }
            PeerEvent::Acts { life } if life == self.life => {
                self.acts_later(env);
                self.act(env, net);
            }
            PeerEvent::Reads { wire } => self.read(env, net, wire),
            PeerEvent::DialFails { wire } => self.over(env, net, wire),
            PeerEvent::Connects { .. }
            | PeerEvent::Acts { .. }
            | PeerEvent::Wakes { .. }
            | PeerEvent::LateAnswer { .. }
            | PeerEvent::CredentialAnswers { .. }
            | PeerEvent::AppTakes { .. } => {}
        }
    }

    fn acts_later(&self, env: &mut Env) {
        let what = PeerEvent::Acts { life: self.life };
        env.after(self.plan.acts_every, Event::Peer { peer: self.number, what });
    }

    fn dial(&mut self, env: &mut Env, net: &mut Network) {
        if self.socket.is_none() {
            let pass = Pass::Token { until: env.wall().0 + TOKEN_MS };
            let wire = net.dial(env, self.number, HOME, Dial { resume: false, pass });
            env.trace.say(env.now, format_args!("stranger {} dials {wire:?}", self.number));
            self.socket = Some(Socket { wire, reader: None, heard: env.now });
        }
    }

    fn act(&mut self, env: &mut Env, net: &mut Network) {
        let Some(Socket { wire, reader, heard }) = self.socket else { return };
        if env.now.since(heard) > PATIENCE {
            env.counters.count("stranger: gave a silent socket up");
            return self.over(env, net, wire);
        }
        if reader.is_none() {
            return;
        }
        let conversation = self.rng.index(self.plan.conversations.len().max(1));
        let conversation = self.plan.conversations.get(conversation);
        let text = match (self.rng.below(4), conversation.and_then(|name| on_demand(name))) {
            (0, Some(topic)) => format!(r#"{{"action":"subscribe","topics":["{topic}"]}}"#),
            (1, Some(topic)) => format!(r#"{{"action":"unsubscribe","topics":["{topic}"]}}"#),
            (2, Some(topic)) => {
                let id = topic.on_demand_conversation().unwrap_or_default();
                format!(r#"{{"action":"activity","conversationId":"{id}","status":"typing"}}"#)
            }
            _ => r#"{"action":"ping"}"#.to_owned(),
        };
        net.send(env, wire, End::Client, Parcel::Text(text.into()));
    }

    fn read(&mut self, env: &mut Env, net: &mut Network, wire: WireId) {
        while let Some(parcel) = net.take(env, wire, End::Client) {
            if self.socket.as_ref().is_none_or(|socket| socket.wire != wire) {
                return net.close(env, wire, End::Client);
            }
            if let Some(socket) = &mut self.socket {
                socket.heard = env.now;
            }
            match parcel {
                Parcel::Upgraded | Parcel::Pong => {}
                Parcel::Ping if self.plan.answers_pings => net.send(env, wire, End::Client, Parcel::Pong),
                Parcel::Ping => {}
                Parcel::Text(text) => self.text(env, &text),
                Parcel::Close(code) => {
                    net.send(env, wire, End::Client, Parcel::Close(code));
                    self.closed(env, code);
                    self.over(env, net, wire);
                }
                Parcel::End => self.over(env, net, wire),
            }
        }
    }

    fn closed(&self, env: &mut Env, code: CloseCode) {
        env.trace.say(env.now, format_args!("stranger {} is closed with {}", self.number, code.0));
    }

    /// Its socket is over; it dials again after a while.
    fn over(&mut self, env: &mut Env, net: &mut Network, wire: WireId) {
        net.close(env, wire, End::Client);
        let Some(socket) = self.socket.take_if(|socket| socket.wire == wire) else { return };
        if socket.reader.is_some() {
            self.accepted_until = Some(env.now);
        }
        if !std::mem::replace(&mut self.dials_again, true) {
            let again = self.rng.millis(500, 5_000);
            let what = PeerEvent::Connects { life: self.life };
            env.after(again, Event::Peer { peer: self.number, what });
        }
    }

    fn text(&mut self, env: &mut Env, text: &Bytes) {
        let frame = match decode_server_frame(text, &Limits::default()) {
            Ok(frame) => frame,
            Err(why) => {
                let said = format!("stranger {} can't read {text:?}: {why}", self.number);
                return env.violate("codec", said);
            }
        };
        match frame {
            ServerFrame::Accepted(accepted) => {
                let (Some(epoch), Some(seq)) = (accepted.epoch, accepted.seq) else { return };
                env.counters.count("stranger: accepted");
                let mut reader = self.new_reader();
                let moment = env.history.moment();
                reader.items.push(Seen::Based { epoch, seq, from_oldest: false, moment });
                env.history.readers.push(reader);
                if let Some(socket) = &mut self.socket {
                    socket.reader = Some((env.history.readers.len() - 1, epoch));
                }
            }
            ServerFrame::Event { body, .. } => self.event(env, body),
            ServerFrame::Gap(gap) => self.gap(env, gap),
            ServerFrame::Rejected(_)
            | ServerFrame::SubscribeAck(_)
            | ServerFrame::UnsubscribeAck { .. }
            | ServerFrame::Topics { .. }
            | ServerFrame::Pong { .. }
            | ServerFrame::Draining(_)
            | ServerFrame::Error { .. }
            | ServerFrame::Unknown => {}
        }
    }

    fn event(&self, env: &mut Env, event: AppEvent) {
        let Some((reader, epoch)) = self.socket.as_ref().and_then(|socket| socket.reader) else {
            let said = format!("stranger {}: an event before it was accepted", self.number);
            return env.violate("socket order", said);
        };
        if let (Some(place), Some(topic)) = (event.place, event.topic) {
            env.counters.count("stranger: events");
            let seen = Seen::Event { epoch, topic, seq: place.seq, text: Digest::of(&event.text) };
            env.history.readers[reader].items.push(seen);
        }
    }

    fn gap(&self, env: &mut Env, gap: Gap) {
        let Some((reader, _)) = self.socket.as_ref().and_then(|socket| socket.reader) else { return };
        env.counters.count("stranger: gaps");
        let oldest = env.history.oldest;
        let Gap { topic, after, before, reason } = gap;
        env.history.readers[reader].items.push(Seen::Gap { topic, after, before, reason, oldest });
    }

    /// Each socket is a reader of its own, of which nothing is asked after its end.
    fn new_reader(&self) -> Reader {
        let account = account(&self.plan.account);
        let mut reader = match &self.plan.path {
            Some(path) => Reader::new(account, GrantScope::Only(vec![topic(path)].into()), Vec::new()),
            None => {
                let inbox = Topic::inbox(&account);
                Reader::new(account, GrantScope::All, vec![inbox])
            }
        };
        reader.must_be_caught_up = false;
        reader
    }
}

/// How long its token lives.
const TOKEN_MS: u64 = 3_600_000;
/// The node that everybody dials.
const HOME: NodeNo = 0;
/// How long it bears a socket on which it hears nothing.
const PATIENCE: Duration = Duration::from_secs(25);
/// How long it is without a socket at most when nothing is broken: it waits up to 5 s.
const MOMENT: Duration = Duration::from_secs(7);
