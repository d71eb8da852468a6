//! A gateway process that can be killed and started again on the same port and data dir.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Why a run could not be carried out (a broken promise is a verdict, not an error).
#[derive(Debug)]
pub struct TortureError(pub String);

impl std::fmt::Display for TortureError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TortureError {}

pub(crate) fn error(what: impl std::fmt::Display) -> TortureError {
    TortureError(what.to_string())
}

/// A `bowline serve --dev` of our own.
#[derive(Debug)]
pub struct Gateway {
    binary: PathBuf,
    data_dir: PathBuf,
    listen: SocketAddr,
    admin: SocketAddr,
    config: Option<PathBuf>,
    memory: Memory,
    child: Option<Child>,
}

/// From whom a gateway's allocator gets memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Memory {
    /// As shipped: the allocator takes address space for a gibibyte at the start, and no limit on a process's data is felt
    /// before that is used up.
    #[default]
    ReservedAtStart,
    /// It asks the system when it needs some, so that the system can say no.
    AskedForWhenNeeded,
}

/// "Ready within 1 s of a `kill -9`" is the promise; a loaded machine gets more before we call it a failure.
const READY_WITHIN: Duration = Duration::from_secs(20);

impl Gateway {
    /// Starts the binary on free ports of the loopback. `config` is the text of a configuration file, if any.
    ///
    /// # Errors
    /// When it does not say within 20 s that it is ready.
    pub fn start(binary: &Path, data_dir: &Path, config: Option<&str>) -> Result<Self, TortureError> {
        Self::start_with(binary, data_dir, config, Memory::default())
    }

    /// As [`Gateway::start`], with a choice of where its memory comes from.
    pub(crate) fn start_with(
        binary: &Path,
        data_dir: &Path,
        config: Option<&str>,
        memory: Memory,
    ) -> Result<Self, TortureError> {
        let config = match config {
            Some(text) => {
                if let Some(parent) = data_dir.parent() {
                    std::fs::create_dir_all(parent).map_err(error)?;
                }
                let path = data_dir.with_extension("toml");
                std::fs::write(&path, text).map_err(error)?;
                Some(path)
            }
            None => None,
        };
        let mut gateway = Gateway {
            binary: binary.to_path_buf(),
            data_dir: data_dir.to_path_buf(),
            listen: free_port()?,
            admin: free_port()?,
            config,
            memory,
            child: None,
        };
        gateway.restart()?;
        Ok(gateway)
    }

    /// Starts the process again; returns how long it took to be ready.
    ///
    /// # Errors
    /// As [`Gateway::start`].
    pub fn restart(&mut self) -> Result<Duration, TortureError> {
        let start = Instant::now();
        let ready = self.spawn()?;
        ready.recv_timeout(READY_WITHIN).map_err(|_| {
            let log = std::fs::read_to_string(self.log()).unwrap_or_default();
            error(format!("the gateway did not get ready; its log:\n{log}"))
        })?;
        Ok(start.elapsed())
    }

    /// Starts the process and kills it with `kill -9` after `time`, or as soon as it is ready. Whether that was before it was.
    pub(crate) fn start_and_kill(&mut self, time: Duration) -> Result<bool, TortureError> {
        let ready = self.spawn()?;
        let is_early = match ready.recv_timeout(time) {
            Ok(()) => false,
            Err(RecvTimeoutError::Timeout) => true,
            Err(RecvTimeoutError::Disconnected) => {
                let log = std::fs::read_to_string(self.log()).unwrap_or_default();
                return Err(error(format!("the gateway ended while it started; its log:\n{log}")));
            }
        };
        self.kill()?;
        Ok(is_early)
    }

    /// Starts the process; the answer hears when it is ready, and hangs up when it is gone.
    fn spawn(&mut self) -> Result<Receiver<()>, TortureError> {
        let mut command = Command::new(&self.binary);
        command
            .args([
                "serve",
                "--dev",
                "--listen",
                &self.listen.to_string(),
                "--admin",
                &self.admin.to_string(),
            ])
            .arg("--data-dir")
            .arg(&self.data_dir)
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::options().create(true).append(true).open(self.log()).map_err(error)?);
        if let Some(config) = &self.config {
            command.arg("--config").arg(config);
        }
        if self.memory == Memory::AskedForWhenNeeded {
            command.env("MIMALLOC_ARENA_EAGER_COMMIT", "0");
        }
        let mut child =
            command.spawn().map_err(|e| error(format!("can't run {}: {e}", self.binary.display())))?;
        let stdout = child.stdout.take().expect("stdout was piped");
        let (sender, ready) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if line.starts_with("bowline: ready on ") {
                    let _ = sender.send(());
                }
            }
        });
        self.child = Some(child);
        Ok(ready)
    }

    /// `kill -9`, and waits until the process is gone.
    ///
    /// # Errors
    /// When there is no process to kill.
    pub fn kill(&mut self) -> Result<(), TortureError> {
        let mut child = self.child.take().ok_or_else(|| error("no gateway is running"))?;
        child.kill().map_err(error)?;
        child.wait().map_err(error)?;
        Ok(())
    }

    /// SIGTERM, and waits until the process has drained and ended.
    ///
    /// # Errors
    /// When it ends with a failure or not within 60 s.
    pub fn terminate(&mut self) -> Result<(), TortureError> {
        let mut child = self.child.take().ok_or_else(|| error("no gateway is running"))?;
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).map_err(error)?;
        let deadline = Instant::now() + Duration::from_secs(60);
        while Instant::now() < deadline {
            match child.try_wait().map_err(error)? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(error(format!("the gateway ended with {status}"))),
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        }
        let _ = child.kill();
        Err(error("the gateway did not end within 60 s of SIGTERM"))
    }

    /// Stops and continues, without a word to anybody: SIGSTOP, SIGCONT.
    ///
    /// # Errors
    /// When there is no process to signal.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) -> Result<(), TortureError> {
        rustix::process::kill_process(self.pid()?, signal).map_err(error)
    }

    /// The process that runs at the moment.
    ///
    /// # Errors
    /// When none does.
    pub(crate) fn pid(&self) -> Result<rustix::process::Pid, TortureError> {
        self.child
            .as_ref()
            .map(rustix::process::Pid::from_child)
            .ok_or_else(|| error("no gateway is running"))
    }

    /// How the process has ended by itself, if it has; it is reaped then.
    ///
    /// # Errors
    /// When there was none, or the system does not say.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>, TortureError> {
        let child = self.child.as_mut().ok_or_else(|| error("no gateway is running"))?;
        let status = child.try_wait().map_err(error)?;
        if status.is_some() {
            self.child = None;
        }
        Ok(status)
    }

    /// What it writes to stderr, beside the data dir.
    pub(crate) fn log(&self) -> PathBuf {
        self.data_dir.with_extension("stderr")
    }

    /// Where clients connect.
    #[must_use]
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Where metrics are.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The data dir, whose secret signs tokens.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The binary under test.
    #[must_use]
    pub fn binary(&self) -> &Path {
        &self.binary
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A free port below those that the system gives to dialling sockets: a dead gateway's port stays its own, and nobody
/// who dials it meets himself.
fn free_port() -> Result<SocketAddr, TortureError> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    for _ in 0..PORTS {
        let offset = (NEXT.fetch_add(1, Ordering::Relaxed) + std::process::id() * 61) % PORTS;
        let addr = SocketAddr::from(([127, 0, 0, 1], (FIRST_PORT + offset) as u16));
        if TcpListener::bind(addr).is_ok() {
            return Ok(addr);
        }
    }
    Err(error("no port is free"))
}

/// Above the well-known services, and `PORTS` of them end below 32,768, where Linux begins to give ports away.
const FIRST_PORT: u32 = 12_000;
const PORTS: u32 = 20_000;
