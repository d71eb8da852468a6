//! One topic, many subscribers: what a delivery costs the server's CPU, beside the bare write loop.

use std::time::{Duration, Instant};

use super::load::{Publisher, Subscribers, payload, upgrade};
use super::median;
use super::process::{Server, failed};
use crate::args::Fanout;
use crate::failure::Failure;

/// What one run showed.
struct Run {
    ns_per_delivery: f64,
    deliveries_per_second: f64,
    writes_per_delivery: f64,
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
    let ns = |runs: &[Run]| median(runs.iter().map(|r| r.ns_per_delivery).collect());
    let rate = |runs: &[Run]| median(runs.iter().map(|r| r.deliveries_per_second).collect());
    let ratio =
        median(gateway.iter().zip(&floor).map(|(g, f)| g.ns_per_delivery / f.ns_per_delivery).collect());
    println!("floor    {:8.0} ns CPU per delivery  {:10.0} deliveries/s", ns(&floor), rate(&floor));
    println!(
        "gateway  {:8.0} ns CPU per delivery  {:10.0} deliveries/s  {:.3} write calls per delivery",
        ns(&gateway),
        rate(&gateway),
        median(gateway.iter().map(|r| r.writes_per_delivery).collect())
    );
    println!("ratio    {ratio:8.2}");
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
        writes_per_delivery: writes / deliveries,
    })
}
