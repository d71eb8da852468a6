//! What one application was handed, in the words of the checker, and what went on around it, for people.

use std::time::{Instant, SystemTime};

use bowline::{CloseReason, ConnectionState, Event, Incoming, Notice, Occasion};
use bowline_history::{Digest, Reader, Seen};
use bowline_proto::{Account, Cursor, Epoch, Gap, GrantScope, Seq};
use serde::Deserialize;

use crate::book::Book;

/// The record of one reader.
#[derive(Debug)]
pub(crate) struct Diary {
    /// For the checker.
    pub(crate) reader: Reader,
    /// When each of the reader's items came, in milliseconds.
    at: Vec<u32>,
    /// What else happened, and how many items had come by then.
    notes: Vec<Note>,
    started: Instant,
    book: Book,
    has_base: bool,
    state: ConnectionState,
    /// Events handed over, the forgotten ones included.
    pub(crate) deliveries: u64,
    /// Ephemeral events handed over.
    pub(crate) signals: u64,
    /// Microseconds from publish to hand-over.
    pub(crate) latencies: Vec<u32>,
    /// How often the state became `Reconnecting`.
    pub(crate) losses: u64,
    pub(crate) handovers: u64,
    pub(crate) reconnects: u64,
    /// Broken rules that no item shows.
    pub(crate) complaints: Vec<String>,
}

#[derive(Debug)]
struct Note {
    behind: usize,
    at: u32,
    text: String,
}

/// What of a payload the stand wants to know.
#[derive(Deserialize)]
struct Payload {
    at: u64,
}

impl Diary {
    pub(crate) fn new(account: &str, book: &Book) -> Self {
        let account = Account::new(account).expect("the stand's accounts have plain names");
        Diary {
            reader: Reader::new(account, GrantScope::All, Vec::new()),
            at: Vec::new(),
            notes: Vec::new(),
            started: Instant::now(),
            book: book.clone(),
            has_base: false,
            state: ConnectionState::Idle,
            deliveries: 0,
            signals: 0,
            latencies: Vec::new(),
            losses: 0,
            handovers: 0,
            reconnects: 0,
            complaints: Vec::new(),
        }
    }

    /// Enters an item that came with the connection's position in the log `epoch`.
    pub(crate) fn enter(&mut self, incoming: &Incoming, epoch: Option<Epoch>) {
        match incoming {
            Incoming::Event(event) => self.event(event, epoch),
            Incoming::Gap(gap) => self.gap(gap),
            Incoming::Moved(cursor) => self.push(Seen::Moved { cursor: *cursor }),
            Incoming::Notice(notice) => self.notice(notice),
        }
    }

    fn event(&mut self, event: &Event, epoch: Option<Epoch>) {
        let (Some(topic), Some(place)) = (event.topic.as_ref(), event.place) else {
            self.signals += 1;
            return;
        };
        let Some(epoch) = epoch else {
            self.complain(&format!("{topic} {} came before any position was known", place.seq));
            return;
        };
        self.deliveries += 1;
        if let Ok(payload) = serde_json::from_slice::<Payload>(&event.payload) {
            let late = now_micros().saturating_sub(payload.at);
            self.latencies.push(u32::try_from(late).unwrap_or(u32::MAX));
        }
        let text = Digest::of(&event.text);
        self.push(Seen::Event { epoch, topic: topic.clone(), seq: place.seq, text });
    }

    /// Retention removes nothing from the log of a stand.
    pub(crate) fn gap(&mut self, gap: &Gap) {
        let oldest = Seq::ZERO;
        let (topic, after, before, reason) = (gap.topic.clone(), gap.after, gap.before, gap.reason);
        self.push(Seen::Gap { topic, after, before, reason, oldest });
    }

    fn notice(&mut self, notice: &Notice) {
        self.note(format!("{notice:?}"));
        match notice {
            Notice::State(state) => self.state_changed(state),
            Notice::Accepted { accepted, occasion } => {
                match occasion {
                    Occasion::Connect => {}
                    Occasion::Reconnect => self.reconnects += 1,
                    Occasion::Handover => self.handovers += 1,
                }
                let (Some(epoch), Some(seq)) = (accepted.epoch, accepted.seq) else {
                    return self.complain("accepted without a position");
                };
                if self.has_base && !accepted.resumed {
                    self.complain(&format!("accepted at {seq} without its cursor"));
                }
                self.accepted(epoch, seq);
            }
            Notice::Skipped { after, now } => self.complain(&format!("skipped from {after:?} to {now:?}")),
            _ => {}
        }
    }

    /// A link was accepted; the first one says where this reader begins.
    pub(crate) fn accepted(&mut self, epoch: Epoch, seq: Seq) {
        self.push(Seen::Accepted { epoch });
        if !std::mem::replace(&mut self.has_base, true) {
            let moment = self.book.moment();
            self.push(Seen::Based { epoch, seq, from_oldest: false, moment });
        }
    }

    /// The reader asked for everything from the oldest event on.
    pub(crate) fn begins_with_oldest(&mut self, epoch: Epoch) {
        self.has_base = true;
        let moment = self.book.moment();
        self.push(Seen::Based { epoch, seq: Seq::ZERO, from_oldest: true, moment });
    }

    fn state_changed(&mut self, state: &ConnectionState) {
        if *state == self.state {
            self.complain(&format!("{state:?} was told twice"));
        }
        match state {
            ConnectionState::Reconnecting => self.losses += 1,
            ConnectionState::Closed(CloseReason::Asked) => {}
            // An application that comes back too early meets its own ghosts; anything else would be a lie.
            ConnectionState::Closed(CloseReason::Rejected(rejected))
                if rejected.reason == "CONNECTION_LIMIT_EXCEEDED" => {}
            ConnectionState::Closed(reason) => self.complain(&format!("closed for good: {reason:?}")),
            _ => {}
        }
        self.state = state.clone();
    }

    /// The process has saved its position and everything it was handed.
    pub(crate) fn save(&mut self, cursor: Cursor) {
        self.push(Seen::Saved { cursor: Some(cursor) });
    }

    /// The process is gone with what it had not saved, and starts again from there.
    pub(crate) fn restarted(&mut self, from: Option<Cursor>) {
        self.note("the process ends without a word and starts again from what it had saved".into());
        self.state = ConnectionState::Idle;
        self.push(Seen::Restarted { from });
    }

    pub(crate) fn push(&mut self, seen: Seen) {
        self.reader.items.push(seen);
        self.at.push(self.now());
    }

    pub(crate) fn note(&mut self, text: String) {
        self.notes.push(Note { behind: self.reader.items.len(), at: self.now(), text });
    }

    pub(crate) fn complain(&mut self, what: &str) {
        self.note(what.to_string());
        self.complaints.push(format!("{}: {what}", self.reader.account));
    }

    fn now(&self) -> u32 {
        u32::try_from(self.started.elapsed().as_millis()).unwrap_or(u32::MAX)
    }

    /// Everything, one line each.
    pub(crate) fn whole(&self) -> Vec<String> {
        self.trail(self.reader.items.len(), usize::MAX / 2)
    }

    /// The last `count` things up to the reader's item number `upto`, one line each.
    pub(crate) fn trail(&self, upto: usize, count: usize) -> Vec<String> {
        let from = upto.saturating_sub(count);
        let mut lines: Vec<(usize, u32, String)> = Vec::new();
        for (index, seen) in self.reader.items.iter().enumerate().take(upto).skip(from) {
            lines.push((index * 2 + 1, self.at.get(index).copied().unwrap_or(0), brief(seen)));
        }
        for note in self.notes.iter().filter(|note| (from..=upto).contains(&note.behind)) {
            lines.push((note.behind * 2, note.at, note.text.clone()));
        }
        lines.sort_by_key(|(order, at, _)| (*order, *at));
        let skipped = lines.len().saturating_sub(count * 2);
        lines.into_iter().skip(skipped).map(|(_, at, text)| format!("{at:>7} ms  {text}")).collect()
    }
}

fn brief(seen: &Seen) -> String {
    match seen {
        Seen::Event { topic, seq, .. } => format!("event {topic} {seq}"),
        Seen::Gap { topic, after, before, reason, .. } => {
            format!("gap {topic} after {after} before {before} ({reason:?})")
        }
        Seen::Accepted { epoch } => format!("accepted in epoch {epoch}"),
        Seen::Based { seq, .. } => format!("begins behind {seq}"),
        Seen::Restarted { from } => format!("starts again from {from:?}"),
        Seen::Moved { cursor } => format!("moved to {}", cursor.seq),
        Seen::Saved { cursor } => format!("saved {:?}", cursor.map(|cursor| cursor.seq)),
        Seen::Followed { topic, seq, .. } => format!("follows {topic} behind {seq}"),
        Seen::Left { topic } => format!("left {topic}"),
    }
}

/// Microseconds of the wall clock.
pub(crate) fn now_micros() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}
