//! The kill test: `kill -9` of the gateway, and of a listener with a cursor file, under load.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::account;
use crate::book::Book;
use crate::cli_listener::{CliHabits, CliListener};
use crate::gateway::{Gateway, TortureError, error};
use crate::listener::{Habits, Listener};
use crate::publisher::Publishers;
use crate::verdict::judge;

/// How hard.
#[derive(Clone, Copy, Debug)]
pub struct KillRun {
    /// How long events are published.
    pub time: Duration,
    /// How often the gateway is killed and started again in that time.
    pub kills: u32,
    /// Events per second.
    pub rate: u32,
    /// Topics.
    pub topics: usize,
    /// Native listeners.
    pub listeners: usize,
    /// `kill -9` the command-line listener as often as the gateway, in between.
    pub kill_listener: bool,
}

/// Runs it and returns what was broken, in words, and a summary.
///
/// # Errors
/// When the run itself could not be carried out.
pub async fn kills(binary: &Path, run: KillRun) -> Result<(Vec<String>, String), TortureError> {
    let dir = tempfile::tempdir().map_err(error)?;
    let mut gateway = Gateway::start(binary, &dir.path().join("data"), None)?;
    let topics = account::topics(run.topics)?;
    let book = Book::default();
    let url = format!("ws://{}/agent", gateway.listen());
    let mut listeners = Vec::new();
    for i in 0..run.listeners {
        let name = format!("listener-{i}");
        account::grant(&gateway, &book, &name, &topics)?;
        let token = account::token(&gateway, &name, None)?;
        listeners.push(Listener::connect(&name, &url, token, Habits::default(), &book).await?);
    }
    account::grant(&gateway, &book, "cli-listener", &topics)?;
    let habits = CliHabits { is_from_oldest: false, proactive_ms: None, addr: gateway.listen() };
    let mut cli = CliListener::start(&gateway, dir.path(), "cli-listener", habits)?;

    let publishers = Publishers::start(&gateway, &topics, run.rate, &book, None)?;
    let start = Instant::now();
    let mut slowest_ready = Duration::ZERO;
    for kill in 1..=run.kills {
        let at = run.time * kill / (run.kills + 1);
        if run.kill_listener {
            let half = at.saturating_sub(run.time / (run.kills + 1) / 2);
            tokio::time::sleep(half.saturating_sub(start.elapsed())).await;
            cli.kill_and_restart()?;
        }
        tokio::time::sleep(at.saturating_sub(start.elapsed())).await;
        gateway.kill()?;
        slowest_ready = slowest_ready.max(gateway.restart()?);
        eprint!("\rkill {kill} of {}, {:.0} s", run.kills, start.elapsed().as_secs_f64());
    }
    tokio::time::sleep(run.time.saturating_sub(start.elapsed())).await;
    eprintln!();
    let (marks, mut broken) =
        tokio::task::spawn_blocking(move || publishers.finish()).await.map_err(error)?;
    for listener in &listeners {
        listener.reach(marks.last(), CAUGHT_UP_WITHIN).await;
    }
    let start = Instant::now();
    while !cli.has_reached(marks.last()) && start.elapsed() < CAUGHT_UP_WITHIN {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut diaries = vec![cli.finish(&book)?];
    for listener in listeners {
        diaries.push(listener.finish().await);
    }
    gateway.terminate()?;
    let reconnects = diaries.iter().map(|diary| diary.reconnects).sum();
    let summary = summary(&run, &book, reconnects, slowest_ready);
    broken.extend(judge(gateway.data_dir(), &topics, &book, &mut diaries));
    Ok((broken, summary))
}

/// The backoff of a listener that has met several kills, and a loaded machine.
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(60);

fn summary(run: &KillRun, book: &Book, reconnects: u64, slowest_ready: Duration) -> String {
    let (acknowledged, unknown) = book.events();
    format!(
        "{} kills in {:.0} s, {acknowledged} events acknowledged, {unknown} unknown, {} native listeners reconnected {reconnects} times, one \
         command-line listener{}, gateway ready again within {:.0} ms",
        run.kills,
        run.time.as_secs_f64(),
        run.listeners,
        if run.kill_listener { " killed and restarted as often" } else { "" },
        slowest_ready.as_secs_f64() * 1e3,
    )
}
