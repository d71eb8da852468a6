//! How the orders of the shard core are carried out: one turn of a driver.

use std::collections::BTreeSet;

use bowline_gateway_core::{ConnId, Input, Output};
use bowline_proto::{Record, Seq, encode_server_frame};

use crate::env::Env;
use crate::event::{NodeEvent, WireId};
use crate::network::{Network, Parcel};

use super::Node;
use super::sockets::CLOSE_DEADLINE;
use super::watch::count_close;

impl Node {
    /// Carries out the orders, then writes to every socket that has something, as one turn of a driver does.
    pub(super) fn drain(&mut self, env: &mut Env, net: Option<&mut Network>) {
        let Some(process) = &mut self.process else { return };
        let mut orders = Vec::new();
        while let Some(order) = process.core.poll_output() {
            orders.push(order);
            if orders.len() > MOST_ORDERS {
                env.violate("bounds", format!("the gateway gave {MOST_ORDERS} orders at once"));
                break;
            }
        }
        env.counters.most("most: orders of the gateway at once", orders.len() as u64);
        let mut touched: BTreeSet<WireId> = BTreeSet::new();
        for order in orders {
            self.carry_out(env, order, &mut touched);
        }
        self.watch_joined(env);
        let mut blocked = Vec::new();
        if let Some(net) = net {
            for wire in touched {
                self.flush(env, net, wire);
                if let Some(socket) = self.socket(wire)
                    && !socket.pending.is_empty()
                    && !socket.blocked
                {
                    socket.blocked = true;
                    if !socket.closing && !socket.close_heard {
                        blocked.push(socket.conn);
                    }
                }
            }
            for conn in blocked {
                // What it is not told now it was not promised: a follower that takes nothing waits for the renewals.
                if let Some(process) = &mut self.process {
                    process.leases.left(conn, None);
                }
                env.counters.count("gateway: a socket blocked");
                self.feed(env, net, Input::Blocked { conn });
            }
        }
        self.arm(env);
    }

    /// The event that is lost on its way to the first of its readers, where that was planned: the next one of its topic
    /// follows it at once and proves the hole. None is lost twice, because then it could not be had.
    fn lost_of(&mut self, env: &mut Env, records: &[Record]) -> Option<Seq> {
        let after = self.loses_after?;
        let place = records.windows(2).position(|pair| match pair {
            [Record::Event(first), Record::Event(next)] => first.topic == next.topic && first.seq > after,
            _ => false,
        })?;
        let lost = records[place].seq();
        self.loses_after = None;
        self.lost_upto = lost;
        env.counters.count("fault: event lost on its way");
        env.trace.say(env.now, format_args!("gateway loses {lost}"));
        Some(lost)
    }

    pub(super) fn carry_out(&mut self, env: &mut Env, order: Output, touched: &mut BTreeSet<WireId>) {
        let life = self.life;
        match order {
            Output::Send { conn, frame } => {
                env.trace.say(env.now, format_args!("gateway says to {conn:?}: {frame:?}"));
                let Some(wire) = self.told(env, conn) else { return };
                self.watch_steering(env, wire, &frame);
                let text = encode_server_frame(&frame);
                self.write(wire, Parcel::Text(text.into()), touched);
            }
            Output::Deliver { records, range, to } => {
                let seqs = records
                    .get(range.start)
                    .map(Record::seq)
                    .zip(records.get(range.end - 1).map(Record::seq));
                env.trace.say(env.now, format_args!("gateway delivers {seqs:?} to {to:?}"));
                let lost = self.lost_of(env, &records[range.clone()]);
                for (place, conn) in to.into_iter().enumerate() {
                    let Some(wire) = self.told(env, conn) else { continue };
                    for record in &records[range.clone()] {
                        let Record::Event(event) = record else {
                            env.violate("deliver", format!("{conn:?} was to get a record that is no event"));
                            continue;
                        };
                        self.watch_delivery(env, wire, event);
                        self.watch_age(env, wire);
                        // Only who can resume can go back for it.
                        let can_resume =
                            self.socket(wire).is_some_and(|s| s.account.as_str().starts_with('a'));
                        if place > 0 || !can_resume || Some(event.seq) != lost {
                            self.write(wire, Parcel::Text(event.text.clone()), touched);
                        }
                    }
                }
            }
            Output::Signal { text, to } => {
                self.watch_signal(env, &text, &to);
                for conn in to {
                    if let Some(wire) = self.told(env, conn) {
                        self.write(wire, Parcel::Text(text.clone()), touched);
                    }
                }
            }
            Output::Read { conn, query } => {
                let Some(process) = &mut self.process else { return };
                let most = self.plan.limits_of(self.processes.max(1)).reads_at_once;
                let is_known = |conn: &&ConnId| {
                    let socket = process.wires.get(conn).and_then(|wire| process.sockets.get(wire));
                    socket.is_some_and(|socket| !socket.closing && !socket.close_heard)
                };
                let reads = process.reads.iter().filter(is_known).count();
                if reads >= most {
                    env.violate("bounds", format!("{} reads of the log at a time", reads + 1));
                }
                if !process.reads.insert(conn) {
                    env.violate("read", format!("{conn:?} asked the log twice at a time"));
                }
                env.counters.count("gateway: reads of the log");
                let page =
                    if self.rng.percent(50) { process.store.read(&query).ok().map(Box::new) } else { None };
                let delay = self.reads_wait + self.rng.millis(self.plan.read.0, self.plan.read.1);
                self.later(env, delay, NodeEvent::PageArrives { life, conn, query: Box::new(query), page });
            }
            Output::Ping { conn } => {
                if let Some(wire) = self.told(env, conn) {
                    self.write(wire, Parcel::Ping, touched);
                }
            }
            Output::Close { conn, code } => {
                let Some(wire) = self.told(env, conn) else { return };
                env.trace.say(env.now, format_args!("gateway closes {conn:?} with {}", code.0));
                count_close(env, code);
                let cause = self.cause;
                self.watch_close(env, wire, code, cause);
                self.write(wire, Parcel::Close(code), touched);
                if let Some(socket) = self.socket(wire) {
                    socket.closing = true;
                }
                if let Some(process) = &mut self.process {
                    process.leases.left(conn, None);
                }
                self.later(env, CLOSE_DEADLINE, NodeEvent::CloseDue { wire, life });
            }
            Output::Share(_) => {}
        }
    }
}

/// More orders than this from one fact are more than any world can need: some for each socket and each record of a page.
const MOST_ORDERS: usize = 30_000;
