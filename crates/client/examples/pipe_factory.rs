//! A custom socket factory: no network at all. The server lives in the same process, at the other end of a pipe in
//! memory, which carries text frames as they are: no WebSocket either.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bowline::event::MessageNew;
use bowline::{AgentSocket, Dial, DialFailure, DialRequest, Outgoing, Received};
use futures_util::{Sink, Stream};
use tokio::sync::{mpsc, oneshot};

/// How many frames wait towards the client; a server that is faster waits.
const FRAMES: usize = 64;

/// The client's end of a pipe. Towards the server it is unbounded: the connection itself bounds what it sends.
struct Pipe {
    incoming: mpsc::Receiver<String>,
    outgoing: mpsc::UnboundedSender<String>,
}

impl Stream for Pipe {
    type Item = Received;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Received>> {
        self.incoming.poll_recv(cx).map(|frame| Some(Received::Text(frame?.into())))
    }
}

impl Sink<Outgoing> for Pipe {
    type Error = io::Error;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(mut self: Pin<&mut Self>, outgoing: Outgoing) -> io::Result<()> {
        match outgoing {
            Outgoing::Text(text) => self.outgoing.send(text).map_err(io::Error::other),
            Outgoing::Close(_) => {
                // No closing handshake in a pipe: its end says the same.
                self.incoming.close();
                Ok(())
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Opens pipes to the server of this process.
struct InProcess;

impl Dial for InProcess {
    type Socket = Pipe;

    async fn dial(&self, _: DialRequest) -> Result<Pipe, DialFailure> {
        let (to_client, incoming) = mpsc::channel(FRAMES);
        let (outgoing, from_client) = mpsc::unbounded_channel();
        tokio::spawn(serve(to_client, from_client));
        Ok(Pipe { incoming, outgoing })
    }
}

/// A server of three lines: accepts, sends one message, and goes when the client does.
async fn serve(to_client: mpsc::Sender<String>, mut from_client: mpsc::UnboundedReceiver<String>) {
    let message = r#"{"type":"message.new","payload":{"conversationId":"c1","messageId":"m1","senderId":"pipe",
        "senderDisplayName":"The pipe","conversationType":"dm","content":{"text":"hello"},"sequenceNumber":1,
        "createdAt":"2026-01-01T00:00:00Z"}}"#;
    for frame in [r#"{"action":"connection.accepted"}"#, message] {
        if to_client.send(frame.to_owned()).await.is_err() {
            return;
        }
    }
    tokio::select! {
        () = to_client.closed() => {}
        () = async { while from_client.recv().await.is_some() {} } => {}
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let socket = AgentSocket::builder("ws://in.process").socket_factory(InProcess).build()?;
    let (heard, message) = oneshot::channel();
    let mut heard = Some(heard);
    socket
        .on::<MessageNew>(move |event| {
            if let Some(heard) = heard.take() {
                let _ = heard.send(format!("{}: {:?}", event.sender_id, event.content.text));
            }
        })
        .detach();
    socket.connect().await?;
    println!("{}", message.await?);
    socket.disconnect().await;
    Ok(())
}
