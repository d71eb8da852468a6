//! A restart under load: real clients lose their gateway at once, miss events, and all come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bowline::{Connection, Incoming};
use futures_util::StreamExt as _;

use super::load::{Publisher, payload};
use super::process::{Server, failed};
use crate::args::Storm;
use crate::failure::Failure;

pub(super) fn run(args: &Storm) -> Result<(), Failure> {
    println!("{} clients lose their gateway by kill -9, each misses {} events", args.clients, args.missed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    runtime.block_on(storm(args))
}

async fn storm(args: &Storm) -> Result<(), Failure> {
    let mut server = Server::gateway()?;
    let url = format!("ws://{}/chats/bench", server.addr);
    let received: Arc<[AtomicU64]> = (0..args.clients).map(|_| AtomicU64::new(0)).collect();
    let mut connections = Vec::with_capacity(args.clients);
    for index in 0..args.clients {
        let connection = Connection::builder(url.as_str())
            .token(server.token(&format!("storm-{index}"), false)?)
            .connect()
            .map_err(|error| failed(error.to_string()))?;
        connection.ready().await.map_err(|error| failed(error.to_string()))?;
        let mut events = connection.events();
        let received = Arc::clone(&received);
        tokio::spawn(async move {
            while let Some(incoming) = events.next().await {
                if matches!(incoming, Incoming::Event(_)) {
                    received[index].fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        connections.push(connection);
    }
    server.kill_and_restart()?;
    let start = Instant::now();
    let mut publisher = Publisher::http(server.addr, server.token("publisher", true)?)?;
    publisher.publish("chat:bench", &payload(200), args.missed)?;
    let missed = args.missed as u64;
    let back =
        |received: &[AtomicU64]| received.iter().filter(|n| n.load(Ordering::Relaxed) >= missed).count();
    let mut half = None;
    while back(&received) < args.clients {
        if start.elapsed() > Duration::from_secs(60) {
            return Err(failed(format!(
                "only {} of {} came back within 60 s",
                back(&received),
                args.clients
            )));
        }
        publisher.check()?;
        if half.is_none() && back(&received) * 2 >= args.clients {
            half = Some(start.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let all = start.elapsed();
    let doubled = received.iter().filter(|n| n.load(Ordering::Relaxed) > missed).count();
    println!(
        "half were back with every event after {:.2} s, all after {:.2} s; {doubled} got one twice; {:.0} ms of server CPU",
        half.unwrap_or(all).as_secs_f64(),
        all.as_secs_f64(),
        server.usage().cpu_ns as f64 / 1e6
    );
    for connection in connections {
        connection.close().await;
    }
    Ok(())
}
