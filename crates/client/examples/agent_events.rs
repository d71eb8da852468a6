//! Listening: typed handlers, and how to stop one. Ends after five messages, or with Ctrl-C.
//!
//! `BOWLINE_URL` (such as `ws://127.0.0.1:8787`) and `BOWLINE_TOKEN` say where and as whom.

use std::env;
use std::sync::Arc;

use bowline::AgentSocket;
use bowline::event::{MessageDeleted, MessageNew, MessageUpdated};
use tokio::sync::Semaphore;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let socket =
        AgentSocket::builder(env::var("BOWLINE_URL")?).token_provider(env::var("BOWLINE_TOKEN")?).build()?;
    let messages = Arc::new(Semaphore::new(0));
    let counted = messages.clone();
    socket
        .on::<MessageNew>(move |event| {
            let text = event.content.text.as_deref().unwrap_or("(no text)");
            println!("[{}] {}: {text}", event.conversation_id, event.sender_id);
            counted.add_permits(1);
        })
        .detach();
    socket.on::<MessageUpdated>(|event| println!("message {} edited", event.message_id)).detach();
    socket.on::<MessageDeleted>(|event| println!("message {} deleted", event.message_id)).detach();

    // A specific handler goes with its guard.
    let handler = socket.on::<MessageNew>(|event| println!("the first one: {}", event.message_id));
    socket.connect().await?;
    let _ = messages.acquire().await?;
    handler.unsubscribe();

    tokio::select! {
        four_more = messages.acquire_many(4) => drop(four_more?),
        _ = tokio::signal::ctrl_c() => {}
    }
    socket.disconnect().await;
    Ok(())
}
