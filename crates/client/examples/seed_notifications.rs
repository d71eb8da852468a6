//! A socket at a path of one's own, and a ticket for a socket that somebody else opens:
//! `BOWLINE_URL=… BOWLINE_TOKEN=… cargo run -p bowline --example seed_notifications`.

use bowline::{Client, SocketOptions};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::builder(std::env::var("BOWLINE_URL")?)
        .token_provider(std::env::var("BOWLINE_TOKEN")?)
        .build()?;
    let sockets = client.websocket();

    let ticket = sockets.get_ticket("/notifications").await?;
    println!("a ticket that is good for {:?}", ticket.expires_in());

    let socket = sockets.connect("/notifications", SocketOptions::new(), "notifications").await?;
    let label = socket.label().to_owned();
    socket.on_message().subscribe(move |event| println!("{label}: {}", event.data())).detach();

    tokio::select! {
        _ = tokio::signal::ctrl_c() => sockets.close_all().await,
        () = socket.closed() => {}
    }
    Ok(())
}
