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
        while let Some(order) = next {
            if !matches!(&order, Output::Notify(notice) if !notices::concerns_host(notice)) {
                if json.text.is_empty() {
                    json.value(b"[");
                }
                json.order(&order);
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topics::Numbered;
    use crate::values::tests::Row;

    const EPOCH: &str = "00000000000000ff";

    fn said(connection: &mut Connection, now: f64, what: u32, id: f64, row: &Row) -> String {
        let mut json = Json::default();
        assert_eq!(connection.take(now, what, id, &row.0, &mut json), Answer::Orders);
        String::from_utf8(json.text).unwrap()
    }

    /// What `core.ts` writes of a `connection.accepted` with one gap.
    fn accepted() -> Row {
        let head = Row::default().nothing().number(0.0).text(EPOCH).number(10.0).number(15_000.0);
        let flags = head.nothing().number(1.0);
        flags.list(4).text("conv:b").number(1.0).number(5.0).text("retention")
    }

    fn live() -> Connection {
        let mut connection = Connection::new(0.0, &Row::default().number(1.0).0);
        said(&mut connection, 0.0, 0, 0.0, &Row::default());
        said(&mut connection, 0.0, 10, 1.0, &Row::default());
        said(&mut connection, 0.0, 12, 2.0, &Row::default());
        said(&mut connection, 0.0, 17, 2.0, &accepted());
        connection
    }

    fn event(connection: &mut Connection, topic: i32, seq: f64, prev: f64) -> (Answer, String) {
        let mut json = Json::default();
        let event = Crossing { link: 2.0, topic, seq, prev, digest: 0.0 };
        let answer = connection.event(1.0, event, &mut json);
        (answer, String::from_utf8(json.text).unwrap())
    }

    #[test]
    fn orders_come_out_as_the_host_names_them() {
        let mut connection =
            Connection::new(0.0, &Row::default().number(1.0).nothing().nothing().number(0.0).0);
        assert_eq!(
            said(&mut connection, 0.0, 0, 0.0, &Row::default()),
            r#"[{"kind":"notice","notice":{"kind":"state","state":"connecting"}},{"kind":"fetch","fetch":1}]"#
        );
        assert!((connection.deadline() - 30_000.0).abs() < f64::EPSILON);
        assert_eq!(
            said(&mut connection, 0.5, 10, 1.0, &Row::default()),
            r#"[{"kind":"dial","link":2,"fetch":1,"resume":false}]"#
        );
        assert_eq!(said(&mut connection, 1.0, 12, 2.0, &Row::default()), "");
        assert_eq!(
            said(&mut connection, 2.0, 17, 2.0, &accepted()),
            concat!(
                r#"[{"kind":"notice","notice":{"kind":"gap","gap":{"topic":"conv:b","after":1,"before":5,"reason":"retention"}}},"#,
                r#"{"kind":"notice","notice":{"kind":"moved","cursor":{"epoch":"00000000000000ff","seq":10}}},"#,
                r#"{"kind":"notice","notice":{"kind":"state","state":"connected"}}]"#,
            )
        );
        let failure = Row::default().text("refused").nothing().text("gone");
        said(&mut connection, 3.0, 16, 2.0, &Row::default().number(1006.0));
        let retry = connection.deadline();
        said(&mut connection, retry, 27, 0.0, &Row::default());
        said(&mut connection, retry, 10, 3.0, &Row::default());
        assert_eq!(
            said(&mut connection, retry, 13, 4.0, &failure),
            r#"[{"kind":"notice","notice":{"kind":"state","state":"closed","reason":{"kind":"unreachable","message":"gone"}}}]"#
        );
        assert!(connection.deadline().is_nan());
    }

    #[test]
    fn an_event_that_is_next_is_answered_by_a_number_alone() {
        let mut connection = live();
        let Numbered::As(topic) = connection.topics.add("conv:a") else { panic!("a topic") };
        let topic = topic as i32;
        assert_eq!(event(&mut connection, topic, 11.0, 0.0), (Answer::DeliverPlaced, String::new()));
        assert_eq!(event(&mut connection, topic, 11.0, 0.0), (Answer::Orders, String::new()), "seen");
        assert_eq!(event(&mut connection, -1, f64::NAN, f64::NAN), (Answer::DeliverUnplaced, String::new()));
        let (answer, text) = event(&mut connection, topic, 20.0, 15.0);
        assert_eq!(answer, Answer::Orders);
        assert!(text.starts_with(r#"[{"kind":"notice","notice":{"kind":"trouble","message":"#), "{text}");
    }

    #[test]
    fn a_position_without_a_topic_is_a_bad_frame() {
        let mut connection = live();
        for topic in [-1, 7, i32::MAX, i32::MIN] {
            let (answer, text) = event(&mut connection, topic, 11.0, 0.0);
            assert_eq!(answer, Answer::Orders);
            assert!(text.contains("a position without a topic") || text.is_empty(), "{text}");
        }
    }

    #[test]
    fn a_refusal_writes_nothing() {
        let mut connection = live();
        let mut json = Json::default();
        let row = Row::default().list(2).text("conv:a").text("no topic");
        let answer = connection.take(1.0, 3, 0.0, &row.0, &mut json);
        assert_eq!(answer, Answer::Refused(Refusal::InvalidTopic));
        connection.take(1.0, 1, 0.0, &[], &mut json);
        json.text.clear();
        let row = Row::default().list(1).text("conv:a");
        assert_eq!(connection.take(1.0, 3, 0.0, &row.0, &mut json), Answer::Refused(Refusal::Closed));
        assert!(json.text.is_empty());
    }

    #[test]
    fn whatever_bytes_come_every_call_is_answered_with_whole_json() {
        let whole = accepted().list(3).text("conv:a").text("x").nothing().number(-1.0).0;
        let mut state = 1_u64;
        for round in 0..3_000_u32 {
            let mut connection = live();
            let mut bytes = whole.clone();
            for _ in 0..=round % 4 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let at = (state >> 33) as usize % bytes.len();
                bytes[at] = (state >> 25) as u8;
            }
            bytes.truncate(bytes.len() - round as usize % 32);
            for what in [round % 29, 1 + round % 27] {
                let mut json = Json::default();
                connection.take(2.0, what, f64::from(round % 5), &bytes, &mut json);
                let text = core::str::from_utf8(&json.text).unwrap();
                assert!(
                    text.is_empty() || (text.starts_with("[{") && text.ends_with("}]")),
                    "{what}: {text}"
                );
            }
        }
    }
}
