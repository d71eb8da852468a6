//! Live updates of a workspace's transcript, as a stream, until Ctrl-C:
//! `BOWLINE_URL=… BOWLINE_TOKEN=… cargo run -p bowline --example seed_transcript -- workspace-1 transcript-1`.

use bowline::{Client, MessageEvent};
use futures_util::StreamExt;

fn handle_update(update: &MessageEvent) {
    println!("{}", update.data());
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::builder(std::env::var("BOWLINE_URL")?)
        .token_provider(std::env::var("BOWLINE_TOKEN")?)
        .build()?;
    let mut args = std::env::args().skip(1);
    let workspace_id = args.next().unwrap_or_else(|| "workspace-1".to_owned());
    let transcript_id = args.next().unwrap_or_else(|| "transcript-1".to_owned());

    let socket = client.websocket().connect_to_transcript(&workspace_id, &transcript_id).await?;
    socket.on_message().subscribe(handle_update).detach();

    // Or as a stream, where `.await` is at hand. It ends when the socket is closed.
    let mut updates = socket.on_message().stream();
    let closing = socket.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            closing.close();
        }
    });
    let mut count = 0;
    while let Some(update) = updates.next().await {
        count += 1;
        eprintln!("update {count}: {}", update.event().kind);
    }
    Ok(())
}
