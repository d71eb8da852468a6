//! `bowline-sim`: runs seeds, says what broke.

use std::process::ExitCode;
use std::time::Instant;

use bowline_sim::{Outcome, Summary, Trace, run};
use clap::Parser;

/// Runs Bowline's client core, gateway core and log in virtual time, breaks everything around them, and checks the
/// delivery promise.
///
/// Each seed is one world: its clients and their habits, its publishers, its log's settings, and what breaks when. The
/// same seed always gives the same run, to the microsecond.
#[derive(Parser, Debug)]
#[command(name = "bowline-sim", after_help = EXAMPLES)]
struct Args {
    /// Seeds to run: `1..300` is 1 to 300, both included.
    #[arg(long, value_name = "FROM..TO", value_parser = seeds, default_value = "1..300", conflicts_with = "seed")]
    seeds: (u64, u64),
    /// Runs one seed and prints its violations with what happened around the first one.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// With --seed: prints everything that happened.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Stops at the first seed that breaks a rule.
    #[arg(long)]
    fail_fast: bool,
}

const EXAMPLES: &str = "Examples:
  cargo run --release -p bowline-sim -- --seeds 1..300     what the tests run
  cargo run --release -p bowline-sim -- --seed 17          one seed, and what broke in it
  cargo run --release -p bowline-sim -- --seed 17 --trace  the same, with every step

The list `rare states:` says how often each was reached, also 0; a run of 10,000 seeds or more has to reach them all.
Exit code: 0 when every promise was kept, 1 when a rule was broken or a rare state was not reached, 2 for a bad argument.";

fn main() -> ExitCode {
    let args = Args::parse();
    match args.seed {
        Some(seed) => one(seed, args.trace),
        None => many(args.seeds, args.fail_fast),
    }
}

fn one(seed: u64, all: bool) -> ExitCode {
    let outcome = run(seed, Trace::keeping());
    if all {
        for line in outcome.trace.lines() {
            println!("{line}");
        }
    } else {
        around_the_first_violation(&outcome);
    }
    for violation in &outcome.violations {
        println!(
            "[{}] at {:.6} s: {}",
            violation.rule,
            violation.at.as_micros() as f64 / 1e6,
            violation.detail
        );
    }
    let what = if outcome.violations.is_empty() { "kept every promise" } else { "broke its promise" };
    println!("seed {seed} {what}; trace hash {:016x}", outcome.trace.hash());
    if outcome.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The lines before the first violation, with every fault so far.
fn around_the_first_violation(outcome: &Outcome) {
    let lines = outcome.trace.lines();
    let Some(first) = lines.iter().position(|line| line.contains("VIOLATION")) else { return };
    let near = first.saturating_sub(LINES_BEFORE);
    for (index, line) in lines.iter().enumerate().take((first + 10).min(lines.len())) {
        let is_fault =
            line.contains("fault ") || line.contains("gateway starts") || line.contains("is killed");
        if index >= near || is_fault {
            println!("{line}");
        }
    }
    println!();
}

fn many((from, to): (u64, u64), fail_fast: bool) -> ExitCode {
    let began = Instant::now();
    let mut summary = Summary::default();
    for seed in from..=to {
        let outcome = run(seed, Trace::hashing());
        if let Some(first) = outcome.violations.first() {
            println!("seed {seed} broke `{}`; see it with --seed {seed}", first.rule);
        }
        summary.add(&outcome);
        if fail_fast && !summary.is_clean() {
            break;
        }
    }
    println!("{}", summary.text(began.elapsed()));
    if summary.is_clean() && summary.unreached().is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn seeds(text: &str) -> Result<(u64, u64), String> {
    let said = || format!("`{text}` is not a range of seeds such as 1..300");
    let (from, to) = text.split_once("..").ok_or_else(said)?;
    let (from, to): (u64, u64) = (from.parse().map_err(|_| said())?, to.parse().map_err(|_| said())?);
    if from > to { Err(said()) } else { Ok((from, to)) }
}

/// How much is printed before a violation.
const LINES_BEFORE: usize = 60;
