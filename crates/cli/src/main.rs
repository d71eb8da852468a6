//! The `bowline` command.

mod api;
mod args;
mod bench;
mod cursor_file;
mod doctor;
mod failure;
mod listen;
mod logging;
mod publish;
mod render;
mod serve;
mod target;
mod token;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Cli, Command};
use crate::failure::Failure;

/// A connection's few dozen small allocations come and go together, often with the whole fleet's; this allocator is
/// measurably cheaper at that than the system's (docs/performance.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    if !matches!(command, Command::Serve(_)) {
        logging::start_quietly();
    }
    match command {
        Command::Serve(args) => block_on(serve::run(&args)),
        Command::Token(args) => token::run(&args),
        Command::Grant(args) => publish::change_right(&args, "PUT"),
        Command::Revoke(args) => publish::change_right(&args, "DELETE"),
        Command::Publish(args) => publish::run(&args),
        Command::Listen(args) => block_on(listen::run(args)),
        Command::Bench(args) => bench::run(&args.workload),
        Command::Doctor(args) => block_on(doctor::run(&args)),
    }
}

/// One thread is enough: the gateway's shards bring their own.
fn block_on(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("can't start: {error}")))?
        .block_on(work)
}
