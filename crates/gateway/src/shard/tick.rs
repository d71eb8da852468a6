//! The loop of a shard: feed facts, drain orders, write each socket once, arm one deadline.
//!
//! Between the bell and the tick the reactor is polled once more, so everything that has arrived meanwhile belongs to
//! the same tick and to the same write.

use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bowline_gateway_core::Input;
use bowline_proto::Record;
use tokio::time::{Instant, sleep_until};

use crate::shard::host::{Shard, State};
use crate::shard::inbox::{Mail, NodeOrder};

/// Text fed to the core before the sockets are written: keeps a turn short, and what a blocked socket holds small.
const TURN_BYTES: usize = 256 * 1024;

/// Runs the shard until the node orders its end.
pub(crate) async fn run(shard: Rc<Shard>) {
    let far = Instant::now() + Duration::from_secs(24 * 3600);
    let mut armed = far;
    let mut timer = std::pin::pin!(sleep_until(armed));
    loop {
        tokio::select! {
            () = shard.inbox().rung() => {}
            () = &mut timer => {}
        }
        tokio::task::yield_now().await;
        let deadline = {
            let state = &mut *shard.state.borrow_mut();
            if tick(&shard, state).is_break() {
                return;
            }
            shard.next_deadline(state)
        };
        let due = deadline.map_or(far, |at| Instant::from_std(shard.around.clock.instant(at)));
        if due != armed || timer.is_elapsed() {
            armed = due;
            timer.as_mut().reset(due);
        }
    }
}

fn tick(shard: &Rc<Shard>, state: &mut State) -> ControlFlow<()> {
    shard.begin_tick(state);
    let Mail { reopened, tail, skipped, newcomers, signals, pages, orders, .. } =
        shard.inbox().take(state.backlog.is_empty());
    if let Some((epoch, head)) = reopened {
        state.backlog.clear();
        shard.feed(state, Input::LogReopened { epoch, head });
    }
    if let Some(upto) = skipped {
        shard.feed(state, Input::TailSkipped { upto });
    }
    state.backlog.extend(tail);
    feed_backlog(shard, state);
    for (conn, page) in pages {
        let answer = page.map_or(Input::ReadFailed { conn }, |page| Input::PageRead { conn, page });
        shard.feed(state, answer);
    }
    for newcomer in newcomers {
        shard.adopt(state, newcomer);
    }
    for signal in signals {
        shard.feed(state, Input::Shared(signal));
    }
    for order in orders {
        match order {
            NodeOrder::Disconnect(account) => shard.feed(state, Input::Disconnect { account }),
            NodeOrder::Drain(window) => shard.feed(state, Input::DrainStarted { window }),
            NodeOrder::Stop => return ControlFlow::Break(()),
        }
    }
    shard.expire(state);
    shard.flush(state);
    shard.end_tick(state);
    ControlFlow::Continue(())
}

fn feed_backlog(shard: &Shard, state: &mut State) {
    let mut fed = 0;
    while fed < TURN_BYTES
        && let Some(records) = state.backlog.pop_front()
    {
        fed += text_bytes(&records);
        shard.feed(state, Input::Appended { records });
    }
}

fn text_bytes(records: &Arc<[Record]>) -> usize {
    let text = |record: &Record| match record {
        Record::Event(event) => event.text.len(),
        Record::Granted { .. } | Record::Revoked { .. } => 0,
    };
    records.iter().map(text).sum()
}
