//! `bowline-sim`: runs seeds and plans, says what broke, makes small what broke.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bowline_sim::{Manner, Outcome, Plan, Summary, Trace, run_many, run_plan, shrink};
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
    #[arg(long, value_name = "FROM..TO", value_parser = seeds, default_value = "1..300", conflicts_with_all = ["seed", "plan"])]
    seeds: (u64, u64),
    /// Threads for --seeds. Default: one for each CPU.
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// With --seeds: runs each seed twice and compares the hashes of everything that happened.
    #[arg(long)]
    twice: bool,
    /// Every world has twenty clients or more.
    #[arg(long)]
    large: bool,
    /// Runs one seed and prints its violations, its faults and what happened before the first violation.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Runs a plan from a file in the same way.
    #[arg(long, value_name = "FILE", conflicts_with = "seed")]
    plan: Option<PathBuf>,
    /// With --seed or --plan: prints everything that happened.
    #[arg(long)]
    trace: bool,
    /// With --seed or --plan: prints the plan instead of running it.
    #[arg(long, conflicts_with = "trace")]
    print_plan: bool,
    /// With --seed or --plan: looks for the smallest plan that breaks the same rule and prints it.
    #[arg(long, conflicts_with_all = ["trace", "print_plan"])]
    shrink: bool,
    /// With --shrink: at most so many runs.
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    runs: u32,
    /// With --seeds: stops at the first seed that breaks a rule.
    #[arg(long)]
    fail_fast: bool,
}

const EXAMPLES: &str = "Examples:
  cargo run --release -p bowline-sim -- --seeds 1..500           what the tests run
  cargo run --release -p bowline-sim -- --seeds 1..2000 --twice  the same seed gives the same run
  cargo run --release -p bowline-sim -- --seed 17                one seed, and what broke in it
  cargo run --release -p bowline-sim -- --seed 17 --trace        the same, with every step
  cargo run --release -p bowline-sim -- --seed 17 --shrink > crates/sim/regressions/what-broke.plan
  cargo run --release -p bowline-sim -- --plan crates/sim/regressions/what-broke.plan

The list `reached:` counts faults and states. The list `rare states:` says how often each was reached, also 0; a run of
10,000 seeds or more has to reach them all.
Exit code: 0 when every promise was kept, 1 when a rule was broken or a rare state was not reached, 2 for a bad argument.";

fn main() -> ExitCode {
    let args = Args::parse();
    let plan = match (&args.plan, args.seed) {
        (Some(file), _) => match read(file) {
            Ok(plan) => Some(plan),
            Err(why) => {
                eprintln!("{}: {why}", file.display());
                return ExitCode::from(2);
            }
        },
        (None, Some(seed)) if args.large => Some(Plan::large(seed)),
        (None, Some(seed)) => Some(Plan::of(seed)),
        (None, None) => None,
    };
    match plan {
        Some(plan) if args.print_plan => {
            print!("{}", plan.to_text());
            ExitCode::SUCCESS
        }
        Some(plan) if args.shrink => smallest(&plan, args.runs),
        Some(plan) => one(plan, args.trace),
        None => many(&args),
    }
}

fn read(file: &Path) -> Result<Plan, String> {
    let text = fs::read_to_string(file).map_err(|error| error.to_string())?;
    Plan::from_text(&text)
}

fn one(plan: Plan, all: bool) -> ExitCode {
    let outcome = run_plan(plan, Trace::keeping());
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
    println!("seed {} {what}; trace hash {:016x}", outcome.seed, outcome.trace.hash());
    if outcome.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The lines before the first violation, with every fault so far.
fn around_the_first_violation(outcome: &Outcome) {
    let lines = outcome.trace.lines();
    let Some(first) = lines.iter().position(|line| line.contains("VIOLATION")) else { return };
    let near = first.saturating_sub(LINES_BEFORE);
    for (index, line) in lines.iter().enumerate().take((first + 10).min(lines.len())) {
        let is_fault =
            line.contains(" fault ") || line.contains("gateway starts") || line.contains("is killed");
        if (index >= near || is_fault) && !line.contains("plan: ") {
            println!("{line}");
        }
    }
    println!();
}

/// The smallest plan goes to the output, what is said about it beside it.
fn smallest(plan: &Plan, most_runs: u32) -> ExitCode {
    let Some(shrunk) = shrink(plan, most_runs) else {
        eprintln!("this plan keeps every promise: there is nothing to shrink");
        return ExitCode::SUCCESS;
    };
    print!("{}", shrunk.plan.to_text());
    let said = run_plan(shrunk.plan, Trace::hashing());
    let detail = said.violations.first().map(|violation| violation.detail.clone()).unwrap_or_default();
    eprintln!("still breaks `{}` after {} runs: {detail}", shrunk.rule, shrunk.runs);
    eprintln!("put the plan into a file; run it with --plan FILE, and --trace for every step");
    ExitCode::FAILURE
}

fn many(args: &Args) -> ExitCode {
    let began = Instant::now();
    let jobs = args.jobs.or_else(|| std::thread::available_parallelism().ok().map(Into::into)).unwrap_or(1);
    let manner = Manner { jobs: jobs.max(1), twice: args.twice, large: args.large };
    let large = if args.large { " --large" } else { "" };
    let mut summary = Summary::default();
    let mut shown = Instant::now();
    let is_terminal = io::stderr().is_terminal();
    run_many(args.seeds, manner, |outcome| {
        if let Some(first) = outcome.violations.first() {
            let seed = outcome.seed;
            println!(
                "seed {seed} broke `{}`; see it with --seed {seed}{large}, make it small with --shrink",
                first.rule
            );
        }
        summary.add(&outcome);
        if is_terminal && shown.elapsed() > Duration::from_millis(200) {
            shown = Instant::now();
            eprint!("\r{}", summary.progress(began.elapsed()));
            // A terminal that is gone is no reason to stop.
            let _ = io::stderr().flush();
        }
        !args.fail_fast || summary.is_clean()
    });
    if is_terminal {
        eprintln!();
    }
    println!("{}", summary.text(began.elapsed(), manner.jobs));
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
