//! A custom socket factory: WebSocket through an HTTP CONNECT proxy.
//!
//! `BOWLINE_PROXY` (such as `127.0.0.1:3128`), `BOWLINE_URL` (`ws://…`) and `BOWLINE_TOKEN` say by which way, where and
//! as whom.

use std::env;
use std::fmt;

use bowline::{AgentSocket, Dial, DialFailure, DialRequest, WebSocket, upgrade};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The longest answer of a proxy that is read.
const ANSWER_BYTES: usize = 8 * 1024;

/// Asks the proxy at this address for a tunnel.
struct ConnectProxy(String);

impl Dial for ConnectProxy {
    type Socket = WebSocket<TcpStream>;

    async fn dial(&self, request: DialRequest) -> Result<Self::Socket, DialFailure> {
        if request.is_secure() {
            // A tunnel for wss needs TLS inside it: wrap `stream` with tokio-rustls before the upgrade.
            return Err(DialFailure::Refused { message: "this example tunnels ws:// only".into() });
        }
        let mut stream = TcpStream::connect(&self.0).await.map_err(temporary)?;
        let target = format!("{}:{}", request.host(), request.port());
        let ask = format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n\r\n");
        stream.write_all(ask.as_bytes()).await.map_err(temporary)?;

        // Byte by byte: what follows the head belongs to the WebSocket.
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if head.len() >= ANSWER_BYTES {
                return Err(DialFailure::Refused { message: "the proxy's answer is no HTTP head".into() });
            }
            head.push(stream.read_u8().await.map_err(temporary)?);
        }
        let head = String::from_utf8_lossy(&head);
        let status = head.split(' ').nth(1).unwrap_or_default();
        if !status.starts_with('2') {
            return Err(DialFailure::Refused { message: format!("the proxy refused the tunnel: {status}") });
        }
        upgrade(&request, stream).await
    }
}

fn temporary(error: impl fmt::Display) -> DialFailure {
    DialFailure::Temporary { retry_after: None, message: format!("the proxy cannot be used ({error})") }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let socket = AgentSocket::builder(env::var("BOWLINE_URL")?)
        .token_provider(env::var("BOWLINE_TOKEN")?)
        .socket_factory(ConnectProxy(env::var("BOWLINE_PROXY")?))
        .build()?;
    socket.on_error(|error| eprintln!("{error}")).detach();
    socket.connect().await?;
    println!("{} through the proxy", socket.state());
    socket.disconnect().await;
    Ok(())
}
