//! Realtime connections that never lose, double or reorder an event.
//!
//! A [`Connection`] connects to a Bowline gateway (or to any server that speaks the plain layer of the protocol),
//! keeps itself up, and hands every event to the application exactly once and in order, across lost links, restarts
//! of the gateway and planned
//! handovers. What cannot be had any more is said aloud as a [`Gap`].
//!
//! ```no_run
//! use bowline::{Connection, Incoming, TokenError};
//! use futures_util::StreamExt;
//!
//! # async fn fetch_token() -> Result<String, std::io::Error> { Ok(String::new()) }
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let connection = Connection::builder("ws://127.0.0.1:8787/agent")
//!         .token(|| async { Ok(fetch_token().await?) }) // asked for every attempt
//!         .connect()?;
//!     connection.ready().await?;
//!
//!     let mut events = connection.events();
//!     while let Some(item) = events.next().await {
//!         match item {
//!             Incoming::Event(event) => println!("{}", String::from_utf8_lossy(&event.text)),
//!             Incoming::Gap(gap) => eprintln!("lost: {gap:?}"),
//!             Incoming::Moved(_) | Incoming::Notice(_) => continue,
//!         }
//!         // Saved after the event has been dealt with, this is where a killed process goes on:
//!         let _position = events.position();
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # Managed sockets
//!
//! A [`Client`] opens [`ManagedSocket`]s for chats, transcripts, notifications or any path: a ticket for each attempt,
//! reconnects with backoff, and emitters with handlers that may do anything.
//!
//! ```no_run
//! # async fn fetch_token() -> Result<String, std::io::Error> { Ok(String::new()) }
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let client = bowline::Client::builder("https://realtime.example.com")
//!     .token_provider(|| async { Ok(fetch_token().await?) })
//!     .build()?;
//! let socket = client.websocket().connect_to_chat("thread-1").await?;
//! let subscription = socket.on_message().subscribe(|message| println!("{}", message.data()));
//! socket.on_state_change().subscribe(|state| println!("{state}")).detach();
//! subscription.unsubscribe();
//! client.websocket().close_all().await;
//! # Ok(()) }
//! ```
//!
//! # An account's events
//!
//! An [`AgentSocket`] is the one connection of an account: typed events, on-demand topics, activities, and a move to a
//! fresh connection before the network cuts the old one.
//!
//! ```no_run
//! # async fn fetch_token() -> Result<String, std::io::Error> { Ok(String::new()) }
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use bowline::{ActivityStatus, AgentSocket, event::MessageNew};
//!
//! let socket = AgentSocket::builder("wss://realtime.example.com")
//!     .token_provider(|| async { Ok(fetch_token().await?) })
//!     .build()?;
//! socket.on::<MessageNew>(|event| println!("{}: {:?}", event.sender_id, event.content.text)).detach();
//! socket.connect().await?; // resolves when the server has accepted
//! socket.subscribe(["conv_ondemand:conv-123"])?;
//! socket.send_activity("conv-123", ActivityStatus::Thinking)?;
//! socket.disconnect().await;
//! # Ok(()) }
//! ```
//!
//! # What it takes care of
//!
//! * **Reconnecting** with backoff and jitter, resuming after the last event that was received.
//! * **Handing over** before the network cuts a long connection, and when the gateway drains: the successor is
//!   accepted before the current link goes, and the application notices nothing.
//! * **Backpressure**: when the application does not keep up, sockets are not read; nothing is dropped.
//! * **Cancellation**: dropping the last [`Connection`] closes the socket; every future here may be dropped at any
//!   await.
//!
//! # How it is built
//!
//! Every decision about the protocol is made in `bowline-client-core`, which has no I/O. This crate is what drives it
//! on tokio: one task per connection polls the sockets, tells the core what happened, and carries out its orders.
//!
//! Seams: [`TokenProvider`] (who gives tokens), [`Dial`] (who opens sockets).

mod agent;
mod builder;
mod connection;
mod credential;
mod dial;
mod dialer;
mod driver;
mod emitter;
mod endpoint;
mod error;
pub mod event;
mod failure;
mod handshake_stream;
mod incoming;
mod inner;
mod link;
mod managed;
mod network;
mod queue;
mod shared;
mod streams;
mod ticket;
mod tls;
mod tungstenite_dial;
mod wake;
mod wakers;
mod websocket;

pub use agent::{
    AgentError, AgentSocket, AgentSocketBuilder, AgentState, Disconnecting, SubscribeError, Subscribed,
    Typed, Unsubscribed,
};
pub use builder::ConnectionBuilder;
pub use connection::Connection;
pub use credential::{CredentialMode, TokenError, TokenProvider};
pub use dial::{Dial, DialRequest, Outgoing, Received, Socket};
pub use emitter::{Emitter, EmitterStream, HandlerPanic, Subscription};
pub use error::{BuildError, ConnectError};
pub use incoming::Incoming;
pub use managed::{
    Client, ClientBuilder, ManagedSocket, MessageEvent, OpenError, SendError, SocketError, SocketOptions,
    SocketState, Sockets,
};
pub use network::NetStream;
pub use streams::{Events, IncomingStream};
pub use ticket::{Ticket, TicketError};
pub use tls::InvalidCertificate;
pub use tungstenite_dial::TungsteniteDial;
pub use websocket::{WebSocket, upgrade};

pub use bowline_client_core::{
    ClientConfig, CloseReason, CommandError, ConnectionState, DialFailure, Jitter, Notice, Occasion,
    RenewAfter, SavedPosition,
};
pub use bowline_proto::{
    Accepted, ActivityStatus, CloseCode, Cursor, Epoch, Event, EventKind, EventTime, Gap, GapReason,
    InvalidTopic, Place, RefusalCode, Rejected, Seq, SessionId, SubscribeAck, Topic, TopicRefusal,
};
pub use rustls;
