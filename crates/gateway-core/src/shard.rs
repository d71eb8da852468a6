//! The shard: who is asked when a fact comes in. Each decision lives in the module that is named for it.

use std::collections::VecDeque;

use bowline_proto::{Epoch, Seq, Time};

use crate::config::ShardConfig;
use crate::vocabulary::{Input, Output, Stats};

/// One shard of a gateway.
#[derive(Debug)]
pub struct GatewayCore {
    pub(crate) config: ShardConfig,
    pub(crate) epoch: Epoch,
    pub(crate) head: Seq,
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) stats: Stats,
}

impl GatewayCore {
    /// A shard that follows the tail of the log `epoch` from behind `head` on.
    #[must_use]
    pub fn new(config: ShardConfig, epoch: Epoch, head: Seq, now: Time) -> Self {
        let _ = now;
        GatewayCore { config, epoch, head, outputs: VecDeque::new(), stats: Stats::default() }
    }

    /// Takes a fact. Infallible: a bad peer becomes orders.
    pub fn handle(&mut self, now: Time, input: Input) {
        let _ = (now, input);
    }

    /// Does what has become due. Early or repeated calls do nothing.
    pub fn handle_timeout(&mut self, now: Time) {
        let _ = now;
    }

    /// The next order. Drain to `None` after every call above.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`GatewayCore::handle_timeout`]; `None`: not before the next fact.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        None
    }

    /// Counts for metrics and readiness.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.stats
    }
}
