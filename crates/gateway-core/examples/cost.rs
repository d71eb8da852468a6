//! What the core costs: memory of an idle connection, CPU of a delivery. Without sockets and without a log.
//!
//! `cargo run --release -p bowline-gateway-core --example cost -- [connections]`
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "an example measures, and is no part of the core"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use bowline_gateway_core::{ConnId, GatewayCore, Hello, Input, Opening, Output, ShardConfig, SocketKind};
use bowline_proto::{
    Account, AccountKind, Epoch, GrantScope, LoggedEvent, Record, Seq, SessionId, Time, Topic,
};

const TURNS: u32 = 200;

fn main() {
    let connections: u32 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(50_000);
    let room = Topic::new("conv:room").expect("a topic");
    // Grown once beforehand, so that what the process itself needs is not counted.
    drop(filled(1_000, &room));
    let before = resident();
    let mut core = filled(connections, &room);
    let after = resident();
    println!(
        "{connections} idle connections, each an account with an inbox and one granted topic: {} bytes each",
        (after - before) / u64::from(connections)
    );
    let silent = {
        let mut now = Time::ZERO;
        let started = Instant::now();
        let mut wakes = 0_u64;
        while let Some(at) = core.poll_timeout().filter(|at| *at < Time::ZERO + Duration::from_secs(30)) {
            now = at.max(now);
            core.handle_timeout(now);
            while core.poll_output().is_some() {
                wakes += 1;
            }
        }
        (started.elapsed(), wakes)
    };
    println!("30 s of heartbeats: {:?} of CPU for {} orders", silent.0, silent.1);
    let mut head = 0;
    for run in [1_usize, 16] {
        let mut spent = Duration::ZERO;
        let mut deliveries = 0;
        for _ in 0..TURNS {
            let records = batch(&room, &mut head, run);
            let started = Instant::now();
            core.handle(Time::ZERO, Input::Appended { records });
            while let Some(output) = core.poll_output() {
                if let Output::Deliver { range, to, .. } = output {
                    deliveries += range.len() * to.len();
                }
            }
            spent += started.elapsed();
        }
        let nanos = spent.as_secs_f64() * 1e9;
        println!(
            "runs of {run}: {:.2} ns per delivery, {:.2} ns per connection and run",
            nanos / deliveries as f64,
            nanos / f64::from(TURNS * connections)
        );
    }
}

fn filled(connections: u32, room: &Topic) -> GatewayCore {
    let mut core = GatewayCore::new(ShardConfig::default(), Epoch::from_bits(1), Seq::ZERO, Time::ZERO);
    for slot in 0..connections {
        let account = Account::new(&format!("account-{slot:08}")).expect("a name");
        let hello = Hello {
            kind: AccountKind::Agent,
            socket: SocketKind::Account,
            claims: Arc::default(),
            open: Arc::from([Topic::inbox(&account)]),
            granted: GrantScope::All,
            grants: vec![room.clone()],
            as_of: Seq::ZERO,
            opening: Opening::Plain,
            connection_id: format!("connection-{slot:08}").into(),
            session_id: SessionId::new(&format!("{slot:032}")).expect("an id"),
            account,
        };
        core.handle(
            Time::ZERO,
            Input::Opened { conn: ConnId { slot, generation: 0 }, hello: Box::new(hello) },
        );
        while core.poll_output().is_some() {}
    }
    core
}

fn batch(room: &Topic, head: &mut u64, run: usize) -> Arc<[Record]> {
    (0..run)
        .map(|_| {
            let prev = Seq::new(*head).expect("below 2^53");
            *head += 1;
            let seq = Seq::new(*head).expect("below 2^53");
            Record::Event(LoggedEvent { seq, prev, topic: room.clone(), text: "{}".into() })
        })
        .collect()
}

/// Bytes of the process in memory (Linux).
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4_096
}
