//! Who hears what a socket has to say, in which order, and what a handler may do meanwhile.
//!
//! Handlers run one after another, in the order of their subscription, in the socket's own task. While one runs no lock
//! is held and its place in the list is kept: it may close or destroy the socket, unsubscribe itself or others, and
//! subscribe new ones, which hear from the next value on. A handler that panics is caught, reported, and stays
//! subscribed. Telling a value allocates nothing; only streams copy it.

mod handler_panic;
mod listeners;
mod stream;
mod subscription;

use core::fmt;
use core::task::{Context, Poll};
use std::sync::Arc;

use listeners::Listeners;
use stream::Pressure;

pub use handler_panic::HandlerPanic;
pub use stream::EmitterStream;
pub use subscription::Subscription;

/// Something that happens again and again on a socket, to subscribe to.
///
/// Clones are handles of the same emitter. Handlers are called in the order of subscription, in the task of the
/// socket: one that takes long delays what follows, one that needs `.await` starts a task or uses a
/// [`stream`](Self::stream). A handler may call everything, also close or destroy the socket, unsubscribe itself or
/// another, and subscribe new ones. When one panics, the panic is caught, told to `on_error`, and the others go on.
///
/// ```no_run
/// # fn example(socket: &bowline::ManagedSocket) {
/// let subscription = socket.on_reconnecting().subscribe(|attempt| eprintln!("reconnect attempt {attempt}"));
/// // Dropping it ends it as well.
/// subscription.unsubscribe();
///
/// // Without a guard, for as long as the socket lives:
/// socket.on_state_change().subscribe(|state| println!("{state}")).detach();
/// # }
/// ```
pub struct Emitter<T> {
    listeners: Arc<Listeners<T>>,
    pressure: Arc<Pressure>,
}

impl<T: 'static> Emitter<T> {
    /// `name` is what a report of a panic says, such as `on_message`.
    pub(crate) fn new(name: &'static str) -> Self {
        Emitter { listeners: Arc::new(Listeners::new(name)), pressure: Arc::new(Pressure::default()) }
    }

    /// Calls `handler` with every value from the next one on, until the subscription is dropped or
    /// [`unsubscribe`](Subscription::unsubscribe)d, or the socket is over.
    pub fn subscribe(&self, handler: impl FnMut(&T) + Send + 'static) -> Subscription {
        Subscription::new(self.listeners.clone(), Box::new(handler))
    }

    /// How many handlers and streams listen.
    #[must_use]
    pub fn listener_count(&self) -> usize {
        self.listeners.count()
    }

    /// Tells everybody, and answers with the handlers' panics (an empty answer costs nothing).
    pub(crate) fn emit(&self, value: &T) -> Vec<HandlerPanic> {
        self.listeners.call(value)
    }

    /// Nothing will be told any more: handlers are dropped, streams end behind what they hold, later subscriptions are
    /// void. A handler that is running finishes.
    pub(crate) fn end(&self) {
        self.listeners.end();
    }

    /// Ready when somebody listens. One waiter at a time.
    pub(crate) fn poll_listener(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.listeners.poll_arrival(cx)
    }

    /// No stream is full.
    pub(crate) fn has_room(&self) -> bool {
        self.pressure.has_room()
    }

    /// Ready when no stream is full: whoever tells waits for this before it goes to fetch more. One waiter at a time.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.pressure.poll_room(cx)
    }
}

impl<T: Clone + Send + 'static> Emitter<T> {
    /// The values from the next one on, as a stream, which ends when the socket is over.
    ///
    /// It holds [`STREAM_ITEMS`](EmitterStream::STREAM_ITEMS) values that have not been taken. While it is full, the
    /// socket's task waits for it and takes nothing more from the connection, so reading slows the server down and
    /// nothing is lost; that holds up the other listeners too, so take from it or drop it. A close is not held up.
    pub fn stream(&self) -> EmitterStream<T> {
        EmitterStream::new(self.listeners.clone(), self.pressure.clone())
    }
}

impl<T> Clone for Emitter<T> {
    fn clone(&self) -> Self {
        Emitter { listeners: self.listeners.clone(), pressure: self.pressure.clone() }
    }
}

impl<T> fmt::Debug for Emitter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emitter").field("listeners", &*self.listeners).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures_util::{FutureExt, StreamExt};

    use super::*;

    type Heard = Arc<Mutex<Vec<String>>>;

    /// A handler that notes `name` and the value.
    fn notes(heard: &Heard, name: &'static str) -> impl FnMut(&u32) + Send + 'static {
        let heard = heard.clone();
        move |value| heard.lock().unwrap().push(format!("{name}{value}"))
    }

    fn take(heard: &Heard) -> String {
        std::mem::take(&mut *heard.lock().unwrap()).join(" ")
    }

    #[test]
    fn handlers_are_called_in_the_order_of_their_subscription() {
        let (emitter, heard) = (Emitter::new("it"), Heard::default());
        let _a = emitter.subscribe(notes(&heard, "a"));
        let b = emitter.subscribe(notes(&heard, "b"));
        let _c = emitter.subscribe(notes(&heard, "c"));
        emitter.emit(&1);
        b.unsubscribe();
        emitter.emit(&2);
        let _d = emitter.subscribe(notes(&heard, "d"));
        emitter.emit(&3);
        assert_eq!(take(&heard), "a1 b1 c1 a2 c2 a3 c3 d3");
    }

    #[test]
    fn a_dropped_subscription_ends_and_a_detached_one_stays() {
        let (emitter, heard) = (Emitter::new("it"), Heard::default());
        drop(emitter.subscribe(notes(&heard, "a")));
        emitter.subscribe(notes(&heard, "b")).detach();
        emitter.emit(&1);
        assert_eq!((take(&heard).as_str(), emitter.listener_count()), ("b1", 1));
    }

    #[test]
    fn a_handler_may_unsubscribe_itself_and_another_and_subscribe_a_new_one() {
        let (emitter, heard) = (Emitter::new("it"), Heard::default());
        let subscriptions = Arc::new(Mutex::new(Vec::new()));
        let (inner, inside, held) = (emitter.clone(), heard.clone(), subscriptions.clone());
        let first = emitter.subscribe(move |value: &u32| {
            inside.lock().unwrap().push(format!("a{value}"));
            held.lock().unwrap().clear();
            inner.subscribe(notes(&inside, "new")).detach();
        });
        let second = emitter.subscribe(notes(&heard, "b"));
        subscriptions.lock().unwrap().extend([first, second]);
        let _third = emitter.subscribe(notes(&heard, "c"));
        emitter.emit(&1);
        emitter.emit(&2);
        assert_eq!(take(&heard), "a1 c1 c2 new2");
    }

    #[test]
    fn a_handler_may_end_the_emitter_while_it_runs() {
        let (emitter, heard) = (Emitter::new("it"), Heard::default());
        let (inner, inside) = (emitter.clone(), heard.clone());
        emitter
            .subscribe(move |value: &u32| {
                inner.end();
                inside.lock().unwrap().push(format!("a{value}"));
            })
            .detach();
        emitter.subscribe(notes(&heard, "b")).detach();
        emitter.emit(&1);
        emitter.emit(&2);
        drop(emitter.subscribe(notes(&heard, "late")));
        assert_eq!((take(&heard).as_str(), emitter.listener_count()), ("a1", 0));
    }

    #[test]
    fn a_panic_is_reported_and_does_not_stop_the_others_nor_its_own_next_call() {
        let (emitter, heard) = (Emitter::new("on_it"), Heard::default());
        let inside = heard.clone();
        let _first = emitter.subscribe(move |value: &u32| {
            inside.lock().unwrap().push(format!("a{value}"));
            assert_ne!(*value, 1, "one is too much");
        });
        let _second = emitter.subscribe(notes(&heard, "b"));
        let panics = emitter.emit(&1);
        assert!(panics[0].emitter == "on_it" && panics[0].message.contains("one is too much"), "{panics:?}");
        assert_eq!(emitter.emit(&2), []);
        assert_eq!(take(&heard), "a1 b1 a2 b2");
    }

    #[test]
    fn a_value_told_from_inside_a_handler_passes_the_running_one_over() {
        let (emitter, heard) = (Emitter::new("it"), Heard::default());
        let inner = emitter.clone();
        let _first = emitter.subscribe(move |value: &u32| {
            if *value < 3 {
                inner.emit(&(value + 1));
            }
        });
        let _second = emitter.subscribe(notes(&heard, "b"));
        emitter.emit(&1);
        assert_eq!(take(&heard), "b2 b1");
    }

    #[test]
    fn telling_a_value_allocates_nothing_without_listeners_and_with_plain_handlers() {
        let emitter = Emitter::new("it");
        let tell = || (0..1000_u32).for_each(|n| assert!(emitter.emit(&n).is_empty()));
        assert_eq!(allocation_counter::measure(tell).count_total, 0);
        let sum = Arc::new(Mutex::new(0));
        let inside = sum.clone();
        let _first = emitter.subscribe(move |n: &u32| *inside.lock().unwrap() += n);
        let _second = emitter.subscribe(|_| {});
        assert_eq!(allocation_counter::measure(tell).count_total, 0);
        assert_eq!(*sum.lock().unwrap(), 499_500);
    }

    #[test]
    fn a_subscription_outlives_its_emitter_without_harm() {
        let emitter = Emitter::<u32>::new("it");
        let subscription = emitter.subscribe(|_| {});
        drop(emitter);
        subscription.unsubscribe();
    }

    #[test]
    fn a_stream_gets_every_value_and_ends_with_the_emitter() {
        let emitter = Emitter::new("it");
        let stream = emitter.stream();
        emitter.emit(&1_u32);
        emitter.emit(&2);
        emitter.end();
        emitter.emit(&3);
        assert_eq!(stream.collect::<Vec<_>>().now_or_never().unwrap(), [1, 2]);
        assert_eq!(emitter.stream().next().now_or_never(), Some(None));

        let emitter = Emitter::<u32>::new("it");
        let mut stream = emitter.stream();
        assert_eq!(stream.next().now_or_never(), None);
        drop(emitter);
        assert_eq!(stream.next().now_or_never(), Some(None));
    }

    #[test]
    fn a_full_stream_asks_to_wait_and_loses_nothing() {
        let emitter = Emitter::new("it");
        let mut stream = emitter.stream();
        let has_room = || core::future::poll_fn(|cx| emitter.poll_room(cx)).now_or_never().is_some();
        let full = u32::try_from(EmitterStream::<u32>::STREAM_ITEMS).unwrap();
        for n in 0..full {
            assert!(has_room());
            emitter.emit(&n);
        }
        assert!(!has_room());
        emitter.emit(&full);
        for n in 0..=full {
            assert_eq!(stream.next().now_or_never().unwrap(), Some(n));
        }
        assert!(has_room());

        for n in 0..full {
            emitter.emit(&n);
        }
        assert!(!has_room());
        drop(stream);
        assert!(has_room() && emitter.listener_count() == 0);
    }
}
