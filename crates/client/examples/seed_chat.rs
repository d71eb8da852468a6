//! Live updates of a chat thread, until Ctrl-C:
//! `BOWLINE_URL=http://127.0.0.1:8787 BOWLINE_TOKEN=… cargo run -p bowline --example seed_chat -- thread-1`.

use bowline::Client;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::builder(std::env::var("BOWLINE_URL")?)
        .token_provider(std::env::var("BOWLINE_TOKEN")?)
        .build()?;
    let thread_id = std::env::args().nth(1).unwrap_or_else(|| "thread-1".to_owned());

    // The ticket is fetched and exchanged under the hood.
    let socket = client.websocket().connect_to_chat(&thread_id).await?;
    let subscription = socket.on_message().subscribe(|event| match event.json::<Value>() {
        // Handle the incoming message or status update.
        Ok(update) => println!("{}: {}", update["type"], update["payload"]),
        Err(error) => eprintln!("{error}"),
    });

    // Later:
    tokio::signal::ctrl_c().await?;
    subscription.unsubscribe();
    socket.close();
    socket.closed().await;
    Ok(())
}
