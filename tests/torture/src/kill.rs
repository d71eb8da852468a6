//! The kill test: `kill -9` of the gateway, and of a listener with a cursor file, under load.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::account;
use crate::gateway::{Gateway, TortureError, error};
use crate::listener::{Listener, Payload};
use crate::publisher::{Ledger, Publishers};
use crate::verdict::{Delivery, Seen, acked, judge, last_acked};

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
    let topics: Vec<String> = (0..run.topics).map(|i| format!("torture:t{i}")).collect();
    let url = format!("ws://{}/agent", gateway.listen());
    let mut listeners = Vec::new();
    for i in 0..run.listeners {
        let name = format!("listener-{i}");
        account::grant(&gateway, &name, &topics)?;
        listeners.push(Listener::connect(&name, &url, account::token(&gateway, &name, None)?, None).await?);
    }
    account::grant(&gateway, "cli-listener", &topics)?;
    let mut cli = CliListener::start(&gateway, dir.path())?;
    tokio::time::sleep(Duration::from_millis(500)).await;

    let publishers = Publishers::start(&gateway, &topics, run.rate)?;
    let start = Instant::now();
    let mut slowest_ready = Duration::ZERO;
    for kill in 1..=run.kills {
        let at = run.time * kill / (run.kills + 1);
        if run.kill_listener {
            let half = at.saturating_sub(run.time / (run.kills + 1) / 2);
            tokio::time::sleep(half.saturating_sub(start.elapsed())).await;
            cli.kill_and_restart(&gateway)?;
        }
        tokio::time::sleep(at.saturating_sub(start.elapsed())).await;
        gateway.kill()?;
        slowest_ready = slowest_ready.max(gateway.restart()?);
        eprint!("\rkill {kill} of {}, {:.0} s", run.kills, start.elapsed().as_secs_f64());
    }
    tokio::time::sleep(run.time.saturating_sub(start.elapsed())).await;
    eprintln!();
    let ledger = tokio::task::spawn_blocking(move || publishers.finish()).await.map_err(error)?;
    let last = last_acked(&ledger);
    let mut broken = Vec::new();
    for listener in &listeners {
        listener.reach(last, Duration::from_secs(40)).await;
    }
    let mut reconnects = 0;
    for listener in listeners {
        let (name, seen) = listener.finish().await;
        reconnects += seen.reconnects;
        broken.extend(judge(&name, &seen, &ledger));
    }
    let seen = cli.finish(last, Duration::from_secs(40))?;
    broken.extend(judge("cli-listener", &seen, &ledger));
    Ok((broken, summary(&run, &ledger, reconnects, slowest_ready)))
}

fn summary(run: &KillRun, ledger: &Ledger, reconnects: u64, slowest_ready: Duration) -> String {
    let unknown: usize = ledger.topics.iter().map(|t| t.acked.iter().filter(|a| a.is_none()).count()).sum();
    format!(
        "{} kills in {:.0} s, {} events acknowledged, {unknown} unknown, {} native listeners reconnected {reconnects} times, one \
         command-line listener{}, gateway ready again within {:.0} ms",
        run.kills,
        run.time.as_secs_f64(),
        acked(ledger),
        run.listeners,
        if run.kill_listener { " killed and restarted as often" } else { "" },
        slowest_ready.as_secs_f64() * 1e3,
    )
}

/// `bowline listen --json --cursor-file`, appending to a file.
struct CliListener {
    output: PathBuf,
    cursor: PathBuf,
    notices: PathBuf,
    child: Child,
}

impl CliListener {
    fn start(gateway: &Gateway, dir: &Path) -> Result<Self, TortureError> {
        let (output, cursor) = (dir.join("events.ndjson"), dir.join("cursor.json"));
        let notices = dir.join("notices.ndjson");
        let child = spawn(gateway, &output, &cursor, &notices)?;
        Ok(CliListener { output, cursor, notices, child })
    }

    fn kill_and_restart(&mut self, gateway: &Gateway) -> Result<(), TortureError> {
        self.child.kill().map_err(error)?;
        self.child.wait().map_err(error)?;
        self.child = spawn(gateway, &self.output, &self.cursor, &self.notices)?;
        Ok(())
    }

    /// Waits until the output holds `seq`, then reads it all.
    fn finish(mut self, seq: u64, patience: Duration) -> Result<Seen, TortureError> {
        let start = Instant::now();
        let needle = format!("\"seq\":{seq},");
        while start.elapsed() < patience
            && !fs::read_to_string(&self.output).map_err(error)?.contains(&needle)
        {
            std::thread::sleep(Duration::from_millis(100));
        }
        self.child.kill().map_err(error)?;
        self.child.wait().map_err(error)?;
        let mut seen = Seen::default();
        for line in fs::read_to_string(&self.output).map_err(error)?.lines() {
            let printed: Printed = serde_json::from_str(line)
                .map_err(|e| error(format!("the listener printed {line:?}: {e}")))?;
            if printed.r#type == "torture.event" {
                seen.deliveries.push(Delivery {
                    topic: printed.topic,
                    n: printed.payload.n,
                    seq: printed.seq,
                });
            }
        }
        for line in fs::read_to_string(&self.notices).map_err(error)?.lines() {
            if line.contains("\"notice\":\"gap\"") {
                seen.gaps.push(line.to_string());
            }
        }
        Ok(seen)
    }
}

#[derive(Deserialize)]
struct Printed {
    r#type: String,
    topic: String,
    seq: u64,
    payload: Payload,
}

fn spawn(gateway: &Gateway, output: &Path, cursor: &Path, notices: &Path) -> Result<Child, TortureError> {
    let append = |path: &Path| OpenOptions::new().create(true).append(true).open(path).map_err(error);
    Command::new(gateway.binary())
        .args(["listen", "--account", "cli-listener", "--json", "--cursor-file"])
        .arg(cursor)
        .arg("--data-dir")
        .arg(gateway.data_dir())
        .arg("--url")
        .arg(format!("http://{}", gateway.listen()))
        .stdin(Stdio::null())
        .stdout(append(output)?)
        .stderr(append(notices)?)
        .spawn()
        .map_err(error)
}

impl Drop for CliListener {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
