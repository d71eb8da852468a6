//! A gateway's process around the shard core and the log: sockets, group commit, reads, retention; killed, cut off
//! from power, drained and started again over one disk.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bowline_gateway_core::{ConnId, GatewayCore, Hello, Input, Opening, Output, ShardConfig, SocketKind};
use bowline_log::{Appended, Batch, LogStore, StoreError};
use bowline_proto::{
    Account, AccountKind, CloseCode, GrantScope, Limits, Page, Query, Record, Seq, ServerFrame, SessionId,
    Time, Topic, decode_client_frame, encode_server_frame,
};
use core::time::Duration;

use crate::disk::SimDisk;
use crate::env::Env;
use crate::event::{End, Event, PublishNo, PublisherNo, WireId};
use crate::log_process;
use crate::network::{Network, Parcel};
use crate::plan::{ClientPlan, NodePlan};
use crate::rng::Rng;

/// The gateway's machine.
#[derive(Debug)]
pub(crate) struct Node {
    plan: NodePlan,
    rng: Rng,
    disk: SimDisk,
    /// Counts the boots of the machine.
    boot: u64,
    /// Counts the lives of the process; what was planned for an earlier one is stale.
    life: u32,
    process: Option<Process>,
    refuses_dials: bool,
    arm: u64,
    /// How many coming commits do not fit the shard's share of the tail.
    skips: u64,
    /// How long the machine needs until a process that died in a write is started again.
    down_after_death: Duration,
    /// The same for one that drained.
    down_after_drain: Duration,
    accounts: Vec<Account>,
    topics: Vec<Topic>,
}

#[derive(Debug)]
struct Process {
    core: GatewayCore,
    store: Arc<dyn LogStore>,
    armed: Option<Time>,
    sockets: BTreeMap<WireId, Socket>,
    wires: BTreeMap<ConnId, WireId>,
    /// The tenants that each slot has had.
    generations: Vec<u32>,
    free: Vec<u32>,
    /// Publishes that wait for the next append.
    waiting: VecDeque<(PublisherNo, PublishNo, Batch)>,
    /// Publishes that are appended and wait for the commit.
    appended: Vec<(PublisherNo, PublishNo, Appended)>,
    committing: bool,
    /// Committed records on their way to the shard.
    tail: VecDeque<Arc<[Record]>>,
    tail_due: Time,
    reads: BTreeSet<ConnId>,
    draining: bool,
}

#[derive(Debug)]
struct Socket {
    conn: ConnId,
    hello: Option<Box<Hello>>,
    account: Account,
    kind: AccountKind,
    socket: SocketKind,
    /// Written by the core, not yet taken by the socket.
    pending: VecDeque<Parcel>,
    blocked: bool,
    /// The core has ordered its end.
    closing: bool,
    close_heard: bool,
    session: Option<SessionId>,
    accepted_at: Time,
    last_seq: Seq,
}

impl Node {
    pub(crate) fn new(plan: NodePlan, mut rng: Rng, accounts: Vec<Account>, topics: Vec<Topic>) -> Self {
        let disk = SimDisk::new(rng.fork("disk"));
        Node {
            plan,
            rng,
            disk,
            boot: 1,
            life: 0,
            process: None,
            refuses_dials: false,
            arm: 0,
            skips: 0,
            down_after_death: Duration::ZERO,
            down_after_drain: Duration::ZERO,
            accounts,
            topics,
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.process.is_some()
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.process.as_ref().is_some_and(|process| process.draining)
    }

    /// A process starts over what is on the disk.
    pub(crate) fn start(&mut self, env: &mut Env) {
        if self.process.is_some() {
            return;
        }
        self.life += 1;
        let Some(store) = self.open_log(env) else { return };
        let status = store.status();
        env.trace.say(env.now, format_args!("gateway starts (life {}): {status:?}", self.life));
        let config = ShardConfig::default()
            .heartbeat(self.plan.heartbeat)
            .plain_silence(Duration::from_secs(30))
            .max_duration(self.plan.max_duration)
            .account_sockets(AccountKind::Agent, self.plan.agent_sockets)
            .page(self.plan.page.0, self.plan.page.1);
        self.process = Some(Process {
            core: GatewayCore::new(config, status.epoch, status.head, env.now),
            store,
            armed: None,
            sockets: BTreeMap::new(),
            wires: BTreeMap::new(),
            generations: Vec::new(),
            free: Vec::new(),
            waiting: VecDeque::new(),
            appended: Vec::new(),
            committing: false,
            tail: VecDeque::new(),
            tail_due: env.now,
            reads: BTreeSet::new(),
            draining: false,
        });
        env.after(self.plan.retain_every, Event::Retains { life: self.life });
        self.drain(env, None);
    }

    /// Opens the log and compares what it shows with what was committed.
    fn open_log(&mut self, env: &mut Env) -> Option<Arc<dyn LogStore>> {
        self.disk = self.disk.next_process();
        let fresh = self.rng.next_u64();
        let store = match log_process::open(self.disk.clone(), &self.plan, self.boot, fresh, env.wall()) {
            Ok((store, None)) => store,
            Ok((store, Some(change))) => {
                env.trace.say(env.now, format_args!("the log has a new epoch: {change:?}"));
                store
            }
            // Somebody makes room and starts it again.
            Err(StoreError::Full) => {
                env.counters.count("log: too full to open");
                env.after(Duration::from_secs(1), Event::NodeStarts);
                return None;
            }
            Err(_) if self.disk.is_dead() => {
                env.after(Duration::from_millis(100), Event::NodeStarts);
                return None;
            }
            Err(error) => {
                env.violate("recovery", format!("the log does not open: {error}"));
                return None;
            }
        };
        self.compare(env, &*store);
        Some(store)
    }

    /// Compares what the log shows with what was committed.
    pub(crate) fn compare(&self, env: &mut Env, store: &dyn LogStore) {
        let status = store.status();
        let was_oldest = std::mem::replace(&mut env.history.oldest, status.oldest);
        let shown = match log_process::read_all(store, &self.accounts, &self.topics) {
            Ok(shown) => shown,
            Err(error) => return env.violate("recovery", format!("the log can't be read: {error}")),
        };
        let epochs = env.history.truth.lives().len();
        if let Err(said) =
            env.history.truth.reopened(status.epoch, status.oldest, was_oldest, status.head, &shown)
        {
            env.violate("durable", said);
        }
        if epochs > 0 && env.history.truth.lives().len() > epochs {
            env.counters.count("log: a new epoch");
            if self.plan.durability == bowline_log::Durability::Fsync {
                env.violate("epoch", "the epoch changed although everything was synced".into());
            }
        }
        if env.history.truth.head() != status.head {
            let said =
                format!("the log says head {}, its records say {}", status.head, env.history.truth.head());
            env.violate("head", said);
        }
        let held = env.history.truth.grants_at_head();
        for account in &self.accounts {
            let (topics, _) = store.grants(account);
            let known: BTreeSet<Topic> = topics.into_iter().collect();
            let expected = held.get(account).cloned().unwrap_or_default();
            if known != expected {
                env.violate("grants", format!("{account} holds {known:?}; the records say {expected:?}"));
            }
        }
    }

    /// Compares once more, at the end of a run.
    pub(crate) fn compare_at_end(&self, env: &mut Env) {
        if let Some(process) = &self.process {
            let store = Arc::clone(&process.store);
            self.compare(env, &*store);
        }
    }

    /// The process is killed.
    pub(crate) fn kill(&mut self, env: &mut Env, net: &mut Network, down: Duration) {
        let Some(process) = self.process.take() else { return };
        env.trace.say(env.now, format_args!("gateway is killed"));
        for wire in process.sockets.keys() {
            net.reset(env, *wire, End::Gateway);
        }
        // A dead process runs no destructor that reaches the disk.
        self.disk = self.disk.next_process();
        drop(process);
        env.after(down, Event::NodeStarts);
    }

    /// The machine loses its power.
    pub(crate) fn cut_power(&mut self, env: &mut Env, net: &mut Network, down: Duration) {
        let Some(process) = self.process.take() else { return };
        env.trace.say(env.now, format_args!("gateway's power is cut"));
        for wire in process.sockets.keys() {
            net.vanish(env, *wire, End::Gateway);
        }
        self.disk.cut_power();
        self.boot += 1;
        drop(process);
        env.after(down, Event::NodeStarts);
    }

    /// The process dies in the middle of a later change of the disk.
    pub(crate) fn kill_in_write(&mut self, changes: u64, down: Duration) {
        self.down_after_death = down;
        self.disk.die_in(changes);
    }

    /// What was to break later does not.
    pub(crate) fn forget_plans(&mut self) {
        self.disk.live_on();
        self.skips = 0;
    }

    pub(crate) fn set_disk_full(&mut self, full: bool) {
        self.disk.set_full(full);
    }

    pub(crate) fn set_refuses_dials(&mut self, refuses: bool) {
        self.refuses_dials = refuses;
    }

    pub(crate) fn skip_tail(&mut self, batches: u64) {
        self.skips = batches;
    }

    /// The process is asked to leave.
    pub(crate) fn start_draining(
        &mut self,
        env: &mut Env,
        net: &mut Network,
        window: Duration,
        down: Duration,
    ) {
        if self.is_draining() {
            return;
        }
        let Some(process) = &mut self.process else { return };
        env.trace.say(env.now, format_args!("gateway drains within {window:?}"));
        process.draining = true;
        self.down_after_drain = down;
        env.after(window + Duration::from_millis(500), Event::DrainEnds { life: self.life });
        self.feed(env, net, Input::DrainStarted { window });
    }

    /// The drained process ends.
    pub(crate) fn drain_ends(&mut self, env: &mut Env, net: &mut Network, life: u32) {
        if life == self.life && self.process.is_some() {
            env.counters.count("gateway: drained and restarted");
            self.kill(env, net, self.down_after_drain);
        }
    }

    /// The log is closed and recovered in the living process.
    pub(crate) fn reopen_log(&mut self, env: &mut Env, net: &mut Network) {
        let Some(mut process) = self.process.take() else { return };
        env.trace.say(env.now, format_args!("gateway reopens its log"));
        env.counters.count("gateway: reopened its log");
        // What was planned with the old log is stale; the sockets stay.
        self.life += 1;
        process.appended.clear();
        process.waiting.clear();
        process.committing = false;
        process.tail.clear();
        process.reads.clear();
        for socket in process.sockets.values() {
            if socket.hello.is_some() {
                // Its upgrade is under way with facts of the old log.
                process.wires.remove(&socket.conn);
            }
        }
        let half_open: Vec<WireId> =
            process.sockets.iter().filter(|(_, s)| s.hello.is_some()).map(|(wire, _)| *wire).collect();
        for wire in half_open {
            process.sockets.remove(&wire);
            net.close(env, wire, End::Gateway);
        }
        let Process { core, store, sockets, wires, generations, free, draining, .. } = process;
        drop(store);
        let Some(store) = self.open_log(env) else { return };
        let status = store.status();
        self.process = Some(Process {
            core,
            store,
            armed: None,
            sockets,
            wires,
            generations,
            free,
            waiting: VecDeque::new(),
            appended: Vec::new(),
            committing: false,
            tail: VecDeque::new(),
            tail_due: env.now,
            reads: BTreeSet::new(),
            draining,
        });
        env.after(self.plan.retain_every, Event::Retains { life: self.life });
        if draining {
            env.after(Duration::from_secs(1), Event::DrainEnds { life: self.life });
        }
        let closing: Vec<WireId> = self.closing();
        for wire in closing {
            env.after(CLOSE_DEADLINE, Event::CloseDue { wire, life: self.life });
        }
        self.feed(env, net, Input::LogReopened { epoch: status.epoch, head: status.head });
    }

    fn closing(&self) -> Vec<WireId> {
        let sockets = self.process.as_ref().map(|process| process.sockets.iter());
        sockets
            .into_iter()
            .flatten()
            .filter(|(_, s)| s.closing || s.close_heard)
            .map(|(wire, _)| *wire)
            .collect()
    }

    /// Somebody dials.
    pub(crate) fn dialled(&mut self, env: &mut Env, net: &mut Network, wire: WireId, client: &ClientPlan) {
        let Some(dial) = net.wire(wire) else { return };
        let resume = dial.resume;
        let number = dial.client;
        let life = self.life;
        // A process that drains has closed its listener, or leaves the answer to the core.
        let (open, late) = (!self.refuses_dials, self.rng.percent(50));
        let Some(process) = self.process.as_mut().filter(|process| open && (late || !process.draining))
        else {
            let delay = net.delay(env);
            env.after(delay, Event::DialFails { client: number, wire });
            return;
        };
        let slot = process.free.pop().unwrap_or_else(|| {
            process.generations.push(0);
            u32::try_from(process.generations.len() - 1).unwrap_or(u32::MAX)
        });
        let generation = &mut process.generations[slot as usize];
        *generation += 1;
        let conn = ConnId { slot, generation: *generation };
        let (granted, open, socket) = match &client.path {
            Some(topic) => (GrantScope::Only(vec![topic.clone()].into()), Vec::new(), SocketKind::Path),
            None => (GrantScope::All, vec![Topic::inbox(&client.account)], SocketKind::Account),
        };
        let (grants, as_of) = process.store.grants(&client.account);
        let hello = Hello {
            account: client.account.clone(),
            kind: client.kind,
            socket,
            claims: Arc::new([]),
            open: open.into(),
            granted,
            grants,
            as_of,
            opening: if resume { Opening::Resume } else { Opening::Plain },
            connection_id: format!("{}-{}", wire.0, generation).into(),
            session_id: SessionId::new(&format!("s{:016x}", self.rng.next_u64()))
                .expect("letters and digits"),
        };
        process.sockets.insert(
            wire,
            Socket {
                conn,
                hello: Some(Box::new(hello)),
                account: client.account.clone(),
                kind: client.kind,
                socket,
                pending: VecDeque::new(),
                blocked: false,
                closing: false,
                close_heard: false,
                session: None,
                accepted_at: Time::ZERO,
                last_seq: Seq::ZERO,
            },
        );
        env.trace.say(
            env.now,
            format_args!("gateway upgrades {wire:?} of client {number}: {conn:?}, grants as of {as_of}"),
        );
        // Between reading the grants and the shard's hearing of the socket, commits pass.
        let handshake = self.rng.millis(0, *self.rng.clone().pick(&[0, 2, 60]));
        env.after(handshake, Event::UpgradeDone { wire, life });
    }

    /// The handshake is done.
    pub(crate) fn upgraded(&mut self, env: &mut Env, net: &mut Network, wire: WireId, life: u32) {
        if life != self.life {
            return;
        }
        let Some(process) = &mut self.process else { return };
        let Some(socket) = process.sockets.get_mut(&wire) else { return };
        let Some(hello) = socket.hello.take() else { return };
        let conn = socket.conn;
        process.wires.insert(conn, wire);
        net.send(env, wire, End::Gateway, Parcel::Upgraded);
        self.feed(env, net, Input::Opened { conn, hello });
        self.read(env, net, wire);
    }

    /// Reads one socket until nothing is there.
    pub(crate) fn read(&mut self, env: &mut Env, net: &mut Network, wire: WireId) {
        loop {
            let Some(socket) = self.process.as_ref().and_then(|process| process.sockets.get(&wire)) else {
                if net.take(env, wire, End::Gateway).is_some() {
                    net.close(env, wire, End::Gateway);
                }
                return;
            };
            if socket.hello.is_some() {
                // Not upgraded yet: what comes waits in the kernel.
                return;
            }
            let (conn, told, closing) = (socket.conn, !socket.closing && !socket.close_heard, socket.closing);
            let Some(parcel) = net.take(env, wire, End::Gateway) else { return };
            match parcel {
                Parcel::Text(text) if told => match decode_client_frame(&text, &Limits::default()) {
                    Ok(frame) => self.feed(env, net, Input::Frame { conn, frame }),
                    Err(why) => {
                        env.violate("codec", format!("the gateway can't read {text:?}: {why}"));
                        self.feed(env, net, Input::BadFrame { conn, why: why.to_string() });
                    }
                },
                Parcel::Pong | Parcel::Ping if told => self.feed(env, net, Input::Heard { conn }),
                Parcel::Text(_) | Parcel::Pong | Parcel::Ping | Parcel::Upgraded => {}
                Parcel::Close(_) if closing => self.end(env, net, wire),
                Parcel::Close(code) => self.close_heard(env, net, wire, conn, code),
                Parcel::End => {
                    self.end(env, net, wire);
                    if told {
                        self.feed(env, net, Input::Closed { conn });
                    }
                }
            }
        }
    }

    /// The client says goodbye: what is written still goes out, or not.
    fn close_heard(&mut self, env: &mut Env, net: &mut Network, wire: WireId, conn: ConnId, code: CloseCode) {
        let flushes = self.rng.percent(50);
        let Some(socket) = self.socket(wire) else { return };
        if std::mem::replace(&mut socket.close_heard, true) {
            return;
        }
        if !flushes {
            socket.pending.clear();
        }
        socket.pending.push_back(Parcel::Close(code));
        socket.pending.push_back(Parcel::End);
        let life = self.life;
        env.after(CLOSE_DEADLINE, Event::CloseDue { wire, life });
        self.feed(env, net, Input::Closed { conn });
        self.flush(env, net, wire);
    }

    /// The close deadline of a socket.
    pub(crate) fn close_due(&mut self, env: &mut Env, net: &mut Network, wire: WireId, life: u32) {
        if life == self.life {
            self.end(env, net, wire);
        }
    }

    /// A socket took bytes.
    pub(crate) fn window_opens(&mut self, env: &mut Env, net: &mut Network, wire: WireId) {
        let Some(socket) = self.socket(wire) else { return };
        if socket.pending.is_empty() {
            return;
        }
        let before = socket.pending.len();
        let blocked = socket.blocked && !socket.closing && !socket.close_heard;
        let conn = socket.conn;
        self.flush(env, net, wire);
        let Some(socket) = self.socket(wire) else { return };
        let left = socket.pending.len();
        if left == 0 {
            socket.blocked = false;
        }
        if blocked && left == 0 {
            self.feed(env, net, Input::Drained { conn });
        } else if blocked && left < before {
            self.feed(env, net, Input::Progressed { conn });
        }
    }

    /// The shard's deadline.
    pub(crate) fn wake(&mut self, env: &mut Env, net: &mut Network, arm: u64) {
        let Some(process) = self.process.as_mut().filter(|_| arm == self.arm) else { return };
        process.armed = None;
        process.core.handle_timeout(env.now);
        self.drain(env, Some(net));
    }

    /// A publish comes.
    pub(crate) fn published(
        &mut self,
        env: &mut Env,
        net: &mut Network,
        publisher: PublisherNo,
        publish: PublishNo,
        batch: Batch,
    ) {
        let Some(process) = &mut self.process else { return };
        process.waiting.push_back((publisher, publish, batch));
        self.append(env, net);
    }

    /// Writes what waits, unless a commit is under way.
    fn append(&mut self, env: &mut Env, net: &mut Network) {
        let Some(process) = self.process.as_mut().filter(|p| !p.committing && !p.waiting.is_empty()) else {
            return;
        };
        let requests: Vec<_> = process.waiting.drain(..).collect();
        let batches: Vec<Batch> = requests.iter().map(|(_, _, batch)| batch.clone()).collect();
        match process.store.append(&batches, env.wall()) {
            Ok(outcomes) => {
                for ((publisher, publish, _), outcome) in requests.into_iter().zip(outcomes) {
                    if matches!(outcome, Appended::Repeated { .. }) {
                        env.counters.count("log: a repeated publish");
                    }
                    process.appended.push((publisher, publish, outcome));
                }
                process.committing = true;
                let delay = self.rng.millis(self.plan.commit.0, self.plan.commit.1);
                env.after(delay, Event::Commits { life: self.life });
            }
            // Answered with an error: the publisher asks again.
            Err(StoreError::Full) => env.counters.count("log: full"),
            Err(error) => self.log_failed(env, net, &error),
        }
    }

    /// A commit completes.
    pub(crate) fn commits(&mut self, env: &mut Env, net: &mut Network, life: u32) {
        if life != self.life {
            return;
        }
        let Some(process) = &mut self.process else { return };
        process.committing = false;
        let records = match process.store.commit() {
            Ok(records) => records,
            Err(error) => return self.log_failed(env, net, &error),
        };
        for record in records.iter() {
            if !matches!(record, Record::Event(_)) {
                env.trace.say(env.now, format_args!("the log holds {record:?}"));
            }
            if let Err(said) = env.history.truth.commit(record) {
                env.violate("agreement", said);
            }
        }
        env.counters.add("log: records", records.len() as u64);
        for (publisher, publish, outcome) in std::mem::take(&mut process.appended) {
            let seqs = match outcome {
                Appended::New { seqs } | Appended::Repeated { seqs } => seqs,
                Appended::KeyReused => {
                    env.violate("idempotence", format!("p{publisher}-{publish}: key reused"));
                    continue;
                }
            };
            if self.rng.percent(95) {
                let delay = self.rng.millis(0, 5);
                env.after(delay, Event::AnswerArrives { publisher, publish, seqs });
            }
        }
        if !records.is_empty() {
            process.tail.push_back(records);
            let delay = self.rng.millis(self.plan.tail.0, self.plan.tail.1);
            process.tail_due = process.tail_due.max(env.now + delay);
            env.at(process.tail_due, Event::TailArrives { life });
        }
        self.append(env, net);
    }

    /// Committed records reach the shard.
    pub(crate) fn tail_arrives(&mut self, env: &mut Env, net: &mut Network, life: u32) {
        if life != self.life {
            return;
        }
        let Some(records) = self.process.as_mut().and_then(|process| process.tail.pop_front()) else {
            return;
        };
        if self.skips > 0
            && let Some(last) = records.last()
        {
            self.skips -= 1;
            env.counters.count("gateway: the tail overflowed");
            env.trace.say(env.now, format_args!("gateway's tail skips up to {}", last.seq()));
            self.feed(env, net, Input::TailSkipped { upto: last.seq() });
        } else {
            self.feed(env, net, Input::Appended { records });
        }
    }

    /// The answer to a read.
    pub(crate) fn page_arrives(
        &mut self,
        env: &mut Env,
        net: &mut Network,
        life: u32,
        conn: ConnId,
        query: &Query,
        page: Option<Page>,
    ) {
        if life != self.life {
            return;
        }
        let Some(process) = &mut self.process else { return };
        process.reads.remove(&conn);
        let page = match page {
            Some(page) => Ok(page),
            None => process.store.read(query),
        };
        match page {
            Ok(_) if self.rng.per_mille(3) => {
                env.counters.count("gateway: a read failed");
                self.feed(env, net, Input::ReadFailed { conn });
            }
            Ok(page) => self.feed(env, net, Input::PageRead { conn, page }),
            Err(error) => {
                self.feed(env, net, Input::ReadFailed { conn });
                self.log_failed(env, net, &error);
            }
        }
    }

    /// Retention is due.
    pub(crate) fn retains(&mut self, env: &mut Env, net: &mut Network, life: u32) {
        if life != self.life {
            return;
        }
        let Some(process) = &mut self.process else { return };
        match process.store.retain(env.wall()) {
            Ok(oldest) => {
                if oldest > env.history.oldest {
                    env.counters.count("log: retention removed something");
                    env.history.oldest = oldest;
                }
                env.after(self.plan.retain_every, Event::Retains { life });
            }
            Err(error) => self.log_failed(env, net, &error),
        }
    }

    /// The operator closes an account's sockets.
    pub(crate) fn disconnect(&mut self, env: &mut Env, net: &mut Network, account: Account) {
        self.feed(env, net, Input::Disconnect { account });
    }

    fn log_failed(&mut self, env: &mut Env, net: &mut Network, error: &StoreError) {
        if self.disk.is_dead() {
            env.counters.count("gateway: died in the middle of a write");
            let down = self.down_after_death;
            self.kill(env, net, down);
        } else {
            env.violate("log", format!("the log failed without a cause: {error}"));
            self.kill(env, net, Duration::from_millis(100));
        }
    }

    fn feed(&mut self, env: &mut Env, net: &mut Network, fact: Input) {
        let Some(process) = &mut self.process else { return };
        process.core.handle(env.now, fact);
        self.drain(env, Some(net));
    }

    /// Carries out the orders, then writes to every socket that has something, as one turn of a driver does.
    fn drain(&mut self, env: &mut Env, net: Option<&mut Network>) {
        let Some(process) = &mut self.process else { return };
        let mut orders = Vec::new();
        while let Some(order) = process.core.poll_output() {
            orders.push(order);
            if orders.len() > MOST_ORDERS {
                env.violate("livelock", format!("the gateway gave {MOST_ORDERS} orders at once"));
                break;
            }
        }
        let mut touched: BTreeSet<WireId> = BTreeSet::new();
        for order in orders {
            self.carry_out(env, order, &mut touched);
        }
        let mut blocked = Vec::new();
        if let Some(net) = net {
            for wire in touched {
                self.flush(env, net, wire);
                if let Some(socket) = self.socket(wire)
                    && !socket.pending.is_empty()
                    && !socket.blocked
                {
                    socket.blocked = true;
                    if !socket.closing && !socket.close_heard {
                        blocked.push(socket.conn);
                    }
                }
            }
            for conn in blocked {
                env.counters.count("gateway: a socket blocked");
                self.feed(env, net, Input::Blocked { conn });
            }
        }
        self.arm(env);
    }

    fn carry_out(&mut self, env: &mut Env, order: Output, touched: &mut BTreeSet<WireId>) {
        let life = self.life;
        match order {
            Output::Send { conn, frame } => {
                env.trace.say(env.now, format_args!("gateway says to {conn:?}: {frame:?}"));
                let Some(wire) = self.told(env, conn) else { return };
                self.watch_steering(env, wire, &frame);
                let text = encode_server_frame(&frame);
                self.write(wire, Parcel::Text(text.into()), touched);
            }
            Output::Deliver { records, range, to } => {
                let seqs = records
                    .get(range.start)
                    .map(Record::seq)
                    .zip(records.get(range.end - 1).map(Record::seq));
                env.trace.say(env.now, format_args!("gateway delivers {seqs:?} to {to:?}"));
                for conn in to {
                    let Some(wire) = self.told(env, conn) else { continue };
                    for record in &records[range.clone()] {
                        let Record::Event(event) = record else {
                            env.violate("deliver", format!("{conn:?} was to get a record that is no event"));
                            continue;
                        };
                        self.watch_delivery(env, wire, event.seq);
                        self.write(wire, Parcel::Text(event.text.clone()), touched);
                    }
                }
            }
            Output::Signal { text, to } => {
                for conn in to {
                    if let Some(wire) = self.told(env, conn) {
                        self.write(wire, Parcel::Text(text.clone()), touched);
                    }
                }
            }
            Output::Read { conn, query } => {
                let Some(process) = &mut self.process else { return };
                if !process.reads.insert(conn) {
                    env.violate("read", format!("{conn:?} asked the log twice at a time"));
                }
                env.counters.count("gateway: reads of the log");
                let page =
                    if self.rng.percent(50) { process.store.read(&query).ok().map(Box::new) } else { None };
                let delay = self.rng.millis(self.plan.read.0, self.plan.read.1);
                env.after(delay, Event::PageArrives { life, conn, query: Box::new(query), page });
            }
            Output::Ping { conn } => {
                if let Some(wire) = self.told(env, conn) {
                    self.write(wire, Parcel::Ping, touched);
                }
            }
            Output::Close { conn, code } => {
                let Some(wire) = self.told(env, conn) else { return };
                env.trace.say(env.now, format_args!("gateway closes {conn:?} with {}", code.0));
                count_close(env, code);
                self.write(wire, Parcel::Close(code), touched);
                if let Some(socket) = self.socket(wire) {
                    socket.closing = true;
                }
                env.after(CLOSE_DEADLINE, Event::CloseDue { wire, life });
            }
            Output::Share(_) => {}
        }
    }

    /// The wire of a socket that the core may still speak to.
    fn told(&mut self, env: &mut Env, conn: ConnId) -> Option<WireId> {
        let process = self.process.as_mut()?;
        let wire = process.wires.get(&conn).copied();
        let socket = wire.and_then(|wire| process.sockets.get(&wire));
        match socket {
            Some(socket) if socket.close_heard => None,
            Some(socket) if !socket.closing => wire,
            _ => {
                env.violate(
                    "stranger",
                    format!("an order for {conn:?}, which the core has closed or never had"),
                );
                None
            }
        }
    }

    fn write(&mut self, wire: WireId, parcel: Parcel, touched: &mut BTreeSet<WireId>) {
        if let Some(socket) = self.socket(wire) {
            socket.pending.push_back(parcel);
            touched.insert(wire);
        }
    }

    /// Writes what fits.
    fn flush(&mut self, env: &mut Env, net: &mut Network, wire: WireId) {
        let mut over = false;
        if let Some(socket) = self.process.as_mut().and_then(|process| process.sockets.get_mut(&wire)) {
            while let Some(parcel) = socket.pending.front() {
                // A socket with any room takes at least a part: here whole frames move.
                if parcel.bytes() > 0 && net.room(wire) == 0 {
                    break;
                }
                let Some(parcel) = socket.pending.pop_front() else { break };
                over |= matches!(parcel, Parcel::End);
                if !over {
                    net.send(env, wire, End::Gateway, parcel);
                }
            }
        }
        if over {
            self.end(env, net, wire);
        }
    }

    /// The socket is over.
    fn end(&mut self, env: &mut Env, net: &mut Network, wire: WireId) {
        let Some(process) = &mut self.process else { return };
        if let Some(socket) = process.sockets.remove(&wire) {
            process.wires.remove(&socket.conn);
            process.free.push(socket.conn.slot);
            net.close(env, wire, End::Gateway);
        }
    }

    fn socket(&mut self, wire: WireId) -> Option<&mut Socket> {
        self.process.as_mut()?.sockets.get_mut(&wire)
    }

    /// On one socket events arrive in growing seq, and never before it was accepted.
    fn watch_delivery(&mut self, env: &mut Env, wire: WireId, seq: Seq) {
        let Some(socket) = self.socket(wire) else { return };
        let (before, accepted) = (socket.last_seq, socket.session.is_some());
        socket.last_seq = seq;
        if seq <= before {
            env.violate("socket order", format!("{wire:?} was sent {seq} after {before}"));
        }
        if !accepted {
            env.violate("socket order", format!("{wire:?} was sent {seq} before it was accepted"));
        }
    }

    fn watch_steering(
        &mut self,
        env: &mut Env,
        wire: WireId,
        frame: &ServerFrame<core::convert::Infallible>,
    ) {
        match frame {
            ServerFrame::Accepted(accepted) => {
                env.counters.count(if accepted.resumed { "gateway: resumed" } else { "gateway: accepted" });
                if !accepted.gaps.is_empty() {
                    env.counters.count("gateway: resumed with a gap");
                }
                let now = env.now;
                let Some(socket) = self.socket(wire) else { return };
                socket.session.clone_from(&accepted.session_id);
                socket.accepted_at = now;
                let (account, kind, path) = (socket.account.clone(), socket.kind, socket.socket);
                self.count_sockets(env, &account, kind, path);
            }
            ServerFrame::Rejected(_) => env.counters.count("gateway: rejected"),
            ServerFrame::Gap(_) => env.counters.count("gateway: a gap while catching up"),
            ServerFrame::Topics { .. } => env.counters.count("gateway: topics changed"),
            ServerFrame::Draining(_) => env.counters.count("gateway: asked to move"),
            ServerFrame::Event { .. }
            | ServerFrame::SubscribeAck(_)
            | ServerFrame::UnsubscribeAck { .. }
            | ServerFrame::Pong { .. }
            | ServerFrame::Error { .. }
            | ServerFrame::Unknown => {}
        }
    }

    /// An account never has more sockets than it may; a handover counts once.
    fn count_sockets(&mut self, env: &mut Env, account: &Account, kind: AccountKind, path: SocketKind) {
        if path != SocketKind::Account {
            return;
        }
        let Some(process) = &self.process else { return };
        let mut sessions: BTreeMap<&str, u32> = BTreeMap::new();
        for socket in process.sockets.values() {
            let counts =
                socket.account == *account && socket.socket == path && !socket.closing && !socket.close_heard;
            if let Some(session) = socket.session.as_ref().filter(|_| counts) {
                *sessions.entry(session.reveal()).or_default() += 1;
            }
        }
        let limit = match kind {
            AccountKind::Agent => self.plan.agent_sockets,
            AccountKind::Human | AccountKind::Service => 20,
        };
        if u32::try_from(sessions.len()).unwrap_or(u32::MAX) > limit
            || sessions.values().any(|held| *held > 2)
        {
            let held: Vec<u32> = sessions.values().copied().collect();
            env.violate("limit", format!("{account} has {held:?} sockets by session, {limit} are allowed"));
        }
    }

    fn arm(&mut self, env: &mut Env) {
        let Some(process) = &mut self.process else { return };
        let deadline = process.core.poll_timeout();
        if deadline == process.armed {
            return;
        }
        self.arm += 1;
        process.armed = deadline;
        if let Some(at) = deadline {
            env.at(at, Event::NodeWakes { arm: self.arm });
        }
    }

    /// What the shard and the log hold, for people.
    pub(crate) fn describe(&self) -> String {
        match &self.process {
            Some(process) => format!("{:?}, {:?}", process.store.status(), process.core.stats()),
            None => "no process".into(),
        }
    }
}

fn count_close(env: &mut Env, code: CloseCode) {
    env.counters.count(match code {
        CloseCode::SUPERSEDED => "gateway: closed, superseded",
        CloseCode::IDLE_TIMEOUT => "gateway: closed, silent",
        CloseCode::SLOW_CONSUMER => "gateway: closed, does not read",
        CloseCode::DRAINING => "gateway: closed, draining",
        CloseCode::MAX_DURATION => "gateway: closed, too old",
        CloseCode::LIMIT_EXCEEDED => "gateway: closed, above the limit",
        _ => "gateway: closed for another reason",
    });
}

/// How long the gateway waits for the answer to its close frame.
const CLOSE_DEADLINE: Duration = Duration::from_secs(5);

/// More orders than this from one fact are a loop.
const MOST_ORDERS: usize = 500_000;
