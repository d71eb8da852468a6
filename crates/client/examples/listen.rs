//! Prints what a gateway delivers: `cargo run -p bowline --example listen -- ws://127.0.0.1:8787/agent TOKEN`.

use bowline::{Connection, Incoming};
use futures_util::StreamExt;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(url), Some(token)) = (args.next(), args.next()) else {
        return Err("usage: listen URL TOKEN".into());
    };
    let connection = Connection::builder(url).token(token).connect()?;
    connection.ready().await?;
    let mut events = connection.events();
    while let Some(item) = events.next().await {
        match item {
            Incoming::Event(event) => println!("{}", String::from_utf8_lossy(&event.text)),
            Incoming::Gap(gap) => eprintln!("lost: {gap:?}"),
            Incoming::Notice(notice) => eprintln!("{notice:?}"),
            Incoming::Moved(_) => {}
        }
    }
    Ok(())
}
