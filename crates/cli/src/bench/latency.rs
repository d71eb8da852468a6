//! Publish to receive, at a steady rate: the time until each subscriber has each event.

use std::time::{Duration, Instant};

use super::load::{Publisher, Subscribers, payload, upgrade};
use super::process::Server;
use super::quantile;
use crate::args::Latency;
use crate::failure::Failure;

pub(super) fn run(args: &Latency) -> Result<(), Failure> {
    println!(
        "publish to receive at {} events/s, {} subscribers, payload of 200 bytes, durability \"os\"",
        args.rate, args.subscribers
    );
    for (name, server) in [("floor", Server::floor("fanout")?), ("gateway", Server::gateway()?)] {
        let mut latencies = one(args, &server)?;
        println!(
            "{name:8} p50 {:6} µs   p99 {:6} µs   p99.9 {:6} µs   ({} deliveries)",
            quantile(&mut latencies, 0.5),
            quantile(&mut latencies, 0.99),
            quantile(&mut latencies, 0.999),
            latencies.len()
        );
    }
    Ok(())
}

fn one(args: &Latency, server: &Server) -> Result<Vec<u32>, Failure> {
    let mut subscribers = Subscribers::new()?;
    let request = upgrade(server.addr, "/chats/bench", &server.token("bench", false)?);
    subscribers.connect(server.addr, &vec![request; args.subscribers])?;
    let mut publisher = match server.admin {
        Some(_) => Publisher::http(server.addr, server.token("publisher", true)?)?,
        None => Publisher::socket(server.addr)?,
    };
    subscribers.settle(Duration::from_millis(300))?;
    let payload = payload(200);
    let before = subscribers.messages.clone();
    let mut published_at: Vec<Instant> = Vec::new();
    let mut latencies = Vec::new();
    let mut received: Vec<u32> = vec![0; before.len()];
    let start = Instant::now();
    while start.elapsed() < args.time + Duration::from_millis(500) {
        let due = (start.elapsed().min(args.time).as_secs_f64() * f64::from(args.rate)) as usize;
        if published_at.len() < due {
            published_at.push(Instant::now());
            publisher.publish("chat:bench", &payload, 1)?;
        }
        publisher.check()?;
        subscribers.poll(Duration::ZERO, |index, count| {
            for _ in 0..count {
                if let Some(at) = published_at.get(received[index] as usize) {
                    latencies.push(at.elapsed().as_micros() as u32);
                }
                received[index] += 1;
            }
        })?;
    }
    Ok(latencies)
}
