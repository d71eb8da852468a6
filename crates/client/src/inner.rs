//! What the handle, the streams and the driver share: the core, what it has ordered, what waits for the application.
//!
//! All of it lies behind the one lock of [`Shared`](crate::shared::Shared). Every call into the core is followed by
//! draining it, here and nowhere else.

use std::collections::{BTreeMap, VecDeque};

use bowline_client_core::{
    ClientCore, CloseReason, Command, CommandError, ConnectionState, FetchId, Input, Layer, LinkId,
    MessageId, Notice, Output, SavedPosition,
};
use bowline_proto::{CloseCode, Event, Time, encode_client_frame};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::incoming::Incoming;
use crate::queue::{Queue, Room};
use crate::wakers::Wakers;

/// An order of the core's that needs the driver's sockets and futures.
pub(crate) enum Order {
    Fetch(FetchId),
    Forget(FetchId),
    Dial { link: LinkId, fetch: FetchId, layer: Layer },
    Text { link: LinkId, text: String },
    Close { link: LinkId, code: CloseCode },
    Abort(LinkId),
}

/// Frames and bytes that wait to be written to sockets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Backlog {
    pub(crate) frames: usize,
    pub(crate) bytes: usize,
}

/// Whether the connection was accepted since it was last asked to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Acceptance {
    Awaited,
    Accepted,
    Over(CloseReason),
    RuntimeGone,
}

/// Whether sockets are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Active,
    /// The queue is full; sockets wait until it is half empty.
    Paused,
}

pub(crate) struct Inner {
    core: ClientCore<Event>,
    /// What `Time::ZERO` was.
    origin: Instant,
    queue: Queue,
    reading: Reading,
    /// Ordered, not yet carried out by the driver.
    orders: VecDeque<Order>,
    /// What of `orders` is frames.
    ordered: Backlog,
    /// What the links held at the end of the driver's last turn.
    unsent: Backlog,
    /// Above this, commands that send something are refused.
    max_unsent: Backlog,
    /// Texts that wait until the core says where they go.
    messages: BTreeMap<MessageId, String>,
    next_message: u64,
    pub(crate) wakers: Wakers,
    /// Handles; none: close.
    handles: usize,
    driver_is_gone: bool,
    state: ConnectionState,
    /// Tells `state` to whoever watches; `None` once the driver is gone, so that they do not wait for ever.
    state_watch: Option<watch::Sender<ConnectionState>>,
    acceptance: watch::Sender<Acceptance>,
}

impl Inner {
    pub(crate) fn new(
        core: ClientCore<Event>,
        origin: Instant,
        queue: Queue,
        max_unsent: Backlog,
        state_watch: watch::Sender<ConnectionState>,
        acceptance: watch::Sender<Acceptance>,
    ) -> Self {
        Inner {
            core,
            origin,
            queue,
            reading: Reading::Active,
            orders: VecDeque::new(),
            ordered: Backlog::default(),
            unsent: Backlog::default(),
            max_unsent,
            messages: BTreeMap::new(),
            next_message: 0,
            wakers: Wakers::default(),
            handles: 1,
            driver_is_gone: false,
            state: ConnectionState::Idle,
            state_watch: Some(state_watch),
            acceptance,
        }
    }

    pub(crate) fn now(&self) -> Time {
        let micros = Instant::now().saturating_duration_since(self.origin).as_micros();
        Time::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    // ---- The application's side.

    pub(crate) fn command(&mut self, command: Command) -> Result<(), CommandError> {
        if self.driver_is_gone {
            return Err(CommandError::Closed);
        }
        let sends_something = match command {
            Command::Subscribe(_) | Command::Unsubscribe(_) | Command::SendActivity { .. } => true,
            Command::Send { .. } => true,
            Command::Connect | Command::Close | Command::HandOver => false,
        };
        if sends_something {
            self.check_unsent()?;
        }
        let reopens = command == Command::Connect;
        let now = self.now();
        self.core.command(now, command)?;
        if reopens {
            // Only a connection that is over can be waited for anew.
            self.acceptance.send_if_modified(|acceptance| {
                let was_over = matches!(acceptance, Acceptance::Over(_));
                if was_over {
                    *acceptance = Acceptance::Awaited;
                }
                was_over
            });
        }
        self.drain();
        // Also without an order: the deadline may have moved.
        self.wakers.call_driver();
        Ok(())
    }

    pub(crate) fn send(&mut self, text: String) -> Result<(), CommandError> {
        let message = MessageId(self.next_message);
        let bytes = text.len();
        self.messages.insert(message, text);
        let sent = self.command(Command::Send { message, bytes });
        match sent {
            Ok(()) => self.next_message += 1,
            Err(_) => {
                self.messages.remove(&message);
            }
        }
        sent
    }

    /// Sockets that do not take what was sent refuse more of it.
    fn check_unsent(&self) -> Result<(), CommandError> {
        let frames = self.unsent.frames + self.ordered.frames;
        let bytes = self.unsent.bytes + self.ordered.bytes;
        if frames >= self.max_unsent.frames || bytes >= self.max_unsent.bytes {
            return Err(CommandError::OutboxFull { messages: frames, bytes });
        }
        Ok(())
    }

    /// The newest session, which proves the most, with the position of what was handed out.
    pub(crate) fn position(&self) -> SavedPosition {
        SavedPosition { session_id: self.core.position().session_id, cursor: self.queue.handed() }
    }

    pub(crate) fn pop(&mut self) -> Option<Incoming> {
        let item = self.queue.pop();
        if self.reading == Reading::Paused && self.queue.has_room() {
            self.wakers.call_driver();
        }
        item
    }

    /// Nothing will be queued any more, unless somebody connects again.
    pub(crate) fn is_over(&self) -> bool {
        self.driver_is_gone || matches!(self.state, ConnectionState::Closed(_))
    }

    pub(crate) fn remove_reader(&mut self, key: u64) {
        self.wakers.remove_reader(key);
        self.forget_what_nobody_takes();
    }

    pub(crate) fn add_handle(&mut self) {
        self.handles += 1;
    }

    pub(crate) fn remove_handle(&mut self) {
        self.handles -= 1;
        if self.handles > 0 {
            return;
        }
        // `Closed` already: then there is nothing to close, and the driver only has to look.
        let _ = self.command(Command::Close);
        self.forget_what_nobody_takes();
        self.wakers.call_driver();
    }

    fn forget_what_nobody_takes(&mut self) {
        if !self.somebody_takes() {
            self.queue.clear();
        }
    }

    // ---- The driver's side.

    pub(crate) fn feed(&mut self, fact: Input<Event>) {
        let now = self.now();
        self.core.handle(now, fact);
        self.drain();
    }

    /// All of a turn's facts, at one time: they were found together.
    pub(crate) fn feed_all(&mut self, facts: &mut Vec<Input<Event>>) {
        let now = self.now();
        for fact in facts.drain(..) {
            self.core.handle(now, fact);
            self.drain();
        }
    }

    /// Tells the core of a deadline that has passed. True when there was one.
    pub(crate) fn fire_timer(&mut self) -> bool {
        let now = self.now();
        let is_due = self.core.poll_timeout().is_some_and(|deadline| deadline.at <= now);
        if is_due {
            self.core.handle_timeout(now);
            self.drain();
        }
        is_due
    }

    /// Stops and goes on reading, as the queue demands.
    pub(crate) fn weigh_queue(&mut self) {
        let ends = self.ends();
        match self.reading {
            Reading::Active if self.queue.is_full() && !ends => {
                self.reading = Reading::Paused;
                self.feed(Input::ReadPaused);
            }
            Reading::Paused if self.queue.has_room() || ends => {
                self.reading = Reading::Active;
                self.feed(Input::ReadResumed);
            }
            Reading::Active | Reading::Paused => {}
        }
    }

    /// How much may be read now; `None`: nothing.
    pub(crate) fn room(&self) -> Option<Room> {
        match self.reading {
            Reading::Paused => None,
            // Closing reads on to find the peer's close frame; nothing of it is handed out.
            Reading::Active if self.ends() => Some(Room::UNLIMITED),
            Reading::Active => Some(self.queue.room()),
        }
    }

    /// When the core wants to be called at the latest.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let at = self.core.poll_timeout()?.at;
        let after = core::time::Duration::from_micros(at.as_micros());
        self.origin.checked_add(after)
    }

    /// Hands the orders over, in order, and takes in what the links still hold.
    pub(crate) fn take_orders(&mut self, orders: &mut VecDeque<Order>) {
        debug_assert!(orders.is_empty(), "the driver carries out every order before it asks for more");
        core::mem::swap(&mut self.orders, orders);
        self.unsent.frames += self.ordered.frames;
        self.unsent.bytes += self.ordered.bytes;
        self.ordered = Backlog::default();
    }

    pub(crate) fn report_unsent(&mut self, unsent: Backlog) {
        self.unsent = unsent;
    }

    /// Nobody is left to work for.
    pub(crate) fn is_finished(&self) -> bool {
        self.handles == 0 && matches!(self.state, ConnectionState::Closed(_) | ConnectionState::Idle)
    }

    /// The driver's future was dropped: with its runtime, or because it is finished.
    pub(crate) fn driver_went(&mut self) {
        self.driver_is_gone = true;
        self.wakers.call_readers();
        self.orders.clear();
        self.messages.clear();
        self.state_watch = None;
        self.acceptance.send_if_modified(|acceptance| {
            let is_open = matches!(acceptance, Acceptance::Awaited | Acceptance::Accepted);
            if is_open {
                *acceptance = Acceptance::RuntimeGone;
            }
            is_open
        });
    }

    // ---- The core's side.

    /// Carries out what needs no socket, and keeps the rest for the driver.
    fn drain(&mut self) {
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Deliver { body, cursor } => {
                    if self.somebody_takes() {
                        self.queue.push_event(body, cursor);
                        self.wakers.call_readers();
                    }
                }
                Output::Notify(notice) => self.tell(notice),
                Output::FetchCredential { fetch } => self.orders.push_back(Order::Fetch(fetch)),
                Output::ForgetCredential { fetch } => self.orders.push_back(Order::Forget(fetch)),
                Output::Dial { link, fetch, layer } => {
                    self.orders.push_back(Order::Dial { link, fetch, layer });
                }
                Output::Send { link, frame } => self.order_text(link, encode_client_frame(&frame)),
                Output::SendMessage { link, message } => {
                    if let Some(text) = self.messages.remove(&message) {
                        self.order_text(link, text);
                    }
                }
                Output::DropMessage { message } => {
                    self.messages.remove(&message);
                }
                Output::Close { link, code } => self.orders.push_back(Order::Close { link, code }),
                Output::Abort { link } => self.orders.push_back(Order::Abort(link)),
            }
        }
        if !self.orders.is_empty() {
            self.wakers.call_driver();
        }
    }

    fn order_text(&mut self, link: LinkId, text: String) {
        self.ordered.frames += 1;
        self.ordered.bytes += text.len();
        self.orders.push_back(Order::Text { link, text });
    }

    fn tell(&mut self, notice: Notice) {
        if let Notice::State(state) = &notice {
            self.note_state(state);
        }
        if self.somebody_takes() {
            self.queue.push_notice(notice);
        }
        self.wakers.call_readers();
    }

    fn note_state(&mut self, state: &ConnectionState) {
        match state {
            ConnectionState::Connected => drop(self.acceptance.send_replace(Acceptance::Accepted)),
            ConnectionState::Closed(reason) => {
                drop(self.acceptance.send_replace(Acceptance::Over(reason.clone())));
            }
            ConnectionState::Idle
            | ConnectionState::Connecting
            | ConnectionState::Reconnecting
            | ConnectionState::Closing => {}
        }
        self.state = state.clone();
        if let Some(watch) = &self.state_watch {
            watch.send_replace(state.clone());
        }
    }

    /// Closing or closed: what comes in now is for nobody.
    fn ends(&self) -> bool {
        match self.state {
            ConnectionState::Closing | ConnectionState::Closed(_) | ConnectionState::Idle => true,
            ConnectionState::Connecting | ConnectionState::Connected | ConnectionState::Reconnecting => false,
        }
    }

    fn somebody_takes(&self) -> bool {
        self.handles > 0 || self.wakers.has_readers()
    }
}
