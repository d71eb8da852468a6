//! What one seed makes of a world: its size, its habits, and what breaks when.

use core::time::Duration;

use bowline_log::Durability;
use bowline_proto::{Account, AccountKind, Time, Topic};

use crate::event::{ClientNo, End};
use crate::network::Cut;
use crate::rng::Rng;

/// Everything that is decided before a run begins.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// From then on nothing breaks any more.
    pub(crate) quiet_at: Time,
    /// Then the publishers stop.
    pub(crate) publishers_stop_at: Time,
    /// Then everybody must have everything.
    pub(crate) ends_at: Time,
    pub(crate) latency: (u64, u64),
    pub(crate) window: usize,
    pub(crate) node: NodePlan,
    pub(crate) conversations: Vec<Topic>,
    pub(crate) clients: Vec<ClientPlan>,
    pub(crate) publishers: Vec<PublisherPlan>,
    pub(crate) faults: Vec<(Time, Fault)>,
}

/// The gateway and its log.
#[derive(Clone, Debug)]
pub(crate) struct NodePlan {
    pub(crate) durability: Durability,
    pub(crate) segment_bytes: u64,
    pub(crate) retain_age: Option<Duration>,
    pub(crate) retain_bytes: Option<u64>,
    pub(crate) retain_every: Duration,
    /// How long a commit takes, in milliseconds.
    pub(crate) commit: (u64, u64),
    /// How long a read takes, in milliseconds.
    pub(crate) read: (u64, u64),
    /// How long committed records take to the shard, in milliseconds.
    pub(crate) tail: (u64, u64),
    pub(crate) heartbeat: Duration,
    pub(crate) max_duration: Duration,
    pub(crate) page: (usize, usize),
    pub(crate) agent_sockets: u32,
    /// How long before the end of a socket's life it is told to move.
    pub(crate) notice: Duration,
    /// How many reads of the log are open at a time.
    pub(crate) reads_at_once: usize,
    /// For how long two sockets of a session count once.
    pub(crate) handover_grace: Duration,
    /// The log's next positions lie just below 2^32.
    pub(crate) starts_below_32_bits: bool,
}

/// One listener.
#[derive(Clone, Debug)]
pub(crate) struct ClientPlan {
    pub(crate) account: Account,
    pub(crate) kind: AccountKind,
    /// Listens to this topic on a path of its own, not to the account's socket.
    pub(crate) path: Option<Topic>,
    /// Conversations whose activity it follows.
    pub(crate) on_demand: Vec<Topic>,
    /// A handover of its own accord this often.
    pub(crate) renews_every: Option<Duration>,
    /// Goes on from where it stood when its process starts for the first time: from the oldest retained event.
    pub(crate) starts_at_oldest: bool,
    /// When its process starts.
    pub(crate) starts_at: Time,
    /// It saves its state after this many events.
    pub(crate) saves_every: u64,
    /// How long the application takes for one event, in microseconds.
    pub(crate) takes: (u64, u64),
    /// How often it does something of its own.
    pub(crate) acts_every: Duration,
    /// It leaves for ever then: one more than its account may have at a time.
    pub(crate) leaves_at: Option<Time>,
    /// It starts with a saved cursor that lies so far ahead of the log.
    pub(crate) claims_ahead: u64,
    /// How many of a thousand tokens fail to come.
    pub(crate) token_trouble: u64,
}

/// One publisher.
#[derive(Clone, Debug)]
pub(crate) struct PublisherPlan {
    pub(crate) account: Account,
    pub(crate) every: Duration,
    /// At most this many unanswered at a time.
    pub(crate) pipelined: usize,
    pub(crate) retries_after: Duration,
    /// Of a hundred publishes, how many are grants and revocations.
    pub(crate) grants: u64,
    /// Bytes of padding of a payload.
    pub(crate) padding: u64,
}

/// Something that breaks.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// All connections of a client are lost, each end learning of it or not.
    CutWires { client: ClientNo, cut: Cut },
    /// The older or the newer of two connections of a client is lost.
    CutOneWire { client: ClientNo, newest: bool, cut: Cut },
    /// One direction stands still for a while.
    Stall { client: ClientNo, toward: End, lasts: Duration },
    /// A client's machine is offline, and asleep in the same way: nobody is told.
    Unreachable { client: ClientNo, lasts: Duration, woken: bool },
    /// The gateway's process is killed.
    KillNode { down: Duration },
    /// The gateway's process is killed in the middle of its n-th change of the disk from now.
    KillNodeInWrite { changes: u64, down: Duration },
    /// The gateway's machine loses its power.
    CutPower { down: Duration },
    /// The gateway drains and is started again.
    Drain { window: Duration, down: Duration },
    /// The log is closed and recovered while the process goes on.
    ReopenLog,
    /// A client's process is killed; its machine goes with it, or stays and says so.
    KillClient { client: ClientNo, down: Duration, machine: bool },
    /// An application takes nothing for a while.
    StopReading { client: ClientNo, lasts: Duration },
    /// The gateway's machine refuses connections for a while.
    RefuseDials { lasts: Duration },
    /// The shard's share of the tail overflows.
    SkipTail { batches: u64 },
    /// The gateway's disk is full for a while.
    FillDisk { lasts: Duration },
    /// A client is told that its network is back.
    WakeUp { client: ClientNo },
    /// An application asks for a handover.
    HandOver { client: ClientNo },
    /// An application closes its connection and opens it again.
    CloseAndConnect { client: ClientNo },
    /// An operator closes an account's sockets.
    Disconnect { client: ClientNo },
    /// A client's process is killed, and what it had saved last lies so far behind the last position that retention removed.
    ComeBackAtTheEdge { client: ClientNo, behind: i64 },
    /// Somebody else uses the next ticket of a client in the same instant.
    StealTicket { client: ClientNo },
    /// The log answers reads late.
    SlowReads { by: Duration, lasts: Duration },
    /// An event within a run is lost on its way out.
    LoseEvent,
}

impl Plan {
    /// The plan of `seed`.
    pub(crate) fn of(seed: u64) -> Plan {
        let mut rng = Rng::new(seed);
        let rng = &mut rng;
        let storm = *rng.pick(&[2u64, 6, 15, 30]);
        let faults_last = rng.between(25, 70);
        let quiet_at = seconds(5 + faults_last);
        let publishers_stop_at = quiet_at + Duration::from_secs(8);
        let ends_at = publishers_stop_at + QUIET;
        let conversations: Vec<Topic> =
            (0..rng.between(2, 6)).map(|n| topic(&format!("conv:c{n}"))).collect();
        let node = NodePlan::sampled(rng);
        let clients = clients(rng, &conversations, &node);
        let mut clients = clients;
        let mut aside = rng.fork("rare states");
        crowd(&mut aside, &mut clients, quiet_at);
        let publishers = publishers(rng);
        let faults = (0..storm * faults_last / 20)
            .map(|_| (seconds(5) + rng.millis(0, faults_last * 1_000), Fault::sampled(rng, clients.len())))
            .chain(rare_faults(&mut aside, &node, clients.len(), faults_last))
            .collect();
        // Whoever is slow must still be able to catch up in the quiet: a small window goes with a short way only.
        let (latency, window) = *rng.pick(&[
            ((0, 1), 600),
            ((0, 1), 1 << 20),
            ((1, 5), 4_096),
            ((1, 5), 65_536),
            ((20, 60), 32_768),
            ((1, 300), 131_072),
        ]);
        Plan {
            quiet_at,
            publishers_stop_at,
            ends_at,
            latency,
            window,
            node,
            conversations,
            clients,
            publishers,
            faults,
        }
    }
}

/// In some worlds an agent's account has one listener more than it may have at a time, until the quiet.
fn crowd(rng: &mut Rng, clients: &mut Vec<ClientPlan>, quiet_at: Time) {
    if !rng.percent(12) {
        return;
    }
    let Some(model) = clients.first().cloned() else { return };
    clients.truncate(3);
    for client in clients.iter_mut() {
        client.renews_every = Some(rng.millis(1_000, 3_000));
    }
    for number in 0..3 {
        let is_one_too_many = number == 2;
        let plan = ClientPlan {
            account: account("a0"),
            kind: AccountKind::Agent,
            path: None,
            leaves_at: is_one_too_many.then_some(quiet_at),
            renews_every: Some(rng.millis(1_000, 3_000)),
            starts_at: Time::ZERO + rng.millis(1, 6_000),
            ..model.clone()
        };
        match clients.get_mut(number) {
            Some(client) => *client = plan,
            None => clients.push(plan),
        }
    }
}

/// What leads to states that chance alone reaches too rarely.
fn rare_faults(rng: &mut Rng, node: &NodePlan, clients: usize, last: u64) -> Vec<(Time, Fault)> {
    let mut faults = Vec::new();
    let mut add =
        |rng: &mut Rng, fault: Fault| faults.push((seconds(5) + rng.millis(0, last * 1_000), fault));
    if node.retain_age.is_some() {
        for behind in [-1, 0, 1, 1, 0, -1] {
            let client = rng.index(clients);
            add(rng, Fault::ComeBackAtTheEdge { client, behind });
        }
    }
    if rng.percent(30) {
        let client = rng.index(clients);
        add(rng, Fault::StealTicket { client });
    }
    if rng.percent(20) {
        add(rng, Fault::LoseEvent);
    }
    if rng.percent(25) {
        // Longer than a client waits for its accept.
        let (by, lasts) = (Duration::from_secs(16), rng.millis(1_000, 6_000));
        add(rng, Fault::SlowReads { by, lasts });
    }
    if rng.percent(10) {
        let at = rng.millis(0, last * 1_000);
        for after in [0, rng.below(2_000)] {
            let (window, down) = (rng.millis(3_000, 12_000), rng.millis(0, 1_000));
            let at = seconds(5) + at + Duration::from_millis(after);
            faults.push((at, Fault::Drain { window, down }));
        }
    }
    faults
}

impl NodePlan {
    fn sampled(rng: &mut Rng) -> NodePlan {
        let durability = if rng.percent(85) { Durability::Fsync } else { Durability::Os };
        // Which rights survive a lost suffix can only be judged from outside while every grant record is still there.
        let forgets = durability == Durability::Fsync && rng.percent(35);
        // One record a page from a slow disk would never catch up.
        let (page, read) = *rng.pick(&[
            ((1, 1), (0, 1)),
            ((3, 100_000), (1, 20)),
            ((20, 700), (0, 1)),
            ((20, 7_000), (1, 20)),
            ((1_000, 128 << 10), (10, 200)),
        ]);
        let max_duration =
            if rng.percent(30) { rng.millis(8_000, 40_000) } else { Duration::from_secs(7_200) };
        // Then a client has to see to it by itself: a tenth of the life is its margin.
        let is_curt = max_duration > Duration::from_secs(30) && rng.percent(50);
        let notice = if is_curt { Duration::from_millis(100) } else { Duration::from_secs(600) };
        NodePlan {
            durability,
            segment_bytes: *rng.pick(&[4 << 10, 16 << 10, 64 << 10, 1 << 20]),
            retain_age: forgets.then(|| rng.millis(2_000, 30_000)),
            retain_bytes: (forgets && rng.percent(50)).then(|| rng.between(16, 128) << 10),
            retain_every: rng.millis(500, 5_000),
            commit: *rng.pick(&[(0, 1), (1, 8), (5, 100)]),
            read,
            // The last one lets readers of the log overtake the tail.
            tail: *rng.pick(&[(0, 0), (0, 2), (1, 30), (300, 3_000)]),
            heartbeat: *rng.pick(&[Duration::from_secs(2), Duration::from_secs(5), Duration::from_secs(10)]),
            max_duration,
            notice,
            reads_at_once: *rng.pick(&[1, 3, 64]),
            page,
            agent_sockets: 2,
            handover_grace: *rng.pick(&[Duration::from_secs(30), Duration::from_secs(5)]),
            starts_below_32_bits: rng.percent(4),
        }
    }
}

fn clients(rng: &mut Rng, conversations: &[Topic], node: &NodePlan) -> Vec<ClientPlan> {
    (0..rng.between(2, 5))
        .map(|number| {
            // Two clients may share an account; an agent's two sockets are enough for both.
            let account =
                account(&format!("a{}", number / 2 * 2 + u64::from(number % 2 == 1 && rng.percent(70))));
            let on_path = rng.percent(20);
            ClientPlan {
                kind: if account.as_str().ends_with('0') { AccountKind::Agent } else { AccountKind::Human },
                account,
                path: on_path.then(|| rng.pick(conversations).clone()),
                on_demand: conversations.iter().filter(|_| rng.percent(30)).filter_map(on_demand).collect(),
                renews_every: match rng.below(4) {
                    // Who never moves of its own accord needs to be told in time.
                    0 if node.notice > Duration::from_secs(1) => None,
                    0 | 1 => Some(Duration::from_secs(6_600)),
                    _ => Some(rng.millis(1_500, 12_000)),
                },
                starts_at_oldest: rng.percent(25),
                starts_at: Time::ZERO + rng.millis(1, 6_000),
                saves_every: *rng.pick(&[1, 1, 5, 30]),
                takes: *rng.pick(&[(0, 0), (0, 0), (10, 2_000), (1_000, 10_000)]),
                acts_every: rng.millis(700, 6_000),
                token_trouble: *rng.pick(&[0, 20, 200]),
                leaves_at: None,
                // A new epoch could not tell such a claim from a loss.
                claims_ahead: if rng.percent(4) && node.durability == Durability::Fsync {
                    rng.between(1, 2_000)
                } else {
                    0
                },
            }
        })
        .collect()
}

fn publishers(rng: &mut Rng) -> Vec<PublisherPlan> {
    (0..rng.between(1, 3))
        .map(|number| PublisherPlan {
            account: account(&format!("backend{number}")),
            every: *rng.pick(&[
                Duration::from_millis(15),
                Duration::from_millis(60),
                Duration::from_millis(200),
                Duration::from_millis(900),
            ]),
            pipelined: *rng.pick(&[1, 4, 32]),
            retries_after: rng.millis(500, 4_000),
            grants: *rng.pick(&[1, 4, 15]),
            padding: *rng.pick(&[0, 60, 400]),
        })
        .collect()
}

impl Fault {
    fn sampled(rng: &mut Rng, clients: usize) -> Fault {
        let client = rng.index(clients);
        match rng.below(100) {
            0..15 => Fault::CutWires { client, cut: cut(rng) },
            15..25 => Fault::CutOneWire { client, newest: rng.percent(50), cut: cut(rng) },
            25..32 => {
                let toward = if rng.percent(50) { End::Client } else { End::Gateway };
                Fault::Stall { client, toward, lasts: rng.millis(50, 12_000) }
            }
            32..40 => Fault::Unreachable { client, lasts: rng.millis(100, 20_000), woken: rng.percent(50) },
            40..48 => Fault::KillNode { down: rng.millis(0, 5_000) },
            48..54 => Fault::KillNodeInWrite { changes: rng.below(12), down: rng.millis(0, 3_000) },
            54..60 => Fault::CutPower { down: rng.millis(500, 6_000) },
            60..65 => Fault::Drain { window: rng.millis(500, 15_000), down: rng.millis(0, 2_000) },
            65..67 => Fault::ReopenLog,
            67..75 => Fault::KillClient { client, down: rng.millis(0, 6_000), machine: rng.percent(40) },
            75..80 => Fault::StopReading { client, lasts: rng.millis(100, 15_000) },
            80..83 => Fault::RefuseDials { lasts: rng.millis(100, 6_000) },
            83..88 => Fault::SkipTail { batches: rng.between(1, 20) },
            88..90 => Fault::FillDisk { lasts: rng.millis(100, 4_000) },
            90..92 => Fault::WakeUp { client },
            92..97 => Fault::HandOver { client },
            97..99 => Fault::CloseAndConnect { client },
            _ => Fault::Disconnect { client },
        }
    }
}

fn cut(rng: &mut Rng) -> Cut {
    let mut learns = || match rng.below(3) {
        0 => None,
        1 => Some(rng.millis(0, 20)),
        _ => Some(rng.millis(20, 30_000)),
    };
    Cut { client_learns: learns(), gateway_learns: learns() }
}

/// The on-demand topic of a conversation.
pub(crate) fn on_demand(conversation: &Topic) -> Option<Topic> {
    Topic::activity_of(conversation.as_str().strip_prefix("conv:")?).ok()
}

pub(crate) fn topic(text: &str) -> Topic {
    Topic::new(text).expect("the plan's topics are well formed")
}

fn account(text: &str) -> Account {
    Account::new(text).expect("the plan's accounts are well formed")
}

fn seconds(seconds: u64) -> Time {
    Time::ZERO + Duration::from_secs(seconds)
}

/// How long the quiet after the last publish lasts: longer than the longest chain of deadlines (2.5 heartbeats of 10 s until
/// a ghost is gone, a dial of 10 s and an accept of 15 s that fail, a backoff of 30 s, and all of it once more).
const QUIET: Duration = Duration::from_secs(150);
