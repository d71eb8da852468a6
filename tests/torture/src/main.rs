//! The torture at full scale.

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use bowline_torture::{HandoverRun, KillRun, TortureError, half_open, handovers, kills};
use clap::{Parser, Subcommand};

/// Tortures a gateway and its clients as real processes and judges what the listeners were handed.
///
/// Without a command all three run: kill, handover, half-open. The exit code is 1 when a promise was broken.
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
    /// Events per second.
    #[arg(long, global = true, default_value_t = 2000)]
    rate: u32,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Scenario {
    /// `kill -9` of the gateway, ten times, and of a listener with a cursor file.
    Kill,
    /// A planned reconnect every second.
    Handover,
    /// The network goes silent without a close.
    HalfOpen,
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
    let binary = match cli.bowline {
        Some(path) => path,
        None => build()?,
    };
    let time = Duration::from_secs(cli.seconds);
    let scenarios = match cli.command {
        Some(one) => vec![one],
        None => vec![Scenario::Kill, Scenario::Handover, Scenario::HalfOpen],
    };
    let mut is_good = true;
    for scenario in scenarios {
        let broken = match scenario {
            Scenario::Kill => {
                let run = KillRun {
                    time,
                    kills: 10,
                    rate: cli.rate,
                    topics: 20,
                    listeners: 3,
                    kill_listener: true,
                };
                let (broken, summary) = kills(&binary, run).await?;
                println!("kill: {summary}");
                broken
            }
            Scenario::Handover => {
                let every = Duration::from_secs(1);
                let run = HandoverRun { time, every, rate: cli.rate, topics: 20, listeners: 3 };
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
        };
        println!("  {} broken promises", broken.len());
        for line in broken.iter().take(20) {
            println!("  {line}");
        }
        is_good &= broken.is_empty();
    }
    Ok(is_good)
}

/// Builds the command line with the profile that this binary was built with, and names the result.
fn build() -> Result<PathBuf, TortureError> {
    let own = std::env::current_exe().map_err(|e| TortureError(e.to_string()))?;
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "-q", "-p", "bowline-cli"]);
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
