//! A TCP proxy on the loopback whose network can go silent without a close.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Relays to one address. Connections made while it is silent hang as well; those made after `speak` work, the old ones
/// stay dead: their packets were lost.
#[derive(Debug)]
pub struct Proxy {
    addr: SocketAddr,
    era: Arc<watch::Sender<u64>>,
}

impl Proxy {
    /// Listens on a free port.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(target: SocketAddr) -> std::io::Result<Proxy> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let era = Arc::new(watch::Sender::new(0));
        let eras = Arc::clone(&era);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(relay(client, target, eras.subscribe()));
            }
        });
        Ok(Proxy { addr, era })
    }

    /// Where clients connect.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// From now on every connection that exists relays nothing more, in neither direction, and is never closed.
    pub fn silence(&self) {
        self.era.send_modify(|era| *era += 1);
    }
}

async fn relay(client: TcpStream, target: SocketAddr, mut era: watch::Receiver<u64>) {
    let born = *era.borrow_and_update();
    let Ok(server) = TcpStream::connect(target).await else { return };
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let pump = async {
        let up = async {
            let mut buffer = vec![0; 16 * 1024];
            while let Ok(n @ 1..) = from_client.read(&mut buffer).await {
                if to_server.write_all(&buffer[..n]).await.is_err() {
                    break;
                }
            }
            let _ = to_server.shutdown().await;
        };
        let down = async {
            let mut buffer = vec![0; 16 * 1024];
            while let Ok(n @ 1..) = from_server.read(&mut buffer).await {
                if to_client.write_all(&buffer[..n]).await.is_err() {
                    break;
                }
            }
            let _ = to_client.shutdown().await;
        };
        tokio::join!(up, down);
    };
    let silenced = async move {
        while *era.borrow_and_update() == born {
            if era.changed().await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = pump => return,
        () = silenced => {}
    }
    // Silent for ever: the sockets stay open, nobody is told.
    std::future::pending::<()>().await;
}
