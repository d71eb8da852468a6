//! Every emitter has the same small interface. Listens to all of them for a while:
//! `BOWLINE_URL=… BOWLINE_TOKEN=… cargo run -p bowline --example seed_emitters -- thread-1`.

use std::time::Duration;

use bowline::Client;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::builder(std::env::var("BOWLINE_URL")?)
        .token_provider(std::env::var("BOWLINE_TOKEN")?)
        .build()?;
    let thread_id = std::env::args().nth(1).unwrap_or_else(|| "thread-1".to_owned());
    let socket = client.websocket().connect_to_chat(&thread_id).await?;

    let subscriptions = [
        // A frame arrived from the server.
        socket.on_message().subscribe(|event| println!("message {}", event.data())),
        // The connection state changed.
        socket.on_state_change().subscribe(|state| println!("state {state}")),
        // A reconnect attempt started.
        socket.on_reconnecting().subscribe(|attempt| println!("reconnecting {attempt}")),
        // A socket-level error occurred.
        socket.on_error().subscribe(|error| println!("error {error}")),
        // Events that cannot be had any more.
        socket.on_gap().subscribe(|gap| println!("gap {} {}..{}", gap.topic, gap.after, gap.before)),
    ];
    tokio::time::sleep(Duration::from_secs(10)).await;
    for subscription in subscriptions {
        subscription.unsubscribe(); // Stops listening, as dropping it would.
    }
    println!("{} listeners", socket.on_message().listener_count());
    socket.destroy();
    socket.closed().await;
    Ok(())
}
