//! A listener's process around the client core: feed one fact, carry out the orders, arm one deadline.

use std::collections::{BTreeMap, VecDeque};

use bowline_client_core::{
    ClientConfig, ClientCore, Command, ConnectionState, CredentialFailure, DialFailure, FetchId, Input,
    Layer, LinkId, MessageId, Notice, Output, RenewAfter, SavedPosition,
};
use bowline_proto::{
    Accepted, ActivityStatus, ClientFrame, CloseCode, Cursor, Epoch, Event as AppEvent, Limits,
    RequestedTopic, Seq, ServerFrame, Time, Topic, decode_server_frame, encode_client_frame,
};
use core::time::Duration;

use crate::app::{App, News};
use crate::counters::Rare;
use crate::env::Env;
use crate::event::{Event, NodeNo, PeerEvent, PeerNo, WireId};
use crate::manners::Manners;
use crate::messages;
use crate::network::{Dial, Network, Parcel, Pass};
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

    /// The application takes the next thing.
    pub(crate) fn app_takes(&mut self, env: &mut Env, net: &mut Network, life: u32) {
        if life != self.life || self.process.is_none() {
            return;
        }
        self.app.take(env, life);
        let calm = self.app.waiting() < READ_AGAIN_BELOW;
        if calm && self.process.as_ref().is_some_and(|process| process.read_paused) {
            self.set_read_paused(env, net, false);
        }
    }

    /// The application stops taking anything, or takes again.
    pub(crate) fn set_app_stopped(&mut self, env: &mut Env, stopped: bool) {
        self.app.set_stopped(env, self.life, stopped);
    }

    /// The application asks for a connection again.
    pub(crate) fn connect(&mut self, env: &mut Env, net: &mut Network, life: u32) {
        let closed = |process: &Process| matches!(process.core.state(), ConnectionState::Closed(_));
        if life == self.life && self.process.as_ref().is_some_and(closed) {
            env.counters.count("client: connects again after a terminal close");
            self.command(env, net, Command::Connect);
        }
    }

    /// The application does something of its own.
    pub(crate) fn act(&mut self, env: &mut Env, net: &mut Network, life: u32) {
        if life != self.life || self.process.is_none() {
            return;
        }
        self.later(env, self.plan.acts_every, PeerEvent::Acts { life });
        let (messages, changes) = self.plan.acts;
        let act = self.rng.below(10);
        if act < messages {
            self.send_messages(env, net);
        } else if act < messages + changes {
            self.change_wishes(env, net);
        } else if !self.plan.conversations.is_empty() {
            let conversation = self.rng.pick(&self.plan.conversations).clone();
            let conversation_id = conversation.trim_start_matches("conv:").into();
            let status = match self.rng.below(5) {
                0 => ActivityStatus::Idle,
                1 => ActivityStatus::ToolCalling,
                2 => ActivityStatus::Thinking,
                _ => ActivityStatus::Typing,
            };
            self.command(env, net, Command::SendActivity { conversation_id, status });
        }
    }

    fn change_wishes(&mut self, env: &mut Env, net: &mut Network) {
        if self.wishes.is_empty() {
            return;
        }
        let wishes: Vec<Topic> =
            (0..self.rng.between(1, 3)).map(|_| self.rng.pick(&self.wishes).clone()).collect();
        if self.rng.percent(55) {
            self.app.wishes(&wishes);
            self.command(env, net, Command::Subscribe(wishes));
        } else {
            // With news waiting, the application could not tell an answer to this wish from one to an earlier.
            let wishes: Vec<Topic> =
                wishes.into_iter().filter(|topic| topic.is_on_demand() || self.app.waiting() == 0).collect();
            self.app.wishes_no_more(env, &wishes);
            self.command(env, net, Command::Unsubscribe(wishes));
        }
    }

    fn send_messages(&mut self, env: &mut Env, net: &mut Network) {
        for _ in 0..self.rng.between(1, 4) {
            self.messages += 1;
            let number = self.messages;
            env.messages.taken(self.number, number);
            let bytes = messages::text(number).len();
            if !self.command(env, net, Command::Send { message: MessageId(number), bytes }) {
                env.messages.refused(self.number, number);
            }
        }
    }

    /// A command of the application's; whether the core takes it: a refusal is an answer like any other.
    pub(crate) fn command(&mut self, env: &mut Env, net: &mut Network, command: Command) -> bool {
        let now = self.clock(env);
        let Some(process) = &mut self.process else { return false };
        if matches!(command, Command::HandOver) {
            process.manners.asked_to_move();
        }
        let is_taken = process.core.command(now, command.clone()).is_ok();
        if is_taken {
            process.wishes.wished(command);
        } else {
            env.counters.count("client: a command was refused");
        }
        self.drain(env, net);
        self.watch_wishes(env);
        is_taken
    }

    /// Feeds one fact.
    pub(crate) fn feed(&mut self, env: &mut Env, net: &mut Network, fact: Input<AppEvent>) {
        let now = self.clock(env);
        let Some(process) = &mut self.process else { return };
        process.core.handle(now, fact);
        self.drain(env, net);
    }

    fn drain(&mut self, env: &mut Env, net: &mut Network) {
        let mut orders = VecDeque::new();
        if let Some(process) = &mut self.process {
            while let Some(order) = process.core.poll_output() {
                orders.push_back(order);
                if orders.len() > MOST_ORDERS {
                    env.violate(
                        "bounds",
                        format!("client {} gave {MOST_ORDERS} orders at once", self.number),
                    );
                    break;
                }
            }
        }
        env.counters.most("most: orders of a client at once", orders.len() as u64);
        for order in orders {
            self.carry_out(env, net, order);
        }
        if env.messages.waiting(self.number) > MOST_MESSAGES {
            env.violate("bounds", format!("client {}: more messages wait than may", self.number));
        }
        self.arm(env);
        let long = self.app.waiting() > PAUSE_READING_ABOVE;
        if long && self.process.as_ref().is_some_and(|process| !process.read_paused) {
            env.counters.count("client: reading paused");
            self.set_read_paused(env, net, true);
        }
    }

    fn carry_out(&mut self, env: &mut Env, net: &mut Network, order: Output<AppEvent>) {
        let client = self.number;
        match order {
            Output::FetchCredential { fetch } => {
                if let Some(process) = &mut self.process {
                    process.manners.fetches(env);
                }
                let good = !self.rng.per_mille(self.plan.token_trouble);
                // Some issuers take longer than anybody waits.
                let is_slow = self.rng.per_mille(self.plan.token_trouble / 4);
                let delay = if is_slow { self.rng.millis(5_000, 40_000) } else { self.rng.millis(0, 200) };
                let life = self.life;
                self.later(env, delay, PeerEvent::CredentialAnswers { life, fetch: fetch.0, good });
            }
            // The late answer comes nevertheless: the core has to ignore it.
            Output::ForgetCredential { fetch } => {
                env.counters.count("client: a token is no longer wanted");
                if let Some(process) = &mut self.process {
                    process.passes.remove(&fetch);
                    process.manners.credential_forgotten(fetch.0);
                }
            }
            Output::Dial { link, fetch, layer } => {
                let pass = self.process.as_mut().and_then(|process| process.passes.remove(&fetch));
                let Some(pass) = pass else {
                    return env.violate("credential", format!("client {client} dials without {fetch:?}"));
                };
                let dial = Dial { resume: layer == Layer::Resume, pass };
                let wire = net.dial(env, client, HOME, dial);
                env.trace.say(env.now, format_args!("client {client} dials {link:?} {layer:?} on {wire:?}"));
                if let Some(process) = &mut self.process {
                    process.manners.dials(env, fetch.0);
                    process.links.insert(link, Socket { wire, opened: false, close_sent: false });
                    if process.read_paused {
                        net.set_unread(env, wire, true);
                    }
                    if process.links.len() > 3 {
                        env.counters.count("client: more than three sockets at once");
                    }
                }
            }
            Output::Send { link, frame } => {
                if let (ClientFrame::Resume(resume), Some(process)) = (&frame, &mut self.process) {
                    process.presented = resume.topics.iter().filter_map(valid).collect();
                }
                if let Some(wire) = self.socket(link).map(|socket| socket.wire) {
                    let now = self.clock(env);
                    if let Some(process) = &mut self.process {
                        process.wishes.says(now, link, &frame);
                    }
                    let text = encode_client_frame(&frame);
                    net.send(env, wire, End::Client, Parcel::Text(text.into()));
                }
            }
            Output::SendMessage { link, message } => {
                if let Err(said) = env.messages.sent(client, message.0) {
                    env.violate("messages", said);
                }
                if let Some(wire) = self.socket(link).map(|socket| socket.wire) {
                    env.counters.count("client: messages sent");
                    net.send(env, wire, End::Client, Parcel::Text(messages::text(message.0)));
                }
            }
            Output::DropMessage { message } => {
                env.counters.count("client: messages given back");
                if let Err(said) = env.messages.given_back(client, message.0) {
                    env.violate("messages", said);
                }
            }
            Output::Close { link, code } => {
                if let Some(socket) = self.socket(link) {
                    let wire = socket.wire;
                    if !std::mem::replace(&mut socket.close_sent, true) {
                        net.send(env, wire, End::Client, Parcel::Close(code));
                    }
                }
            }
            Output::Abort { link } => {
                if let Some(wire) = self.socket(link).map(|socket| socket.wire) {
                    net.close(env, wire, End::Client);
                    self.forget(link);
                }
                // What the driver had read of it, or was about to hear, may come nevertheless.
                if self.rng.percent(40) {
                    let (delay, life) = (self.rng.millis(0, 300), self.life);
                    self.later(env, delay, PeerEvent::LateAnswer { life, link });
                }
            }
            Output::Deliver { body, cursor } => {
                self.watch_cursor(env, cursor);
                if let Some(process) = &mut self.process {
                    process.manners.delivers(env);
                }
                self.hand(env, News::Event { event: Box::new(body), cursor });
            }
            Output::Notify(notice) => {
                env.trace.say(env.now, format_args!("client {client} hears {notice:?}"));
                if let Some(process) = &mut self.process {
                    process.manners.tells(env, &notice);
                    process.wishes.hears(&notice);
                }
                if let Notice::Moved(cursor) = &notice {
                    self.watch_cursor(env, Some(*cursor));
                }
                let oldest = env.history.oldest;
                let presented =
                    self.process.as_ref().map_or_else(Vec::new, |process| process.presented.clone());
                self.hand(env, News::Notice { notice, oldest, presented });
            }
        }
    }

    fn hand(&mut self, env: &mut Env, news: News) {
        self.app.hand(env, self.life, news);
    }

    /// Looks at what comes before the core sees it.
    fn watch_frame(&mut self, env: &mut Env, link: LinkId, frame: &ServerFrame<AppEvent>) {
        let Some(process) = &mut self.process else { return };
        // Whoever says goodbye listens to nobody any more.
        if matches!(process.core.state(), ConnectionState::Closing | ConnectionState::Closed(_)) {
            return;
        }
        process.manners.frame_came();
        match frame {
            ServerFrame::Accepted(accepted) => process.manners.accept_came(env.now, link, accepted),
            ServerFrame::Draining(draining) => {
                let is_moving = process.links.keys().any(|other| *other > link);
                process.manners.draining_came(env.now, link, draining, is_moving);
            }
            ServerFrame::SubscribeAck(ack) if process.manners.accepted_link() == Some(link) => {
                process.wishes.answered(link, ack);
            }
            ServerFrame::Event { head, .. } => {
                let newest = process.manners.accepted_link();
                if head.place.is_some() && newest.is_some_and(|newest| link < newest) {
                    env.counters.reach(Rare::OldLinkDeliversAfterPromotion);
                }
            }
            _ => {}
        }
    }

    fn watch_wishes(&mut self, env: &mut Env) {
        // Whoever changes its wishes faster than they are answered wishes for what has just been refused.
        if self.was_held_up || self.plan.acts_every < CALM_WISHES {
            return;
        }
        let Some(process) = &mut self.process else { return };
        if let Some(up_since) = process.manners.up_since() {
            process.wishes.look_at_activities(env, up_since);
            // While no other link is there, nothing has to wait.
            let accepted = process.manners.accepted_link().filter(|link| process.links.contains_key(link));
            if let Some(link) = accepted.filter(|_| process.links.len() == 1) {
                process.wishes.look_at_topics(env, link);
            }
        }
    }

    /// A link breaks: is it the second one at a time?
    fn watch_break(&mut self, env: &mut Env) {
        let Some(process) = &mut self.process else { return };
        if process.broke_at == Some(env.now) {
            env.counters.reach(Rare::BothLinksDieInOneTick);
        }
        process.broke_at = (process.links.len() > 1).then_some(env.now);
    }

    /// What can be said of a connection that nothing has disturbed for a long time.
    pub(crate) fn watch_at_end(&mut self, env: &mut Env, calm_since: Time) {
        let Some(process) = &mut self.process else { return };
        let links = &process.links;
        process.manners.holds(env, |link| links.contains_key(&link));
        // A handover may be under way at any time, for as long as the gateway's reads take.
        let accepted = process.manners.accepted_link().filter(|_| process.links.len() == 1);
        if let Some(link) = accepted.filter(|_| self.plan.acts_every >= CALM_WISHES) {
            process.wishes.look_at_topics(env, link);
        }
        let changed_at = process.manners.changed_at();
        if changed_at > calm_since {
            let said = format!("client {}: its state changed at {changed_at:?}", self.number);
            env.violate("steady", said);
        }
    }

    /// The cursor never goes back within one log.
    fn watch_cursor(&mut self, env: &mut Env, cursor: Option<Cursor>) {
        let (Some(process), Some(cursor)) = (&mut self.process, cursor) else { return };
        if let Some(before) = process.cursor
            && before.epoch == cursor.epoch
            && cursor.seq < before.seq
        {
            let said = format!("client {}: from {} to {}", self.number, before.seq, cursor.seq);
            env.violate("cursor", said);
        }
        process.cursor = Some(cursor);
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

    fn arm(&mut self, env: &mut Env) {
        let Some(process) = &mut self.process else { return };
        let deadline = process.core.poll_timeout().map(|deadline| deadline.at);
        if deadline == process.armed {
            return;
        }
        self.arm += 1;
        process.armed = deadline;
        if let Some(at) = deadline {
            let what = PeerEvent::Wakes { arm: self.arm };
            env.at(at + self.slept, Event::Peer { peer: self.number, what });
        }
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

fn valid(requested: &RequestedTopic) -> Option<Topic> {
    match requested {
        RequestedTopic::Valid(topic) => Some(topic.clone()),
        RequestedTopic::Invalid(_) => None,
    }
}

fn from_oldest() -> SavedPosition {
    SavedPosition { session_id: None, cursor: None }
}

/// The driver stops reading when this much waits for the application, and reads again below the other bound.
const PAUSE_READING_ABOVE: usize = 64;
const READ_AGAIN_BELOW: usize = 8;

/// More orders than this from one fact are more than any world can need: the outbox, and a few for each gap and topic.
const MOST_ORDERS: usize = 3_000;

/// How many messages may wait: what the core is configured to keep.
const MOST_MESSAGES: usize = 1_024;

/// The node that everybody dials.
const HOME: NodeNo = 0;

/// Wishes that change less often are answered in between.
const CALM_WISHES: Duration = Duration::from_millis(700);
