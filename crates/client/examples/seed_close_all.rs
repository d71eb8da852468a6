//! Closing one socket, destroying one, and closing everything that a client opened:
//! `BOWLINE_URL=… BOWLINE_TOKEN=… cargo run -p bowline --example seed_close_all -- thread-1`.

use bowline::Client;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::builder(std::env::var("BOWLINE_URL")?)
        .token_provider(std::env::var("BOWLINE_TOKEN")?)
        .build()?;
    let thread_id = std::env::args().nth(1).unwrap_or_else(|| "thread-1".to_owned());
    let sockets = client.websocket();
    let first = sockets.connect_to_chat(&thread_id).await?;
    let second = sockets.connect_to_chat(&thread_id).await?;
    let third = sockets.connect_to_chat(&thread_id).await?;
    third.on_state_change().subscribe(|state| println!("third: {state}")).detach();
    println!("{} sockets", sockets.connection_count());

    first.close(); // Graceful; no further reconnects.
    second.destroy(); // Closes and removes all listeners.

    // Everything that the client opened, for example on logout.
    sockets.close_all().await;
    println!("{} sockets", sockets.connection_count());
    Ok(())
}
