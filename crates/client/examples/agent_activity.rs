//! Telling the others what this account is doing.
//!
//! `BOWLINE_URL` (such as `ws://127.0.0.1:8787`) and `BOWLINE_TOKEN` say where and as whom.

use std::env;
use std::time::Duration;

use bowline::{ActivityStatus, AgentSocket};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let socket =
        AgentSocket::builder(env::var("BOWLINE_URL")?).token_provider(env::var("BOWLINE_TOKEN")?).build()?;
    socket.connect().await?;
    socket.send_activity("welcome", ActivityStatus::Thinking)?;
    // Said again within 3 s it is not sent again; while it lasts it is renewed every 5 s.
    tokio::time::sleep(Duration::from_secs(1)).await;
    socket.send_activity("welcome", ActivityStatus::ToolCalling)?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    socket.send_activity("welcome", ActivityStatus::Idle)?; // clears it
    socket.disconnect().await;
    Ok(())
}
