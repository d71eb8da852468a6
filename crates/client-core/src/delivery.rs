//! Which event is handed to the application: each `seq` once, in order, with every loss said aloud.
//!
//! One number per connection decides. A link's stream is complete for its topics from the position where it started, and
//! both links of an overlap carry the same logged topics, the successor from a cursor that this connection has reached.
//! So whichever link shows position `p` has shown everything up to `p`, and what was not new then had already been
//! delivered: an event is new exactly when its seq is above the cursor. The same proof lets any accepted link's pong or
//! ack move the cursor.
//!
//! `prev` above what was handed on of its topic proves that the link skipped an event. Where the cursor has not passed that one
//! yet, the link is given up and the stream is taken up again from the cursor; when the hole shows again, it is a gap. Where
//! an event of another topic has moved the cursor past it, it is a gap at once: whoever stands at the cursor was told that
//! everything up to there is behind him, so nothing from below it can be handed on any more.

use bowline_proto::{Cursor, Epoch, Gap, GapReason, Place, Seq, Topic};

use crate::losses::Losses;
use crate::reached::Reached;

/// Where the reader stands.
#[derive(Debug)]
pub(crate) struct Delivery {
    cursor: Option<Cursor>,
    /// A gateway has gone on from the cursor, or has set it: it is no mere claim of a saved position.
    is_cursor_proved: bool,
    /// What has been told as lost.
    losses: Losses,
    /// What was told as lost when the epoch changed and lies above the cursor. Its bounds may be positions of the old log, so
    /// that it says nothing about an event; but the next link says it again, word for word.
    losses_of_epoch: Vec<Gap>,
    /// Up to where each topic has been handed on.
    reached: Reached,
    /// By topic, the event behind a hole that a link showed and that the cursor has not passed.
    doubts: Vec<(Topic, Seq)>,
    /// The cursor at which a link last brought something undecodable.
    doubted_at: Option<Cursor>,
}

/// What is to be done with a logged event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// It is the next one: deliver it; the cursor has moved there.
    Next(Cursor),
    /// It is the next one that can be had.
    NextBehind(Gap, Cursor),
    /// It has been delivered, or reported as lost, or belongs to another log.
    Seen,
    /// The link skipped an event before it: take the stream up again from the cursor.
    Hole,
}

/// What an accept brought.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Continuation {
    /// What is lost, narrowed to what is news.
    pub(crate) gaps: Vec<Gap>,
    /// The server could not go on after this cursor and did not say what was lost.
    pub(crate) skipped: Option<Cursor>,
}

impl Delivery {
    pub(crate) fn new(saved: Option<Cursor>) -> Self {
        Delivery {
            cursor: saved,
            is_cursor_proved: false,
            losses: Losses::default(),
            losses_of_epoch: Vec::new(),
            reached: Reached::default(),
            doubts: Vec::new(),
            doubted_at: None,
        }
    }

    pub(crate) fn cursor(&self) -> Option<Cursor> {
        self.cursor
    }

    /// A link was accepted at `start`, after `presented` had been presented to it.
    pub(crate) fn go_on(
        &mut self,
        presented: Option<Cursor>,
        start: Cursor,
        is_resumed: bool,
        gaps: Vec<Gap>,
    ) -> Continuation {
        let Some(cursor) = self.cursor.filter(|cursor| cursor.epoch == start.epoch) else {
            return self.change_epoch(start, is_resumed, gaps);
        };
        let mut news = Vec::new();
        for gap in gaps {
            news.extend(self.narrow(start.epoch, gap));
        }
        let mut skipped = None;
        if start.seq > cursor.seq {
            self.reached.forget_all();
            self.move_to(start.seq);
            skipped = (!is_resumed).then_some(cursor);
        } else if !self.is_cursor_proved && presented.is_some_and(|presented| start.seq < presented.seq) {
            // A saved cursor that lies ahead of the log: keeping it would hide every event up to it.
            self.reached.forget_all();
            self.cursor = Some(start);
            skipped = (!is_resumed).then_some(cursor);
        }
        self.is_cursor_proved = true;
        Continuation { gaps: news, skipped }
    }

    /// Seqs of another epoch can't be compared: the reader stands where the gateway says.
    fn change_epoch(&mut self, start: Cursor, is_resumed: bool, gaps: Vec<Gap>) -> Continuation {
        let before = self.cursor.replace(start);
        self.is_cursor_proved = true;
        self.losses.forget_all();
        self.reached.forget_all();
        self.doubts.clear();
        // The bounds of an epoch's change may be positions of the old log, so nothing is cut off them, and they say
        // nothing about the new log's events.
        // One pass, because the order in which losses are told tiles each topic.
        let mut news = Vec::new();
        self.losses_of_epoch.clear();
        for gap in gaps {
            if gap.reason == GapReason::Epoch {
                self.losses_of_epoch.push(gap.clone());
                news.push(gap);
            } else {
                news.extend(self.losses.tell(gap, Seq::ZERO));
            }
        }
        Continuation { gaps: news, skipped: before.filter(|_| !is_resumed) }
    }

    /// Judges an event of a link whose stream belongs to `epoch`.
    pub(crate) fn judge(&mut self, epoch: Epoch, topic: Option<&Topic>, place: Place) -> Judgement {
        let Some(cursor) = self.cursor.filter(|cursor| cursor.epoch == epoch && place.seq > cursor.seq)
        else {
            return Judgement::Seen;
        };
        let Some(topic) = topic else {
            return Judgement::Next(self.move_to(place.seq));
        };
        if self.losses.covers(topic, place.seq) {
            return Judgement::Seen;
        }
        let is_missing =
            |seen: Seq| place.prev > seen && place.prev < place.seq && !self.losses.covers(topic, place.prev);
        let can_be_gone_back_for = is_missing(cursor.seq);
        if can_be_gone_back_for && !self.doubts.iter().any(|(doubted, _)| doubted == topic) {
            self.doubts.push((topic.clone(), place.seq));
            return Judgement::Hole;
        }
        let reached = self.reached.pass(topic, place.seq);
        let seen =
            if can_be_gone_back_for { Some(cursor.seq) } else { reached.filter(|seen| is_missing(*seen)) };
        let Some(seen) = seen else {
            return Judgement::Next(self.move_to(place.seq));
        };
        let after = seen.max(self.losses.last_below(topic, place.prev));
        let gap = Gap { topic: topic.clone(), after, before: place.seq, reason: GapReason::Missing };
        Judgement::NextBehind(gap, self.move_to(place.seq))
    }

    /// An event of a link of `epoch` is left out on purpose. Where the cursor has moved to, if it has.
    pub(crate) fn leave_out(&mut self, epoch: Epoch, topic: Option<&Topic>, seq: Seq) -> Option<Cursor> {
        self.cursor.filter(|cursor| cursor.epoch == epoch)?;
        if let Some(topic) = topic {
            self.reached.raise(topic, seq);
        }
        self.advance(epoch, seq)
    }

    /// The stream of `topic` begins, ends or begins anew: what was handed on of it says nothing about its next event.
    pub(crate) fn interrupt(&mut self, topic: &str) {
        self.reached.forget(topic);
    }

    /// Cuts a gap that a link of `epoch` reported down to what has neither been delivered nor reported, if anything
    /// remains: the other link of an overlap may have done either.
    pub(crate) fn narrow(&mut self, epoch: Epoch, gap: Gap) -> Vec<Gap> {
        let Some(cursor) = self.cursor.filter(|cursor| cursor.epoch == epoch) else { return Vec::new() };
        if self.losses_of_epoch.contains(&gap) {
            return Vec::new();
        }
        self.reached.raise(&gap.topic, gap.before.previous());
        self.losses.tell(gap, cursor.seq)
    }

    /// A link of `epoch` says that everything up to `seq` has been sent. Where the cursor has moved to, if it has.
    pub(crate) fn advance(&mut self, epoch: Epoch, seq: Seq) -> Option<Cursor> {
        self.cursor.filter(|cursor| cursor.epoch == epoch && seq > cursor.seq)?;
        Some(self.move_to(seq))
    }

    /// A link brought something undecodable, which may have been an event. `true`: take the stream up again from the
    /// cursor; `false` when that has been done at this cursor already.
    pub(crate) fn doubt(&mut self) -> bool {
        let was_doubted = self.doubted_at == self.cursor;
        self.doubted_at = self.cursor;
        !was_doubted
    }

    fn move_to(&mut self, seq: Seq) -> Cursor {
        let cursor = self.cursor.as_mut().expect("only a connection with a cursor moves it");
        cursor.seq = seq;
        if !self.losses_of_epoch.is_empty() {
            self.losses_of_epoch.retain(|gap| gap.before > seq);
        }
        if !self.doubts.is_empty() {
            self.doubts.retain(|(_, behind)| *behind > seq);
        }
        *cursor
    }
}
