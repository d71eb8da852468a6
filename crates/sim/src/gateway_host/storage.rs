//! How a gateway opens its log, what it does when the log's device fails, and when it opens it again.

use std::sync::Arc;

use bowline_gateway_core::Input;
use bowline_log::{LogStore, StoreError};
use core::time::Duration;

use crate::env::Env;
use crate::event::{NodeEvent, WireId};
use crate::log_process;
use crate::network::Network;
use crate::plan::End;

use super::Node;
use super::sockets::CLOSE_DEADLINE;

impl Node {
    /// Opens the log and compares what it shows with what was committed. Where it does not open for a reason that passes,
    /// a later attempt is planned.
    pub(super) fn open_log(&mut self, env: &mut Env) -> Option<Arc<dyn LogStore>> {
        let fresh = self.rng.next_u64();
        let failed_before = self.disk.failed_syncs();
        let wall = self.wall(env);
        match log_process::open(self.disk.clone(), &self.plan, self.limits(), self.boot, fresh, wall) {
            Ok((store, change)) => {
                if let Some(change) = change {
                    env.trace.say(env.now, format_args!("the log has a new epoch: {change:?}"));
                }
                self.compare(env, &*store);
                // Reading makes a damaged index anew, which is a change of the disk like any other.
                if self.disk.is_dead() {
                    self.died_while_it_opened(env);
                    return None;
                }
                self.is_rotten = false;
                self.disk.keep_whole(None);
                Some(store)
            }
            // Somebody makes room and starts it again.
            Err(StoreError::Full) => {
                env.counters.count("log: too full to open");
                self.try_again(env, Duration::from_secs(1));
                None
            }
            Err(_) if self.disk.is_dead() => {
                self.died_while_it_opened(env);
                None
            }
            Err(_) if self.disk.failed_syncs() > failed_before => {
                env.counters.count("fault: a sync failed");
                env.counters.count("log: a sync failed while it opened");
                if self.process.is_some() {
                    env.history.truth.opening_failed();
                }
                self.try_again(env, Duration::from_millis(500));
                None
            }
            Err(error) => {
                env.violate("recovery", format!("the log does not open: {error}"));
                None
            }
        }
    }

    fn died_while_it_opened(&self, env: &mut Env) {
        env.counters.count("gateway: died while it opened its log");
        self.try_again(env, Duration::from_millis(100));
    }

    fn try_again(&self, env: &mut Env, after: Duration) {
        let what = match &self.process {
            Some(_) => NodeEvent::ReopensLog { life: self.life },
            None => NodeEvent::Starts,
        };
        self.later(env, after, what);
    }

    /// The log's device failed, or the process died in the middle of a change.
    pub(super) fn log_failed(&mut self, env: &mut Env, net: &mut Network, error: &StoreError) {
        if self.disk.is_dead() {
            env.counters.count("gateway: died in the middle of a write");
            let down = self.down_after_death;
            return self.kill(env, net, down);
        }
        let failed = self.disk.failed_syncs();
        let Some(process) = &mut self.process else { return };
        if process.log_failed {
            return;
        }
        if failed <= process.syncs_known_failed {
            env.violate("log", format!("the log failed without a cause: {error}"));
        }
        process.syncs_known_failed = failed;
        env.counters.count("fault: a sync failed");
        env.counters.count("gateway: its log failed");
        self.lose_log(env);
    }

    /// The log takes no appends any more; it is reopened soon.
    fn lose_log(&mut self, env: &mut Env) {
        let Some(process) = &mut self.process else { return };
        process.log_failed = true;
        // Answered with an error, or not at all: the publishers ask again.
        process.appended.clear();
        process.waiting.clear();
        process.committing = false;
        let delay = self.rng.millis(10, 1_000);
        self.later(env, delay, NodeEvent::ReopensLog { life: self.life });
    }

    /// The log is closed and recovered in the living process.
    pub(crate) fn reopen_log(&mut self, env: &mut Env, net: &mut Network) {
        if self.process.is_some() {
            env.counters.count("gateway: reopened its log");
            self.lose_log(env);
            self.reopen_due(env, net, self.life);
        }
    }

    /// A failed log is to be opened again.
    pub(super) fn reopen_due(&mut self, env: &mut Env, net: &mut Network, life: u32) {
        if life != self.life || self.process.as_ref().is_none_or(|process| !process.log_failed) {
            return;
        }
        env.trace.say(env.now, format_args!("gateway reopens its log"));
        // What was planned with the old log is stale; the sockets stay.
        self.life += 1;
        if let Some(process) = &self.process {
            commit_the_last(env, &*process.store);
            if let Err(error) = process.store.close() {
                env.trace.say(env.now, format_args!("the log can't be closed: {error}"));
            }
        }
        if self.disk.is_dead() {
            env.counters.count("gateway: died in the middle of a write");
            let down = self.down_after_death;
            return self.kill(env, net, down);
        }
        self.drop_half_open(env, net);
        let closing: Vec<WireId> = self.closing();
        for wire in closing {
            self.later(env, CLOSE_DEADLINE, NodeEvent::CloseDue { wire, life: self.life });
        }
        if self.is_draining() {
            self.later(env, Duration::from_secs(1), NodeEvent::DrainEnds { life: self.life });
        }
        let Some(store) = self.open_log(env) else {
            if self.disk.is_dead() {
                let down = self.down_after_death;
                self.kill(env, net, down);
            }
            return;
        };
        let status = store.status();
        let now = env.now;
        let Some(process) = &mut self.process else { return };
        process.store = store;
        process.log_failed = false;
        process.appended.clear();
        process.waiting.clear();
        process.committing = false;
        process.tail.clear();
        process.tail_due = now;
        process.reads.clear();
        self.later(env, self.plan.retain_every, NodeEvent::Retains { life: self.life });
        self.watch_start();
        self.feed(env, net, Input::LogReopened { epoch: status.epoch, head: status.head });
    }

    /// Upgrades that are under way have facts of the old log.
    fn drop_half_open(&mut self, env: &mut Env, net: &mut Network) {
        let Some(process) = &mut self.process else { return };
        let half_open: Vec<WireId> =
            process.sockets.iter().filter(|(_, s)| s.hello.is_some()).map(|(wire, _)| *wire).collect();
        for wire in half_open {
            if let Some(socket) = process.sockets.remove(&wire) {
                process.free.push(socket.conn.slot);
            }
            net.close(env, wire, End::Gateway);
        }
    }
}

/// A log that is closed commits what was appended: where it does not open again at once, readers have that from the
/// closed one.
fn commit_the_last(env: &mut Env, store: &dyn LogStore) {
    for record in store.commit().iter().flat_map(|records| records.iter()) {
        if let Err(said) = env.history.truth.commit(record) {
            env.violate("agreement", said);
        }
    }
}
