//! One connection as the host sees it: what a call says goes in, all its orders come out with the answer.

use bowline_client_core::{ClientCore, CommandError, Input, LinkId, Output};
use bowline_proto::{EventHead, Place, Seq, ServerFrame, Time};

use crate::config;
use crate::facts::{self, Said};
use crate::json::Json;
use crate::notices;
use crate::topics::Topics;
use crate::values::{Values, micros};

/// A core and the numbers of its topics.
#[derive(Debug)]
pub(crate) struct Connection {
    core: ClientCore<()>,
    pub(crate) topics: Topics,
}

/// What a call comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Orders stand in the answer's text; none when it is empty.
    Orders,
    /// One order, nothing but it: deliver the event of this call; the reader then stands at its position.
    DeliverPlaced,
    /// The same for an event that moves no reader.
    DeliverUnplaced,
    /// A wish was refused; nothing has changed.
    Refused(Refusal),
}

/// Why a wish was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Closed,
    OutboxFull,
    TooManySubscriptions,
    TooManyActivities,
    InvalidTopic,
}

/// An event as it crosses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crossing {
    pub(crate) link: f64,
    /// Its topic's number; below zero without one.
    pub(crate) topic: i32,
    /// Its position; not a number without one.
    pub(crate) seq: f64,
    /// The position before it of the same topic; not a number without one.
    pub(crate) prev: f64,
    pub(crate) digest: f64,
}

impl Connection {
    /// A connection with the options in `bytes`.
    pub(crate) fn new(now: f64, bytes: &[u8]) -> Self {
        let (seed, config) = config::read(&mut Values::new(bytes));
        Connection { core: ClientCore::new(config, seed, time(now)), topics: Topics::default() }
    }

    /// Takes what call number `what` says about `id`.
    pub(crate) fn take(&mut self, now: f64, what: u32, id: f64, bytes: &[u8], json: &mut Json) -> Answer {
        let now = time(now);
        match facts::read(what, id as u64, &mut Values::new(bytes)) {
            Said::Fact(fact) => self.core.handle(now, fact),
            Said::TimePassed => self.core.handle_timeout(now),
            Said::NoTopic => return Answer::Refused(Refusal::InvalidTopic),
            Said::Wish(wish) => {
                if let Err(error) = self.core.command(now, wish) {
                    return Answer::Refused(refusal(&error));
                }
            }
        }
        self.write_orders(None, json)
    }

    /// Takes an event.
    pub(crate) fn event(&mut self, now: f64, event: Crossing, json: &mut Json) -> Answer {
        let link = LinkId(event.link as u64);
        let topic = usize::try_from(event.topic).ok().and_then(|number| self.topics.named(number)).cloned();
        let place = position(event.seq).zip(position(event.prev)).map(|(seq, prev)| Place { seq, prev });
        let fact = if place.is_some() && topic.is_none() {
            Input::BadFrame { link, why: "a position without a topic".to_owned() }
        } else {
            let head = EventHead { topic, place, digest: event.digest as u64 };
            Input::Frame { link, frame: ServerFrame::Event { head, body: () } }
        };
        self.core.handle(time(now), fact);
        match self.core.poll_output() {
            None => Answer::Orders,
            Some(Output::Deliver { body: (), cursor }) => match (self.core.poll_output(), cursor) {
                (None, Some(_)) => Answer::DeliverPlaced,
                (None, None) => Answer::DeliverUnplaced,
                (Some(next), cursor) => {
                    json.value(b"[");
                    json.order(&Output::Deliver { body: (), cursor });
                    self.write_orders(Some(next), json)
                }
            },
            first @ Some(_) => self.write_orders(first, json),
        }
    }

    /// When to say that time has passed, in milliseconds; not a number when never.
    pub(crate) fn deadline(&self) -> f64 {
        self.core.poll_timeout().map_or(f64::NAN, |deadline| deadline.at.as_micros() as f64 / 1000.0)
    }

    /// Whether events without a position need a digest now.
    pub(crate) fn tells_copies(&self) -> bool {
        self.core.tells_copies()
    }

    /// Writes where the reader stands.
    pub(crate) fn position(&self, json: &mut Json) {
        json.object(|json| notices::position_members(json, &self.core.position()));
    }

    fn write_orders(&mut self, first: Option<Output<()>>, json: &mut Json) -> Answer {
        let mut next = first.or_else(|| self.core.poll_output());
        if next.is_some() && json.text.is_empty() {
            json.value(b"[");
        }
        while let Some(order) = next {
            json.order(&order);
            next = self.core.poll_output();
        }
        if !json.text.is_empty() {
            json.raw(b"]");
        }
        Answer::Orders
    }
}

fn time(now: f64) -> Time {
    Time::from_micros(micros(now))
}

fn position(number: f64) -> Option<Seq> {
    if number.is_nan() { None } else { Seq::new(number as u64) }
}

fn refusal(error: &CommandError) -> Refusal {
    match error {
        CommandError::OutboxFull { .. } => Refusal::OutboxFull,
        CommandError::TooManySubscriptions { .. } => Refusal::TooManySubscriptions,
        CommandError::TooManyActivities { .. } => Refusal::TooManyActivities,
        // The enum is open; a refusal of a later version says at least that nothing was done.
        _ => Refusal::Closed,
    }
}
