//! `bowline bench`: what the gateway costs on this machine, beside the least that the kernel allows, in one run.
//!
//! Timings drift between runs and machines, so every one is printed with its ratio to the floor measured in turn with it.

mod connect;
mod fanout;
mod floor;
mod idle;
mod latency;
mod load;
mod log;
mod process;
mod storm;

use crate::args::Workload;
use crate::failure::Failure;

pub(crate) fn run(workload: &Workload) -> Result<(), Failure> {
    match workload {
        Workload::Fanout(args) => fanout::run(args),
        Workload::Latency(args) => latency::run(args),
        Workload::Connect(args) => connect::run(args),
        Workload::Idle(args) => idle::run(args),
        Workload::Log(args) => log::run(args),
        Workload::Storm(args) => storm::run(args),
        Workload::Floor(args) => floor::run(args),
    }
}

/// The middle one; an even count takes the upper middle.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// The middle ratio of a floor's run and the gateway's run after it, and the outermost ones.
fn ratios(each: impl Iterator<Item = f64>) -> String {
    let mut all: Vec<f64> = each.collect();
    all.sort_by(f64::total_cmp);
    let (least, most) = (all.first().copied().unwrap_or(0.0), all.last().copied().unwrap_or(0.0));
    let runs = all.len();
    format!("{:.2}   ({runs} pairs of runs: {least:.2} to {most:.2})", median(all))
}

/// The `q`-quantile of microseconds, in microseconds.
fn quantile(values: &mut [u32], q: f64) -> u32 {
    values.sort_unstable();
    values.get(((values.len().max(1) - 1) as f64 * q).round() as usize).copied().unwrap_or(0)
}
