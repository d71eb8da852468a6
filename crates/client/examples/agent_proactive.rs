//! Moving to a fresh connection before the network cuts the old one: here every 2 s, to watch it.
//!
//! `BOWLINE_URL` (such as `ws://127.0.0.1:8787`) and `BOWLINE_TOKEN` say where and as whom.

use std::env;
use std::time::Duration;

use bowline::AgentSocket;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let socket = AgentSocket::builder(env::var("BOWLINE_URL")?)
        .token_provider(env::var("BOWLINE_TOKEN")?)
        // The default is 110 min, ten minutes before widespread API gateways cut a connection.
        .proactive_reconnect(Duration::from_secs(2))
        .build()?;
    socket.on_state_change(|state| println!("{state}")).detach();
    socket.connect().await?;
    // Two moves later nothing has been told: a handover changes no state.
    tokio::time::sleep(Duration::from_secs(5)).await;
    socket.disconnect().await;
    Ok(())
}
