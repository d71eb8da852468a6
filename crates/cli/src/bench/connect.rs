//! Accept, upgrade and token: what a connection costs the server's CPU, beside a bare accept loop.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::net::sockopt::set_socket_linger;

use super::load::{read_head, upgrade};
use super::process::{Server, failed};
use super::{median, ratios};
use crate::args::Connect;
use crate::failure::Failure;

pub(super) fn run(args: &Connect) -> Result<(), Failure> {
    println!(
        "{} connections: TCP accept, WebSocket upgrade, token, first frame; then reset",
        args.connections
    );
    let (mut gateway, mut floor) = (Vec::new(), Vec::new());
    for _ in 0..args.runs.max(1) {
        floor.push(one(args, &Server::floor("connect")?)?);
        gateway.push(one(args, &Server::gateway()?)?);
    }
    for (name, runs) in [("floor", &floor), ("gateway", &gateway)] {
        println!(
            "{name:8} {:7.1} µs CPU per connection  {:8.0} connections/s",
            median(runs.iter().map(|r| r.0).collect()) / 1e3,
            median(runs.iter().map(|r| r.1).collect())
        );
    }
    println!("ratio    {}", ratios(gateway.iter().zip(&floor).map(|(g, f)| g.0 / f.0)));
    Ok(())
}

/// Nanoseconds of CPU per connection, and connections per second.
fn one(args: &Connect, server: &Server) -> Result<(f64, f64), Failure> {
    let request = upgrade(server.addr, "/chats/bench", &server.token("bench", false)?);
    batch(server, &request, 500)?;
    let (cpu, start) = (server.usage().cpu_ns, Instant::now());
    batch(server, &request, args.connections)?;
    let seconds = start.elapsed().as_secs_f64();
    let cpu = (server.usage().cpu_ns - cpu) as f64;
    Ok((cpu / args.connections as f64, args.connections as f64 / seconds))
}

/// In groups of 64, so that many handshakes are under way at once.
fn batch(server: &Server, request: &[u8], total: usize) -> Result<(), Failure> {
    use std::io::Write as _;
    let mut done = 0;
    while done < total {
        let group = 64.min(total - done);
        let mut sockets = Vec::with_capacity(group);
        for _ in 0..group {
            let mut socket = TcpStream::connect(server.addr).map_err(failed)?;
            socket.write_all(request).map_err(failed)?;
            sockets.push(socket);
        }
        for mut socket in sockets {
            let rest = read_head(&mut socket)?;
            if rest.is_empty() {
                use std::io::Read as _;
                let mut first = [0; 512];
                socket.read(&mut first).map_err(failed)?; // `connection.accepted`
            }
            // A reset leaves no TIME_WAIT behind, so ports do not run out.
            set_socket_linger(&socket, Some(Duration::ZERO)).map_err(failed)?;
        }
        done += group;
    }
    Ok(())
}
