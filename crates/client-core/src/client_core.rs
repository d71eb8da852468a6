//! What one connection consists of, and the words in which its behaviours speak to the driver.
//!
//! The behaviours are `impl` blocks in files of their own: `approaching` (from the token fetch to the accept), `streaming`
//! (frames of accepted links), `handing_over`, `ending` (losses, retries, close), `asking` (commands), `dispatch` (facts and
//! timers).

use core::fmt;
use std::collections::VecDeque;

use bowline_proto::{ClientFrame, SessionId, Time};
use tracing::debug;

use crate::activity::{Activities, Line};
use crate::config::ClientConfig;
use crate::copies::{Copies, Overlap};
use crate::delivery::Delivery;
use crate::gate::Gate;
use crate::link::{Approach, Current, Retired};
use crate::liveness::Manners;
use crate::outbox::Outbox;
use crate::random::Random;
use crate::subscriptions::{Scope, Wanted};
use crate::timers::{Deadline, Timers};
use crate::vocabulary::{ConnectionState, FetchId, Layer, LinkId, Notice, Output, SavedPosition};

/// The life of one connection: five verbs, no I/O.
///
/// A driver does one thing for ever: hand in one fact ([`handle`](Self::handle)), wish ([`command`](Self::command)) or
/// passing of time ([`handle_timeout`](Self::handle_timeout)), carry out every order ([`poll_output`](Self::poll_output)
/// until `None`), and arm one timer ([`poll_timeout`](Self::poll_timeout)).
///
/// ```
/// use bowline_client_core::{ClientConfig, ClientCore, Command, Output};
/// use bowline_proto::Time;
///
/// let mut core: ClientCore<Vec<u8>> = ClientCore::new(ClientConfig::new(), 1, Time::ZERO);
/// core.command(Time::ZERO, Command::Connect)?;
/// let orders: Vec<Output<Vec<u8>>> = std::iter::from_fn(|| core.poll_output()).collect();
/// assert!(orders.iter().any(|order| matches!(order, Output::FetchCredential { .. })));
/// # Ok::<(), bowline_client_core::CommandError>(())
/// ```
pub struct ClientCore<B> {
    pub(crate) config: ClientConfig,
    pub(crate) random: Random,
    pub(crate) timers: Timers,
    pub(crate) outputs: VecDeque<Output<B>>,
    /// What the application sees.
    pub(crate) state: ConnectionState,
    /// What the connection really awaits.
    pub(crate) life: Life,
    /// Links that are read until their close frame. At most [`MOST_RETIRED`].
    pub(crate) retired: Vec<Retired>,
    pub(crate) gate: Gate,
    pub(crate) delivery: Delivery,
    pub(crate) copies: Copies,
    pub(crate) wanted: Wanted,
    pub(crate) activities: Activities,
    pub(crate) outbox: Outbox,
    /// The session of the last accepted link.
    pub(crate) session: Option<SessionId>,
    /// What the next dial asks for: what the last accepted gateway announced.
    pub(crate) layer: Layer,
    /// Whether this server answers pings.
    pub(crate) manners: Manners,
    /// Whether the driver reads.
    pub(crate) reading: Reading,
    /// Until then a gateway may evict a link of ours in favour of another one that we have given up.
    pub(crate) own_ghost_until: Time,
    /// The next id of a link or a fetch: never reused.
    next_id: u64,
}

/// What the connection awaits.
#[derive(Debug)]
pub(crate) enum Life {
    /// `Connect`, for the first time.
    Idle,
    /// The next turn at the gate.
    AwaitRetry,
    /// A link's acceptance, while there is no other.
    Approaching(Approach),
    /// Nothing: a link is accepted. A successor may be on its way.
    Live { current: Box<Current>, successor: Option<Approach> },
    /// The closing handshakes of the retired links.
    Closing,
    /// `Connect`, again.
    Closed,
}

/// Whether the driver reads its sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    Running,
    Paused,
}

/// Most retired links at a time: handovers every second and peers that never answer a close keep five. Beyond it the
/// oldest is dropped.
pub(crate) const MOST_RETIRED: usize = 8;

impl<B> ClientCore<B> {
    /// A connection that waits for [`Command::Connect`](crate::Command::Connect). `seed` feeds its jitter: the same seed
    /// and the same calls give the same orders.
    #[must_use]
    pub fn new(mut config: ClientConfig, seed: u64, _now: Time) -> Self {
        let saved = config.resume_from.take();
        let layer = if saved.is_some() { Layer::Resume } else { Layer::Plain };
        let (session, cursor) = saved.map_or((None, None), |saved| (saved.session_id, saved.cursor));
        ClientCore {
            config,
            random: Random::new(seed),
            timers: Timers::default(),
            outputs: VecDeque::new(),
            state: ConnectionState::Idle,
            life: Life::Idle,
            retired: Vec::new(),
            gate: Gate::default(),
            delivery: Delivery::new(cursor),
            copies: Copies::default(),
            wanted: Wanted::default(),
            activities: Activities::default(),
            outbox: Outbox::default(),
            session,
            layer,
            manners: Manners::Unknown,
            reading: Reading::Running,
            own_ghost_until: Time::ZERO,
            next_id: 1,
        }
    }

    /// The next order; drain to `None` after every call that takes a fact, a wish or time.
    pub fn poll_output(&mut self) -> Option<Output<B>> {
        self.outputs.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Deadline> {
        self.timers.next()
    }

    /// Where the connection stands, as the application sees it.
    #[must_use]
    pub fn state(&self) -> &ConnectionState {
        &self.state
    }

    /// Where a reader stands to whom everything that was ordered to be delivered has been handed.
    #[must_use]
    pub fn position(&self) -> SavedPosition {
        SavedPosition { session_id: self.session.clone(), cursor: self.delivery.cursor() }
    }

    pub(crate) fn order(&mut self, output: Output<B>) {
        self.outputs.push_back(output);
    }

    pub(crate) fn notify(&mut self, notice: Notice) {
        self.order(Output::Notify(notice));
    }

    pub(crate) fn send(&mut self, link: LinkId, frame: ClientFrame) {
        self.order(Output::Send { link, frame });
    }

    pub(crate) fn send_all(&mut self, link: LinkId, frames: Vec<ClientFrame>) {
        for frame in frames {
            self.send(link, frame);
        }
    }

    pub(crate) fn set_state(&mut self, state: ConnectionState) {
        if self.state != state {
            debug!(from = ?self.state, to = ?state, "connection state");
            self.state = state.clone();
            self.notify(Notice::State(state));
        }
    }

    pub(crate) fn new_link(&mut self) -> LinkId {
        LinkId(self.new_id())
    }

    pub(crate) fn new_fetch(&mut self) -> FetchId {
        FetchId(self.new_id())
    }

    fn new_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    /// The link that is on its way, as the first one, as a reconnect or as a successor.
    pub(crate) fn approach(&self) -> Option<&Approach> {
        match &self.life {
            Life::Approaching(approach) => Some(approach),
            Life::Live { successor, .. } => successor.as_ref(),
            Life::Idle | Life::AwaitRetry | Life::Closing | Life::Closed => None,
        }
    }

    /// Where the link that is on its way is kept.
    pub(crate) fn approach_mut(&mut self) -> Option<&mut Approach> {
        match &mut self.life {
            Life::Approaching(approach) => Some(approach),
            Life::Live { successor, .. } => successor.as_mut(),
            Life::Idle | Life::AwaitRetry | Life::Closing | Life::Closed => None,
        }
    }

    pub(crate) fn current(&self) -> Option<&Current> {
        match &self.life {
            Life::Live { current, .. } => Some(current),
            Life::Idle | Life::AwaitRetry | Life::Approaching(_) | Life::Closing | Life::Closed => None,
        }
    }

    pub(crate) fn line(&self) -> Line {
        if self.current().is_some() { Line::Up } else { Line::Down }
    }

    /// Whether two links may bring the same frame.
    pub(crate) fn overlap(&self) -> Overlap {
        let successor_is_open = match &self.life {
            Life::Live { successor: Some(approach), .. } => approach.is_open(),
            Life::Live { successor: None, .. }
            | Life::Idle
            | Life::AwaitRetry
            | Life::Approaching(_)
            | Life::Closing
            | Life::Closed => false,
        };
        if successor_is_open || !self.retired.is_empty() { Overlap::Present } else { Overlap::Past }
    }

    /// Whether the digest of a frame without a position matters now: two links may bring the same one. Otherwise a driver
    /// may leave it at zero.
    #[must_use]
    pub fn tells_copies(&self) -> bool {
        self.overlap() == Overlap::Present || self.copies.awaits_any()
    }

    /// Brings the current link up to what the application wants.
    pub(crate) fn catch_up_topics(&mut self) {
        let Life::Live { current, successor } = &mut self.life else { return };
        let is_pinned = successor.as_ref().is_some_and(Approach::pins_topics);
        let scope = if is_pinned { Scope::OnDemand } else { Scope::All };
        let frames = current.topics.catch_up(&self.wanted, scope);
        let link = current.link;
        self.send_all(link, frames);
    }
}

impl<B> fmt::Debug for ClientCore<B> {
    /// Neither outputs nor messages: they carry payloads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCore")
            .field("state", &self.state)
            .field("life", &self.life)
            .field("retired", &self.retired)
            .field("position", &self.position())
            .field("timers", &self.timers)
            .finish_non_exhaustive()
    }
}
