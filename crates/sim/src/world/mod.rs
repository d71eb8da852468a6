//! One run: everything happens in the order of (time, order of planning), until the end of the plan.

mod ending;
mod faults;
mod pace;
mod strikes;

use std::collections::BTreeMap;

use bowline_client_core::FetchId;
use bowline_history::{History, Reader, Violation};
use bowline_proto::{Account, GrantScope, Time, Topic};
use core::time::Duration;

use crate::client_host::ClientHost;
use crate::counters::Counters;
use crate::env::Env;
use crate::event::{Event, NodeEvent, PeerEvent, PeerNo, Process, PublisherEvent, WireId};
use crate::gateway_host::Node;
use crate::hostile::Hostile;
use crate::network::{Network, Pass};
use crate::plan::{End, Plan, account, topic};
use crate::publisher::Publisher;
use crate::rng::Rng;
use crate::stranger::Stranger;
use crate::trace::Trace;

use pace::Pace;

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// Broken rules, in the order in which they were noticed.
    pub violations: Vec<Violation>,
    /// Everything that was written down.
    pub history: History,
    /// Rare states reached.
    pub counters: Counters,
    /// The same for the same seed.
    pub trace: Trace,
    /// Virtual time that passed.
    pub lasted: Duration,
    /// Listeners.
    pub clients: usize,
    /// Things that happened.
    pub events: u64,
    /// How long after the last publish everybody had everything; `None` when the run ended before.
    pub settled_after: Option<Duration>,
}

impl Outcome {
    /// The same plan was run again and gave another run.
    pub(crate) fn differs(&mut self, again: &Outcome) {
        let (first, second) = (self.trace.hash(), again.trace.hash());
        let detail = format!("the same seed gave the hashes {first:016x} and {second:016x}");
        self.violations.push(Violation { at: Time::ZERO, rule: "one seed, one run", detail });
    }
}

/// Runs the world of `seed` to its end and checks it. `trace` says what to keep for people.
#[must_use]
pub fn run(seed: u64, trace: Trace) -> Outcome {
    run_plan(Plan::of(seed), trace)
}

/// Runs the world of `plan` to its end and checks it.
#[must_use]
pub fn run_plan(plan: Plan, trace: Trace) -> Outcome {
    let mut world = World::new(plan, trace);
    world.run();
    world.outcome()
}

#[derive(Debug)]
struct World {
    plan: Plan,
    env: Env,
    net: Network,
    /// Gateway nodes; one so far.
    nodes: Vec<Node>,
    clients: Vec<ClientHost>,
    strangers: Vec<Stranger>,
    hostiles: Vec<Hostile>,
    publishers: Vec<Publisher>,
    events: u64,
    /// Processes that do not run at their usual pace.
    paces: BTreeMap<Process, Pace>,
    /// The wires that a lasting fault holds back, by fault.
    held: Vec<(usize, WireId, End)>,
    /// When the log was last seen to be reached by everybody.
    settled_at: Option<Time>,
}

impl World {
    fn new(plan: Plan, trace: Trace) -> Self {
        let mut rng = Rng::new(plan.seed ^ WORLD_SALT);
        let mut accounts: Vec<Account> = plan.clients.iter().map(|client| account(&client.account)).collect();
        accounts.extend(plan.strangers.iter().map(|stranger| account(&stranger.account)));
        accounts.sort();
        accounts.dedup();
        let mut topics: Vec<Topic> = plan.conversations.iter().map(|name| topic(name)).collect();
        topics.extend(plan.feeds.iter().map(|name| topic(name)));
        topics.extend(accounts.iter().map(Topic::inbox));
        let mut history = History::default();
        for (number, client) in plan.clients.iter().enumerate() {
            let identity = plan.identity(number);
            let (granted, open) = match identity.path {
                Some(path) => (GrantScope::Only(vec![path].into()), Vec::new()),
                None => (GrantScope::All, vec![Topic::inbox(&identity.account)]),
            };
            let mut reader = Reader::new(identity.account, granted, open);
            reader.asked = client.feeds.iter().map(|name| topic(name)).collect();
            reader.must_be_caught_up = !client.absent;
            history.readers.push(reader);
        }
        let mut env = Env::new(rng.fork("env"), history, trace);
        let node = Node::new(HOME, plan.node.clone(), rng.fork("node"), accounts.clone(), topics.clone());
        let net = Network::new((0..plan.peers()).map(|peer| plan.link(peer).clone()), plan.window);
        let mut world = World {
            net,
            nodes: vec![node],
            clients: Vec::new(),
            strangers: Vec::new(),
            hostiles: Vec::new(),
            publishers: Vec::new(),
            events: 0,
            paces: BTreeMap::new(),
            held: Vec::new(),
            settled_at: None,
            plan,
            env: Env::new(Rng::new(0), History::default(), Trace::hashing()),
        };
        world.populate(&mut env, &mut rng, &accounts, &topics);
        world.plan_ahead(&mut env);
        world.env = env;
        world
    }

    fn populate(&mut self, env: &mut Env, rng: &mut Rng, accounts: &[Account], topics: &[Topic]) {
        let starts = |env: &mut Env, peer: PeerNo, at: Time, absent: bool| {
            if !absent {
                env.at(at, Event::Peer { peer, what: PeerEvent::Starts });
            }
        };
        for (number, client) in self.plan.clients.iter().enumerate() {
            self.clients.push(ClientHost::new(number, client.clone(), rng.fork("client")));
            starts(env, number, client.starts_at, client.absent);
        }
        let mut number = self.clients.len();
        for stranger in &self.plan.strangers {
            self.strangers.push(Stranger::new(number, stranger.clone(), rng.fork("stranger")));
            starts(env, number, stranger.starts_at, stranger.absent);
            number += 1;
        }
        for hostile in &self.plan.hostiles {
            let host = Hostile::new(number, hostile.clone(), rng.fork("hostile"));
            starts(env, number, Time::ZERO + host.begins(), hostile.absent);
            self.hostiles.push(host);
            number += 1;
        }
        for (number, publisher) in self.plan.publishers.iter().enumerate() {
            let (topics, accounts) = (topics.to_vec(), accounts.to_vec());
            let host = Publisher::new(number, publisher.clone(), rng.fork("publisher"), topics, accounts);
            self.publishers.push(host);
            // The first one grants: what a shrunk plan does without is the rest of its publishes.
            if !publisher.absent || number == 0 {
                let what = PublisherEvent::Ticks;
                env.after(Duration::from_millis(10), Event::Publisher { publisher: number, what });
            }
        }
    }

    fn plan_ahead(&self, env: &mut Env) {
        env.at(Time::ZERO, Event::Node { node: HOME, what: NodeEvent::Starts });
        for (index, planned) in self.plan.faults.iter().enumerate() {
            env.at(planned.at, Event::Fault { index });
            let millis = planned.at.as_micros() / 1_000;
            env.trace.say(Time::ZERO, format_args!("plan: fault {index} at {millis} ms {:?}", planned.fault));
        }
        env.at(self.plan.quiet_at, Event::QuietBegins);
        env.at(self.plan.publishers_stop_at, Event::PublishersStop);
        env.at(self.plan.ends_at, Event::Ends);
    }

    fn run(&mut self) {
        let (mut second, mut in_second) = (0, 0u64);
        while let Some(event) = self.env.next() {
            self.events += 1;
            let now = self.env.now.as_micros() / 1_000_000;
            if now == second {
                in_second += 1;
            } else {
                (second, in_second) = (now, 0);
            }
            if in_second > MOST_EVENTS_A_SECOND {
                self.env.violate("livelock", format!("{in_second} events within one second, last {event:?}"));
                return;
            }
            match event {
                Event::Ends => return,
                Event::Looks if self.looks() => return,
                Event::Looks => {}
                event => self.happen_in_time(event),
            }
        }
    }

    /// What happens to a process that stands still waits.
    fn happen_in_time(&mut self, event: Event) {
        let process = match &event {
            Event::Peer { what: PeerEvent::Starts, .. } | Event::Node { what: NodeEvent::Starts, .. } => None,
            Event::Peer { peer, .. } => Some(Process::Peer(*peer)),
            Event::Node { node, .. } => Some(Process::Node(*node)),
            _ => None,
        };
        match process.and_then(|process| self.paces.get_mut(&process)) {
            Some(pace) => pace.wait(event),
            None => self.happen(event),
        }
    }

    fn happen(&mut self, event: Event) {
        let World { env, net, .. } = self;
        match event {
            Event::Peer { peer, what } => self.peer(peer, &what),
            Event::Node { node, what: NodeEvent::Dialled { wire } } => {
                if let Some(peer) = net.wire(wire).map(|dialled| dialled.peer)
                    && !net.is_lost(wire)
                {
                    self.nodes[node].dialled(env, net, wire, &self.plan.identity(peer));
                }
            }
            Event::Node { node, what: NodeEvent::Published { publisher, publish } } => {
                if let Some(batch) = self.publishers[publisher].batch(publish).cloned() {
                    self.nodes[node].published(env, net, publisher, publish, batch);
                }
            }
            Event::Node { node, what } => self.nodes[node].happen(env, net, what),
            Event::Publisher { publisher, what } => match what {
                PublisherEvent::Ticks => self.publishers[publisher].tick(env),
                PublisherEvent::AnswerArrives { publish, seqs } => {
                    if self.nodes[HOME].answer_leaves(publisher, publish) {
                        self.publishers[publisher].answered(env, publish, &seqs);
                    }
                }
                PublisherEvent::Overdue { publish, attempt } => {
                    self.publishers[publisher].overdue(env, publish, attempt);
                }
            },
            Event::Turn { process, fault } => self.turn(process, fault),
            Event::Fault { index } => self.begin_fault(index),
            Event::FaultGoesOn { index, part } => self.go_on(index, part),
            Event::FaultEnds { index } => {
                self.end_fault(index);
                self.wake_up_after(index);
            }
            Event::QuietBegins => self.begin_quiet(),
            Event::PublishersStop => {
                self.publishers.iter_mut().for_each(Publisher::stop);
                env.after(LOOKS_EVERY, Event::Looks);
            }
            Event::Looks | Event::Ends => {}
        }
    }

    fn peer(&mut self, peer: PeerNo, what: &PeerEvent) {
        let World { env, net, nodes, clients, strangers, hostiles, .. } = self;
        if let Some(client) = clients.get_mut(peer) {
            if let PeerEvent::CredentialAnswers { life, fetch, good } = *what {
                let ticket = |node: &mut Node| node.mint_ticket(env).map(Pass::Ticket);
                let pass = client.token(env).or_else(|| ticket(&mut nodes[HOME])).filter(|_| good);
                client.credential_answers(env, net, life, FetchId(fetch), pass);
            } else {
                client.happen(env, net, what);
            }
        } else if let Some(stranger) = strangers.get_mut(peer - clients.len()) {
            stranger.happen(env, net, what);
        } else if let Some(hostile) = hostiles.get_mut(peer - clients.len() - strangers.len()) {
            hostile.happen(env, net, what);
        }
    }
}

/// The node that everybody dials.
const HOME: usize = 0;

/// How often it is looked whether everybody has everything.
const LOOKS_EVERY: Duration = Duration::from_secs(1);

/// More events than this within one virtual second are a livelock; the busiest honest worlds stay below a tenth of it.
const MOST_EVENTS_A_SECOND: u64 = 400_000;

/// The world's stream of randomness is another than the plan's.
const WORLD_SALT: u64 = 0x05ea_5a17;
