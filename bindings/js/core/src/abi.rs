//! What the host can call: the exports of the module, and the only place where the rules of the language end.
//!
//! A call that does not find its core answers [`NO_CORE`]. Every other answer of [`core_call`] and [`core_event`] is the
//! length of a JSON text at [`core_answer`], or a negative number that says all. A broken invariant ends in a trap: the host
//! takes every core of this instance for lost then.
#![allow(unsafe_code, reason = "an export's name must be its own: `no_mangle` is unsafe by declaration")]

use core::cell::RefCell;

use crate::connection::{Answer, Connection, Crossing, Refusal};
use crate::cores::{Cores, written};
use crate::topics::Numbered;

thread_local! {
    static CORES: RefCell<Cores> = const { RefCell::new(Cores::new()) };
}

const NO_CORE: i32 = -100;

/// Makes room for `length` bytes of values and says where. Good until the next call of this.
// SAFETY: no other function of the program has this name.
#[unsafe(no_mangle)]
pub extern "C" fn core_input(length: usize) -> *mut u8 {
    with(|cores| cores.make_room(length).as_mut_ptr())
}

/// Where the last answer's text stands. Good until the next call of anything else.
// SAFETY: no other function of the program has this name.
#[unsafe(no_mangle)]
pub extern "C" fn core_answer() -> *const u8 {
    with(|cores| cores.output.text.as_ptr())
}

/// A new core with the options in the first `length` bytes at [`core_input`]; its number.
// SAFETY: no other function of the program has this name.
#[unsafe(no_mangle)]
pub extern "C" fn core_new(now: f64, length: usize) -> usize {
    with(|cores| {
        let connection = Connection::new(now, written(&cores.input, length));
        cores.add(connection)
    })
}

/// Lets a core go.
// SAFETY: no other function of the program has this name.
#[unsafe(no_mangle)]
pub extern "C" fn core_free(core: usize) {
    with(|cores| cores.remove(core));
}

/// Takes fact, wish or frame number `what` about `id`, whose values are the first `length` bytes at [`core_input`].
// SAFETY: no other function of the program has this name.
#[unsafe(no_mangle)]
pub extern "C" fn core_call(core: usize, now: f64, what: u32, id: f64, length: usize) -> i32 {
    with(|cores| match cores.call(core, length) {
        Some((connection, bytes, json)) => {
            let answer = connection.take(now, what, id, bytes, json);
            answered(answer, json.text.len())
        }
        None => NO_CORE,
    })
}

/// Takes an event: of a topic with a number, or of none (below zero); with a position, or without one (not a number).
// SAFETY: no other function of the program has this name.
#[unsafe(no_mangle)]
pub extern "C" fn core_event(
    core: usize,
    now: f64,
    link: f64,
    topic: i32,
    seq: f64,
    prev: f64,
    digest: f64,
) -> i32 {
    with(|cores| match cores.call(core, 0) {
        Some((connection, _, json)) => {
            let answer = connection.event(now, Crossing { link, topic, seq, prev, digest }, json);
            answered(answer, json.text.len())
        }
        None => NO_CORE,
    })
}

/// A number for the topic whose text is the first `length` bytes at [`core_input`]; -1 when it is no topic, -2 when the table is
/// full.
// SAFETY: no other function of the program has this name.
#[unsafe(no_mangle)]
pub extern "C" fn core_topic(core: usize, length: usize) -> i32 {
    with(|cores| match cores.call(core, length) {
        Some((connection, bytes, _)) => {
            match connection.topics.add(core::str::from_utf8(bytes).unwrap_or_default()) {
                Numbered::As(number) => number as i32,
                Numbered::NoTopic => -1,
                Numbered::Full => -2,
            }
        }
        None => NO_CORE,
    })
}

/// Takes back every number of a topic.
// SAFETY: no other function of the program has this name.
#[unsafe(no_mangle)]
pub extern "C" fn core_forget_topics(core: usize) {
    with(|cores| {
        if let Some((connection, _, _)) = cores.call(core, 0) {
            connection.topics.forget();
        }
    });
}

/// When to say that time has passed, in milliseconds; not a number when never.
// SAFETY: no other function of the program has this name.
#[unsafe(no_mangle)]
pub extern "C" fn core_deadline(core: usize) -> f64 {
    with(|cores| cores.call(core, 0).map_or(f64::NAN, |(connection, _, _)| connection.deadline()))
}

/// Whether an event without a position needs a digest now: 1 or 0.
// SAFETY: no other function of the program has this name.
#[unsafe(no_mangle)]
pub extern "C" fn core_tells_copies(core: usize) -> i32 {
    with(|cores| cores.call(core, 0).is_some_and(|(connection, _, _)| connection.tells_copies()).into())
}

/// Writes where the reader stands; the length of its text.
// SAFETY: no other function of the program has this name.
#[unsafe(no_mangle)]
pub extern "C" fn core_position(core: usize) -> i32 {
    with(|cores| match cores.call(core, 0) {
        Some((connection, _, json)) => {
            connection.position(json);
            json.text.len() as i32
        }
        None => NO_CORE,
    })
}

fn answered(answer: Answer, length: usize) -> i32 {
    match answer {
        Answer::Orders => length as i32,
        Answer::DeliverUnplaced => -1,
        Answer::DeliverPlaced => -2,
        Answer::Refused(Refusal::Closed) => -10,
        Answer::Refused(Refusal::OutboxFull) => -11,
        Answer::Refused(Refusal::TooManySubscriptions) => -12,
        Answer::Refused(Refusal::TooManyActivities) => -13,
        Answer::Refused(Refusal::InvalidTopic) => -14,
    }
}

fn with<T>(call: impl FnOnce(&mut Cores) -> T) -> T {
    CORES.with_borrow_mut(call)
}
