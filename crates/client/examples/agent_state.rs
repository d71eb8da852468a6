//! The state, told and asked.
//!
//! `BOWLINE_URL` (such as `ws://127.0.0.1:8787`) and `BOWLINE_TOKEN` say where and as whom.

use std::env;

use bowline::AgentSocket;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let socket =
        AgentSocket::builder(env::var("BOWLINE_URL")?).token_provider(env::var("BOWLINE_TOKEN")?).build()?;
    // connecting, connected or disconnected
    socket.on_state_change(|state| println!("socket: {state}")).detach();
    socket.connect().await?;
    let current = socket.state();
    println!("now it is {current}");
    socket.disconnect().await;
    Ok(())
}
