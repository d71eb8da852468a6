//! How seeds are run by a built probe, and what counts as noticed: a broken rule, a panic, a seed that never ends.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// A seed at which the simulator noticed something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Noticed {
    /// Which seed.
    pub(crate) seed: u64,
    /// The rule that was broken, `panic`, or `hang`.
    pub(crate) rule: String,
    /// What happened, in one line.
    pub(crate) detail: String,
}

/// Runs the seeds `from..=to` on `jobs` processes; the first seed at which something was noticed.
pub(crate) fn run(probe: &Path, from: u64, to: u64, jobs: u64) -> io::Result<Option<Noticed>> {
    let each = (to - from + 1).div_ceil(jobs.max(1));
    let starts: Vec<u64> = (0..jobs).map(|job| from + job * each).filter(|start| *start <= to).collect();
    let found: Vec<io::Result<Option<Noticed>>> = thread::scope(|scope| {
        let runners: Vec<_> = starts
            .iter()
            .map(|start| scope.spawn(move || part(probe, *start, (*start + each - 1).min(to))))
            .collect();
        let panicked = || Err(io::Error::other("a runner panicked"));
        runners.into_iter().map(|runner| runner.join().unwrap_or_else(|_| panicked())).collect()
    });
    // The parts are in the order of their seeds.
    for part in found {
        if let Some(noticed) = part? {
            return Ok(Some(noticed));
        }
    }
    Ok(None)
}

fn part(probe: &Path, from: u64, to: u64) -> io::Result<Option<Noticed>> {
    let mut child = Command::new(probe)
        .args([from.to_string(), to.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (Some(out), Some(err)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(io::Error::other("the probe has no output"));
    };
    let (says, hears) = mpsc::channel();
    let reader = thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            if says.send(line).is_err() {
                break;
            }
        }
    });
    let complaints = thread::spawn(move || {
        let mut text = String::new();
        // Whatever can't be read is no reason to fail: it is only the words of a panic.
        let _ = err.take(64 << 10).read_to_string(&mut text);
        text
    });
    let mut seed = from;
    let noticed = loop {
        match hears.recv_timeout(LONGEST_SEED) {
            Ok(line) => {
                if let Some(number) = line.strip_prefix("seed ") {
                    seed = number.parse().unwrap_or(seed);
                } else if let Some(broken) = line.strip_prefix("broken ") {
                    let (rule, detail) = broken.split_once(": ").unwrap_or((broken, ""));
                    break Some(Noticed { seed, rule: rule.to_owned(), detail: detail.to_owned() });
                } else if line == "clean" {
                    break None;
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                let detail = format!("the seed did not end within {} s", LONGEST_SEED.as_secs());
                break Some(Noticed { seed, rule: "hang".to_owned(), detail });
            }
            Err(RecvTimeoutError::Disconnected) => {
                break Some(Noticed { seed, rule: "panic".to_owned(), detail: String::new() });
            }
        }
    };
    end(&mut child)?;
    drop(hears);
    let _ = reader.join();
    let said = complaints.join().unwrap_or_default();
    Ok(noticed.map(|noticed| match noticed.rule.as_str() {
        "panic" => Noticed { detail: said.split_whitespace().collect::<Vec<_>>().join(" "), ..noticed },
        _ => noticed,
    }))
}

/// The probe has said what it had to say, or says nothing any more.
fn end(child: &mut Child) -> io::Result<()> {
    if child.try_wait()?.is_none() {
        child.kill()?;
    }
    child.wait().map(drop)
}

/// A seed takes a tenth of a second; a busy machine may need a multiple.
const LONGEST_SEED: Duration = Duration::from_secs(60);
