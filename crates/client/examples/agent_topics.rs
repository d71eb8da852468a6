//! On-demand topics: who is doing what in one conversation.
//!
//! `BOWLINE_URL` (such as `ws://127.0.0.1:8787`) and `BOWLINE_TOKEN` say where and as whom.

use std::env;
use std::time::Duration;

use bowline::AgentSocket;
use bowline::event::ActivityChanged;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let socket =
        AgentSocket::builder(env::var("BOWLINE_URL")?).token_provider(env::var("BOWLINE_TOKEN")?).build()?;
    socket
        .on_subscribe_ack(|ack| {
            println!("subscribed: {:?}", ack.topics);
            for refusal in &ack.refused {
                println!("refused: {} ({:?})", refusal.topic, refusal.code);
            }
        })
        .detach();
    socket.on::<ActivityChanged>(|event| println!("{} is {}", event.user_id, event.status.as_str())).detach();
    socket.connect().await?;
    // Remembered: restored after every reconnect and before every handover's old connection goes.
    socket.subscribe(["conv_ondemand:welcome"])?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    socket.unsubscribe(["conv_ondemand:welcome"])?;
    socket.disconnect().await;
    Ok(())
}
