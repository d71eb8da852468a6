//! A gateway's process around the shard core and the log: sockets, group commit, reads, retention; killed, cut off
//! from power, drained and started again over one disk.

mod ends;
mod log_side;
mod orders;
mod rare;
mod sockets;
mod watch;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bowline_gateway_core::{ConnId, GatewayCore, Hello, Input, ShardConfig, SocketKind};
use bowline_log::{Appended, Batch, LogStore, StoreError};
use bowline_proto::{Account, AccountKind, Record, Seq, SessionId, Time, Topic};
use core::time::Duration;

use crate::disk::SimDisk;
use crate::env::Env;
use crate::event::{Event, PublishNo, PublisherNo, WireId};
use crate::log_process;
use crate::network::{Network, Parcel};
use crate::plan::NodePlan;
use crate::rng::Rng;

use rare::{Cause, Watch};

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
    watch: Watch,
    /// When everybody must have left.
    drained_at: Time,
    /// What makes the core act.
    cause: Cause,
    /// Tickets that have been used.
    used_tickets: BTreeSet<u64>,
    /// Reads take so much longer.
    reads_wait: Duration,
    /// Of this position on, one event within a run is lost on its way.
    loses_after: Option<Seq>,
    /// The last event that was lost so.
    lost_upto: Seq,
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
    /// When it was upgraded.
    opened_at: Time,
    accepted_at: Time,
    /// Its accept has been written.
    accept_written: bool,
    /// The gateway has asked it to move until then.
    stays_until: Option<Time>,
    last_seq: Seq,
}

impl Node {
    pub(crate) fn new(plan: NodePlan, mut rng: Rng, accounts: Vec<Account>, topics: Vec<Topic>) -> Self {
        let mut disk = SimDisk::new(rng.fork("disk"));
        if plan.starts_below_32_bits {
            disk = log_process::age(&disk);
        }
        Node {
            plan,
            rng,
            disk,
            boot: 1,
            life: 0,
            process: None,
            refuses_dials: false,
            arm: 0,
            watch: Watch::default(),
            drained_at: Time::ZERO,
            cause: Cause::Fact,
            used_tickets: BTreeSet::new(),
            reads_wait: Duration::ZERO,
            loses_after: None,
            lost_upto: Seq::ZERO,
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
            .page(self.plan.page.0, self.plan.page.1)
            .handover_grace(self.plan.handover_grace)
            .max_duration_notice(self.plan.notice)
            .reads_at_once(self.plan.reads_at_once);
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
        self.watch_start();
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

    /// The log answers so much later.
    pub(crate) fn set_reads_wait(&mut self, wait: Duration) {
        self.reads_wait = wait;
    }

    /// The next event that another one of its topic follows at once is lost on its way.
    pub(crate) fn lose_an_event(&mut self) {
        self.loses_after = Some(self.lost_upto);
    }

    pub(crate) fn skip_tail(&mut self, batches: u64) {
        self.skips = batches;
    }

    /// The shard's deadline.
    pub(crate) fn wake(&mut self, env: &mut Env, net: &mut Network, arm: u64) {
        let Some(process) = self.process.as_mut().filter(|_| arm == self.arm) else { return };
        process.armed = None;
        process.core.handle_timeout(env.now);
        self.cause = Cause::Time;
        self.drain(env, Some(net));
        self.cause = Cause::Fact;
    }

    /// The operator closes an account's sockets.
    pub(crate) fn disconnect(&mut self, env: &mut Env, net: &mut Network, account: Account) {
        self.feed(env, net, Input::Disconnect { account });
    }

    fn feed(&mut self, env: &mut Env, net: &mut Network, fact: Input) {
        let Some(process) = &mut self.process else { return };
        process.core.handle(env.now, fact);
        self.drain(env, Some(net));
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
