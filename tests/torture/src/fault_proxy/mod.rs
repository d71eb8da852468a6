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
