//! The handle: what an application says to its socket, and how it asks to hear from it.

use core::borrow::Borrow;
use core::fmt;
use std::sync::Arc;

use bowline_client_core::CommandError;
use bowline_proto::{ActivityStatus, Event, EventPayload, Gap, Rejected, TypedEvent};

use crate::agent::builder::AgentSocketBuilder;
use crate::agent::error::{AgentError, SubscribeError};
use crate::agent::life::{Agent, Disconnecting};
use crate::agent::news::{Subscribed, Unsubscribed};
use crate::agent::state::AgentState;
use crate::agent::topics;
use crate::agent::typed::Typed;
use crate::emitter::{EmitterStream, Subscription};
use crate::error::ConnectError;

/// A persistent connection of one account for realtime events: it authenticates, reconnects, keeps itself alive, and
/// moves to a fresh connection before the network would cut the old one.
///
/// ```no_run
/// use bowline::AgentSocket;
/// use bowline::event::{MessageDeleted, MessageNew, MessageUpdated};
///
/// # async fn fetch_token() -> Result<String, std::io::Error> { Ok(String::new()) }
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let socket = AgentSocket::builder("wss://gateway.example")
///     .token_provider(|| async { Ok(fetch_token().await?) })
///     .build()?;
///
/// socket
///     .on::<MessageNew>(|event| {
///         let text = event.content.text.as_deref().unwrap_or_default();
///         println!("[{}] {}: {text}", event.conversation_id, event.sender_id);
///     })
///     .detach();
/// socket.on::<MessageUpdated>(|event| println!("message {} edited", event.message_id)).detach();
/// let deletions = socket.on::<MessageDeleted>(|event| println!("message {} deleted", event.message_id));
///
/// socket.connect().await?;
/// // Whoever keeps the guard can stop listening: by this, or by dropping it.
/// deletions.unsubscribe();
/// # Ok(()) }
/// ```
///
/// # Handlers
///
/// They run one after another in a task of the socket, in the order of what happened. One that takes long holds up the
/// others, and in the end the server, but loses nothing; start a task for what has to `.await`. A handler may call
/// everything here, also `disconnect`, and subscribe and unsubscribe anything. A panic is caught, told to
/// [`on_error`](Self::on_error), and stops nobody. The returned [`Subscription`] unsubscribes when it is dropped;
/// [`detach`](Subscription::detach) keeps the handler for as long as the socket lives. Handlers stay over `disconnect`
/// and `connect`.
///
/// # Nothing lost, nothing twice
///
/// On gateways that can resume, every event of the account's topics is told once and in order, across lost connections,
/// handovers and `disconnect` followed by `connect`; what cannot be had is told to [`on_gap`](Self::on_gap). On plain
/// servers wanted topics are subscribed again before the old connection goes, and identical frames that both
/// connections of a handover bring are told once.
///
/// Activities are signals: the latest counts. After a reconnect or a handover a gateway may say the current one again.
///
/// # Life
///
/// Clones are handles of the same socket; when the last one is dropped it disconnects. While it is disconnected for
/// good (before `connect`, after `disconnect` or a rejection) it has no socket and no task. A handler that holds a
/// clone keeps the socket alive: call [`disconnect`](Self::disconnect) then.
#[derive(Clone)]
pub struct AgentSocket {
    held: Arc<Held>,
}

/// All handles together.
struct Held {
    agent: Arc<Agent>,
}

impl AgentSocket {
    /// Starts to describe a socket to `url`: `ws`, `wss`, `http` or `https`. A URL without a path means `/`, where a
    /// Bowline gateway serves the account's socket (as it does at `/agent`).
    pub fn builder(url: impl Into<String>) -> AgentSocketBuilder {
        AgentSocketBuilder::new(url.into())
    }

    pub(crate) fn new(agent: Arc<Agent>) -> Self {
        AgentSocket { held: Arc::new(Held { agent }) }
    }

    fn agent(&self) -> &Arc<Agent> {
        &self.held.agent
    }

    // ---- Connecting.

    /// Connects, and waits until the server has said `connection.accepted`: from then on events are delivered. Nothing
    /// else counts, in particular no timeout: retries go on meanwhile, so this waits as long as they do (wrap it in a
    /// timeout of your own for less; dropping the future changes nothing).
    ///
    /// May be called at any moment: while an attempt is under way it waits for the same one, between attempts it starts
    /// the next one at once, on a connected socket it answers at once, and after a rejection or a `disconnect` it starts
    /// anew. Call it inside a tokio runtime; never block a handler on it.
    ///
    /// # Errors
    /// [`ConnectError`] when no further attempt is made: [`Rejected`](ConnectError::Rejected) with the server's reason,
    /// [`Unauthorized`](ConnectError::Unauthorized), or [`Closed`](ConnectError::Closed) by a `disconnect` meanwhile.
    pub async fn connect(&self) -> Result<(), ConnectError> {
        let awaited = self.agent().connect()?;
        awaited.answer().await
    }

    /// Disconnects, and stays so until `connect`. Takes effect at once, whatever was under way: a token, a dial, the
    /// wait for the acceptance, a handover, a retry. Topics stay wanted; activities end.
    ///
    /// Await the result to know that the socket and its tasks are gone (at most 5 s for the closing handshake) and no
    /// handler is running for it any more; inside a handler, don't.
    pub fn disconnect(&self) -> Disconnecting {
        self.agent().disconnect()
    }

    /// Where the socket stands. What [`on_state_change`](Self::on_state_change) tells follows this by the time that
    /// handlers take.
    #[must_use]
    pub fn state(&self) -> AgentState {
        self.agent().life().state
    }

    /// Tells that the network is back (the machine woke up, the cable is in): a waiting retry starts at once, and a
    /// connection that only looks alive is probed.
    pub fn network_returned(&self) {
        if let Some(run) = &self.agent().life().run {
            run.connection.network_returned();
        }
    }

    // ---- Events.

    /// Calls `handler` with every event of `P`'s type, its payload read once for all handlers.
    ///
    /// ```
    /// # fn example(socket: &bowline::AgentSocket) {
    /// use bowline::event::{ActivityChanged, MemberAdded, RequestReceived};
    ///
    /// socket.on::<ActivityChanged>(|event| println!("{} is {}", event.user_id, event.status.as_str())).detach();
    /// socket.on::<MemberAdded>(|event| println!("{} joined", event.members.len())).detach();
    /// socket.on::<RequestReceived>(|event| println!("from {}", event.contact.requester_id)).detach();
    /// # }
    /// ```
    ///
    /// A payload that does not fit is told to [`on_error`](Self::on_error); the raw event still goes to
    /// [`on_any`](Self::on_any). `P` may also be a struct of your own, see [`EventPayload`].
    pub fn on<P: EventPayload + 'static>(
        &self,
        handler: impl FnMut(&Typed<P>) + Send + 'static,
    ) -> Subscription {
        self.agent().hearing.kinds.on(handler)
    }

    /// Calls `handler` with every event whose type is `kind`, raw: for types of your own, or without reading payloads.
    ///
    /// ```
    /// # fn example(socket: &bowline::AgentSocket) {
    /// socket.on_kind("deploy.finished", |event| println!("{} bytes", event.payload.len())).detach();
    /// # }
    /// ```
    pub fn on_kind(
        &self,
        kind: impl AsRef<str>,
        handler: impl FnMut(&Event) + Send + 'static,
    ) -> Subscription {
        self.agent().hearing.kinds.on_kind(kind.as_ref(), handler)
    }

    /// Calls `handler` with every event whose type is none of the twenty in [`event`](crate::event).
    pub fn on_other(&self, handler: impl FnMut(&Event) + Send + 'static) -> Subscription {
        self.agent().hearing.other.subscribe(handler)
    }

    /// Calls `handler` with every event, raw, whatever its type.
    pub fn on_any(&self, handler: impl FnMut(&Event) + Send + 'static) -> Subscription {
        self.agent().hearing.any.subscribe(handler)
    }

    /// Every event from the next one on as one stream of an enum, with the envelope beside it:
    ///
    /// ```no_run
    /// # async fn example(socket: bowline::AgentSocket) {
    /// use bowline::event::TypedEvent;
    /// use futures_util::StreamExt;
    ///
    /// let mut events = socket.events();
    /// while let Some(event) = events.next().await {
    ///     match &event.payload {
    ///         TypedEvent::MessageNew(message) => println!("{}: {:?}", message.sender_id, message.content.text),
    ///         TypedEvent::Other { kind, .. } => println!("{kind} at {}", event.timestamp),
    ///         _ => {}
    ///     }
    /// }
    /// # }
    /// ```
    ///
    /// Each stream gets every event; a payload that does not fit comes as `Other`. It goes on over `disconnect` and
    /// `connect`, and ends with the socket. While 1024 events wait in it the socket is not read, so take from it or drop
    /// it.
    pub fn events(&self) -> EmitterStream<Typed<TypedEvent>> {
        self.agent().hearing.events()
    }

    // ---- News of the connection.

    /// Calls `handler` with each new state. A handover changes none.
    pub fn on_state_change(&self, mut handler: impl FnMut(AgentState) + Send + 'static) -> Subscription {
        self.agent().hearing.state.subscribe(move |state| handler(*state))
    }

    /// Calls `handler` when the server refuses the connection for good, with its reason (such as
    /// `CONNECTION_LIMIT_EXCEEDED`). The socket does not try again by itself; `connect` does.
    pub fn on_connection_rejected(&self, handler: impl FnMut(&Rejected) + Send + 'static) -> Subscription {
        self.agent().hearing.rejected.subscribe(handler)
    }

    /// Calls `handler` with the server's answers to [`subscribe`](Self::subscribe).
    pub fn on_subscribe_ack(&self, handler: impl FnMut(&Subscribed) + Send + 'static) -> Subscription {
        self.agent().hearing.subscribed.subscribe(handler)
    }

    /// Calls `handler` with the server's answers to [`unsubscribe`](Self::unsubscribe).
    pub fn on_unsubscribe_ack(&self, handler: impl FnMut(&Unsubscribed) + Send + 'static) -> Subscription {
        self.agent().hearing.unsubscribed.subscribe(handler)
    }

    /// Calls `handler` when events of a topic cannot be had any more, with the range, between the events around it.
    pub fn on_gap(&self, handler: impl FnMut(&Gap) + Send + 'static) -> Subscription {
        self.agent().hearing.gap.subscribe(handler)
    }

    /// Calls `handler` with what went wrong. Only [`AgentError::Ended`] means that the socket has stopped trying.
    pub fn on_error(&self, handler: impl FnMut(&AgentError) + Send + 'static) -> Subscription {
        self.agent().hearing.error.subscribe(handler)
    }

    // ---- Speaking.

    /// Wants these topics (such as `conv_ondemand:conv-123`) beyond the account's own, on this connection and every one
    /// to come, until [`unsubscribe`](Self::unsubscribe). May be called at any moment, also while disconnected.
    ///
    /// # Errors
    /// [`SubscribeError`] for a text that is no topic, and above 1000 topics (of which 100 may be others than on-demand
    /// ones); nothing has changed then.
    pub fn subscribe(
        &self,
        topics: impl IntoIterator<Item = impl Borrow<str>>,
    ) -> Result<(), SubscribeError> {
        let topics = topics::parse(topics)?;
        let mut life = self.agent().life();
        life.topics.check(&topics)?;
        if let Some(run) = &life.run {
            remembered(run.connection.subscribe(topics.iter().cloned()))?;
        }
        life.topics.add(topics);
        Ok(())
    }

    /// Wants these topics no more.
    ///
    /// # Errors
    /// [`SubscribeError`] for a text that is no topic; nothing has changed then.
    pub fn unsubscribe(
        &self,
        topics: impl IntoIterator<Item = impl Borrow<str>>,
    ) -> Result<(), SubscribeError> {
        let topics = topics::parse(topics)?;
        let mut life = self.agent().life();
        if let Some(run) = &life.run {
            remembered(run.connection.unsubscribe(topics.iter().cloned()))?;
        }
        life.topics.remove(&topics);
        Ok(())
    }

    /// Tells the others in a conversation what this account is doing. Say it as often as you like: the same status
    /// within 3 s is not sent again, and an active one is renewed every 5 s until [`ActivityStatus::Idle`]. While the
    /// connection is lost the latest status is kept and sent when it is back. `disconnect` ends all statuses.
    ///
    /// ```
    /// # fn example(socket: &bowline::AgentSocket) -> Result<(), bowline::CommandError> {
    /// use bowline::ActivityStatus;
    ///
    /// socket.send_activity("conv-123", ActivityStatus::Thinking)?;
    /// socket.send_activity("conv-123", ActivityStatus::ToolCalling)?;
    /// socket.send_activity("conv-123", ActivityStatus::Idle)?; // clears it
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`CommandError::Closed`] before `connect` and after `disconnect`; a limit of conversations (256) or of frames that
    /// wait for a slow socket.
    pub fn send_activity(
        &self,
        conversation: impl Into<Arc<str>>,
        status: ActivityStatus,
    ) -> Result<(), CommandError> {
        match &self.agent().life().run {
            Some(run) => run.connection.send_activity(conversation, status),
            None => Err(CommandError::Closed),
        }
    }
}

/// A connection that has just closed takes no wishes; the next one gets them.
fn remembered(answer: Result<(), CommandError>) -> Result<(), SubscribeError> {
    match answer {
        Ok(()) | Err(CommandError::Closed) => Ok(()),
        Err(error) => Err(SubscribeError::Refused(error)),
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.agent.abandon();
    }
}

impl fmt::Debug for AgentSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentSocket").field("state", &self.state()).finish_non_exhaustive()
    }
}
