//! How the orders of the client core are carried out: one turn of a driver.

use std::collections::VecDeque;

use bowline_client_core::{Layer, Notice, Output};
use bowline_proto::{ClientFrame, Event as AppEvent, RequestedTopic, Topic, encode_client_frame};

use crate::app::News;
use crate::env::Env;
use crate::event::{Event, NodeNo, PeerEvent};
use crate::messages;
use crate::network::{Dial, Network, Parcel};
use crate::plan::End;

use super::{ClientHost, Socket};

impl ClientHost {
    pub(super) fn drain(&mut self, env: &mut Env, net: &mut Network) {
        let mut orders = VecDeque::new();
        if let Some(process) = &mut self.process {
            while let Some(order) = process.core.poll_output() {
                orders.push_back(order);
                if orders.len() > MOST_ORDERS {
                    env.violate(
                        "bounds",
                        format!("client {} gave {MOST_ORDERS} orders at once", self.number),
                    );
                    break;
                }
            }
        }
        env.counters.most("most: orders of a client at once", orders.len() as u64);
        for order in orders {
            self.carry_out(env, net, order);
        }
        if env.messages.waiting(self.number) > MOST_MESSAGES {
            env.violate("bounds", format!("client {}: more messages wait than may", self.number));
        }
        self.arm(env);
        let long = self.app.waiting() > PAUSE_READING_ABOVE;
        if long && self.process.as_ref().is_some_and(|process| !process.read_paused) {
            env.counters.count("client: reading paused");
            self.set_read_paused(env, net, true);
        }
    }

    fn carry_out(&mut self, env: &mut Env, net: &mut Network, order: Output<AppEvent>) {
        let client = self.number;
        match order {
            Output::FetchCredential { fetch } => {
                if let Some(process) = &mut self.process {
                    process.manners.fetches(env);
                }
                let good = !self.rng.per_mille(self.plan.token_trouble);
                // Some issuers take longer than anybody waits.
                let is_slow = self.rng.per_mille(self.plan.token_trouble / 4);
                let delay = if is_slow { self.rng.millis(5_000, 40_000) } else { self.rng.millis(0, 200) };
                let life = self.life;
                self.later(env, delay, PeerEvent::CredentialAnswers { life, fetch: fetch.0, good });
            }
            // The late answer comes nevertheless: the core has to ignore it.
            Output::ForgetCredential { fetch } => {
                env.counters.count("client: a token is no longer wanted");
                if let Some(process) = &mut self.process {
                    process.passes.remove(&fetch);
                    process.manners.credential_forgotten(fetch.0);
                }
            }
            Output::Dial { link, fetch, layer } => {
                let pass = self.process.as_mut().and_then(|process| process.passes.remove(&fetch));
                let Some(pass) = pass else {
                    return env.violate("credential", format!("client {client} dials without {fetch:?}"));
                };
                let dial = Dial { resume: layer == Layer::Resume, pass };
                let wire = net.dial(env, client, HOME, dial);
                env.trace.say(env.now, format_args!("client {client} dials {link:?} {layer:?} on {wire:?}"));
                if let Some(process) = &mut self.process {
                    process.manners.dials(env, fetch.0);
                    process.links.insert(link, Socket { wire, opened: false, close_sent: false });
                    if process.read_paused {
                        net.set_unread(env, wire, true);
                    }
                    if process.links.len() > 3 {
                        env.counters.count("client: more than three sockets at once");
                    }
                }
            }
            Output::Send { link, frame } => {
                if let (ClientFrame::Resume(resume), Some(process)) = (&frame, &mut self.process) {
                    process.presented = resume.topics.iter().filter_map(valid).collect();
                }
                if let Some(wire) = self.socket(link).map(|socket| socket.wire) {
                    let now = self.clock(env);
                    if let Some(process) = &mut self.process {
                        process.wishes.says(now, link, &frame);
                    }
                    let text = encode_client_frame(&frame);
                    net.send(env, wire, End::Client, Parcel::Text(text.into()));
                }
            }
            Output::SendMessage { link, message } => {
                if let Err(said) = env.messages.sent(client, message.0) {
                    env.violate("messages", said);
                }
                if let Some(wire) = self.socket(link).map(|socket| socket.wire) {
                    env.counters.count("client: messages sent");
                    net.send(env, wire, End::Client, Parcel::Text(messages::text(message.0)));
                }
            }
            Output::DropMessage { message } => {
                env.counters.count("client: messages given back");
                if let Err(said) = env.messages.given_back(client, message.0) {
                    env.violate("messages", said);
                }
            }
            Output::Close { link, code } => {
                if let Some(socket) = self.socket(link) {
                    let wire = socket.wire;
                    if !std::mem::replace(&mut socket.close_sent, true) {
                        net.send(env, wire, End::Client, Parcel::Close(code));
                    }
                }
            }
            Output::Abort { link } => {
                if let Some(wire) = self.socket(link).map(|socket| socket.wire) {
                    net.close(env, wire, End::Client);
                    self.forget(link);
                }
                // What the driver had read of it, or was about to hear, may come nevertheless.
                if self.rng.percent(40) {
                    let (delay, life) = (self.rng.millis(0, 300), self.life);
                    self.later(env, delay, PeerEvent::LateAnswer { life, link });
                }
            }
            Output::Deliver { body, cursor } => {
                self.watch_cursor(env, cursor);
                if let Some(process) = &mut self.process {
                    process.manners.delivers(env);
                }
                self.hand(env, News::Event { event: Box::new(body), cursor });
            }
            Output::Notify(notice) => {
                env.trace.say(env.now, format_args!("client {client} hears {notice:?}"));
                if let Some(process) = &mut self.process {
                    process.manners.tells(env, &notice);
                    process.wishes.hears(&notice);
                }
                if let Notice::Moved(cursor) = &notice {
                    self.watch_cursor(env, Some(*cursor));
                }
                let oldest = env.history.oldest;
                let presented =
                    self.process.as_ref().map_or_else(Vec::new, |process| process.presented.clone());
                self.hand(env, News::Notice { notice, oldest, presented });
            }
        }
    }

    fn hand(&mut self, env: &mut Env, news: News) {
        self.app.hand(env, self.life, news);
    }

    pub(super) fn arm(&mut self, env: &mut Env) {
        let Some(process) = &mut self.process else { return };
        let deadline = process.core.poll_timeout().map(|deadline| deadline.at);
        if deadline == process.armed {
            return;
        }
        self.arm += 1;
        process.armed = deadline;
        if let Some(at) = deadline {
            let what = PeerEvent::Wakes { arm: self.arm };
            env.at(at + self.slept, Event::Peer { peer: self.number, what });
        }
    }
}

fn valid(requested: &RequestedTopic) -> Option<Topic> {
    match requested {
        RequestedTopic::Valid(topic) => Some(topic.clone()),
        RequestedTopic::Invalid(_) => None,
    }
}

/// The driver stops reading when this much waits for the application.
const PAUSE_READING_ABOVE: usize = 64;

/// More orders than this from one fact are more than any world can need: the outbox, and a few for each gap and topic.
const MOST_ORDERS: usize = 3_000;

/// How many messages may wait: what the core is configured to keep.
const MOST_MESSAGES: usize = 1_024;

/// The node that everybody dials.
const HOME: NodeNo = 0;
