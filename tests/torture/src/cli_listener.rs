//! `bowline listen` with a cursor file, as a process that can be killed and stopped at any moment.

use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bowline_history::{Digest, Seen};
use bowline_proto::{Epoch, Gap, GapReason, Seq, Topic};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;

use crate::book::Book;
use crate::diary::Diary;
use crate::gateway::{Gateway, TortureError, error};

/// How it is called.
#[derive(Clone, Debug)]
pub(crate) struct CliHabits {
    /// `--from-oldest`.
    pub(crate) is_from_oldest: bool,
    /// `--proactive-reconnect`, in milliseconds.
    pub(crate) proactive_ms: Option<u64>,
    /// Where it connects.
    pub(crate) addr: SocketAddr,
}

/// A listener's process, appending to files.
#[derive(Debug)]
pub(crate) struct CliListener {
    pub(crate) name: String,
    habits: CliHabits,
    binary: PathBuf,
    data_dir: PathBuf,
    /// `NAME.ndjson`, `NAME.cursor` and `NAME.notices` are beside each other.
    base: PathBuf,
    child: Option<Child>,
}

#[derive(Deserialize)]
struct Saved {
    epoch: Option<String>,
    seq: u64,
}

#[derive(Deserialize)]
struct Printed {
    topic: String,
    seq: Option<u64>,
}

/// The lines on stderr that matter.
#[derive(Deserialize)]
#[serde(tag = "notice", rename_all = "snake_case")]
enum Noticed {
    Accepted {
        epoch: Option<String>,
        seq: Option<u64>,
    },
    Gap {
        topic: String,
        after: u64,
        before: u64,
        reason: String,
    },
    #[serde(other)]
    Other,
}

impl CliListener {
    /// Starts the process and waits until it has saved a position for the first time: what is killed before that starts
    /// anew, and nobody can say from where.
    pub(crate) fn start(
        gateway: &Gateway,
        dir: &Path,
        name: &str,
        habits: CliHabits,
    ) -> Result<Self, TortureError> {
        let mut listener = CliListener {
            name: name.to_string(),
            habits,
            binary: gateway.binary().to_path_buf(),
            data_dir: gateway.data_dir().to_path_buf(),
            base: dir.join(name),
            child: None,
        };
        listener.spawn()?;
        let start = Instant::now();
        while listener.saved().is_none_or(|saved| saved.epoch.is_none()) {
            if start.elapsed() > FIRST_POSITION_WITHIN {
                return Err(error(format!("{name} saved no position; its notices:\n{}", listener.notices())));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(listener)
    }

    /// `kill -9`, and a start from the cursor file.
    pub(crate) fn kill_and_restart(&mut self) -> Result<(), TortureError> {
        self.kill()?;
        self.spawn()
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<(), TortureError> {
        let child = self.child.as_ref().ok_or_else(|| error(format!("{} does not run", self.name)))?;
        kill_process(Pid::from_child(child), signal).map_err(error)
    }

    /// Where a process would go on from now.
    pub(crate) fn has_reached(&self, seq: u64) -> bool {
        self.saved().is_some_and(|saved| saved.seq >= seq)
    }

    /// Whether the process has ended by itself, and what it said.
    pub(crate) fn has_ended(&mut self) -> Option<String> {
        let status = self.child.as_mut()?.try_wait().ok()??;
        self.child = None;
        let notices = self.notices();
        Some(format!("{} ended with {status}: {}", self.name, notices.lines().last().unwrap_or_default()))
    }

    /// Ends the process and reads what it has printed: its file is what it goes on from, so nothing of it was ever forgotten.
    pub(crate) fn finish(mut self, book: &Book) -> Result<Diary, TortureError> {
        self.kill()?;
        let mut diary = Diary::new(&self.name, book);
        let mut epochs = Vec::new();
        let (mut base, mut gaps) = (None, Vec::new());
        for line in self.notices().lines() {
            match serde_json::from_str(line) {
                Ok(Noticed::Accepted { epoch: Some(epoch), seq: Some(seq) }) => {
                    let epoch: Epoch = epoch.parse().map_err(error)?;
                    epochs.push(epoch);
                    base = base.or(Some((epoch, seq_of(seq)?)));
                }
                Ok(Noticed::Gap { topic, after, before, reason }) => gaps.push(Gap {
                    topic: Topic::new(&topic).map_err(error)?,
                    after: seq_of(after)?,
                    before: seq_of(before)?,
                    reason: reason_of(&reason),
                }),
                Ok(Noticed::Accepted { .. }) => diary.complain("accepted without a position"),
                Ok(Noticed::Other) | Err(_) => {}
            }
        }
        let Some((epoch, seq)) = base else {
            return Err(error(format!("{} was never accepted", self.name)));
        };
        if self.habits.is_from_oldest {
            diary.begins_with_oldest(epoch)
        } else {
            diary.accepted(epoch, seq)
        }
        // When each came among the lines is not known; all of them must be the one that the log has at its end.
        epochs.into_iter().for_each(|epoch| diary.push(Seen::Accepted { epoch }));
        gaps.sort_by_key(|gap| gap.before);
        let mut gaps = gaps.into_iter().peekable();
        for text in self.lines()? {
            let printed: Printed = serde_json::from_slice(&text).map_err(|e| {
                error(format!("{} printed {:?}: {e}", self.name, String::from_utf8_lossy(&text)))
            })?;
            let Some(seq) = printed.seq.map(seq_of).transpose()? else { continue };
            // Notices are on another stream: a gap belongs before what lies behind it.
            while let Some(gap) = gaps.next_if(|gap| gap.before <= seq) {
                diary.gap(&gap);
            }
            let topic = Topic::new(&printed.topic).map_err(error)?;
            diary.push(Seen::Event { epoch, topic, seq, text: Digest::of(&text) });
            diary.deliveries += 1;
        }
        gaps.for_each(|gap| diary.gap(&gap));
        Ok(diary)
    }

    fn spawn(&mut self) -> Result<(), TortureError> {
        let append = |path: PathBuf| OpenOptions::new().create(true).append(true).open(path).map_err(error);
        let mut command = Command::new(&self.binary);
        command
            .args(["listen", "--account", &self.name, "--json", "--cursor-file"])
            .arg(self.file("cursor"))
            .arg("--data-dir")
            .arg(&self.data_dir)
            .arg("--url")
            .arg(format!("http://{}", self.habits.addr))
            .stdin(Stdio::null())
            .stdout(append(self.file("ndjson"))?)
            .stderr(append(self.file("notices"))?);
        if self.habits.is_from_oldest {
            command.arg("--from-oldest");
        }
        if let Some(ms) = self.habits.proactive_ms {
            command.args(["--proactive-reconnect", &format!("{ms}ms")]);
        }
        self.child = Some(command.spawn().map_err(error)?);
        Ok(())
    }

    fn kill(&mut self) -> Result<(), TortureError> {
        if let Some(mut child) = self.child.take() {
            child.kill().map_err(error)?;
            child.wait().map_err(error)?;
        }
        Ok(())
    }

    fn file(&self, extension: &str) -> PathBuf {
        self.base.with_extension(extension)
    }

    fn saved(&self) -> Option<Saved> {
        serde_json::from_str(&fs::read_to_string(self.file("cursor")).ok()?).ok()
    }

    fn notices(&self) -> String {
        fs::read_to_string(self.file("notices")).unwrap_or_default()
    }

    /// The whole lines of stdout: one torn by the last kill would be cut off by the next start.
    fn lines(&self) -> Result<Vec<Vec<u8>>, TortureError> {
        let mut file = BufReader::new(fs::File::open(self.file("ndjson")).map_err(error)?);
        let mut lines = Vec::new();
        loop {
            let mut line = Vec::new();
            file.read_until(b'\n', &mut line).map_err(error)?;
            if line.pop() != Some(b'\n') {
                return Ok(lines);
            }
            lines.push(line);
        }
    }
}

impl Drop for CliListener {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// From the start of the process on a loaded machine to its first saved position.
const FIRST_POSITION_WITHIN: Duration = Duration::from_secs(60);

fn seq_of(value: u64) -> Result<Seq, TortureError> {
    Seq::new(value).ok_or_else(|| error(format!("{value} is no seq")))
}

fn reason_of(name: &str) -> GapReason {
    match name {
        "retention" => GapReason::Retention,
        "epoch" => GapReason::Epoch,
        "storage" => GapReason::Storage,
        _ => GapReason::Missing,
    }
}
