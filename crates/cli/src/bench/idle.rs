//! Memory of idle connections: one account, one session and one topic each.

use std::time::Duration;

use super::load::{Subscribers, upgrade};
use super::process::Server;
use crate::args::Idle;
use crate::failure::Failure;

pub(super) fn run(args: &Idle) -> Result<(), Failure> {
    println!("{} idle connections, each with an account, a session and a topic of its own", args.connections);
    let server = Server::gateway()?;
    let requests = (0..args.connections)
        .map(|i| Ok(upgrade(server.addr, "/agent", &server.token(&format!("idle-{i}"), false)?)))
        .collect::<Result<Vec<_>, Failure>>()?;
    // The first ones pay for what the process allocates once.
    let (warm, rest) = requests.split_at(args.connections / 10);
    let mut subscribers = Subscribers::new()?;
    subscribers.connect(server.addr, warm)?;
    subscribers.settle(Duration::from_millis(500))?;
    let before = server.usage().rss;
    subscribers.connect(server.addr, rest)?;
    subscribers.settle(Duration::from_secs(1))?;
    let after = server.usage().rss;
    println!(
        "gateway  {:.2} KiB of user memory per connection ({:.1} MiB for {})",
        after.saturating_sub(before) as f64 / 1024.0 / rest.len() as f64,
        after as f64 / 1024.0 / 1024.0,
        args.connections
    );
    Ok(())
}
