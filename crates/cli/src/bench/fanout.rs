//! One topic, many subscribers: what a delivery costs the server's CPU, beside the bare write loop.

use std::time::{Duration, Instant};

use super::load::{Publisher, Subscribers, payload, upgrade};
use super::process::{Server, failed};
use super::{median, ratios};
use crate::args::Fanout;
use crate::failure::Failure;

/// What one run showed.
struct Run {
    ns_per_delivery: f64,
    deliveries_per_second: f64,
    deliveries_per_write: f64,
    bytes_per_delivery: f64,
}

pub(super) fn run(args: &Fanout) -> Result<(), Failure> {
    println!(
        "fan-out to {} subscribers, payload of {} bytes, {} in flight; server on one CPU, load on another",
        args.subscribers, args.payload, args.window
    );
    let (mut gateway, mut floor) = (Vec::new(), Vec::new());
    for _ in 0..args.runs.max(1) {
        floor.push(one(args, &Server::floor("fanout")?)?);
        gateway.push(one(args, &Server::gateway()?)?);
    }
    println!(
        "{:8} {:>15} {:>13} {:>13} {:>14}",
        "", "CPU/delivery", "deliveries/s", "events/write", "bytes/event"
    );
    for (name, runs) in [("floor", &floor), ("gateway", &gateway)] {
        let middle = |figure: fn(&Run) -> f64| median(runs.iter().map(figure).collect());
        println!(
            "{name:8} {:12.0} ns {:13.0} {:13.1} {:14.1}",
            middle(|r| r.ns_per_delivery),
            middle(|r| r.deliveries_per_second),
            middle(|r| r.deliveries_per_write),
            middle(|r| r.bytes_per_delivery)
        );
    }
    println!(
        "ratio    {}",
        ratios(gateway.iter().zip(&floor).map(|(g, f)| g.ns_per_delivery / f.ns_per_delivery))
    );
    Ok(())
}

fn one(args: &Fanout, server: &Server) -> Result<Run, Failure> {
    let mut subscribers = Subscribers::new()?;
    let token = server.token("bench", false)?;
    let request = upgrade(server.addr, "/chats/bench", &token);
    subscribers.connect(server.addr, &vec![request; args.subscribers])?;
    let mut publisher = match server.admin {
        Some(_) => Publisher::http(server.addr, server.token("publisher", true)?)?,
        None => Publisher::socket(server.addr)?,
    };
    subscribers.settle(Duration::from_millis(300))?;
    let payload = payload(args.payload);
    let all = args.subscribers as u64;
    let (mut delivered, mut published) = (0_u64, 0_u64);
    let warm = Duration::from_millis(700);
    let start = Instant::now();
    let mut measured_from = None;
    let mut last_progress = (Instant::now(), 0);
    loop {
        let in_flight = published.saturating_sub(delivered / all) as usize;
        let room = args.window.saturating_sub(in_flight);
        if room > 0 && room * 4 >= args.window {
            publisher.publish("chat:bench", &payload, room)?;
            published += room as u64;
        }
        publisher.check()?;
        subscribers.poll(Duration::ZERO, |_, n| delivered += u64::from(n))?;
        if measured_from.is_none() && start.elapsed() > warm {
            let writes = server.counter("bowline_write_calls_total");
            subscribers.bytes = 0;
            measured_from = Some((Instant::now(), delivered, server.usage().cpu_ns, writes));
        }
        if start.elapsed() > warm + args.time {
            break;
        }
        if delivered != last_progress.1 {
            last_progress = (Instant::now(), delivered);
        } else if last_progress.0.elapsed() > Duration::from_secs(5) {
            return Err(failed("no delivery for 5 s"));
        }
    }
    let (from, delivered_then, cpu_then, writes_then) =
        measured_from.ok_or_else(|| failed("the time is too short: pass --time of a second or more"))?;
    let deliveries = (delivered - delivered_then) as f64;
    let seconds = from.elapsed().as_secs_f64();
    let cpu = (server.usage().cpu_ns - cpu_then) as f64;
    let writes = server.counter("bowline_write_calls_total") - writes_then;
    Ok(Run {
        ns_per_delivery: cpu / deliveries,
        deliveries_per_second: deliveries / seconds,
        deliveries_per_write: deliveries / writes.max(1.0),
        bytes_per_delivery: subscribers.bytes as f64 / deliveries,
    })
}
