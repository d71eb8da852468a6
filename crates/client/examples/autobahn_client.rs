//! A client that says back what it hears over the sockets of `TungsteniteDial`: what `tests/autobahn/run` judges.
//!
//! Every case is run twice. As agent `messages` on the messages below, so that the framing is judged whole, and as agent
//! `link` on what a connection's link gets and sends. A link has no binary messages: a case that sends one is ended there and
//! written to standard output, with what the link was told. The only argument is the URL of the suite's server.

use std::error::Error;

use bowline::{
    CloseCode, Connection, Dial, DialFailure, DialRequest, NetStream, Outgoing, Received, TungsteniteDial,
    WebSocket,
};
use futures_util::{SinkExt as _, StreamExt as _};
use serde::Deserialize;
use tokio::sync::mpsc;

/// The suite's largest message has 16 MiB; a connection's default is 1 MiB.
const LIMIT: usize = 16 * 1024 * 1024;

type Failure = Box<dyn Error>;

/// Hands on what a connection would dial.
struct Overheard(mpsc::UnboundedSender<DialRequest>);

impl Dial for Overheard {
    type Socket = WebSocket<NetStream>;

    async fn dial(&self, request: DialRequest) -> Result<Self::Socket, DialFailure> {
        let _ = self.0.send(request);
        Err(DialFailure::Refused { message: "only overheard".to_owned() })
    }
}

#[derive(Deserialize)]
struct CaseInfo {
    id: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let server = std::env::args().nth(1).ok_or("give the URL of the fuzzing server")?;
    let count: usize = ask(&format!("{server}/getCaseCount")).await?.parse()?;
    for case in 1..=count {
        let CaseInfo { id } =
            serde_json::from_str(&ask(&format!("{server}/getCaseInfo?case={case}")).await?)?;
        // A case may refuse the handshake: that is the suite's to judge.
        if let Ok(socket) = open(&format!("{server}/runCase?case={case}&agent=messages")).await {
            echo_messages(socket).await;
        }
        if let Ok(socket) = open(&format!("{server}/runCase?case={case}&agent=link")).await
            && let Some(refusal) = echo_as_link(socket).await
        {
            println!("{id}\t{refusal}");
        }
    }
    // The server writes its reports and is gone, perhaps before it has answered.
    if let Ok(mut reports) = open(&format!("{server}/updateReports?agent=link&shutdownOnComplete=true")).await
    {
        while reports.next().await.is_some() {}
    }
    Ok(())
}

/// A socket as a connection with this URL would have it.
async fn open(url: &str) -> Result<WebSocket<NetStream>, Failure> {
    let (requests, mut overheard) = mpsc::unbounded_channel();
    let connection = Connection::builder(url).message_limit(LIMIT).dial(Overheard(requests)).connect()?;
    let request = overheard.recv().await.ok_or("the connection did not dial")?;
    drop(connection);
    TungsteniteDial::new().dial(request).await.map_err(|failure| format!("{failure:?}").into())
}

/// The first text that the server says.
async fn ask(url: &str) -> Result<String, Failure> {
    let mut socket = open(url).await?;
    while let Some(received) = socket.next().await {
        if let Received::Text(text) = received {
            return Ok(String::from_utf8(text.to_vec())?);
        }
    }
    Err("the server said nothing".into())
}

async fn echo_messages(socket: WebSocket<NetStream>) {
    let mut messages = socket.into_messages();
    // An error ends the socket, as it does below a link.
    while let Some(Ok(message)) = messages.next().await {
        if (message.is_text() || message.is_binary()) && messages.send(message).await.is_err() {
            return;
        }
    }
}

/// Does with what comes what a link does (`link.rs`), and says back every text. What it refused, if that was a binary
/// message.
async fn echo_as_link(mut socket: WebSocket<NetStream>) -> Option<String> {
    while let Some(received) = socket.next().await {
        match received {
            Received::Text(text) => {
                let text = String::from_utf8(text.to_vec()).expect("a received text is UTF-8");
                if socket.send(Outgoing::Text(text)).await.is_err() {
                    return None;
                }
            }
            // Answers to pings go out with the next read.
            Received::Alive => {}
            Received::Bad(why) if why == "a binary message" => {
                let _ = socket.send(Outgoing::Close(CloseCode::UNSUPPORTED)).await;
                return Some(why);
            }
            Received::Bad(_) => {}
            Received::Closed(_) => {
                let _ = socket.flush().await;
                return None;
            }
        }
    }
    None
}
