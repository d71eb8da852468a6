//! A socket with options of its own and a trace on stderr, until Ctrl-C:
//! `BOWLINE_URL=… BOWLINE_TOKEN=… cargo run -p bowline --example seed_options -- thread-1`.

use std::time::Duration;

use bowline::{Client, SocketOptions};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::builder(std::env::var("BOWLINE_URL")?)
        .token_provider(std::env::var("BOWLINE_TOKEN")?)
        .build()?;
    let thread_id = std::env::args().nth(1).unwrap_or_else(|| "thread-1".to_owned());

    let options = SocketOptions::new()
        .reconnect_delay(Duration::from_millis(1000)) // base backoff
        .max_reconnect_attempts(10) // 0: retry for ever
        .debug(true);
    let socket = client.websocket().connect_to_chat_with(&thread_id, options).await?;

    tokio::select! {
        _ = tokio::signal::ctrl_c() => socket.close(),
        () = socket.closed() => {}
    }
    socket.closed().await;
    Ok(())
}
