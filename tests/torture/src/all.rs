//! The run over all kinds of faults: rounds until the time is over.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use crate::fault_proxy::{Fault, FaultCounts};
use crate::gateway::{TortureError, error};
use crate::random::Random;
use crate::rounds::Plan;
use crate::stand::{Round, Stand};
use crate::step::Step;
use crate::tally::Tally;

/// How long, and which faults.
#[derive(Clone, Debug)]
pub struct AllRun {
    /// No round begins after this time.
    pub budget: Duration,
    /// The order of faults.
    pub seed: u64,
    /// Events per second.
    pub rate: u32,
    /// The first round, to repeat one alone.
    pub first_round: u64,
    /// Instead of rounds until the time is over: every kind of fault once, as fast as that can be had.
    pub is_smoke: bool,
}

/// What came out.
#[derive(Clone, Debug, Default)]
pub struct All {
    /// Broken promises, in words.
    pub broken: Vec<String>,
    /// What this machine does not allow, and therefore nobody has tried.
    pub skipped: Vec<String>,
    /// Where the data of rounds with broken promises lie.
    pub kept: Vec<PathBuf>,
    /// The figures.
    pub tally: Tally,
}

/// What a run says while it goes on.
#[derive(Clone, Copy, Debug)]
pub enum Line<'a> {
    /// How far it is; the next one replaces it.
    Progress(&'a str),
    /// A broken promise, or where to look.
    Broken(&'a str),
}

/// Runs it; `say` hears how far it is before each fault.
///
/// # Errors
/// When the run itself could not be carried out.
pub async fn all(
    binary: &Path,
    run: AllRun,
    say: impl FnMut(Line<'_>) + Send + 'static,
) -> Result<All, TortureError> {
    let binary = binary.to_path_buf();
    let runtime = Handle::current();
    // A stand blocks: on processes, on sleeps, on files.
    tokio::task::spawn_blocking(move || Driver { runtime, binary, run, say, all: All::default() }.drive())
        .await
        .map_err(error)?
}

struct Driver<S> {
    runtime: Handle,
    binary: PathBuf,
    run: AllRun,
    say: S,
    all: All,
}

impl<S: FnMut(Line<'_>)> Driver<S> {
    fn drive(mut self) -> Result<All, TortureError> {
        let start = Instant::now();
        let counts = Arc::new(FaultCounts::new());
        if self.run.is_smoke {
            for (number, plan) in (0..).zip(Plan::smoke(self.run.seed)) {
                if !self.round(number, &plan, start, &counts)? {
                    break;
                }
            }
        } else {
            for number in self.run.first_round.. {
                if start.elapsed() >= self.run.budget {
                    break;
                }
                let plan = Plan::of_round(number, self.run.seed, self.run.rate);
                if !self.round(number, &plan, start, &counts)? {
                    break;
                }
            }
        }
        let tally = &mut self.all.tally;
        tally.seconds = start.elapsed().as_secs_f64();
        tally.seed = self.run.seed;
        tally.broken = self.all.broken.len() as u64;
        self.all.skipped.sort();
        self.all.skipped.dedup();
        tally.skipped.clone_from(&self.all.skipped);
        Ok(self.all)
    }

    /// Whether it could be carried out.
    fn round(
        &mut self,
        number: u64,
        plan: &Plan,
        start: Instant,
        counts: &Arc<FaultCounts>,
    ) -> Result<bool, TortureError> {
        let dir = tempfile::Builder::new().prefix("bowline-torture-").tempdir().map_err(error)?;
        let random = Random::new(self.run.seed).fork(number);
        let round = self.carry_out(number, plan, dir.path(), &random, start, counts);
        let is_carried_out = round.is_ok();
        // What could not be carried out may be a broken promise as well: it counts as one, and what went before counts too.
        let round = round.unwrap_or_else(|failure| Round {
            broken: vec![format!("the round could not be carried out: {failure}")],
            ..Round::default()
        });
        self.enter(number, plan, round, counts, dir);
        Ok(is_carried_out)
    }

    fn carry_out(
        &mut self,
        number: u64,
        plan: &Plan,
        dir: &Path,
        random: &Random,
        start: Instant,
        counts: &Arc<FaultCounts>,
    ) -> Result<Round, TortureError> {
        self.progress(number, plan, None, start, counts);
        let mut stand = Stand::raise(&self.runtime, &self.binary, dir, plan.crew, &random.fork(1), counts)?;
        for index in 0..plan.steps.len() {
            self.progress(number, plan, Some(index), start, counts);
            let meddling = random.fork(4).fork(index as u64).chance(40).then(|| stand.meddle());
            stand.suffer(plan.steps[index])?;
            if let Some(meddling) = meddling {
                stand.settle(meddling)?;
            }
            // Now and then the next fault meets readers that are still on their way back.
            let is_last = index + 1 == plan.steps.len();
            if !is_last && random.fork(2).fork(index as u64).chance(35) {
                stand.answer_again()?;
            } else {
                stand.recover()?;
            }
        }
        stand.finish()
    }

    fn enter(
        &mut self,
        number: u64,
        plan: &Plan,
        round: Round,
        counts: &FaultCounts,
        dir: tempfile::TempDir,
    ) {
        let tally = &mut self.all.tally;
        tally.rounds += 1;
        tally.deliveries += round.deliveries;
        tally.signals += round.signals;
        tally.acknowledged += round.acknowledged;
        tally.unknown += round.unknown;
        tally.handovers += round.handovers;
        tally.reconnects += round.reconnects;
        tally.rights_changed += round.rights_changed;
        tally.worst_ready_ms = tally.worst_ready_ms.max(millis(round.worst_ready));
        tally.worst_caught_up_ms = tally.worst_caught_up_ms.max(millis(round.worst_caught_up));
        tally.faults = Fault::ALL.iter().map(|fault| (fault.name().to_string(), counts.of(*fault))).collect();
        self.all.skipped.extend(round.skipped);
        if !round.broken.is_empty() {
            let dir = dir.keep();
            let kept =
                format!("round {number} ({}): BROKEN, everything is kept in {}", plan.name, dir.display());
            (self.say)(Line::Broken(&kept));
            for line in &round.broken {
                (self.say)(Line::Broken(line));
            }
            self.all.broken.extend(round.broken.into_iter().map(|line| format!("round {number}: {line}")));
            self.all.kept.push(dir);
        }
    }

    fn progress(
        &mut self,
        number: u64,
        plan: &Plan,
        step: Option<usize>,
        start: Instant,
        counts: &FaultCounts,
    ) {
        let what = match step.and_then(|index| plan.steps.get(index).map(|step| (index, step))) {
            Some((index, step)) => {
                format!("{} {}/{} {}", plan.name, index + 1, plan.steps.len(), Step::name(*step))
            }
            None => format!("{} is raised", plan.name),
        };
        let tally = &self.all.tally;
        let line = format!(
            "{:>4.0} s, round {number} ({what}): {} gateway kills, {} listener kills, {} stops, {} restarts; {} deliveries and \
             {} handovers judged, {} broken",
            start.elapsed().as_secs_f64(),
            counts.of(Fault::GatewayKill),
            counts.of(Fault::ListenerKill),
            counts.of(Fault::GatewayStop) + counts.of(Fault::ListenerStop),
            counts.of(Fault::RollingRestart),
            tally.deliveries,
            tally.handovers,
            self.all.broken.len(),
        );
        (self.say)(Line::Progress(&line));
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
