//! `mutants`: spoils good histories in every way that breaks the promise, and says whether the checker noticed.

use std::process::ExitCode;
use std::time::Instant;

use bowline_history::{Campaign, good_history};
use bowline_sim::{Trace, run};
use clap::Parser;

/// Proves the checker of the delivery promise: takes good histories (made up from a seed, and recorded from runs of the
/// simulator), spoils each with every mutator, and counts how many the checker caught by the rule that was broken.
///
/// Exit code: 0 when it caught every mutant and found nothing in a good history, 1 otherwise.
#[derive(Parser, Debug)]
#[command(name = "mutants")]
struct Args {
    /// Mutants in all, shared out evenly among the mutators.
    #[arg(long, default_value_t = 100_000)]
    count: u64,
    /// Where the made-up histories start, and the choice of places.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many runs of the simulator (seeds 1 and up) are spoilt beside the made-up histories.
    #[arg(long, default_value_t = 40)]
    recorded: u64,
    /// How often a mutator is tried on one history.
    #[arg(long, default_value_t = 4)]
    each: u32,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let began = Instant::now();
    let mut campaign = Campaign::new(args.count, args.seed);
    let mut recorded = 0;
    for seed in 1..=args.recorded {
        let outcome = run(seed, Trace::hashing());
        if outcome.violations.is_empty() {
            recorded += 1;
            campaign.spoil(&format!("simulator seed {seed}"), &outcome.history, 1);
        }
    }
    // The rarest places (two lives of the log, a restart) are in every tenth history: this is far more than enough.
    for seed in (args.seed..).take(MOST_HISTORIES) {
        if campaign.is_done() {
            break;
        }
        campaign.spoil(&format!("made-up history {seed}"), &good_history(seed), args.each);
    }
    println!("{:>9} {:>9}  mutator", "made", "caught");
    for tally in campaign.tallies() {
        println!("{:>9} {:>9}  {}", tally.made(), tally.caught, tally.mutator);
    }
    let failures = campaign.failures();
    for failure in failures.iter().take(MOST_SHOWN) {
        println!("{failure}");
    }
    let caught: u64 = campaign.tallies().iter().map(|tally| tally.caught).sum();
    println!(
        "{} mutants by {} mutators of {} good histories ({recorded} from the simulator), {caught} caught, {} against the checker, {:.1} s",
        campaign.made(),
        campaign.tallies().len(),
        campaign.good(),
        failures.len(),
        began.elapsed().as_secs_f64(),
    );
    if failures.is_empty() && campaign.is_done() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Made-up histories at most.
const MOST_HISTORIES: usize = 1_000_000;
/// Failures that are printed.
const MOST_SHOWN: usize = 20;
