//! Setup: a socket, its token provider, and `connect`, which waits for `connection.accepted`.
//!
//! `BOWLINE_URL` (such as `ws://127.0.0.1:8787`) and `BOWLINE_TOKEN` say where and as whom.

use std::env;

use bowline::{AgentSocket, TokenError};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let socket = AgentSocket::builder(env::var("BOWLINE_URL")?)
        // Asked for every attempt and every handover: here from the environment, elsewhere from an issuer.
        .token_provider(|| async { env::var("BOWLINE_TOKEN").map_err(TokenError::from) })
        .build()?;
    socket.connect().await?;
    println!("{}", socket.state());
    socket.disconnect().await;
    Ok(())
}
