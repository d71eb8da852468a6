//! `bowline-bugs`: puts one bug after the other into a copy of the sources and sees which the simulator notices.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use bowline_bugs::{
    Bug, End, Progress, RESULTS, Results, Settings, Table, Tree, control, load_all, trial, workspace_root,
};
use clap::Parser;

/// Seeded bugs: proves that the simulator notices mistakes.
///
/// Each bug is a file below `tests/bugs/bugs`: an exact text of the client core, the gateway core or the log, and what is written
/// in its place. For each one the needed crates are copied below the target directory, the bug is put into the copy, the simulator
/// is built from it and runs seeds in growing blocks until one breaks a rule, panics or never ends. That seed then runs without
/// the bug: only a seed that is clean then has killed it. The shipped sources are never changed.
#[derive(Parser, Debug)]
#[command(name = "bowline-bugs", after_help = EXAMPLES)]
struct Args {
    /// Tries only the bugs whose name contains this; may be given several times.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Lists the bugs and what each breaks, and tries none.
    #[arg(long)]
    list: bool,
    /// How many seeds a bug may survive before it has survived.
    #[arg(long, value_name = "N", default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The first seed.
    #[arg(long, value_name = "N", default_value_t = 1)]
    from: u64,
    /// How many processes run seeds at a time [default: one per CPU].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=64))]
    jobs: Option<u64>,
    /// Notes each outcome in tests/bugs/results.tsv; what is not tried stays as it is there.
    #[arg(long)]
    write: bool,
}

const EXAMPLES: &str = "Examples:
  cargo run --release -p bowline-bugs                        all of them, with a table at the end
  cargo run --release -p bowline-bugs -- --write             the same, and notes the outcomes in tests/bugs/results.tsv
  cargo run --release -p bowline-bugs -- --list              what there is
  cargo run --release -p bowline-bugs -- --only retention    those with `retention` in their names

A new bug is a new file: copy one of tests/bugs/bugs, name it for what goes wrong, quote the text of the sources exactly (it must
stand there once). A bug that survives is a hole in the simulator or in the checker: mend it there, never drop the bug.
Exit code: 0 when every bug was killed, 1 when one survived, did not apply or did not build, 2 for a bad argument or no bug.";

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(said) => {
            eprintln!("bowline-bugs: {said}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Result<bool, String> {
    let root = workspace_root();
    let bugs = load_all(&root.join("tests/bugs/bugs")).map_err(|error| error.to_string())?;
    let known: BTreeSet<String> = bugs.iter().map(Bug::path).collect();
    let bugs: Vec<Bug> = bugs.into_iter().filter(|bug| is_wanted(bug, &args.only)).collect();
    if bugs.is_empty() {
        return Err(format!("no bug is called {}; --list shows all", args.only.join(" or ")));
    }
    if args.list {
        for bug in &bugs {
            println!("{}/{}\n    {} (breaks: {})", bug.area, bug.name, bug.breaks, bug.promise);
        }
        println!("{} bugs", bugs.len());
        return Ok(true);
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let settings = Settings {
        target: target.join("bugs/build"),
        from: args.from,
        seeds: args.seeds,
        jobs: args.jobs.unwrap_or_else(cpus),
    };
    let noted = root.join(RESULTS);
    let began = Instant::now();
    println!("copying the sources and building the simulator without a bug");
    let tree = Tree::copied(&root, &target.join("bugs/tree")).map_err(|error| error.to_string())?;
    let clean = control(&tree, &settings)?;
    let mut table = Table::default();
    let count = bugs.len();
    for (number, bug) in (1..).zip(bugs) {
        let name = bug.path();
        println!("[{number}/{count}, {} s] {name}", began.elapsed().as_secs());
        let ended = trial(&tree, &bug, &clean, &settings, |progress| println!("    {}", so_far(&progress)));
        println!("    {}", in_words(&ended.end));
        if args.write {
            let mut results = Results::read(&noted)?;
            results.note(&name, &ended.end);
            results.keep_only(&known);
            results.write(&noted)?;
        }
        table.add(bug, ended);
    }
    println!("\n{table}");
    Ok(table.is_all_killed())
}

fn is_wanted(bug: &Bug, only: &[String]) -> bool {
    only.is_empty() || only.iter().any(|part| bug.path().contains(part.as_str()))
}

fn so_far(progress: &Progress) -> String {
    match progress {
        Progress::Alive { seeds } => format!("alive after {seeds} seeds"),
        Progress::BrokenAnyway { seed, rule } => format!("seed {seed} breaks `{rule}` without the bug, too"),
    }
}

fn in_words(end: &End) -> String {
    match end {
        End::Killed { seed, rule, detail, .. } => {
            format!("killed by seed {seed}, {rule}: {}", detail.chars().take(160).collect::<String>())
        }
        End::Survived => "SURVIVED".to_owned(),
        End::DoesNotApply(why) => format!("DOES NOT APPLY: {why}"),
        End::DoesNotBuild(why) => format!("DOES NOT BUILD:\n{why}"),
    }
}

fn cpus() -> u64 {
    std::thread::available_parallelism().map_or(1, |cpus| cpus.get() as u64)
}
