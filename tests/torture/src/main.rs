//! The torture at full scale.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use bowline_torture::{
    AllRun, HandoverRun, KillRun, Line, Sum, TALLY, Tally, TortureError, all, commit_of, half_open,
    handovers, kills, large_log, repository,
};
use clap::{Parser, Subcommand};

/// Tortures a gateway and its clients as real processes and judges what the listeners were handed.
///
/// Without a command the three small scenarios run: kill, handover, half-open. `all` runs rounds of every kind of fault until
/// its time is over. The exit code is 1 when a promise was broken.
#[derive(Debug, Parser)]
#[command(name = "bowline-torture", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Scenario>,
    /// The binary under test [default: built from this workspace].
    #[arg(long, global = true, value_name = "FILE")]
    bowline: Option<PathBuf>,
    /// How long the kill test takes, and each half of the handover test, in seconds.
    #[arg(long, global = true, default_value_t = 60)]
    seconds: u64,
    /// Events per second [default: 2000, and 300 for `all`].
    #[arg(long, global = true)]
    rate: Option<u32>,
    /// Note the figures of `all` and `large-log` in this file [default: tests/torture/tally.ndjson of the repository, unless
    /// the binary under test is named: nobody knows what code it is].
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "bowline")]
    tally: Option<PathBuf>,
    /// Note nothing: the run counts for nothing.
    #[arg(long, global = true, conflicts_with = "tally")]
    no_tally: bool,
}

#[derive(Clone, Debug, Subcommand)]
enum Scenario {
    /// `kill -9` of the gateway, ten times, and of a listener with a cursor file.
    Kill,
    /// A planned reconnect every second.
    Handover,
    /// The network goes silent without a close.
    HalfOpen,
    /// Every kind of fault, in rounds, until the time is over.
    All {
        /// No round begins after this many minutes.
        #[arg(long, default_value_t = 10.0)]
        minutes: f64,
        /// The order of faults [default: from the clock; printed].
        #[arg(long)]
        seed: Option<u64>,
        /// Begin with this round of the seed.
        #[arg(long, default_value_t = 0)]
        round: u64,
    },
    /// `kill -9` with a log of 1 GiB: how long until ready?
    LargeLog {
        /// Size of the log in MiB.
        #[arg(long, default_value_t = 1024)]
        mebibytes: u64,
        /// How often.
        #[arg(long, default_value_t = 5)]
        kills: u32,
    },
    /// Sum up the figures of all runs that were noted, and print them beside the targets and the commits they are of.
    Tally {
        /// The file they were noted in [default: as for `--tally`].
        file: Option<PathBuf>,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bowline-torture: {error}");
            ExitCode::from(2)
        }
    }
}

async fn run(cli: Cli) -> Result<bool, TortureError> {
    if let Some(Scenario::Tally { file }) = &cli.command {
        let sum = Sum::of(&file.clone().unwrap_or_else(|| repository().join(TALLY)))?;
        println!("{}", sum.table());
        return Ok(sum.total.broken == 0);
    }
    let notebook = Notebook::of(&cli)?;
    let binary = match &cli.bowline {
        Some(path) => path.clone(),
        None => build()?,
    };
    let time = Duration::from_secs(cli.seconds);
    let rate = cli.rate.unwrap_or(2_000);
    let scenarios = match &cli.command {
        Some(one) => vec![one.clone()],
        None => vec![Scenario::Kill, Scenario::Handover, Scenario::HalfOpen],
    };
    let mut is_good = true;
    for scenario in scenarios {
        let broken = match scenario {
            Scenario::Kill => {
                let run = KillRun { time, kills: 10, rate, topics: 20, listeners: 3, kill_listener: true };
                let (broken, summary) = kills(&binary, run).await?;
                println!("kill: {summary}");
                broken
            }
            Scenario::Handover => {
                let every = Duration::from_secs(1);
                let run = HandoverRun { time, every, rate, topics: 20, listeners: 3 };
                let outcome = handovers(&binary, run).await?;
                println!(
                    "handover: {} handovers under {} events; p50 {:.2} ms and p99.9 {:.2} ms without, {:.2} ms and {:.2} ms \
                     with handovers (p99.9 ratio {:.2})",
                    outcome.handovers,
                    outcome.events,
                    outcome.quiet_ms.0,
                    outcome.quiet_ms.1,
                    outcome.busy_ms.0,
                    outcome.busy_ms.1,
                    outcome.busy_ms.1 / outcome.quiet_ms.1.max(0.001),
                );
                outcome.broken
            }
            Scenario::HalfOpen => {
                let outcome = half_open(&binary, Duration::from_secs(2)).await?;
                println!(
                    "half-open (heartbeat 2 s): client noticed after {:.2} s, owner of two ghosts back after {:.2} s, gateway \
                     freed a silent socket after {:.2} s",
                    outcome.client_noticed.as_secs_f64(),
                    outcome.owner_back.as_secs_f64(),
                    outcome.gateway_freed.as_secs_f64(),
                );
                outcome.broken
            }
            Scenario::All { minutes, seed, round } => {
                every_fault(&cli, &binary, &notebook, minutes, seed, round).await?
            }
            Scenario::LargeLog { mebibytes, kills } => {
                with_large_log(&binary, &notebook, mebibytes, kills).await?
            }
            Scenario::Tally { .. } => unreachable!("handled above: it tortures nothing"),
        };
        println!("  {} broken promises", broken.len());
        for line in broken.iter().take(20) {
            println!("  {line}");
        }
        is_good &= broken.is_empty();
    }
    Ok(is_good)
}

async fn every_fault(
    cli: &Cli,
    binary: &Path,
    notebook: &Notebook,
    minutes: f64,
    seed: Option<u64>,
    first_round: u64,
) -> Result<Vec<String>, TortureError> {
    let clock =
        std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default();
    let seed = seed.unwrap_or(clock.as_secs());
    println!("all: {minutes} min from round {first_round} of seed {seed}");
    let budget = Duration::from_secs_f64(minutes * 60.0);
    let run = AllRun { budget, seed, rate: cli.rate.unwrap_or(300), first_round, is_smoke: false };
    let is_terminal = std::io::stderr().is_terminal();
    let mut last_said: Option<Instant> = None;
    let outcome = all(binary, run, move |line| match line {
        Line::Progress(text) if is_terminal => eprint!("\r\x1b[K{text}"),
        Line::Progress(text) => {
            // A log file wants to know that it goes on, not each step.
            if last_said.is_none_or(|at| at.elapsed() > Duration::from_secs(15)) {
                last_said = Some(Instant::now());
                eprintln!("{text}");
            }
        }
        Line::Broken(text) => eprintln!("\n{text}"),
    })
    .await?;
    eprintln!();
    for skipped in &outcome.skipped {
        println!("  SKIPPED: {skipped}");
    }
    println!("{}", outcome.tally.table());
    notebook.note(outcome.tally)?;
    for dir in &outcome.kept {
        println!("  kept: {}", dir.display());
    }
    Ok(outcome.broken)
}

async fn with_large_log(
    binary: &Path,
    notebook: &Notebook,
    mebibytes: u64,
    kills: u32,
) -> Result<Vec<String>, TortureError> {
    let outcome = large_log(binary, mebibytes << 20, kills).await?;
    let worst = outcome.ready.iter().max().copied().unwrap_or_default();
    println!(
        "large-log: {} events in {} MiB; ready after {:?} ms, at worst {} ms",
        outcome.events,
        outcome.bytes >> 20,
        outcome.ready.iter().map(Duration::as_millis).collect::<Vec<_>>(),
        worst.as_millis(),
    );
    let large_log_ready_ms = u64::try_from(worst.as_millis()).unwrap_or(u64::MAX);
    let tally =
        Tally { large_log_starts: outcome.ready.len() as u64, large_log_ready_ms, ..Tally::default() };
    notebook.note(tally)?;
    Ok(Vec::new())
}

/// Where the figures of this run go, and under which name.
enum Notebook {
    Closed,
    Open { file: PathBuf, commit: String },
}

impl Notebook {
    /// Read before anything is built and run: an hour later the repository may be somewhere else.
    fn of(cli: &Cli) -> Result<Self, TortureError> {
        let is_noted = matches!(cli.command, Some(Scenario::All { .. } | Scenario::LargeLog { .. }));
        if !is_noted || cli.no_tally || cli.bowline.is_some() {
            return Ok(Notebook::Closed);
        }
        let commit = commit_of(&repository())
            .map_err(|why| TortureError(format!("{why}; --no-tally runs without noting anything")))?;
        let file = cli.tally.clone().unwrap_or_else(|| repository().join(TALLY));
        Ok(Notebook::Open { file, commit })
    }

    fn note(&self, mut tally: Tally) -> Result<(), TortureError> {
        match self {
            Notebook::Closed => println!("not noted in any tally"),
            Notebook::Open { file, commit } => {
                tally.commit.clone_from(commit);
                tally.append(file)?;
                println!("noted for {commit} in {}", file.display());
            }
        }
        Ok(())
    }
}

/// Builds the command line with the profile that this binary was built with, and names the result.
fn build() -> Result<PathBuf, TortureError> {
    let own = std::env::current_exe().map_err(|e| TortureError(e.to_string()))?;
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "-q", "-p", "bowline-cli"]).current_dir(repository());
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let status = command
        .status()
        .map_err(|e| TortureError(format!("can't run cargo: {e}; name a binary with --bowline")))?;
    if !status.success() {
        return Err(TortureError("bowline does not build".into()));
    }
    Ok(own.with_file_name("bowline"))
}
