//! How a byte stream to a host is opened: names, addresses, TCP, TLS.

use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;
use std::net::SocketAddr;

use bowline_client_core::DialFailure;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::failure::of_io;
use crate::tls::Tls;

/// How long one address is tried alone before the next one joins (RFC 8305, section 8: 250 ms).
const NEXT_ADDRESS_AFTER: Duration = Duration::from_millis(250);

/// A TCP stream, with or without TLS: what [`TungsteniteDial`](crate::TungsteniteDial) speaks WebSocket over.
#[derive(Debug)]
pub struct NetStream(Kind);

#[derive(Debug)]
enum Kind {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Opens a stream to `host`. No deadline of its own: the caller drops the future.
pub(crate) async fn open(tls: Option<&Tls>, host: &str, port: u16) -> Result<NetStream, DialFailure> {
    let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host, port))
        .await
        .map_err(|error| of_io(&format!("the name {host} could not be resolved"), &error))?
        .collect();
    let tcp = connect_any(interleave(addresses))
        .await
        .map_err(|error| of_io(&format!("{host}:{port} could not be connected"), &error))?;
    // Frames are small and written in batches already: waiting for an ACK would only add latency.
    if let Err(error) = tcp.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let Some(tls) = tls else {
        return Ok(NetStream(Kind::Plain(tcp)));
    };
    let name = ServerName::try_from(host.to_owned()).map_err(|_| DialFailure::Refused {
        message: format!("{host} is no name that a certificate could be issued for"),
    })?;
    let connector = tls.connector().await?;
    let stream = connector
        .connect(name, tcp)
        .await
        .map_err(|error| of_io(&format!("the TLS handshake with {host}:{port} failed"), &error))?;
    Ok(NetStream(Kind::Tls(Box::new(stream))))
}

/// Connects to the first address that answers; each next one joins after [`NEXT_ADDRESS_AFTER`] or a failure, so that
/// a host whose IPv6 leads nowhere costs a quarter of a second and not the whole deadline.
async fn connect_any(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut waiting = addresses.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    if let Some(first) = waiting.next() {
        attempts.push(TcpStream::connect(first));
    }
    loop {
        let next_may_join = waiting.len() > 0;
        tokio::select! {
            answer = attempts.next() => match answer {
                Some(Ok(stream)) => return Ok(stream),
                Some(Err(error)) => last = error,
                None if !next_may_join => return Err(last),
                None => {}
            },
            () = tokio::time::sleep(NEXT_ADDRESS_AFTER), if next_may_join => {}
        }
        if let Some(next) = waiting.next() {
            attempts.push(TcpStream::connect(next));
        }
    }
}

/// Both families in turn, the resolver's first choice first.
fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = addresses.first().copied() else { return addresses };
    let (same, other): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first.is_ipv6());
    let mut other = other.into_iter();
    let mut mixed = Vec::new();
    for address in same {
        mixed.push(address);
        mixed.extend(other.next());
    }
    mixed.extend(other);
    mixed
}

impl AsyncRead for NetStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Kind::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Kind::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for NetStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Kind::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Kind::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Kind::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Kind::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Kind::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Kind::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns_and_the_first_choice_stays_first() {
        let parse = |list: &[&str]| list.iter().map(|a| a.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let mixed = interleave(parse(&["[::1]:1", "[::2]:1", "10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"]));
        assert_eq!(mixed, parse(&["[::1]:1", "10.0.0.1:1", "[::2]:1", "10.0.0.2:1", "10.0.0.3:1"]));
    }

    #[tokio::test]
    async fn a_dead_address_does_not_hide_a_living_one() {
        let alive = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dead = {
            let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            gone.local_addr().unwrap()
        };
        let target = alive.local_addr().unwrap();
        let stream = connect_any(vec![dead, target]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), target);
        assert!(connect_any(vec![dead]).await.is_err());
        assert!(connect_any(Vec::new()).await.is_err());
    }
}
