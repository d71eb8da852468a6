//! A listener's process around the client core: feed one fact, carry out the orders, arm one deadline.

mod acting;
mod orders;
mod watch;

use std::collections::BTreeMap;

use bowline_client_core::{
    ClientConfig, ClientCore, Command, ConnectionState, CredentialFailure, DialFailure, FetchId, Input,
    LinkId, RenewAfter, SavedPosition,
};
use bowline_proto::{
    Accepted, CloseCode, Cursor, Epoch, Event as AppEvent, Limits, Seq, ServerFrame, Time, Topic,
    decode_server_frame,
};
use core::time::Duration;

use crate::app::App;
use crate::env::Env;
use crate::event::{Event, PeerEvent, PeerNo, WireId};
use crate::manners::Manners;
use crate::network::{Network, Parcel, Pass};
use crate::plan::{ClientPlan, Credential, End, on_demand, topic};
use crate::rng::Rng;
use crate::wishes::Wishes;

/// One listener.
#[derive(Debug)]
pub(crate) struct ClientHost {
    number: PeerNo,
    plan: ClientPlan,
    rng: Rng,
    /// What it may wish for beyond its default topics: on-demand ones and feeds.
    wishes: Vec<Topic>,
    /// It was frozen, slow or asleep: what it did too late then it could not help.
    was_held_up: bool,
    /// How long its machine has slept: its clock stood still then.
    slept: Duration,
    /// Names the messages of its application.
    messages: u64,
    /// Counts the lives of the process; what was planned for an earlier one is stale.
    life: u32,
    process: Option<Process>,
    app: App,
    arm: u64,
}

#[derive(Debug)]
struct Process {
    core: ClientCore<AppEvent>,
    links: BTreeMap<LinkId, Socket>,
    armed: Option<Time>,
    /// The driver has stopped reading because the application's queue is long.
    read_paused: bool,
    /// The last cursor that the core gave out.
    cursor: Option<Cursor>,
    /// Answers of the token provider that wait for their dial.
    passes: BTreeMap<FetchId, Pass>,
    manners: Manners,
    wishes: Wishes,
    /// When a link broke last, while another one was there.
    broke_at: Option<Time>,
    /// What the last resume listed.
    presented: Vec<Topic>,
}

#[derive(Clone, Copy, Debug)]
struct Socket {
    wire: WireId,
    opened: bool,
    close_sent: bool,
}

impl ClientHost {
    pub(crate) fn new(number: PeerNo, plan: ClientPlan, rng: Rng) -> Self {
        let app = App::new(number, &plan);
        let mut wishes: Vec<Topic> = plan.conversations.iter().filter_map(|name| on_demand(name)).collect();
        wishes.extend(plan.feeds.iter().map(|name| topic(name)));
        let (slept, messages, was_held_up) = (Duration::ZERO, 0, false);
        ClientHost {
            number,
            plan,
            rng,
            wishes,
            was_held_up,
            slept,
            messages,
            life: 0,
            process: None,
            app,
            arm: 0,
        }
    }

    /// The clock of its machine.
    fn clock(&self, env: &Env) -> Time {
        env.now - self.slept
    }

    fn later(&self, env: &mut Env, delay: Duration, what: PeerEvent) {
        env.after(delay, Event::Peer { peer: self.number, what });
    }

    /// Something happens to it.
    pub(crate) fn happen(&mut self, env: &mut Env, net: &mut Network, what: &PeerEvent) {
        match *what {
            PeerEvent::Wakes { arm } => self.wake(env, net, arm),
            PeerEvent::CredentialAnswers { life: _, fetch: _, good: _ } => {}
            PeerEvent::DialFails { wire } => self.dial_fails(env, net, wire),
            PeerEvent::Reads { wire } => self.read(env, net, wire),
            PeerEvent::AppTakes { life } => self.app_takes(env, net, life),
            PeerEvent::Starts => self.start(env, net),
            PeerEvent::Connects { life } => self.connect(env, net, life),
            PeerEvent::Acts { life } => self.act(env, net, life),
            PeerEvent::LateAnswer { life, link } => self.late_answer(env, net, life, link),
        }
    }

    /// Its process does not run as usual.
    pub(crate) fn is_held_up(&mut self) {
        self.was_held_up = true;
    }

    /// The machine slept for so long, and wakes up.
    pub(crate) fn wakes_from_sleep(&mut self, env: &mut Env, slept: Duration) {
        self.slept += slept;
        if let Some(process) = &mut self.process {
            process.armed = None;
            process.manners.slept(slept);
        }
        self.arm(env);
    }

    /// It has gone for ever, or never was.
    pub(crate) fn has_left(&self, now: Time) -> bool {
        self.plan.absent || self.plan.leaves_at.is_some_and(|at| now >= at)
    }

    /// A saved position of a log that had come further, as a file has it that was mixed up.
    fn claim(&self, env: &Env) -> Option<SavedPosition> {
        let life =
            env.history.truth.lives().last().filter(|_| self.plan.claims_ahead > 0 && self.life == 1)?;
        let seq = Seq::new(env.history.truth.head().get() + self.plan.claims_ahead)?;
        Some(SavedPosition { session_id: None, cursor: Some(Cursor { epoch: life.epoch, seq }) })
    }

    /// Connected, with next to nothing waiting for the application.
    pub(crate) fn is_settled(&self) -> bool {
        self.is_connected() && self.app.waiting() < READ_AGAIN_BELOW
    }

    /// Connected, with an application that takes what comes.
    pub(crate) fn is_live(&self, now: Time) -> bool {
        self.is_connected() && self.app.keeps_up(now)
    }

    fn is_connected(&self) -> bool {
        let connected = |process: &Process| *process.core.state() == ConnectionState::Connected;
        self.process.as_ref().is_some_and(connected)
    }

    pub(crate) fn describe(&self) -> String {
        match &self.process {
            Some(process) => format!(
                "{:?}, links {}, {} waiting",
                process.core.state(),
                process.links.len(),
                self.app.waiting()
            ),
            None => "no process".into(),
        }
    }

    /// From now on every token comes.
    pub(crate) fn end_token_trouble(&mut self) {
        self.plan.token_trouble = 0;
    }

    /// The process starts, from what it saved.
    pub(crate) fn start(&mut self, env: &mut Env, net: &mut Network) {
        if self.process.is_some() || self.has_left(env.now) {
            return;
        }
        self.life += 1;
        env.trace.say(env.now, format_args!("client {} starts (life {})", self.number, self.life));
        let renew = self.plan.renews_every.map_or(RenewAfter::Never, RenewAfter::About);
        let mut config = ClientConfig::new().renew_after(renew);
        let saved = self.app.restart(env);
        let saved =
            saved.or_else(|| self.claim(env)).or_else(|| self.plan.starts_at_oldest.then(from_oldest));
        if let Some(position) = saved {
            env.counters.count("client: starts from a saved position");
            config = config.resume_from(position);
        }
        self.process = Some(Process {
            core: ClientCore::new(config, self.rng.next_u64(), self.clock(env)),
            links: BTreeMap::new(),
            armed: None,
            read_paused: false,
            cursor: None,
            passes: BTreeMap::new(),
            manners: Manners::new(self.number),
            wishes: Wishes::new(self.number),
            broke_at: None,
            presented: Vec::new(),
        });
        if !self.wishes.is_empty() {
            let wishes = self.wishes.clone();
            self.app.wishes(&wishes);
            self.command(env, net, Command::Subscribe(wishes));
        }
        self.command(env, net, Command::Connect);
        self.later(env, self.plan.acts_every, PeerEvent::Acts { life: self.life });
    }

    /// The process is killed; with `machine` nobody is told.
    pub(crate) fn kill(&mut self, env: &mut Env, net: &mut Network, machine: bool) {
        let Some(_) = self.process.take() else { return };
        env.trace.say(env.now, format_args!("client {} is killed (machine: {machine})", self.number));
        for wire in net.wires_of(self.number) {
            if machine {
                net.vanish(env, wire, End::Client);
            } else {
                net.reset(env, wire, End::Client);
            }
        }
        env.messages.forget(self.number);
        self.app.killed();
    }

    /// What the process saved last is its state when it stood at `seq`, if it ever did.
    pub(crate) fn had_saved_at(&mut self, env: &mut Env, epoch: Epoch, seq: Seq) -> bool {
        self.process.is_some() && self.app.had_saved_at(env, epoch, seq)
    }

    /// The core's deadline.
    pub(crate) fn wake(&mut self, env: &mut Env, net: &mut Network, arm: u64) {
        let now = self.clock(env);
        let Some(process) = self.process.as_mut().filter(|_| arm == self.arm) else { return };
        process.armed = None;
        process.core.handle_timeout(now);
        self.drain(env, net);
    }

    /// The token provider answers; a ticket comes from the gateway, if somebody is there to ask.
    pub(crate) fn credential_answers(
        &mut self,
        env: &mut Env,
        net: &mut Network,
        life: u32,
        fetch: FetchId,
        pass: Option<Pass>,
    ) {
        let Some(process) = self.process.as_mut().filter(|_| life == self.life) else { return };
        let fact = if let Some(pass) = pass {
            process.passes.insert(fetch, pass);
            process.manners.credential_came(fetch.0);
            Input::CredentialReady { fetch }
        } else {
            env.counters.count("client: no token for the moment");
            let failure =
                CredentialFailure::Temporary { retry_after: None, message: "the issuer is away".into() };
            Input::CredentialFailed { fetch, failure }
        };
        self.feed(env, net, fact);
    }

    /// How it shows who it is: a fresh token, or `None` when it needs a ticket.
    pub(crate) fn token(&self, env: &Env) -> Option<Pass> {
        match self.plan.credential {
            Credential::Token { seconds } => Some(Pass::Token { until: env.wall().0 + seconds * 1_000 }),
            Credential::Ticket => None,
        }
    }

    /// A fact about a link that the core has dropped: it is ignored.
    pub(crate) fn late_answer(&mut self, env: &mut Env, net: &mut Network, life: u32, link: LinkId) {
        let now = self.clock(env);
        let Some(process) = self.process.as_mut().filter(|_| life == self.life) else { return };
        let fact = match self.rng.below(4) {
            0 => {
                let failure = DialFailure::Temporary { retry_after: None, message: "too late".into() };
                Input::DialFailed { link, failure }
            }
            1 => Input::Opened { link },
            2 => Input::Closed { link, code: CloseCode::DISCONNECTED },
            _ => Input::Frame { link, frame: ServerFrame::Accepted(Box::new(late_accept(process.cursor))) },
        };
        let said = format!("client {}: a late {fact:?}", self.number);
        process.core.handle(now, fact);
        if let Some(order) = process.core.poll_output() {
            env.violate("late", format!("{said} made it order {order:?}"));
        }
        self.drain(env, net);
    }

    pub(crate) fn dial_fails(&mut self, env: &mut Env, net: &mut Network, wire: WireId) {
        net.close(env, wire, End::Client);
        let Some(link) = self.link_of(wire) else { return };
        self.forget(link);
        let failure = DialFailure::Temporary { retry_after: None, message: "connection refused".into() };
        self.feed(env, net, Input::DialFailed { link, failure });
    }

    /// Reads one of its sockets until nothing is there.
    pub(crate) fn read(&mut self, env: &mut Env, net: &mut Network, wire: WireId) {
        while let Some(parcel) = net.take(env, wire, End::Client) {
            let Some(link) = self.link_of(wire) else {
                net.close(env, wire, End::Client);
                return;
            };
            self.receive(env, net, wire, link, parcel);
        }
    }

    fn receive(&mut self, env: &mut Env, net: &mut Network, wire: WireId, link: LinkId, parcel: Parcel) {
        match parcel {
            Parcel::Upgraded => {
                if let Some(socket) = self.socket(link) {
                    socket.opened = true;
                }
                self.feed(env, net, Input::Opened { link });
            }
            Parcel::Text(text) => match decode_server_frame(&text, &Limits::default()) {
                Ok(frame) => {
                    self.watch_frame(env, link, &frame);
                    self.feed(env, net, Input::Frame { link, frame });
                }
                Err(why) => {
                    env.violate("codec", format!("client {} can't read {text:?}: {why}", self.number));
                    self.feed(env, net, Input::BadFrame { link, why: why.to_string() });
                }
            },
            Parcel::Ping => {
                net.send(env, wire, End::Client, Parcel::Pong);
                self.feed(env, net, Input::Heard { link });
            }
            Parcel::Pong => self.feed(env, net, Input::Heard { link }),
            Parcel::Close(code) => {
                if self.socket(link).is_some_and(|socket| !socket.close_sent) {
                    net.send(env, wire, End::Client, Parcel::Close(code));
                }
                net.close(env, wire, End::Client);
                self.forget(link);
                env.trace
                    .say(env.now, format_args!("client {} {link:?} closed with {}", self.number, code.0));
                self.feed(env, net, Input::Closed { link, code });
            }
            Parcel::End => {
                net.close(env, wire, End::Client);
                let opened = self.socket(link).is_some_and(|socket| socket.opened);
                self.watch_break(env);
                self.forget(link);
                env.trace.say(env.now, format_args!("client {} {link:?} is broken", self.number));
                if opened {
                    self.feed(env, net, Input::Closed { link, code: CloseCode::ABNORMAL });
                } else {
                    let failure =
                        DialFailure::Temporary { retry_after: None, message: "connection reset".into() };
                    self.feed(env, net, Input::DialFailed { link, failure });
                }
            }
        }
    }

    /// Feeds one fact.
    pub(crate) fn feed(&mut self, env: &mut Env, net: &mut Network, fact: Input<AppEvent>) {
        let now = self.clock(env);
        let Some(process) = &mut self.process else { return };
        process.core.handle(now, fact);
        self.drain(env, net);
    }

    fn set_read_paused(&mut self, env: &mut Env, net: &mut Network, paused: bool) {
        let Some(process) = &mut self.process else { return };
        process.read_paused = paused;
        let wires: Vec<WireId> = process.links.values().map(|socket| socket.wire).collect();
        for wire in wires {
            net.set_unread(env, wire, paused);
        }
        self.feed(env, net, if paused { Input::ReadPaused } else { Input::ReadResumed });
    }

    fn link_of(&self, wire: WireId) -> Option<LinkId> {
        let links = &self.process.as_ref()?.links;
        links.iter().find(|(_, socket)| socket.wire == wire).map(|(link, _)| *link)
    }

    fn socket(&mut self, link: LinkId) -> Option<&mut Socket> {
        self.process.as_mut()?.links.get_mut(&link)
    }

    fn forget(&mut self, link: LinkId) {
        if let Some(process) = &mut self.process {
            process.links.remove(&link);
        }
    }
}

/// What a gateway says to a link that is no longer waited for.
fn late_accept(cursor: Option<Cursor>) -> Accepted {
    Accepted {
        connection_id: None,
        session_id: None,
        resumed: true,
        epoch: cursor.map(|cursor| cursor.epoch),
        seq: cursor.map(|cursor| cursor.seq),
        heartbeat: None,
        max_duration: None,
        can_resume: true,
        can_drain: true,
        gaps: Vec::new(),
    }
}

fn from_oldest() -> SavedPosition {
    SavedPosition { session_id: None, cursor: None }
}

/// Below so much that waits for the application, the driver reads again when it has stopped.
const READ_AGAIN_BELOW: usize = 8;
