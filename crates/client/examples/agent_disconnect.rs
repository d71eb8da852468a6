//! Leaving on purpose: no reconnect follows until `connect`.
//!
//! `BOWLINE_URL` (such as `ws://127.0.0.1:8787`) and `BOWLINE_TOKEN` say where and as whom.

use std::env;

use bowline::AgentSocket;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let socket =
        AgentSocket::builder(env::var("BOWLINE_URL")?).token_provider(env::var("BOWLINE_TOKEN")?).build()?;
    socket.connect().await?;
    // Takes effect at once; awaited, the socket and its tasks are gone behind it.
    socket.disconnect().await;
    println!("{}", socket.state());
    socket.connect().await?;
    println!("{}", socket.state());
    socket.disconnect();
    Ok(())
}
