//! How the gateway takes its addresses.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use crate::start_error::StartError;

/// Connections that wait to be accepted; more survives a storm of reconnects. The system may cap it (`somaxconn`).
const BACKLOG: i32 = 4096;

/// Listens on `addr`; `option` is what moves it.
pub(crate) fn listen(addr: SocketAddr, option: &'static str) -> Result<TcpListener, StartError> {
    try_listen(addr).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => StartError::PortTaken { addr, option },
        _ => StartError::Listen { addr, option, source },
    })
}

fn try_listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    // A restarted gateway gets its port back although connections of its former life are still in TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
