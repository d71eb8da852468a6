//! A badge of the connection's state, until Ctrl-C. Stop and start the gateway meanwhile:
//! `BOWLINE_URL=… BOWLINE_TOKEN=… cargo run -p bowline --example seed_states -- thread-1`.

use bowline::{Client, SocketState};

fn set_connection_badge(state: SocketState) {
    let badge = match state {
        SocketState::Connecting | SocketState::Reconnecting => "…",
        SocketState::Open => "●",
        SocketState::Closing | SocketState::Closed => "○",
    };
    println!("{badge} {state}");
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::builder(std::env::var("BOWLINE_URL")?)
        .token_provider(std::env::var("BOWLINE_TOKEN")?)
        .build()?;
    let thread_id = std::env::args().nth(1).unwrap_or_else(|| "thread-1".to_owned());
    let socket = client.websocket().connect_to_chat(&thread_id).await?;

    socket.on_state_change().subscribe(|state| set_connection_badge(*state)).detach();
    socket.on_reconnecting().subscribe(|attempt| eprintln!("reconnect attempt {attempt}")).detach();
    socket.on_error().subscribe(|error| eprintln!("{error}")).detach();
    // What a server that lost data cannot send again is said aloud.
    socket
        .on_gap()
        .subscribe(|gap| eprintln!("lost of {}: {}..{}", gap.topic, gap.after, gap.before))
        .detach();
    println!("{} {}", socket.state(), socket.is_open());

    // `closed` also ends when the attempts are exhausted.
    tokio::select! {
        _ = tokio::signal::ctrl_c() => socket.close(),
        () = socket.closed() => {}
    }
    socket.closed().await;
    match socket.last_error() {
        Some(error) => println!("{}: {error}", socket.state()),
        None => println!("{}", socket.state()),
    }
    Ok(())
}
