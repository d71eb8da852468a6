//! Somebody who means harm: valid at the door, and then everything that no client does. Whatever it does, nobody else may
//! notice.

use bowline_proto::{Epoch, Seq};
use bytes::Bytes;
use core::time::Duration;

use crate::env::Env;
use crate::event::{Event, NodeNo, PeerEvent, PeerNo, WireId};
use crate::network::{Dial, Network, Parcel, Pass};
use crate::plan::{End, Habit, HostilePlan};
use crate::rng::Rng;

/// One hostile peer.
#[derive(Debug)]
pub(crate) struct Hostile {
    number: PeerNo,
    plan: HostilePlan,
    rng: Rng,
    wires: Vec<WireId>,
    stopped: bool,
}

impl Hostile {
    pub(crate) fn new(number: PeerNo, plan: HostilePlan, rng: Rng) -> Self {
        Hostile { number, plan, rng, wires: Vec::new(), stopped: false }
    }

    /// It does nothing new any more: others still have to get rid of what it holds.
    pub(crate) fn stop(&mut self) {
        self.stopped = true;
    }

    /// Something happens to it.
    pub(crate) fn happen(&mut self, env: &mut Env, net: &mut Network, what: &PeerEvent) {
        match *what {
            PeerEvent::Starts | PeerEvent::Acts { .. } => {
                if !self.stopped {
                    self.act(env, net);
                    let spread = self.rng.millis(0, 200);
                    let what = PeerEvent::Acts { life: 0 };
                    env.after(self.plan.acts_every + spread, Event::Peer { peer: self.number, what });
                }
            }
            PeerEvent::Reads { wire } => self.read(env, net, wire),
            PeerEvent::DialFails { wire } => self.drop_wire(env, net, wire),
            PeerEvent::Connects { .. }
            | PeerEvent::Wakes { .. }
            | PeerEvent::LateAnswer { .. }
            | PeerEvent::CredentialAnswers { .. }
            | PeerEvent::AppTakes { .. } => {}
        }
    }

    fn read(&mut self, env: &mut Env, net: &mut Network, wire: WireId) {
        if self.plan.habit == Habit::NeverReads {
            return;
        }
        while let Some(parcel) = net.take(env, wire, End::Client) {
            match parcel {
                Parcel::Upgraded => self.first_words(env, net, wire),
                Parcel::End => self.drop_wire(env, net, wire),
                Parcel::Close(_) if self.rng.percent(50) => self.drop_wire(env, net, wire),
                Parcel::Ping if self.rng.percent(70) => net.send(env, wire, End::Client, Parcel::Pong),
                Parcel::Text(_) | Parcel::Ping | Parcel::Pong | Parcel::Close(_) => {}
            }
        }
    }

    fn drop_wire(&mut self, env: &mut Env, net: &mut Network, wire: WireId) {
        net.close(env, wire, End::Client);
        self.wires.retain(|other| *other != wire);
    }

    fn act(&mut self, env: &mut Env, net: &mut Network) {
        let most = if self.plan.habit == Habit::NeverFinishes { 12 } else { 3 };
        if self.wires.len() < most {
            self.dial(env, net);
        } else if matches!(self.plan.habit, Habit::Churn | Habit::TicketThief) {
            let wire = self.wires[0];
            self.drop_wire(env, net, wire);
        }
        for wire in self.wires.clone() {
            for text in self.words(env) {
                env.counters.count("hostile: frames");
                net.send(env, wire, End::Client, Parcel::Text(text));
            }
        }
    }

    fn dial(&mut self, env: &mut Env, net: &mut Network) {
        let resume = match self.plan.habit {
            Habit::ForeignSessions | Habit::WildCursors | Habit::NeverFinishes => true,
            Habit::Noise | Habit::NearlyValid | Habit::Flood => self.rng.percent(50),
            Habit::NeverReads | Habit::Churn | Habit::TicketThief => false,
        };
        let pass = match (self.plan.habit, env.loot.ticket) {
            (Habit::TicketThief, Some(ticket)) => Pass::Ticket(ticket),
            _ => Pass::Token { until: env.wall().0 + TOKEN_MS },
        };
        env.counters.count("hostile: dials");
        self.wires.push(net.dial(env, self.number, HOME, Dial { resume, pass }));
    }

    /// What it says as soon as it can.
    fn first_words(&mut self, env: &mut Env, net: &mut Network, wire: WireId) {
        let text = match self.plan.habit {
            Habit::ForeignSessions => {
                let session = env.loot.sessions.get(self.rng.index(env.loot.sessions.len()));
                let Some(session) = session.map(|session| session.reveal().to_owned()) else { return };
                env.counters.count("hostile: resumes with a session of another");
                let (epoch, seq) = self.position(env);
                format!(
                    r#"{{"action":"resume","sessionId":"{session}","epoch":"{epoch}","seq":{seq},"topics":["conv:c0"]}}"#
                )
            }
            Habit::WildCursors => {
                env.counters.count("hostile: resumes with a wild cursor");
                let (epoch, seq) = self.position(env);
                format!(r#"{{"action":"resume","epoch":"{epoch}","seq":{seq}}}"#)
            }
            Habit::Noise
            | Habit::NearlyValid
            | Habit::Flood
            | Habit::NeverFinishes
            | Habit::NeverReads
            | Habit::Churn
            | Habit::TicketThief => return,
        };
        net.send(env, wire, End::Client, Parcel::Text(text.into()));
    }

    fn position(&mut self, env: &Env) -> (Epoch, u64) {
        let lives = env.history.truth.lives();
        let known = lives.get(self.rng.index(lives.len())).map(|life| life.epoch);
        let epoch = known.filter(|_| self.rng.percent(60));
        let epoch = epoch.unwrap_or_else(|| Epoch::from_bits(self.rng.next_u64()));
        let head = env.history.truth.head().get();
        let seq = match self.rng.below(5) {
            0 => head + 1,
            1 => head + self.rng.below(1 << 30),
            2 => Seq::MAX.get(),
            3 => self.rng.below(head + 1),
            _ => 1,
        };
        (epoch, seq)
    }

    /// What it says on each of its sockets now.
    fn words(&mut self, env: &Env) -> Vec<Bytes> {
        match self.plan.habit {
            Habit::Noise => {
                let length = self.rng.index(200);
                vec![(0..length).map(|_| self.rng.next_u64().to_le_bytes()[0]).collect()]
            }
            Habit::NearlyValid => vec![self.nearly_valid(env)],
            Habit::Flood => {
                let frames = if self.rng.percent(10) { 2_500 } else { 60 };
                vec![Bytes::from_static(br#"{"action":"ping"}"#); frames]
            }
            Habit::NeverReads => {
                vec![Bytes::from_static(br#"{"action":"subscribe","topics":["nothing"]}"#); 3]
            }
            Habit::ForeignSessions
            | Habit::WildCursors
            | Habit::NeverFinishes
            | Habit::Churn
            | Habit::TicketThief => Vec::new(),
        }
    }

    fn nearly_valid(&mut self, env: &Env) -> Bytes {
        let (epoch, seq) = self.position(env);
        let texts = [
            r#"{"action":"subscribe","topics":"conv_ondemand:c0"}"#.to_owned(),
            r#"{"action":"subscribe","topics":["conv:c0","conv_ondemand:c0","user:a0","feed:f0",""]}"#
                .to_owned(),
            r#"{"action":"unsubscribe","topics":["conv:c0","user:m0"]}"#.to_owned(),
            r#"{"action":"activity","conversationId":"c0","status":"typing"}"#.to_owned(),
            r#"{"action":"activity","conversationId":"","status":"no such thing"}"#.to_owned(),
            r#"{"action":"activity","conversationId":7}"#.to_owned(),
            format!(r#"{{"action":"resume","epoch":"{epoch}","seq":{seq},"sessionId":"x"}}"#),
            r#"{"action":"resume","seq":-1}"#.to_owned(),
            r#"{"action":"resume","seq":9007199254740993,"epoch":"zz"}"#.to_owned(),
            r#"{"action":"ping","action":"resume"}"#.to_owned(),
            r#"{"action":"connection.accepted"}"#.to_owned(),
            r#"{"action":null}"#.to_owned(),
            r#"{"type":"message.new","topic":"conv:c0","seq":1,"payload":{}}"#.to_owned(),
            "{".repeat(100),
            format!(r#"{{"action":"subscribe","topics":[{}]}}"#, vec![r#""conv_ondemand:x""#; 99].join(",")),
        ];
        let mut bytes = self.rng.pick(&texts).clone().into_bytes();
        if self.rng.percent(30) {
            let at = self.rng.index(bytes.len());
            bytes[at] ^= 1 << self.rng.below(7);
        }
        if self.rng.percent(20) {
            bytes.truncate(self.rng.index(bytes.len()));
        }
        bytes.into()
    }

    /// When it begins.
    pub(crate) fn begins(&self) -> Duration {
        self.plan.acts_every
    }
}

/// How long its own token lives.
const TOKEN_MS: u64 = 3_600_000;
/// The node that everybody dials.
const HOME: NodeNo = 0;
