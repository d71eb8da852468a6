//! The handover test: constant planned reconnects under load lose, double, reorder and change nothing.

use std::path::Path;
use std::time::Duration;

use crate::account;
use crate::book::Book;
use crate::gateway::{Gateway, TortureError, error};
use crate::listener::{Habits, Listener};
use crate::publisher::Publishers;
use crate::verdict::{judge, quantile_ms};

/// How hard.
#[derive(Clone, Copy, Debug)]
pub struct HandoverRun {
    /// How long each of the two phases (without and with handovers) takes.
    pub time: Duration,
    /// How often a listener hands over.
    pub every: Duration,
    /// Events per second.
    pub rate: u32,
    /// Topics.
    pub topics: usize,
    /// Native listeners.
    pub listeners: usize,
}

/// What came out.
#[derive(Debug)]
pub struct Handovers {
    /// Broken promises, in words.
    pub broken: Vec<String>,
    /// Handovers carried out, over all listeners.
    pub handovers: u64,
    /// Events acknowledged while handing over.
    pub events: usize,
    /// p50 and p99.9 of publish to hand-over without handovers, in milliseconds.
    pub quiet_ms: (f64, f64),
    /// The same with handovers.
    pub busy_ms: (f64, f64),
}

/// Runs it. The two phases alternate in slices of a quarter, so that a drift of the machine meets both.
///
/// # Errors
/// When the run itself could not be carried out.
pub async fn handovers(binary: &Path, run: HandoverRun) -> Result<Handovers, TortureError> {
    let dir = tempfile::tempdir().map_err(error)?;
    let mut outcome =
        Handovers { broken: Vec::new(), handovers: 0, events: 0, quiet_ms: (0.0, 0.0), busy_ms: (0.0, 0.0) };
    let (mut quiet, mut busy) = (Vec::new(), Vec::new());
    for slice in 0..SLICES * 2 {
        let is_busy = slice % 2 == 1;
        let every = is_busy.then_some(run.every);
        let latencies = if is_busy { &mut busy } else { &mut quiet };
        let data_dir = dir.path().join(format!("data-{slice}"));
        phase(binary, &data_dir, &run, every, latencies, &mut outcome).await?;
        eprint!("\rslice {} of {}", slice + 1, SLICES * 2);
    }
    eprintln!();
    outcome.quiet_ms = (quantile_ms(&mut quiet, 0.5), quantile_ms(&mut quiet, 0.999));
    outcome.busy_ms = (quantile_ms(&mut busy, 0.5), quantile_ms(&mut busy, 0.999));
    Ok(outcome)
}

const SLICES: u32 = 4;

async fn phase(
    binary: &Path,
    data_dir: &Path,
    run: &HandoverRun,
    every: Option<Duration>,
    latencies: &mut Vec<u32>,
    outcome: &mut Handovers,
) -> Result<(), TortureError> {
    let mut gateway = Gateway::start(binary, data_dir, None)?;
    let topics = account::topics(run.topics)?;
    let book = Book::default();
    let url = format!("ws://{}/agent", gateway.listen());
    let mut listeners = Vec::new();
    for i in 0..run.listeners {
        let name = format!("listener-{i}");
        account::grant(&gateway, &book, &name, &topics)?;
        let token = account::token(&gateway, &name, None)?;
        let habits = Habits { proactive: every, ..Habits::default() };
        listeners.push(Listener::connect(&name, &url, token, habits, &book).await?);
    }
    let publishers = Publishers::start(&gateway, &topics, run.rate, &book, None)?;
    tokio::time::sleep(run.time / SLICES).await;
    let (marks, complaints) =
        tokio::task::spawn_blocking(move || publishers.finish()).await.map_err(error)?;
    outcome.broken.extend(complaints);
    if every.is_some() {
        outcome.events += book.events().0;
    }
    let mut diaries = Vec::new();
    for listener in listeners {
        listener.reach(marks.last(), Duration::from_secs(20)).await;
        let mut diary = listener.finish().await;
        if diary.losses > 0 || diary.reconnects > 0 {
            let name = &diary.reader.account;
            outcome.broken.push(format!("{name}: the application saw {} lost links", diary.losses));
        }
        outcome.handovers += diary.handovers;
        latencies.append(&mut diary.latencies);
        diaries.push(diary);
    }
    gateway.terminate()?;
    outcome.broken.extend(judge(data_dir, &topics, &book, &mut diaries));
    Ok(())
}
