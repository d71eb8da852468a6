//! What becomes of one bug: the copy is built with it, and seeds run in growing blocks until one notices it.
//!
//! The seed that noticed it is run without the bug as well: a seed that breaks a rule anyway proves nothing, and the next ones
//! have to.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, io};

use crate::bug::Bug;
use crate::probe::{self, Noticed};
use crate::tree::{PROBE, Tree};

/// How trials are run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the copy is built.
    pub target: PathBuf,
    /// The first seed.
    pub from: u64,
    /// How many seeds a bug may survive before it has survived.
    pub seeds: u64,
    /// How many processes run seeds at a time.
    pub jobs: u64,
}

/// How a trial ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// A seed noticed the bug.
    Killed {
        /// Which.
        seed: u64,
        /// How many seeds that took.
        needed: u64,
        /// The rule that was broken, `panic`, or `hang`.
        rule: String,
        /// What happened.
        detail: String,
    },
    /// No seed noticed it.
    Survived,
    /// The sources have moved on, or the copy could not be written.
    DoesNotApply(String),
    /// The compiler refuses it.
    DoesNotBuild(String),
}

/// How far a trial has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many seeds have not noticed the bug.
    Alive {
        /// How many.
        seeds: u64,
    },
    /// A seed broke a rule, and breaks one without the bug, too: it says nothing.
    BrokenAnyway {
        /// Which.
        seed: u64,
        /// The rule that is broken without the bug.
        rule: String,
    },
}

/// The end of a trial and the time that it took.
#[derive(Clone, Debug)]
pub struct Ended {
    /// How.
    pub end: End,
    /// Building.
    pub built_in: Duration,
    /// Running seeds.
    pub ran_for: Duration,
}

impl End {
    /// Whether the bug was noticed, and only because of the bug.
    #[must_use]
    pub fn is_killed(&self) -> bool {
        matches!(self, End::Killed { .. })
    }
}

/// Builds the copy without any bug and keeps the probe beside: what every later kill is compared with.
///
/// # Errors
/// The copy does not build, or its first seeds break a rule.
pub fn control(tree: &Tree, settings: &Settings) -> Result<PathBuf, String> {
    let built = build(tree, settings)?;
    let clean = settings.target.join("probe-without-bugs");
    fs::copy(&built, &clean).map_err(|error| format!("{}: {error}", clean.display()))?;
    let last = settings.from + FIRST_BLOCK - 1;
    match probe::run(&clean, settings.from, last, settings.jobs) {
        Ok(None) => Ok(clean),
        Ok(Some(Noticed { seed, rule, .. })) => {
            Err(format!("seed {seed} breaks `{rule}` without any bug: mend that first"))
        }
        Err(error) => Err(format!("{}: {error}", clean.display())),
    }
}

/// Tries one bug. `clean` is the probe of [`control`]; `says` hears how far the seeds have come.
pub fn trial(tree: &Tree, bug: &Bug, clean: &Path, settings: &Settings, says: impl Fn(Progress)) -> Ended {
    let began = Instant::now();
    let built = match tree.put_in(bug) {
        Err(error) => Err(End::DoesNotApply(error.to_string())),
        Ok(()) => build(tree, settings).map_err(End::DoesNotBuild),
    };
    let built_in = began.elapsed();
    let end = match built {
        Ok(probe) => {
            seeds(&probe, clean, settings, says).unwrap_or_else(|error| End::DoesNotBuild(error.to_string()))
        }
        Err(end) => end,
    };
    let ran_for = began.elapsed() - built_in;
    match tree.take_out(bug) {
        Ok(()) => Ended { end, built_in, ran_for },
        Err(error) => Ended { end: End::DoesNotApply(error.to_string()), built_in, ran_for },
    }
}

fn seeds(probe: &Path, clean: &Path, settings: &Settings, says: impl Fn(Progress)) -> io::Result<End> {
    let (mut first, mut block) = (settings.from, FIRST_BLOCK);
    let last = settings.from + settings.seeds - 1;
    while first <= last {
        let upto = (first + block - 1).min(last);
        let Some(Noticed { seed, rule, detail }) = probe::run(probe, first, upto, settings.jobs)? else {
            says(Progress::Alive { seeds: upto - settings.from + 1 });
            (first, block) = (upto + 1, block * BLOCK_GROWTH);
            continue;
        };
        let Some(anyway) = probe::run(clean, seed, seed, 1)? else {
            return Ok(End::Killed { seed, needed: seed - settings.from + 1, rule, detail });
        };
        says(Progress::BrokenAnyway { seed, rule: anyway.rule });
        first = seed + 1;
    }
    Ok(End::Survived)
}

fn build(tree: &Tree, settings: &Settings) -> Result<PathBuf, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--release", "--quiet", "--package", PROBE])
        .current_dir(tree.folder())
        .env("CARGO_TARGET_DIR", &settings.target)
        .env_remove("RUSTFLAGS")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cargo can't be run: {error}"))?;
    if output.status.success() {
        Ok(settings.target.join("release").join(PROBE))
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        let errors: Vec<&str> = said.lines().skip_while(|line| !line.starts_with("error")).take(30).collect();
        Err(errors.join("\n"))
    }
}

/// Most bugs are noticed by the first few worlds.
const FIRST_BLOCK: u64 = 20;
/// Each block is so much larger than the one before: 20, 80, 320, 1,280, …
const BLOCK_GROWTH: u64 = 4;
