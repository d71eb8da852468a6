//! The connection limit: a third connection of an agent account is rejected, and does not try again by itself.
//!
//! `BOWLINE_URL` (such as `ws://127.0.0.1:8787`) and `BOWLINE_TOKEN` say where and as whom.

use std::env;

use bowline::{AgentSocket, ConnectError};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut sockets = Vec::new();
    for n in 1..=3 {
        let socket = AgentSocket::builder(env::var("BOWLINE_URL")?)
            .token_provider(env::var("BOWLINE_TOKEN")?)
            .build()?;
        socket
            .on_connection_rejected(|rejected| eprintln!("connection rejected: {}", rejected.reason))
            .detach();
        match socket.connect().await {
            Ok(()) => println!("connection {n} is up"),
            Err(ConnectError::Rejected(_)) => println!("connection {n} has no slot"),
            Err(error) => return Err(error.into()),
        }
        sockets.push(socket);
    }
    // With a slot free, it connects.
    sockets[0].disconnect().await;
    if let Err(error) = sockets[2].connect().await {
        eprintln!("{error} (an account that is not an agent has more slots)");
    }
    for socket in &sockets {
        socket.disconnect().await;
    }
    Ok(())
}
