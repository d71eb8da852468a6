//! The physical limit: one thread, one epoll, one write a socket, and nothing else. It tells how many writes it made, in
//! the form of the gateway's metrics.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use bowline_gateway::ws;
use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::fd::OwnedFd;

use super::process::failed;
use crate::args::Floor;
use crate::failure::Failure;

struct Peer {
    socket: TcpStream,
    is_open: bool,
    pending: Vec<u8>,
}

const LISTENER: u64 = u64::MAX;

pub(super) fn run(args: &Floor) -> Result<(), Failure> {
    let listener = TcpListener::bind(("127.0.0.1", args.port)).map_err(failed)?;
    rustix::net::listen(&listener, 4096).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(failed)?;
    epoll::add(&epoll, &listener, epoll::EventData::new_u64(LISTENER), epoll::EventFlags::IN)
        .map_err(failed)?;
    println!("bowline: ready on http://127.0.0.1:{}", args.port);
    let is_accepted_told = args.mode == "connect";
    let mut peers: Vec<Option<Peer>> = Vec::new();
    let mut events: Vec<epoll::Event> = Vec::with_capacity(256);
    let mut buffer = vec![0; 64 * 1024];
    let mut partial = Vec::new();
    let mut writes = 0;
    loop {
        events.clear();
        match epoll::wait(&epoll, spare_capacity(&mut events), None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(failed(error)),
        }
        for event in &events {
            if event.data.u64() == LISTENER {
                accept(&listener, &epoll, &mut peers)?;
                continue;
            }
            let index = event.data.u64() as usize;
            let Some(peer) = peers[index].as_mut() else { continue };
            let flags = event.flags;
            if flags.contains(epoll::EventFlags::OUT) {
                flush(&epoll, index, peer, &mut writes)?;
            }
            match peer.socket.read(&mut buffer) {
                Ok(0) => peers[index] = None,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => peers[index] = None,
                Ok(n) if buffer[..n].starts_with(b"GET /metrics ") => {
                    let _ = peer.socket.write_all(&counts(writes));
                }
                Ok(n) if !peer.is_open => {
                    peer.is_open = true;
                    let mut answer = answer(&buffer[..n]);
                    if is_accepted_told {
                        ws::push_text(&mut answer, br#"{"action":"connection.accepted"}"#);
                    }
                    let _ = peer.socket.write_all(&answer);
                }
                Ok(n) => {
                    partial.extend_from_slice(&buffer[..n]);
                    let out = unmasked(&mut partial);
                    if !out.is_empty() {
                        send_to_others(&epoll, &mut peers, index, &out, &mut writes)?;
                    }
                }
            }
        }
    }
}

fn accept(listener: &TcpListener, epoll: &OwnedFd, peers: &mut Vec<Option<Peer>>) -> Result<(), Failure> {
    while let Ok((socket, _)) = listener.accept() {
        socket.set_nodelay(true).map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        let data = epoll::EventData::new_u64(peers.len() as u64);
        epoll::add(epoll, &socket, data, epoll::EventFlags::IN).map_err(failed)?;
        peers.push(Some(Peer { socket, is_open: false, pending: Vec::new() }));
    }
    Ok(())
}

fn counts(writes: u64) -> Vec<u8> {
    let body = format!("bowline_write_calls_total {writes}\n");
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}").into_bytes()
}

fn answer(request: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(request);
    let key = text.lines().find_map(|l| l.strip_prefix("Sec-WebSocket-Key: ")).unwrap_or_default();
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
        ws::accept_key(key.trim())
    )
    .into_bytes()
}

/// Takes the whole frames out of `partial` and frames them again for the other side.
fn unmasked(partial: &mut Vec<u8>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    loop {
        let rest = &partial[at..];
        let [_, length, ..] = rest else { break };
        let (length, header) = match length & 0x7f {
            126 if rest.len() >= 4 => (usize::from(u16::from_be_bytes([rest[2], rest[3]])), 4),
            126 | 127 => break,
            short => (usize::from(short), 2),
        };
        let Some(body) = rest.get(header + 4..header + 4 + length) else { break };
        let mask = &rest[header..header + 4];
        let text: Vec<u8> = body.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m).collect();
        ws::push_text(&mut out, &text);
        at += header + 4 + length;
    }
    partial.drain(..at);
    out
}

fn send_to_others(
    epoll: &OwnedFd,
    peers: &mut [Option<Peer>],
    from: usize,
    bytes: &[u8],
    writes: &mut u64,
) -> Result<(), Failure> {
    for (index, peer) in peers.iter_mut().enumerate() {
        let Some(peer) = peer.as_mut().filter(|p| p.is_open && index != from) else { continue };
        if !peer.pending.is_empty() {
            peer.pending.extend_from_slice(bytes);
            continue;
        }
        *writes += 1;
        let written = peer.socket.write(bytes).unwrap_or(0);
        if written < bytes.len() {
            peer.pending.extend_from_slice(&bytes[written..]);
            watch(epoll, index, peer, epoll::EventFlags::IN | epoll::EventFlags::OUT)?;
        }
    }
    Ok(())
}

fn flush(epoll: &OwnedFd, index: usize, peer: &mut Peer, writes: &mut u64) -> Result<(), Failure> {
    *writes += 1;
    let written = peer.socket.write(&peer.pending).unwrap_or(0);
    peer.pending.drain(..written);
    if peer.pending.is_empty() {
        watch(epoll, index, peer, epoll::EventFlags::IN)?;
    }
    Ok(())
}

fn watch(epoll: &OwnedFd, index: usize, peer: &Peer, flags: epoll::EventFlags) -> Result<(), Failure> {
    epoll::modify(epoll, &peer.socket, epoll::EventData::new_u64(index as u64), flags).map_err(failed)
}
