//! A thread of its own for each shard: one single-threaded runtime, one set of local tasks.

use std::io;
use std::rc::Rc;
use std::thread::JoinHandle;

use bowline_gateway_core::GatewayCore;
use tokio::runtime::Builder;
use tokio::task::LocalSet;

use crate::shard::host::{Shard, Surroundings};
use crate::shard::tick;

/// Threads of a shard's blocking pool: they read pages of the log for readers that are behind.
const READ_THREADS: usize = 2;

/// Starts a shard. `serve` runs on its thread before the loop begins and may spawn local tasks: the accept loop.
pub(crate) fn spawn(
    around: Surroundings,
    make_core: impl FnOnce() -> GatewayCore + Send + 'static,
    serve: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(READ_THREADS)
        .thread_name(format!("bowline-read-{}", around.index))
        .build()?;
    std::thread::Builder::new().name(format!("bowline-shard-{}", around.index)).spawn(move || {
        let local = LocalSet::new();
        local.block_on(&runtime, async move {
            let shard = Shard::new(around, make_core());
            serve();
            tick::run(Rc::clone(&shard)).await;
        });
        // Tasks hold the sockets; they end here, with the reactor still alive.
        drop(local);
        runtime.shutdown_background();
    })
}
