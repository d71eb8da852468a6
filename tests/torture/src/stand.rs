//! One gateway, its network, its publishers and its fleet: raised for a round, judged and torn down at its end.

mod fleet;
mod hunger;
mod rights;
mod torment;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bowline_proto::Topic;
use tokio::runtime::Handle;

use crate::account::{self, Admin};
use crate::book::Book;
use crate::cli_listener::CliListener;
use crate::fault_proxy::{Fault, FaultCounts, FaultProxy};
use crate::gateway::{Gateway, Memory, TortureError, error};
use crate::listener::Listener;
use crate::publisher::{Marks, Publishers};
use crate::random::Random;
use crate::stand::fleet::Fleet;
use crate::stand::rights::Rights;
use crate::system::SmallDevice;
use crate::verdict::judge;

/// How large a stand is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crew {
    /// Native clients.
    pub(crate) natives: usize,
    /// Processes of the command-line listener.
    pub(crate) listeners: usize,
    /// Events per second.
    pub(crate) rate: u32,
    /// Links have fates of their own.
    pub(crate) is_rough: bool,
    /// The log lies on a device of so many megabytes, where one can be mounted.
    pub(crate) device_megabytes: Option<u32>,
    /// Where the gateway's memory comes from.
    pub(crate) memory: Memory,
}

/// What a round brought.
#[derive(Debug, Default)]
pub(crate) struct Round {
    pub(crate) deliveries: u64,
    pub(crate) signals: u64,
    pub(crate) acknowledged: u64,
    pub(crate) unknown: u64,
    pub(crate) handovers: u64,
    pub(crate) reconnects: u64,
    pub(crate) rights_changed: u64,
    /// From the start of a process to its being ready, at worst.
    pub(crate) worst_ready: Duration,
    /// From the end of a fault until every reader had what had been acknowledged by then, at worst.
    pub(crate) worst_caught_up: Duration,
    /// Broken promises, in words.
    pub(crate) broken: Vec<String>,
    /// What this machine does not allow.
    pub(crate) skipped: Vec<String>,
}

/// A running stand. Its methods block: it is driven from a thread of its own.
pub(crate) struct Stand {
    runtime: Handle,
    gateway: Gateway,
    proxy: FaultProxy,
    topics: Vec<Topic>,
    natives: Vec<Listener>,
    listeners: Vec<CliListener>,
    publishers: Publishers,
    book: Book,
    rights: Rights,
    device: Option<SmallDevice>,
    counts: Arc<FaultCounts>,
    random: Random,
    round: Round,
    dir: PathBuf,
}

/// Topics of a stand. Few enough to grant quickly, enough for every thread of the publishers to have several.
const TOPICS: usize = 12;
/// How long a fault may be over before a reader that is still behind counts as hung. The slowest way back is a series of
/// links with bad fates: each costs up to 2.5 heartbeats and a backoff.
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(90);

impl Stand {
    /// Raises a stand below `dir` and waits until everybody is connected; the weather is calm until then.
    pub(crate) fn raise(
        runtime: &Handle,
        binary: &Path,
        dir: &Path,
        crew: Crew,
        random: &Random,
        counts: &Arc<FaultCounts>,
    ) -> Result<Stand, TortureError> {
        let mut round = Round::default();
        let data_dir = dir.join("data");
        let device = match crew.device_megabytes.map(|size| SmallDevice::mount(&data_dir, size)) {
            Some(Ok(device)) => Some(device),
            Some(Err(why)) => {
                round.skipped.push(format!("full disk: no small device can be mounted ({why})"));
                None
            }
            None => None,
        };
        let gateway = Gateway::start_with(binary, &data_dir, Some(CONFIG), crew.memory)?;
        let links = random.fork(1);
        let proxy = runtime
            .block_on(FaultProxy::start(gateway.listen(), links, Arc::clone(counts)))
            .map_err(error)?;
        let topics = account::topics(TOPICS)?;
        let book = Book::default();
        let (addr, habits) = (proxy.addr(), random.fork(2));
        let mut fleet = Fleet { gateway: &gateway, addr, topics: &topics, book: &book, random: habits };
        let natives = runtime.block_on(fleet.natives(crew.natives))?;
        let listeners = fleet.listeners(dir, crew.listeners)?;
        let publishers = Publishers::start(&gateway, &topics, crew.rate, &book, Some(proxy.addr()))?;
        proxy.change(|weather| weather.is_rough = crew.is_rough);
        let held = natives.iter().map(|native| native.topics.iter().cloned().collect()).collect();
        let rights = Rights { admin: Admin::of(&gateway, &book)?, held };
        Ok(Stand {
            runtime: runtime.clone(),
            gateway,
            proxy,
            topics,
            natives,
            listeners,
            publishers,
            book,
            rights,
            device,
            counts: Arc::clone(counts),
            random: random.fork(3),
            round,
            dir: dir.to_path_buf(),
        })
    }

    /// Waits until the gateway answers publishes again and every native reader has what is acknowledged by then. A reader
    /// that stays behind is told as hung.
    pub(crate) fn recover(&mut self) -> Result<(), TortureError> {
        let start = Instant::now();
        self.answer_again()?;
        let marks = self.publishers.marks();
        self.wait_for_readers(&marks, start)?;
        self.round.worst_caught_up = self.round.worst_caught_up.max(start.elapsed());
        Ok(())
    }

    /// Waits until the gateway answers publishes again; readers may be anywhere on their way back.
    pub(crate) fn answer_again(&mut self) -> Result<(), TortureError> {
        let start = Instant::now();
        let answers = self.publishers.answers();
        while self.publishers.answers() == answers {
            if start.elapsed() > CAUGHT_UP_WITHIN {
                self.round.broken.push("hung: no publish has been answered for 90 s".into());
                return Ok(());
            }
            self.look_at_processes()?;
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    fn wait_for_readers(&mut self, marks: &Marks, start: Instant) -> Result<(), TortureError> {
        while !self.natives.iter().all(|native| native.has_all(marks)) {
            if start.elapsed() > CAUGHT_UP_WITHIN {
                for native in self.natives.iter().filter(|native| !native.has_all(marks)) {
                    self.round.broken.push(format!("hung: {}, 90 s later", native.standing(marks)));
                }
                return Ok(());
            }
            self.look_at_processes()?;
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// Nobody may end of its own accord.
    fn look_at_processes(&mut self) -> Result<(), TortureError> {
        for listener in &mut self.listeners {
            if let Some(said) = listener.has_ended() {
                self.round.broken.push(said);
                listener.kill_and_restart()?;
            }
        }
        if let Some(status) = self.gateway.ended()? {
            let last = self.last_lines();
            self.round.broken.push(format!("the gateway ended by itself with {status}: {last}"));
            self.restart()?;
        }
        Ok(())
    }

    /// What the gateway has said last.
    fn last_lines(&self) -> String {
        let log = std::fs::read_to_string(self.gateway.log()).unwrap_or_default();
        let lines = log.lines().collect::<Vec<_>>();
        lines[lines.len().saturating_sub(5)..].join(" | ")
    }

    fn restart(&mut self) -> Result<(), TortureError> {
        let ready = self.gateway.restart()?;
        self.round.worst_ready = self.round.worst_ready.max(ready);
        Ok(())
    }

    /// The faults stop; everybody must catch up; the log of the ended gateway tells what they should have. When a
    /// promise was broken, everything stays below the round's directory.
    pub(crate) fn finish(mut self) -> Result<Round, TortureError> {
        self.proxy.change(|weather| {
            *weather = crate::fault_proxy::Weather { era: weather.era, ..Default::default() }
        });
        // A listener of the command line may wait for half a minute by now: a fresh process asks at once.
        for listener in &mut self.listeners {
            listener.kill_and_restart()?;
            self.counts.count(Fault::ListenerKill);
        }
        let (_, complaints) = std::mem::replace(&mut self.publishers, Publishers::nobody()).finish();
        self.round.broken.extend(complaints);
        let marks = self.rights.admin.last_words(&self.topics)?;
        self.wait_for_all_rights();
        self.natives.iter().for_each(Listener::settle);
        let last = marks.last();
        let start = Instant::now();
        self.wait_for_readers(&marks, start)?;
        while let Some(late) = self.listeners.iter().find(|listener| !listener.has_reached(last)) {
            if start.elapsed() > CAUGHT_UP_WITHIN {
                self.round.broken.push(format!("hung: {} is behind {last} after 90 s", late.name));
                break;
            }
            std::thread::sleep(POLL);
        }
        let mut diaries = Vec::new();
        for listener in std::mem::take(&mut self.listeners) {
            diaries.push(listener.finish(&self.book)?);
        }
        for native in std::mem::take(&mut self.natives) {
            diaries.push(self.runtime.block_on(native.finish()));
        }
        if let Err(failure) = self.gateway.terminate() {
            self.round.broken.push(failure.to_string());
        }
        let mut round = self.round;
        let (acknowledged, unknown) = self.book.events();
        (round.acknowledged, round.unknown) = (acknowledged as u64, unknown as u64);
        for diary in &diaries {
            round.deliveries += diary.deliveries;
            round.signals += diary.signals;
            round.handovers += diary.handovers;
            round.reconnects += diary.reconnects;
        }
        round.broken.extend(judge(self.gateway.data_dir(), &self.topics, &self.book, &mut diaries));
        if !round.broken.is_empty() {
            for diary in &diaries {
                let lines = diary.whole().join("\n");
                std::fs::write(self.dir.join(format!("{}.diary", diary.reader.account)), lines)
                    .map_err(error)?;
            }
            if self.device.is_some() {
                copy(self.gateway.data_dir(), &self.dir.join("data-of-the-device"))?;
            }
        }
        Ok(round)
    }
}

const POLL: Duration = Duration::from_millis(10);

/// A heartbeat short enough for silence to be noticed within a step, and a drain that takes a moment.
const CONFIG: &str = "heartbeat = \"1s\"\ndrain_window = \"1500ms\"\nmax_duration = \"1h\"\n";

fn copy(from: &Path, to: &Path) -> Result<(), TortureError> {
    std::fs::create_dir_all(to).map_err(error)?;
    for entry in std::fs::read_dir(from).map_err(error)? {
        let entry = entry.map_err(error)?;
        if entry.file_type().map_err(error)?.is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).map_err(error)?;
        }
    }
    Ok(())
}
