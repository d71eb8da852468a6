//! A proxy on the loopback that breaks connections where it hurts: it knows where WebSocket frames begin and end.
//!
//! It never invents a byte and never repeats one; what it does forward is what came, in order.

mod fate;
mod faults;
mod link;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub(crate) use crate::fault_proxy::faults::{Fault, FaultCounts};
use crate::random::Random;

/// What all links of the proxy suffer at the moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Weather {
    /// Links have fates of their own (cuts, delays, …). Without it they only relay.
    pub(crate) is_rough: bool,
    /// Dials are reset.
    pub(crate) refuses: bool,
    /// Nothing goes from clients to the gateway.
    pub(crate) is_up_frozen: bool,
    /// Nothing goes from the gateway to clients.
    pub(crate) is_down_frozen: bool,
    /// Every link that was made in an older era is reset.
    pub(crate) era: u64,
}

/// Relays to one address until it is dropped.
#[derive(Debug)]
pub(crate) struct FaultProxy {
    addr: SocketAddr,
    weather: watch::Sender<Weather>,
    task: tokio::task::JoinHandle<()>,
}

impl FaultProxy {
    /// Listens on a free port. Link number `n` gets the fate that `random` forks for it.
    pub(crate) async fn start(
        target: SocketAddr,
        random: Random,
        counts: Arc<FaultCounts>,
    ) -> std::io::Result<FaultProxy> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let (weather, now) = watch::channel(Weather::default());
        let task = tokio::spawn(async move {
            let mut number = 0;
            // A failed accept (descriptors) is over by the next dial.
            loop {
                let Ok((client, _)) = listener.accept().await else {
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                    continue;
                };
                number += 1;
                if now.borrow().refuses {
                    reset(&client);
                    continue;
                }
                let fate = fate::Fate::draw(random.fork(number));
                tokio::spawn(serve(client, target, now.clone(), fate, Arc::clone(&counts)));
            }
        });
        Ok(FaultProxy { addr, weather, task })
    }

    /// Where clients connect.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Changes the weather for all links.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Weather)) {
        self.weather.send_modify(change);
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    client: TcpStream,
    target: SocketAddr,
    weather: watch::Receiver<Weather>,
    fate: fate::Fate,
    counts: Arc<FaultCounts>,
) {
    let Ok(gateway) = TcpStream::connect(target).await else {
        // The gateway is away: the client learns what a dial without us would have told it.
        return reset(&client);
    };
    let _ = client.set_nodelay(true);
    let _ = gateway.set_nodelay(true);
    link::relay(client, gateway, weather, fate, &counts).await;
}

/// The next drop of the stream sends RST instead of FIN.
fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    /// A gateway that grants every upgrade, sends `FRAMES` frames and tells what it has received.
    async fn gateway() -> (SocketAddr, tokio::sync::mpsc::UnboundedReceiver<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (told, received) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let told = told.clone();
                tokio::spawn(async move {
                    let _ = told.send(talk(stream, b"HTTP/1.1 101 Switching Protocols\r\n\r\n").await);
                });
            }
        });
        (addr, received)
    }

    /// Says its head and its frames, and returns what came meanwhile, until either end closes.
    async fn talk(stream: TcpStream, head: &[u8]) -> Vec<u8> {
        let (mut from, mut to) = stream.into_split();
        let said = said(head);
        let writer = tokio::spawn(async move {
            let _ = to.write_all(&said).await;
            let _ = to.shutdown().await;
        });
        let mut heard = Vec::new();
        let mut buffer = [0; 1024];
        while let Ok(Ok(n @ 1..)) =
            tokio::time::timeout(Duration::from_secs(10), from.read(&mut buffer)).await
        {
            heard.extend_from_slice(&buffer[..n]);
        }
        let _ = writer.await;
        heard
    }

    fn said(head: &[u8]) -> Vec<u8> {
        let mut said = head.to_vec();
        for number in 0..60_u8 {
            said.extend_from_slice(&[0x81, 3, b'a', number, b'z']);
        }
        said
    }

    #[tokio::test]
    async fn whatever_befalls_a_link_its_ends_hear_the_beginning_of_what_was_said_and_nothing_else() {
        let (addr, mut received) = gateway().await;
        let counts = Arc::new(FaultCounts::new());
        let proxy = FaultProxy::start(addr, Random::new(11), Arc::clone(&counts)).await.unwrap();
        proxy.change(|weather| weather.is_rough = true);
        let asked = b"GET /agent HTTP/1.1\r\nUpgrade: websocket\r\n\r\n";
        let links = (0..60).map(|_| async {
            let stream = TcpStream::connect(proxy.addr()).await.unwrap();
            talk(stream, asked).await
        });
        let heard = futures_util::future::join_all(links).await;
        let (up, down) = (said(asked), said(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"));
        assert!(heard.iter().all(|heard| down.starts_with(heard)));
        assert!(heard.contains(&down), "some links are spared");
        assert!(heard.iter().any(|heard| heard.len() < down.len()), "some are cut");
        assert!(
            heard.iter().any(|heard| heard.len() > 50 && heard.len() % 5 != down.len() % 5),
            "inside a frame"
        );
        drop(proxy);
        while let Ok(Some(heard)) = tokio::time::timeout(Duration::from_secs(1), received.recv()).await {
            assert!(up.starts_with(&heard));
        }
        for fault in [Fault::CutBetween, Fault::CutInside, Fault::Reset, Fault::FreezeOneWay, Fault::Slice] {
            assert!(counts.of(fault) > 0, "{fault:?} was done");
        }
    }
}
