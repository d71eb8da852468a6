//! A gateway's process around the shard core and the log: sockets, group commit, reads, retention; killed, cut off
//! from power, drained and started again over one disk.

mod acceptances;
mod earlier;
mod ends;
mod leases;
mod log_side;
mod orders;
mod passes;
mod rare;
mod rotting;
mod silence;
mod sockets;
mod stale;
mod storage;
mod watch;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bowline_gateway_core::{ConnId, GatewayCore, Hello, Input, ShardConfig, SocketKind};
use bowline_log::{Appended, Batch, LogStore};
use bowline_proto::{Account, AccountKind, Record, Seq, SessionId, Time, Timestamp, Topic};
use core::time::Duration;

use crate::disk::SimDisk;
use crate::env::Env;
use crate::event::{Event, NodeEvent, NodeNo, PeerNo, PublishNo, PublisherNo, WireId};
use crate::network::{Network, Parcel};
use crate::plan::{Limits, NodePlan};
use crate::rng::Rng;

use acceptances::Presented;
use leases::Leases;
use passes::Tickets;
use rare::{Cause, Watch};
use rotting::Flip;

/// The gateway's machine.
#[derive(Debug)]
pub(crate) struct Node {
    number: NodeNo,
    plan: NodePlan,
    rng: Rng,
    disk: SimDisk,
    /// Counts the boots of the machine.
    boot: u64,
    /// Counts the lives of the process, and the openings of its log; what was planned for an earlier one is stale.
    life: u32,
    /// Counts the processes: each has settings of its own.
    processes: u32,
    process: Option<Process>,
    /// Dials are refused, or not answered at all.
    deaf: Option<Deafness>,
    arm: u64,
    watch: Watch,
    /// It was frozen or slow: what it did too late then it could not help.
    was_held_up: bool,
    /// When everybody must have left.
    drained_at: Time,
    /// What makes the core act.
    cause: Cause,
    /// Reads take so much longer.
    reads_wait: Duration,
    /// Of this position on, one event within a run is lost on its way.
    loses_after: Option<Seq>,
    /// The last event that was lost so.
    lost_upto: Seq,
    /// How many coming commits do not fit the shard's share of the tail.
    skips: u64,
    /// What a commit takes at the moment, in milliseconds, when it is more than usual.
    slow_sync: Option<u64>,
    /// How far its wall clock is off, in milliseconds.
    clock_off: i64,
    /// The bytes that were flipped: which file, and where.
    flips: Vec<Flip>,
    /// A byte was flipped in what the next opening has to rely on.
    is_rotten: bool,
    /// How long the machine needs until a process that died in a write is started again.
    down_after_death: Duration,
    /// The same for one that drained.
    down_after_drain: Duration,
    accounts: Vec<Account>,
    topics: Vec<Topic>,
}

/// How dials are not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deafness {
    Refuses,
    Ignores,
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
    /// Since when it leaves.
    draining: Option<Time>,
    /// The log's device has failed; reading goes on.
    log_failed: bool,
    /// The device's failed syncs that this process knows of.
    syncs_known_failed: u64,
    tickets: Tickets,
    leases: Leases,
}

#[derive(Debug)]
struct Socket {
    conn: ConnId,
    peer: PeerNo,
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
    /// Where its client stood.
    presented: Option<Presented>,
    session: Option<SessionId>,
    /// When it was upgraded.
    opened_at: Time,
    /// Its client can resume.
    resumes: bool,
    /// When its client last gave a sign of life.
    alive_at: Time,
    accepted_at: Time,
    /// Its accept has been written.
    accept_written: bool,
    /// The gateway has asked it to move until then.
    stays_until: Option<Time>,
    last_seq: Seq,
}

impl Node {
    pub(crate) fn new(
        number: NodeNo,
        plan: NodePlan,
        mut rng: Rng,
        accounts: Vec<Account>,
        topics: Vec<Topic>,
    ) -> Self {
        let disk = SimDisk::new(rng.fork("disk"));
        let node = Node {
            number,
            plan,
            rng,
            disk,
            boot: 1,
            life: 0,
            processes: 0,
            process: None,
            deaf: None,
            arm: 0,
            watch: Watch::default(),
            drained_at: Time::ZERO,
            was_held_up: false,
            cause: Cause::Fact,
            reads_wait: Duration::ZERO,
            loses_after: None,
            lost_upto: Seq::ZERO,
            skips: 0,
            slow_sync: None,
            clock_off: 0,
            flips: Vec::new(),
            is_rotten: false,
            down_after_death: Duration::ZERO,
            down_after_drain: Duration::ZERO,
            accounts,
            topics,
        };
        node.lose_a_log_before();
        node
    }

    pub(crate) fn is_up(&self) -> bool {
        self.process.is_some()
    }

    /// Its process does not run as usual.
    pub(crate) fn is_held_up(&mut self) {
        self.was_held_up = true;
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.process.as_ref().is_some_and(|process| process.draining.is_some())
    }

    /// Since when it leaves, if it does.
    fn draining_since(&self) -> Option<Time> {
        self.process.as_ref()?.draining
    }

    /// The settings of the present process, or of the next one.
    pub(crate) fn limits(&self) -> &Limits {
        self.plan.limits_of(self.processes.max(1))
    }

    /// The machine's wall clock.
    fn wall(&self, env: &Env) -> Timestamp {
        Timestamp(env.wall().0.saturating_add_signed(self.clock_off))
    }

    fn later(&self, env: &mut Env, delay: Duration, what: NodeEvent) {
        env.after(delay, Event::Node { node: self.number, what });
    }

    /// Something happens to it.
    pub(crate) fn happen(&mut self, env: &mut Env, net: &mut Network, what: NodeEvent) {
        match what {
            NodeEvent::Dialled { wire: _ } | NodeEvent::Published { .. } => {}
            NodeEvent::Reads { wire } => self.read(env, net, wire),
            NodeEvent::WindowOpens { wire } => self.window_opens(env, net, wire),
            NodeEvent::UpgradeDone { wire, life } => self.upgraded(env, net, wire, life),
            NodeEvent::CloseDue { wire, life } => self.close_due(env, net, wire, life),
            NodeEvent::Wakes { arm } => self.wake(env, net, arm),
            NodeEvent::Commits { life } => self.commits(env, net, life),
            NodeEvent::PageArrives { life, conn, query, page } => {
                self.page_arrives(env, net, life, conn, &query, page.map(|page| *page));
            }
            NodeEvent::TailArrives { life } => self.tail_arrives(env, net, life),
            NodeEvent::Retains { life } => self.retains(env, net, life),
            NodeEvent::ReopensLog { life } => self.reopen_due(env, net, life),
            NodeEvent::StaleFact { life, conn, dice } => self.stale_fact(env, net, life, conn, dice),
            NodeEvent::Starts => self.start(env),
            NodeEvent::DrainEnds { life } => self.drain_ends(env, net, life),
        }
    }

    /// A process starts over what is on the disk.
    pub(crate) fn start(&mut self, env: &mut Env) {
        if self.process.is_some() {
            return;
        }
        self.life += 1;
        self.processes += 1;
        self.disk = self.disk.next_process();
        let Some(store) = self.open_log(env) else {
            self.processes -= 1;
            return;
        };
        let status = store.status();
        env.trace.say(env.now, format_args!("gateway starts (life {}): {status:?}", self.life));
        let limits = self.limits();
        let config = ShardConfig::default()
            .heartbeat(limits.heartbeat)
            .plain_silence(PLAIN_SILENCE)
            .max_duration(limits.max_duration)
            .account_sockets(AccountKind::Agent, limits.agent_sockets)
            .account_sockets(AccountKind::Human, limits.human_sockets)
            .reads_at_once(limits.reads_at_once)
            .page(limits.page.0, limits.page.1)
            .handover_grace(limits.handover_grace)
            .max_duration_notice(limits.notice);
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
            draining: None,
            log_failed: false,
            syncs_known_failed: self.disk.failed_syncs(),
            tickets: Tickets::default(),
            leases: Leases::default(),
        });
        self.later(env, self.plan.retain_every, NodeEvent::Retains { life: self.life });
        self.watch_start();
        self.drain(env, None);
    }

    /// The process dies in the middle of a later change of the disk.
    pub(crate) fn kill_in_write(&mut self, changes: u64, down: Duration) {
        self.down_after_death = down;
        self.disk.die_in(changes);
    }

    /// What was to break later does not.
    pub(crate) fn forget_plans(&mut self) {
        self.disk.live_on();
        self.disk.sync_again();
        self.skips = 0;
        self.clock_off = 0;
    }

    /// So many bytes are left on the disk; `None`: as many as anybody wants.
    pub(crate) fn set_disk_room(&mut self, room: Option<u64>) {
        self.disk.set_room(room);
    }

    /// The sync behind the next `syncs` fails, and so many in all.
    pub(crate) fn fail_sync(&mut self, syncs: u64, times: u64) {
        self.disk.fail_sync(syncs, times);
    }

    pub(crate) fn set_slow_sync(&mut self, millis: Option<u64>) {
        self.slow_sync = millis;
    }

    /// The wall clock jumps. Never so far from the truth that a day of idempotency could pass in a run.
    pub(crate) fn jump_clock(&mut self, millis: i64) {
        self.clock_off = (self.clock_off + millis).clamp(-MOST_CLOCK_OFF, MOST_CLOCK_OFF);
    }

    pub(crate) fn set_deaf(&mut self, deaf: Option<Deafness>) {
        self.deaf = deaf;
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
        self.watch_leases(env);
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
            env.at(at, Event::Node { node: self.number, what: NodeEvent::Wakes { arm: self.arm } });
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

/// How long a client of the plain layer may be silent.
const PLAIN_SILENCE: Duration = Duration::from_secs(30);

/// The idempotency of a publish holds for a day of the wall clock, forwards and backwards.
const MOST_CLOCK_OFF: i64 = 11 * 3_600_000;
