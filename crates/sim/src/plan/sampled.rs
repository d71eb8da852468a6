//! What a seed makes of a world.
//!
//! Four kinds: small worlds in which every part meets every other often; a middle; large ones of twenty clients and more;
//! and long ones, hours with the deadlines of real life.

use core::time::Duration;

use bowline_log::Durability;
use bowline_proto::Time;

use super::Plan;
use super::fault::{Fault, Planned};
use super::fault_sampled::{Targets, u32_of};
use super::parts::{
    ClientPlan, Credential, Habit, HostilePlan, Limits, LinkPlan, NodePlan, PublisherPlan, StrangerPlan,
};
use crate::rng::Rng;

/// How large a world is, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    Small,
    Middle,
    Large,
    Long,
}

impl Plan {
    /// The plan of `seed`.
    #[must_use]
    pub fn of(seed: u64) -> Plan {
        let mut rng = Rng::new(seed);
        let size = match rng.below(100) {
            0..45 => Size::Small,
            45..82 => Size::Middle,
            82..98 => Size::Large,
            _ => Size::Long,
        };
        Plan::sampled(seed, rng, size)
    }

    /// A plan of `seed` with twenty clients or more.
    #[must_use]
    pub fn large(seed: u64) -> Plan {
        Plan::sampled(seed, Rng::new(seed), Size::Large)
    }

    fn sampled(seed: u64, mut rng: Rng, size: Size) -> Plan {
        let rng = &mut rng;
        let faults_last = if size == Size::Long { rng.between(6_000, 14_000) } else { rng.between(25, 70) };
        let faults = match size {
            Size::Small | Size::Middle => *rng.pick(&[2u64, 6, 15, 30]) * faults_last / 20,
            Size::Large => *rng.pick(&[20u64, 40, 60]) * faults_last / 20,
            Size::Long => rng.between(20, 60),
        };
        let quiet_at = seconds(5 + faults_last);
        let publishers_stop_at = quiet_at + Duration::from_secs(8);
        let conversations: Vec<String> = (0..rng.between(2, 6)).map(|n| format!("conv:c{n}")).collect();
        let feeds: Vec<String> = (0..rng.below(3)).map(|n| format!("feed:f{n}")).collect();
        let mut clients = clients(rng, size, &conversations, &feeds);
        let mut aside = rng.fork("rare states");
        crowd(&mut aside, &mut clients, quiet_at);
        let strangers = strangers(rng, size, &conversations);
        let hostiles = hostiles(rng, size);
        let mut node = node(rng, size);
        let publishers = publishers(rng, size);
        // What rots after the power was cut cannot be told from a torn tail; only a log that syncs has a tail to tell.
        let targets = Targets {
            clients: clients.len(),
            peers: clients.len() + strangers.len(),
            bytes_may_flip: node.durability == Durability::Fsync && rng.percent(50),
            is_long: size == Size::Long,
        };
        let mut planned: Vec<Planned> = (0..faults)
            .map(|_| {
                let at = seconds(5) + rng.millis(0, faults_last * 1_000);
                Planned { at, fault: Fault::sampled(rng, targets) }
            })
            .collect();
        rare_faults(&mut aside, &mut planned, &node, clients.len(), faults_last);
        be_curt(&mut aside, &mut node, &mut clients);
        planned.sort_by_key(|planned| planned.at);
        // Whoever is slow must still be able to catch up in the quiet: a small window goes with short ways only.
        let window = if clients.iter().all(|client| client.link.delay.1 <= 1_000) {
            *rng.pick(&[600, 1 << 20])
        } else {
            *rng.pick(&[32_768, 65_536, 131_072])
        };
        Plan {
            seed,
            quiet_at,
            publishers_stop_at,
            ends_at: publishers_stop_at + QUIET,
            stays: rng.percent(25),
            window,
            node,
            conversations,
            feeds,
            clients,
            strangers,
            hostiles,
            publishers,
            faults: planned,
        }
    }
}

fn node(rng: &mut Rng, size: Size) -> NodePlan {
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
    let lives = if rng.percent(40) { rng.between(2, 4) } else { 1 };
    NodePlan {
        durability,
        commit: *rng.pick(&[(0, 1), (1, 8), (5, 100)]),
        read,
        // The last one lets readers of the log overtake the tail.
        tail: *rng.pick(&[(0, 0), (0, 2), (1, 30), (300, 3_000)]),
        retain_every: rng.millis(500, 5_000),
        lost_before: rng.percent(4).then(|| (1 << 32) - (1 << 26) - rng.between(20, 200)),
        limits: (0..lives).map(|_| limits(rng, size, forgets, page)).collect(),
    }
}

fn limits(rng: &mut Rng, size: Size, forgets: bool, page: (usize, usize)) -> Limits {
    let is_long = size == Size::Long;
    let heartbeats: &[u64] = if is_long { &[15] } else { &[2, 5, 10] };
    Limits {
        segment_bytes: *rng.pick(&[4 << 10, 16 << 10, 64 << 10, 1 << 20]),
        retain_age: (forgets && rng.percent(80)).then(|| rng.millis(2_000, 30_000)),
        retain_bytes: (forgets && rng.percent(50)).then(|| rng.between(16, 128) << 10),
        heartbeat: Duration::from_secs(*rng.pick(heartbeats)),
        max_duration: if rng.percent(30) && !is_long {
            rng.millis(8_000, 40_000)
        } else {
            Duration::from_secs(7_200)
        },
        page,
        agent_sockets: u32_of(*rng.pick(&[1, 2, 2, 2, 3])),
        human_sockets: u32_of(*rng.pick(&[3, 20])),
        reads_at_once: *rng.pick(&[1, 4, 64]),
        notice: Duration::from_secs(600),
        handover_grace: Duration::from_secs(*rng.pick(&[5, 30])),
    }
}

fn clients(rng: &mut Rng, size: Size, conversations: &[String], feeds: &[String]) -> Vec<ClientPlan> {
    let number = match size {
        Size::Small => rng.between(2, 5),
        Size::Middle => rng.between(4, 10),
        Size::Large => rng.between(20, 26),
        Size::Long => rng.between(3, 8),
    };
    let ways: &[(u64, u64)] = match rng.below(3) {
        0 => &[(0, 1_000)],
        1 => &[(1_000, 5_000), (20_000, 60_000)],
        _ => &[(0, 1_000), (1_000, 300_000), (20_000, 60_000), (80_000, 120_000)],
    };
    let mut account = 0;
    (0..number)
        .map(|number| {
            // Up to three processes of one account: more than an agent may have.
            if number > 0 && !rng.percent(45) {
                account += 1;
            }
            let changes_wishes = rng.percent(25);
            ClientPlan {
                account: format!("a{account}"),
                agent: account % 3 == 0,
                link: LinkPlan { delay: *rng.pick(ways) },
                credential: if rng.percent(25) {
                    Credential::Ticket
                } else {
                    Credential::Token { seconds: *rng.pick(&[5, 60, 3_600]) }
                },
                path: rng.percent(20).then(|| rng.pick(conversations).clone()),
                conversations: some_of(rng, conversations, if changes_wishes { 80 } else { 30 }),
                feeds: if rng.percent(30) { some_of(rng, feeds, 60) } else { Vec::new() },
                renews_every: if size == Size::Long {
                    Some(Duration::from_secs(110 * 60))
                } else {
                    rng.percent(50).then(|| rng.millis(1_500, 12_000))
                },
                starts_at_oldest: rng.percent(25),
                starts_at: Time::ZERO + rng.millis(1, 6_000),
                saves_every: *rng.pick(&[1, 1, 5, 30]),
                takes: *rng.pick(&[(0, 0), (0, 0), (10, 2_000), (1_000, 10_000)]),
                acts_every: match (size, changes_wishes) {
                    (Size::Long, _) => rng.millis(20_000, 90_000),
                    (_, true) => rng.millis(50, 600),
                    (_, false) => rng.millis(700, 6_000),
                },
                acts: if changes_wishes { (2, 6) } else { (3, 3) },
                token_trouble: *rng.pick(&[0, 20, 200]),
                leaves_at: None,
                claims_ahead: if rng.percent(3) { rng.between(1, 2_000) } else { 0 },
                absent: false,
            }
        })
        .collect()
}

/// In some worlds an agent's account has one listener more than it may have at a time, until the quiet.
fn crowd(rng: &mut Rng, clients: &mut Vec<ClientPlan>, quiet_at: Time) {
    if !rng.percent(12) || clients.len() > 6 {
        return;
    }
    let Some(model) = clients.first().cloned() else { return };
    clients.truncate(3);
    for number in 0..3 {
        let plan = ClientPlan {
            account: "a0".into(),
            agent: true,
            path: None,
            leaves_at: (number == 2).then_some(quiet_at),
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

/// Some gateways give sockets half a minute and no notice: their clients have to see to it by themselves, and a tenth of that
/// life is their margin.
fn be_curt(rng: &mut Rng, node: &mut NodePlan, clients: &mut [ClientPlan]) {
    let is_short = |limits: &Limits| limits.max_duration < Duration::from_secs(7_200);
    if !node.limits.iter().any(is_short) || !rng.percent(40) {
        return;
    }
    for limits in node.limits.iter_mut().filter(|limits| is_short(limits)) {
        limits.max_duration = limits.max_duration.max(Duration::from_secs(30));
        limits.notice = Duration::from_millis(100);
    }
    for client in clients {
        if client.renews_every.is_none() || rng.percent(40) {
            client.renews_every = Some(Duration::from_secs(110 * 60));
        }
    }
}

/// What leads to states that chance alone reaches too rarely.
fn rare_faults(rng: &mut Rng, planned: &mut Vec<Planned>, node: &NodePlan, clients: usize, last: u64) {
    let mut add = |rng: &mut Rng, fault: Fault| {
        planned.push(Planned { at: seconds(5) + rng.millis(0, last * 1_000), fault });
    };
    if node.limits.iter().any(|limits| limits.retain_age.is_some()) {
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
}

fn strangers(rng: &mut Rng, size: Size, conversations: &[String]) -> Vec<StrangerPlan> {
    let most = if size == Size::Large { 4 } else { 2 };
    (0..rng.below(most + 1))
        .map(|number| StrangerPlan {
            account: format!("s{}", number / 2),
            link: LinkPlan { delay: *rng.pick(&[(0, 1_000), (1_000, 50_000)]) },
            path: rng.percent(25).then(|| rng.pick(conversations).clone()),
            conversations: some_of(rng, conversations, 30),
            starts_at: Time::ZERO + rng.millis(1, 6_000),
            acts_every: if size == Size::Long { rng.millis(5_000, 20_000) } else { rng.millis(800, 10_000) },
            answers_pings: rng.percent(70),
            absent: false,
        })
        .collect()
}

fn hostiles(rng: &mut Rng, size: Size) -> Vec<HostilePlan> {
    let habits = [
        Habit::Noise,
        Habit::NearlyValid,
        Habit::ForeignSessions,
        Habit::WildCursors,
        Habit::Flood,
        Habit::NeverFinishes,
        Habit::NeverReads,
        Habit::Churn,
        Habit::TicketThief,
    ];
    let number = match size {
        Size::Long => 0,
        Size::Small | Size::Middle => *rng.pick(&[0, 0, 1, 2]),
        Size::Large => rng.below(3),
    };
    (0..number)
        .map(|number| HostilePlan {
            account: format!("m{number}"),
            link: LinkPlan { delay: (0, 2_000) },
            habit: *rng.pick(&habits),
            acts_every: rng.millis(50, 1_500),
            absent: false,
        })
        .collect()
}

fn publishers(rng: &mut Rng, size: Size) -> Vec<PublisherPlan> {
    let rhythms: &[u64] = match size {
        Size::Small | Size::Middle => &[15, 60, 200, 900],
        Size::Large => &[200, 500, 900],
        Size::Long => &[20_000, 60_000],
    };
    (0..rng.between(1, if size == Size::Large { 2 } else { 3 }))
        .map(|number| PublisherPlan {
            account: format!("backend{number}"),
            every: Duration::from_millis(*rng.pick(rhythms)),
            pipelined: *rng.pick(&[1, 4, 32]),
            retries_after: rng.millis(500, 4_000),
            grants: *rng.pick(&[1, 4, 15]),
            padding: *rng.pick(&[0, 60, 400]),
            absent: false,
        })
        .collect()
}

fn some_of(rng: &mut Rng, all: &[String], percent: u64) -> Vec<String> {
    all.iter().filter(|_| rng.percent(percent)).cloned().collect()
}

fn seconds(seconds: u64) -> Time {
    Time::ZERO + Duration::from_secs(seconds)
}

/// The bound of the liveness phase: how long after the last publish everybody is connected and has everything. Longer
/// than the longest chain of deadlines: 2.5 heartbeats of 15 s until a ghost is gone, a dial of 10 s and an accept of 15 s
/// that fail, a backoff of 30 s, and all of it once more.
const QUIET: Duration = Duration::from_secs(150);
