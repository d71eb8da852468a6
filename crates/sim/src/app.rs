//! What an application does with what it is handed: takes it at its own pace, writes it down, saves its state and its
//! position together.

use std::collections::{BTreeMap, VecDeque};

use bowline_client_core::{CloseReason, ConnectionState, Notice, Occasion, SavedPosition};
use bowline_proto::{Cursor, Epoch, Event as AppEvent, GapReason, Seq, Time, Topic};
use core::time::Duration;

use crate::env::Env;
use crate::event::{Event, PeerEvent, PeerNo};
use crate::plan::ClientPlan;
use bowline_history::{Digest, Reader, Seen};

/// Something for the application.
#[derive(Debug)]
pub(crate) enum News {
    /// An event or a signal.
    Event { event: Box<AppEvent>, cursor: Option<Cursor> },
    /// A notice, the oldest retained position when it was given, and the topics that the last link presented.
    Notice { notice: Notice, oldest: Seq, presented: Vec<Topic> },
}

/// The application of one client.
#[derive(Debug)]
pub(crate) struct App {
    number: PeerNo,
    takes: (u64, u64),
    saves_every: u64,
    queue: VecDeque<News>,
    /// A take is planned.
    busy: bool,
    stopped: bool,
    /// Since when more has been waiting than it takes at once.
    behind_since: Option<Time>,
    /// Where it stands.
    position: SavedPosition,
    has_base: bool,
    unsaved: u64,
    saved: Option<SavedPosition>,
    /// Where it stood in this life of its process, each with how much it had seen then.
    trail: Vec<(SavedPosition, usize)>,
    state: ConnectionState,
    /// A handover is under way, and no state change may be seen before it is done.
    handing_over: bool,
    /// The feeds that it wishes for, and whether it has heard that they are delivered.
    feeds: BTreeMap<Topic, bool>,
    /// The log of the last accepted link.
    epoch: Option<Epoch>,
}

impl App {
    pub(crate) fn new(number: PeerNo, plan: &ClientPlan) -> Self {
        App {
            number,
            takes: plan.takes,
            saves_every: plan.saves_every,
            queue: VecDeque::new(),
            busy: false,
            stopped: false,
            behind_since: None,
            position: nowhere(),
            has_base: false,
            unsaved: 0,
            saved: None,
            trail: Vec::new(),
            state: ConnectionState::Idle,
            handing_over: false,
            feeds: BTreeMap::new(),
            epoch: None,
        }
    }

    /// It wishes for topics beyond its default ones.
    pub(crate) fn wishes(&mut self, topics: &[Topic]) {
        for topic in topics.iter().filter(|topic| !topic.is_on_demand()) {
            self.feeds.entry(topic.clone()).or_insert(false);
        }
    }

    /// It wishes for them no more.
    pub(crate) fn wishes_no_more(&mut self, env: &mut Env, topics: &[Topic]) {
        for topic in topics {
            if self.feeds.remove(topic).is_some() {
                self.reader(env).items.push(Seen::Left { topic: topic.clone() });
            }
        }
    }

    /// A feed is delivered from behind `seq` on.
    fn followed(&mut self, env: &mut Env, topics: &[Topic], epoch: Epoch, seq: Seq) {
        for topic in topics {
            if let Some(is_followed) = self.feeds.get_mut(topic)
                && !std::mem::replace(is_followed, true)
            {
                env.counters.count("client: a feed is followed");
                self.reader(env).items.push(Seen::Followed { epoch, topic: topic.clone(), seq });
            }
        }
    }

    pub(crate) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// It takes things as fast as they come: what waits for it is little, or has just come at once.
    pub(crate) fn keeps_up(&self, now: Time) -> bool {
        self.behind_since.is_none_or(|since| now.since(since) < TAKES_A_BURST_WITHIN)
    }

    fn note_how_far_behind(&mut self, now: Time) {
        let is_behind = self.queue.len() >= LITTLE;
        self.behind_since = self.behind_since.or(Some(now)).filter(|_| is_behind);
    }

    /// What the process knows when it starts.
    pub(crate) fn restart(&mut self, env: &mut Env) -> Option<SavedPosition> {
        self.position = self.saved.clone().unwrap_or_else(nowhere);
        self.has_base = self.saved.is_some();
        self.state = ConnectionState::Idle;
        self.reader(env).restart(self.position.cursor);
        self.saved.clone()
    }

    /// The process is gone with everything that it had not saved.
    pub(crate) fn killed(&mut self) {
        self.queue.clear();
        self.behind_since = None;
        self.busy = false;
        self.unsaved = 0;
        self.handing_over = false;
        self.feeds.clear();
        self.trail.clear();
    }

    pub(crate) fn set_stopped(&mut self, env: &mut Env, life: u32, stopped: bool) {
        self.stopped = stopped;
        self.plan_take(env, life);
    }

    pub(crate) fn hand(&mut self, env: &mut Env, life: u32, mut news: News) {
        self.leave_out_what_is_not_wished(&mut news);
        if self.queue.is_empty() && self.takes == (0, 0) && !self.stopped {
            self.use_up(env, life, news);
        } else {
            self.queue.push_back(news);
            self.note_how_far_behind(env.now);
            self.plan_take(env, life);
        }
    }

    /// What begins with this is what was wished for when it was told. Who wishes for a feed again while it waits to be taken
    /// is told of that later.
    fn leave_out_what_is_not_wished(&self, news: &mut News) {
        let News::Notice { notice, presented, .. } = news else { return };
        presented.retain(|topic| self.feeds.contains_key(topic));
        if let Notice::SubscribeAck(ack) = notice {
            ack.subscribed.retain(|topic| self.feeds.contains_key(topic));
        }
    }

    pub(crate) fn take(&mut self, env: &mut Env, life: u32) {
        self.busy = false;
        if self.stopped {
            return;
        }
        if let Some(news) = self.queue.pop_front() {
            self.note_how_far_behind(env.now);
            self.use_up(env, life, news);
        }
        self.plan_take(env, life);
    }

    fn plan_take(&mut self, env: &mut Env, life: u32) {
        if !self.busy && !self.stopped && !self.queue.is_empty() {
            self.busy = true;
            let takes = Duration::from_micros(env.rng.between(self.takes.0, self.takes.1));
            let what = PeerEvent::AppTakes { life };
            env.after(takes, Event::Peer { peer: self.number, what });
        }
    }

    fn use_up(&mut self, env: &mut Env, life: u32, news: News) {
        match news {
            News::Event { event, cursor } => self.event(env, *event, cursor),
            News::Notice { notice, oldest, presented } => self.notice(env, life, notice, oldest, &presented),
        }
    }

    fn event(&mut self, env: &mut Env, event: AppEvent, cursor: Option<Cursor>) {
        let (Some(place), Some(topic)) = (event.place, event.topic) else {
            env.counters.count("client: signals");
            return;
        };
        let Some(cursor) = cursor else {
            env.violate("cursor", format!("client {}: {} came without a cursor", self.number, place.seq));
            return;
        };
        if cursor.seq != place.seq {
            let said = format!("client {}: {} came with cursor {}", self.number, place.seq, cursor.seq);
            env.violate("cursor", said);
        }
        env.counters.count("client: events");
        env.trace.say(env.now, format_args!("client {} takes {topic} {}", self.number, place.seq));
        let seen = Seen::Event { epoch: cursor.epoch, topic, seq: place.seq, text: Digest::of(&event.text) };
        self.reader(env).items.push(seen);
        self.position.cursor = Some(cursor);
        self.remember(env);
        self.unsaved += 1;
        if self.unsaved >= self.saves_every {
            self.save(env);
        }
    }

    fn notice(&mut self, env: &mut Env, life: u32, notice: Notice, oldest: Seq, presented: &[Topic]) {
        match notice {
            Notice::State(state) => self.state_changed(env, life, state),
            Notice::Accepted { accepted, occasion } => {
                match occasion {
                    Occasion::Connect => env.counters.count("client: accepted"),
                    Occasion::Reconnect => env.counters.count("client: accepted again"),
                    Occasion::Handover => env.counters.count("client: handed over"),
                }
                self.handing_over = false;
                if accepted.session_id.is_some() {
                    self.position.session_id = accepted.session_id.clone();
                }
                let (Some(epoch), Some(seq)) = (accepted.epoch, accepted.seq) else {
                    env.violate("accepted", format!("client {}: accepted without a position", self.number));
                    return;
                };
                self.reader(env).items.push(Seen::Accepted { epoch });
                let mut from = seq;
                if !self.has_base {
                    self.has_base = true;
                    from = self.based(env, Base { epoch, seq, resumed: accepted.resumed, oldest });
                } else if !accepted.resumed {
                    env.violate("accepted", format!("client {}: accepted without its cursor", self.number));
                }
                self.epoch = Some(epoch);
                // What passed while it did not wish for a topic is not its loss.
                let passed = self.position.cursor.filter(|cursor| cursor.epoch == epoch);
                let from = passed.map_or(from, |cursor| from.max(cursor.seq));
                if accepted.resumed {
                    self.followed(env, presented, epoch, from);
                }
            }
            Notice::Moved(cursor) => {
                self.position.cursor = Some(cursor);
                self.reader(env).items.push(Seen::Moved { cursor });
                self.remember(env);
                // A position before everything is none.
                if self.saves_every == 1 && cursor.seq > Seq::ZERO {
                    self.save(env);
                }
            }
            Notice::Gap(gap) => {
                env.counters.count("client: gaps");
                if gap.reason == GapReason::Missing {
                    env.counters.count("client: holes that a resume did not fill");
                }
                let seen = Seen::Gap {
                    topic: gap.topic,
                    after: gap.after,
                    before: gap.before,
                    reason: gap.reason,
                    oldest,
                };
                self.reader(env).items.push(seen);
            }
            Notice::HandoverStarted => {
                env.counters.count("client: handovers started");
                self.handing_over = self.state == ConnectionState::Connected;
            }
            Notice::HandoverFailed { .. } => {
                env.counters.count("client: handovers failed");
                self.handing_over = false;
            }
            Notice::Reconnecting { .. } => env.counters.count("client: reconnects"),
            Notice::Rejected(_) => env.counters.count("client: rejected"),
            Notice::TopicsChanged { .. } => env.counters.count("client: topics changed"),
            Notice::SubscribeAck(ack) => {
                env.counters.count("client: subscribe answers");
                if let Some((epoch, seq)) = self.epoch.zip(ack.seq) {
                    self.followed(env, &ack.subscribed, epoch, seq);
                }
            }
            Notice::UnsubscribeAck(_) => env.counters.count("client: unsubscribe answers"),
            Notice::GatewayError { .. } => env.counters.count("client: errors said by the gateway"),
            Notice::Trouble(why) => {
                env.counters.count("client: troubles");
                // A link that skips an event is given up once, and only where one was really lost on its way.
                if env.counters.of("client: troubles") > env.counters.of("fault: event lost on its way") {
                    env.violate("needless", format!("client {}: {why}", self.number));
                }
            }
            _ => {}
        }
    }

    /// Where a reader without a position stands now.
    fn based(&mut self, env: &mut Env, base: Base) -> Seq {
        let Base { epoch, seq, resumed, oldest } = base;
        if seq > env.history.truth.head() {
            env.violate("accepted", format!("client {}: accepted at {seq}, ahead of the log", self.number));
        }
        // From the oldest retained event on: what retention took before is nobody's loss.
        let before_oldest = Seq::new(oldest.get().saturating_sub(1)).unwrap_or(Seq::ZERO);
        let seq = if resumed { seq.max(before_oldest) } else { seq };
        let moment = env.history.moment();
        self.reader(env).items.push(Seen::Based { epoch, seq, from_oldest: resumed, moment });
        seq
    }

    fn state_changed(&mut self, env: &mut Env, life: u32, state: ConnectionState) {
        if state == self.state {
            env.violate("state", format!("client {}: {state:?} was told twice", self.number));
        }
        if self.handing_over && state == ConnectionState::Reconnecting {
            env.counters.count("client: the link died during a handover");
            self.handing_over = false;
        } else if self.handing_over && !matches!(state, ConnectionState::Closing | ConnectionState::Closed(_))
        {
            env.violate("state", format!("client {}: {state:?} during a handover", self.number));
        }
        if let ConnectionState::Closed(reason) = &state {
            self.handing_over = false;
            match reason {
                CloseReason::Asked => env.counters.count("client: closed as asked"),
                CloseReason::Rejected(_) => env.counters.count("client: closed, rejected"),
                CloseReason::Refused(code) if code.0 == 4506 => {
                    env.counters.count("client: closed, superseded")
                }
                _ => env.counters.count("client: closed for good"),
            }
            let again = CONNECT_AGAIN_AFTER + env.rng.millis(0, 2_000);
            let what = PeerEvent::Connects { life };
            env.after(again, Event::Peer { peer: self.number, what });
        }
        self.state = state;
    }

    /// What it saved last was its state when it stood at `seq` of `epoch`, if it ever did.
    pub(crate) fn had_saved_at(&mut self, env: &mut Env, epoch: Epoch, seq: Seq) -> bool {
        let is_there = |cursor: Cursor| cursor.epoch == epoch && cursor.seq == seq;
        let found = self.trail.iter().rev().find(|(position, _)| position.cursor.is_some_and(is_there));
        let Some((position, seen)) = found.cloned() else { return false };
        let cursor = position.cursor;
        self.saved = Some(position);
        let items = &mut self.reader(env).items;
        let later = items.split_off(seen);
        items.push(Seen::Saved { cursor });
        items.extend(later.into_iter().filter(|item| !matches!(item, Seen::Saved { .. })));
        true
    }

    fn remember(&mut self, env: &mut Env) {
        let seen = self.reader(env).items.len();
        if self.trail.len() == LONGEST_TRAIL {
            self.trail.drain(..LONGEST_TRAIL / 2);
        }
        self.trail.push((self.position.clone(), seen));
    }

    fn save(&mut self, env: &mut Env) {
        self.unsaved = 0;
        self.saved = Some(self.position.clone());
        let cursor = self.position.cursor;
        self.reader(env).save(cursor);
    }

    fn reader<'a>(&self, env: &'a mut Env) -> &'a mut Reader {
        &mut env.history.readers[self.number]
    }
}

/// Where a reader without a position starts.
#[derive(Clone, Copy)]
struct Base {
    epoch: Epoch,
    seq: Seq,
    resumed: bool,
    oldest: Seq,
}

fn nowhere() -> SavedPosition {
    SavedPosition { session_id: None, cursor: None }
}

/// How long an application waits before it asks again after a terminal close.
const CONNECT_AGAIN_AFTER: Duration = Duration::from_secs(3);

/// So much waiting is little.
const LITTLE: usize = 8;

/// How long an application may have more waiting: what comes at once when a link is accepted, the statuses of its conversations
/// included, takes the slowest ones 10 ms each.
const TAKES_A_BURST_WITHIN: Duration = Duration::from_secs(1);

/// How many of its earlier states an application could have saved.
const LONGEST_TRAIL: usize = 4_000;
