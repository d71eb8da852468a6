//! One run: everything happens in the order of (time, order of planning), until the end of the plan.

use bowline_client_core::{Command, Input};
use bowline_proto::{Account, Seq, Time, Topic};
use core::time::Duration;

use crate::client_host::ClientHost;
use crate::counters::Counters;
use crate::env::Env;
use crate::event::{End, Event, WireId};
use crate::gateway_host::Node;
use crate::network::{Cut, Network};
use crate::plan::{Fault, Plan};
use crate::publisher::Publisher;
use crate::rng::Rng;
use crate::trace::Trace;
use bowline_history::{History, Reader, Violation};

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
}

/// Runs the world of `seed` to its end and checks it. `trace` says what to keep for people.
#[must_use]
pub fn run(seed: u64, trace: Trace) -> Outcome {
    let mut world = World::new(seed, trace);
    world.run();
    world.outcome()
}

#[derive(Debug)]
struct World {
    seed: u64,
    plan: Plan,
    env: Env,
    net: Network,
    node: Node,
    clients: Vec<ClientHost>,
    publishers: Vec<Publisher>,
    events: u64,
    /// The wires that a lasting fault holds back, by fault.
    held: Vec<(usize, WireId, End)>,
}

impl World {
    fn new(seed: u64, trace: Trace) -> Self {
        let plan = Plan::of(seed);
        let mut rng = Rng::new(seed ^ WORLD_SALT);
        let mut accounts: Vec<Account> = plan.clients.iter().map(|client| client.account.clone()).collect();
        accounts.sort();
        accounts.dedup();
        let mut topics: Vec<Topic> = plan.conversations.clone();
        topics.extend(accounts.iter().map(Topic::inbox));
        let mut history = History::default();
        for client in &plan.clients {
            let (granted, open) = match &client.path {
                Some(topic) => (bowline_proto::GrantScope::Only(vec![topic.clone()].into()), Vec::new()),
                None => (bowline_proto::GrantScope::All, vec![Topic::inbox(&client.account)]),
            };
            let mut reader = Reader::new(client.account.clone(), granted, open);
            reader.must_be_caught_up = client.leaves_at.is_none();
            history.readers.push(reader);
        }
        let mut env = Env::new(rng.fork("env"), history, trace);
        let node = Node::new(plan.node.clone(), rng.fork("node"), accounts.clone(), topics.clone());
        let mut clients = Vec::new();
        for (number, client) in plan.clients.iter().enumerate() {
            clients.push(ClientHost::new(number, client.clone(), rng.fork("client")));
            env.at(client.starts_at, Event::ClientStarts { client: number });
        }
        let mut publishers = Vec::new();
        for (number, publisher) in plan.publishers.iter().enumerate() {
            let host = Publisher::new(
                number,
                publisher.clone(),
                rng.fork("publisher"),
                topics.clone(),
                accounts.clone(),
            );
            publishers.push(host);
            env.after(Duration::from_millis(10), Event::PublisherTicks { publisher: number });
        }
        env.at(Time::ZERO, Event::NodeStarts);
        for (index, (at, fault)) in plan.faults.iter().enumerate() {
            env.at(*at, Event::Fault { index });
            env.trace.say(Time::ZERO, format_args!("plan: at {} ms {fault:?}", at.as_micros() / 1_000));
        }
        env.at(plan.quiet_at, Event::QuietBegins);
        env.at(plan.publishers_stop_at, Event::PublishersStop);
        env.at(plan.ends_at, Event::Ends);
        let net = Network::new(plan.clients.len(), plan.latency, plan.window);
        World { seed, plan, env, net, node, clients, publishers, events: 0, held: Vec::new() }
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
            if matches!(event, Event::Ends) {
                return;
            }
            self.happen(event);
        }
    }

    fn happen(&mut self, event: Event) {
        let World { env, net, node, .. } = self;
        match event {
            Event::ClientWakes { client, arm } => self.clients[client].wake(env, net, arm),
            Event::CredentialAnswers { client, life, fetch, good } => {
                self.clients[client].credential_answers(env, net, life, fetch, good);
            }
            Event::LateAnswer { client, life, link } => {
                self.clients[client].late_answer(env, net, life, link)
            }
            Event::DialFails { client, wire } => self.clients[client].dial_fails(env, net, wire),
            Event::AppTakes { client, life } => self.clients[client].app_takes(env, net, life),
            Event::ClientStarts { client } => self.clients[client].start(env, net),
            Event::ClientConnects { client, life } => self.clients[client].connect(env, net, life),
            Event::ClientActs { client, life } => self.clients[client].act(env, net, life),
            Event::DialArrives { wire } => {
                if let Some(client) = net.wire(wire).map(|dialled| dialled.client) {
                    node.dialled(env, net, wire, &self.plan.clients[client]);
                }
            }
            Event::WireMoves { wire, toward: End::Gateway } => node.read(env, net, wire),
            Event::WireMoves { wire, toward: End::Client } => {
                if let Some(client) = net.wire(wire).map(|moved| moved.client) {
                    self.clients[client].read(env, net, wire);
                }
            }
            Event::WindowOpens { wire } => node.window_opens(env, net, wire),
            Event::UpgradeDone { wire, life } => node.upgraded(env, net, wire, life),
            Event::CloseDue { wire, life } => node.close_due(env, net, wire, life),
            Event::NodeWakes { arm } => node.wake(env, net, arm),
            Event::Commits { life } => node.commits(env, net, life),
            Event::PageArrives { life, conn, query, page } => {
                node.page_arrives(env, net, life, conn, &query, page.map(|page| *page));
            }
            Event::TailArrives { life } => node.tail_arrives(env, net, life),
            Event::Retains { life } => node.retains(env, net, life),
            Event::NodeStarts => node.start(env),
            Event::DrainEnds { life } => node.drain_ends(env, net, life),
            Event::PublisherTicks { publisher } => self.publishers[publisher].tick(env),
            Event::PublishArrives { publisher, publish } => {
                if let Some(batch) = self.publishers[publisher].batch(publish).cloned() {
                    node.published(env, net, publisher, publish, batch);
                }
            }
            Event::AnswerArrives { publisher, publish, seqs } => {
                if node.answer_leaves(publisher, publish) {
                    self.publishers[publisher].answered(env, publish, &seqs);
                }
            }
            Event::PublishOverdue { publisher, publish, attempt } => {
                self.publishers[publisher].overdue(env, publish, attempt);
            }
            Event::Fault { index } => {
                let fault = self.plan.faults[index].1.clone();
                self.begin_fault(index, &fault);
            }
            Event::FaultEnds { index } => {
                self.end_fault(index);
                self.wake_up_after(index);
            }
            Event::QuietBegins => self.begin_quiet(),
            Event::PublishersStop => self.publishers.iter_mut().for_each(Publisher::stop),
            Event::Ends => {}
        }
    }

    fn begin_fault(&mut self, index: usize, fault: &Fault) {
        let World { env, net, node, .. } = self;
        env.trace.say(env.now, format_args!("fault {index}: {fault:?}"));
        let lasts_for = |lasts: Duration, env: &mut Env| env.after(lasts, Event::FaultEnds { index });
        match fault {
            Fault::CutWires { client, cut } => {
                let wires = net.wires_of(*client);
                if wires.len() > 1 {
                    env.counters.count("fault: both links dead at once");
                }
                for wire in wires {
                    cut_wire(env, net, wire, *cut);
                }
            }
            Fault::CutOneWire { client, newest, cut } => {
                let wires = net.wires_of(*client);
                let chosen = if *newest { wires.last() } else { wires.first() };
                if let Some(wire) = chosen {
                    if wires.len() > 1 {
                        env.counters.count("fault: one of two links dead");
                    }
                    cut_wire(env, net, *wire, *cut);
                }
            }
            Fault::Stall { client, toward, lasts } => {
                for wire in net.wires_of(*client) {
                    net.set_stalled(env, wire, *toward, true);
                    self.held.push((index, wire, *toward));
                }
                lasts_for(*lasts, env);
            }
            Fault::Unreachable { client, lasts, woken: _ } => {
                env.counters.count("fault: client unreachable");
                net.set_unreachable(*client, true);
                for wire in net.wires_of(*client) {
                    net.cut(env, wire, Cut { client_learns: None, gateway_learns: None });
                }
                lasts_for(*lasts, env);
            }
            Fault::KillNode { down } => {
                count_kill(env, net, node, &self.clients);
                node.kill(env, net, *down);
            }
            Fault::KillNodeInWrite { changes, down } => node.kill_in_write(*changes, *down),
            Fault::CutPower { down } => {
                if node.is_up() {
                    env.counters.count("fault: power cut");
                }
                node.cut_power(env, net, *down);
            }
            Fault::Drain { window, down } => {
                env.counters.count("fault: drain");
                node.start_draining(env, net, *window, *down);
            }
            Fault::ReopenLog => node.reopen_log(env, net),
            Fault::KillClient { client, down, machine } => {
                env.counters.count("fault: client killed");
                self.clients[*client].kill(env, net, *machine);
                env.after(*down, Event::ClientStarts { client: *client });
            }
            Fault::StopReading { client, lasts } => {
                self.clients[*client].set_app_stopped(env, true);
                lasts_for(*lasts, env);
            }
            Fault::RefuseDials { lasts } => {
                node.set_refuses_dials(true);
                lasts_for(*lasts, env);
            }
            Fault::SkipTail { batches } => node.skip_tail(*batches),
            Fault::FillDisk { lasts } => {
                node.set_disk_full(true);
                lasts_for(*lasts, env);
            }
            Fault::WakeUp { client } => self.clients[*client].feed(env, net, Input::NetworkReturned),
            Fault::HandOver { client } => self.clients[*client].command(env, net, Command::HandOver),
            Fault::CloseAndConnect { client } => {
                // The application asks for a connection again when it hears that it is closed.
                env.counters.count("fault: closed by the application");
                self.clients[*client].command(env, net, Command::Close);
            }
            Fault::ComeBackAtTheEdge { client, behind } => {
                let Some((epoch, edge)) = node.retention_edge() else { return };
                let seq = edge.get().checked_add_signed(*behind).and_then(Seq::new);
                if seq.is_some_and(|seq| self.clients[*client].had_saved_at(env, epoch, seq)) {
                    env.counters.count("fault: client comes back at the retention edge");
                    self.clients[*client].kill(env, net, false);
                    env.after(Duration::ZERO, Event::ClientStarts { client: *client });
                }
            }
            Fault::StealTicket { client } => net.steal_ticket(*client),
            Fault::SlowReads { by, lasts } => {
                node.set_reads_wait(*by);
                lasts_for(*lasts, env);
            }
            Fault::LoseEvent => node.lose_an_event(),
            Fault::Disconnect { client } => {
                let account = self.plan.clients[*client].account.clone();
                node.disconnect(env, net, account);
            }
        }
    }

    fn end_fault(&mut self, index: usize) {
        let World { env, net, node, .. } = self;
        env.trace.say(env.now, format_args!("fault {index} ends"));
        match &self.plan.faults[index].1 {
            Fault::Stall { .. } => {
                for (_, wire, toward) in self.held.extract_if(.., |(fault, _, _)| *fault == index) {
                    net.set_stalled(env, wire, toward, false);
                }
            }
            Fault::Unreachable { client, .. } => net.set_unreachable(*client, false),
            Fault::KillNodeInWrite { .. } | Fault::SkipTail { .. } => node.forget_plans(),
            Fault::StopReading { client, .. } => self.clients[*client].set_app_stopped(env, false),
            Fault::RefuseDials { .. } => node.set_refuses_dials(false),
            Fault::FillDisk { .. } => node.set_disk_full(false),
            Fault::SlowReads { .. } => node.set_reads_wait(Duration::ZERO),
            Fault::CutWires { .. }
            | Fault::CutOneWire { .. }
            | Fault::KillNode { .. }
            | Fault::CutPower { .. }
            | Fault::Drain { .. }
            | Fault::ReopenLog
            | Fault::KillClient { .. }
            | Fault::WakeUp { .. }
            | Fault::HandOver { .. }
            | Fault::CloseAndConnect { .. }
            | Fault::ComeBackAtTheEdge { .. }
            | Fault::StealTicket { .. }
            | Fault::LoseEvent
            | Fault::Disconnect { .. } => {}
        }
    }

    /// Some machines tell their programs that the network is back.
    fn wake_up_after(&mut self, index: usize) {
        if let Fault::Unreachable { client, woken: true, .. } = self.plan.faults[index].1 {
            self.clients[client].feed(&mut self.env, &mut self.net, Input::NetworkReturned);
        }
    }

    /// Whatever lasts ends now.
    fn begin_quiet(&mut self) {
        self.env.trace.say(self.env.now, format_args!("quiet begins"));
        for index in 0..self.plan.faults.len() {
            self.end_fault(index);
        }
        self.clients.iter_mut().for_each(ClientHost::end_token_trouble);
        let now = self.env.now;
        for client in self.clients.iter_mut().filter(|client| client.has_left(now)) {
            client.kill(&mut self.env, &mut self.net, false);
        }
    }

    fn outcome(mut self) -> Outcome {
        let World { env, net, node, clients, publishers, plan, .. } = &mut self;
        let now = env.now;
        node.compare_at_end(env);
        node.watch_ghosts(env, net);
        let calm_since = Time::from_micros(plan.ends_at.as_micros().saturating_sub(CALM.as_micros() as u64));
        for (number, client) in clients.iter_mut().enumerate() {
            env.trace.say(now, format_args!("at the end client {number}: {}", client.describe()));
            if client.has_left(now) {
                continue;
            }
            client.watch_at_end(env, calm_since);
            if !client.is_settled() {
                let detail = format!("client {number} ({}): {}", client.account(), client.describe());
                env.violate("liveness", detail);
            }
        }
        env.trace.say(now, format_args!("at the end gateway: {}", node.describe()));
        for (number, publisher) in publishers.iter().enumerate() {
            let unanswered = publisher.unanswered();
            if unanswered > 0 {
                env.violate(
                    "liveness",
                    format!("publisher {number}: {unanswered} publishes without an answer"),
                );
            }
        }
        for (rule, detail) in bowline_history::check(&env.history) {
            env.violate(rule, detail);
        }
        let Env { history, counters, trace, .. } = self.env;
        Outcome {
            seed: self.seed,
            violations: history.violations.clone(),
            history,
            counters,
            trace,
            lasted: now.since(Time::ZERO),
            clients: self.clients.len(),
            events: self.events,
        }
    }
}

fn cut_wire(env: &mut Env, net: &mut Network, wire: WireId, cut: Cut) {
    if cut.client_learns.is_none() || cut.gateway_learns.is_none() {
        env.counters.count("fault: half-open");
    }
    net.cut(env, wire, cut);
}

fn count_kill(env: &mut Env, net: &Network, node: &Node, clients: &[ClientHost]) {
    if !node.is_up() {
        return;
    }
    env.counters.count("fault: gateway killed");
    if (0..clients.len()).any(|client| net.wires_of(client).len() > 1) {
        env.counters.count("fault: gateway killed during a handover");
    }
}

/// More events than this within one virtual second are a livelock; the busiest honest worlds stay below a tenth of it.
const MOST_EVENTS_A_SECOND: u64 = 200_000;

/// The world's stream of randomness is another than the plan's.
const WORLD_SALT: u64 = 0x05ea_5a17;

/// So long before the end everything has recovered: from then on no application sees its connection change.
const CALM: Duration = Duration::from_secs(40);
