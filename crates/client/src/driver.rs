//! The loop that connects the core to the world: feed facts, drain orders, arm one deadline.
//!
//! One task per connection. A turn polls everything, tells the core what happened, and carries out what it orders;
//! turns follow one another until nothing moves, and then the task sleeps until a socket, a future, the deadline or
//! the application wakes it. No decision about the protocol is made here.

use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bowline_client_core::{CredentialFailure, FetchId, Input, LinkId};
use bowline_proto::{Event, Limits};
use futures_util::future::BoxFuture;
use tokio::time::{Instant, Sleep};

use crate::credential::Secret;
use crate::dialer::Dialer;
use crate::inner::{Backlog, Order};
use crate::link::{Link, Reading};
use crate::queue::Room;
use crate::shared::Shared;
use crate::wake::{LOOK_EVERY, Wake};

/// Turns within one poll: a driver that finds more to do yields to the runtime's other tasks after these.
const TURNS_PER_POLL: usize = 8;
/// How long to sleep when the core wants nothing: any order or fact wakes the driver before.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) struct Driver {
    shared: Arc<Shared>,
    dialer: Dialer,
    limits: Limits,
    /// Questions to the token provider, and answers that wait for their dial.
    credentials: BTreeMap<FetchId, Credential>,
    links: BTreeMap<LinkId, Link>,
    /// What may be read; `None`: sockets wait for the application.
    room: Option<Room>,
    sleep: Pin<Box<Sleep>>,
    wake: Wake,
    /// Kept between turns for their memory.
    facts: Vec<Input<Event>>,
    orders: VecDeque<Order>,
}

enum Credential {
    AwaitProvider(BoxFuture<'static, Result<Option<Secret>, CredentialFailure>>),
    Ready(Option<Secret>),
}

/// What a turn found.
enum Turn {
    /// Something happened: another turn may find more.
    Moved,
    /// Nothing; everything has the driver's waker.
    Still,
    /// The last handle is gone and the connection is closed.
    Finished,
}

impl Driver {
    pub(crate) fn new(shared: Arc<Shared>, dialer: Dialer, limits: Limits) -> Self {
        Driver {
            shared,
            dialer,
            limits,
            credentials: BTreeMap::new(),
            links: BTreeMap::new(),
            room: None,
            sleep: Box::pin(tokio::time::sleep(NEVER)),
            wake: Wake::new(),
            facts: Vec::new(),
            orders: VecDeque::new(),
        }
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Turn {
        // 1. What has the world done?
        self.poll_credentials(cx);
        let reading = self.poll_links(cx);
        if self.wake.has_slept() {
            self.facts.push(Input::NetworkReturned);
        }

        // 2. Tell the core. Facts first: what arrived while the machine slept is older than the deadline it missed.
        let told = !self.facts.is_empty();
        let was_reading = self.room.is_some();
        let unsent = self.unsent();
        let shared = self.shared.clone();
        let (fired, deadline, finished) = shared.with(|inner| {
            inner.report_unsent(unsent);
            inner.feed_all(&mut self.facts);
            let fired = inner.fire_timer();
            inner.weigh_queue();
            // 3. Take its orders.
            inner.take_orders(&mut self.orders);
            self.room = inner.room();
            inner.wakers.driver_slept(cx.waker());
            (fired, inner.deadline(), inner.is_finished())
        });

        // 4. Carry them out.
        let ordered = !self.orders.is_empty();
        while let Some(order) = self.orders.pop_front() {
            self.carry_out(order);
        }
        // A link that is still saying goodbye keeps the task, for as long as the core lets it.
        if finished && self.links.is_empty() {
            return Turn::Finished;
        }

        // 5. Arm the deadline.
        let woken_by_time = self.arm(deadline, cx).is_ready();
        let reads_again = !was_reading && self.room.is_some();
        if told || fired || ordered || woken_by_time || reads_again || reading == Reading::MoreMayWait {
            Turn::Moved
        } else {
            Turn::Still
        }
    }

    fn poll_credentials(&mut self, cx: &mut Context<'_>) {
        for (&fetch, credential) in &mut self.credentials {
            let Credential::AwaitProvider(answer) = credential else { continue };
            match answer.as_mut().poll(cx) {
                Poll::Pending => {}
                Poll::Ready(Ok(secret)) => {
                    *credential = Credential::Ready(secret);
                    self.facts.push(Input::CredentialReady { fetch });
                }
                Poll::Ready(Err(failure)) => {
                    *credential = Credential::Ready(None);
                    self.facts.push(Input::CredentialFailed { fetch, failure });
                }
            }
        }
        // A failed answer has no dial that would use it up.
        for fact in &self.facts {
            if let Input::CredentialFailed { fetch, .. } = fact {
                self.credentials.remove(fetch);
            }
        }
    }

    fn poll_links(&mut self, cx: &mut Context<'_>) -> Reading {
        let mut reading = Reading::UpToDate;
        for link in self.links.values_mut() {
            link.poll_write(cx, &mut self.facts);
            if let Some(room) = &mut self.room
                && link.poll_read(cx, room, &mut self.facts) == Reading::MoreMayWait
            {
                reading = Reading::MoreMayWait;
            }
        }
        self.links.retain(|_, link| !link.is_over());
        reading
    }

    fn unsent(&self) -> Backlog {
        let mut unsent = Backlog::default();
        for link in self.links.values() {
            let (frames, bytes) = link.backlog();
            unsent.frames += frames;
            unsent.bytes += bytes;
        }
        unsent
    }

    fn carry_out(&mut self, order: Order) {
        match order {
            Order::Fetch(fetch) => {
                self.credentials.insert(fetch, Credential::AwaitProvider(self.dialer.ask()));
            }
            Order::Forget(fetch) => {
                self.credentials.remove(&fetch);
            }
            Order::Dial { link, fetch, layer } => {
                let secret = match self.credentials.remove(&fetch) {
                    Some(Credential::Ready(secret)) => secret,
                    Some(Credential::AwaitProvider(_)) | None => None,
                };
                self.links.insert(link, Link::dial(link, self.limits, self.dialer.dial(layer, secret)));
            }
            Order::Text { link, text } => {
                if let Some(link) = self.links.get_mut(&link) {
                    link.send(text);
                }
            }
            Order::Close { link, code } => {
                if let Some(link) = self.links.get_mut(&link) {
                    link.close(code, &mut self.facts);
                }
            }
            Order::Abort(link) => {
                self.links.remove(&link);
            }
        }
    }

    fn arm(&mut self, deadline: Option<Instant>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = deadline else {
            if self.sleep.deadline() < Instant::now() + NEVER / 2 {
                self.sleep.as_mut().reset(Instant::now() + NEVER);
            }
            return self.sleep.as_mut().poll(cx);
        };
        // A look that is already due in time is kept: most turns change nothing about the deadline.
        let look = Instant::now() + LOOK_EVERY;
        let armed = self.sleep.deadline();
        if armed > deadline.min(look) || self.sleep.is_elapsed() {
            self.sleep.as_mut().reset(deadline.min(look));
        }
        self.sleep.as_mut().poll(cx)
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let driver = self.get_mut();
        for _ in 0..TURNS_PER_POLL {
            match driver.turn(cx) {
                Turn::Moved => {}
                Turn::Still => return Poll::Pending,
                Turn::Finished => return Poll::Ready(()),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.shared.with(|inner| inner.driver_went());
    }
}
