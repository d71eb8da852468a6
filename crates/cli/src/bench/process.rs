//! The processes that a bench starts and measures: each on the first CPU, the load on the second.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use bowline_proto::AccountKind;
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::failure::Failure;
use crate::target::DevFile;

/// A server under measurement; ended when dropped.
pub(super) struct Server {
    child: Child,
    pub(super) addr: SocketAddr,
    /// Where the gateway's metrics are; none for the floor.
    pub(super) admin: Option<SocketAddr>,
    dev: Option<DevFile>,
    dir: Option<tempfile::TempDir>,
}

/// What one process has used so far.
#[derive(Clone, Copy, Default)]
pub(super) struct Usage {
    /// Nanoseconds on a CPU, over all threads.
    pub(super) cpu_ns: u64,
    /// Resident bytes.
    pub(super) rss: u64,
}

pub(super) fn failed(what: impl std::fmt::Display) -> Failure {
    Failure::new(format!("bench: {what}"))
}

/// Settings that let one account hold all subscribers, and one core serve them.
const CONFIG: &str =
    "shards = 1\ndurability = \"os\"\n[limits]\npath_sockets = 1000000\nagent_sockets = 1000000\n";

impl Server {
    /// Our own gateway with all features on, one shard, `durability = "os"`.
    pub(super) fn gateway() -> Result<Server, Failure> {
        let dir = tempfile::tempdir().map_err(failed)?;
        fs::write(dir.path().join("bench.toml"), CONFIG).map_err(failed)?;
        let mut server = Server::gateway_on(dir.path(), free_port()?, free_port()?)?;
        server.dir = Some(dir);
        Ok(server)
    }

    /// Starts (again) over `dir`, which holds `bench.toml`.
    fn gateway_on(dir: &Path, listen: SocketAddr, admin: SocketAddr) -> Result<Server, Failure> {
        let data = dir.join("data");
        let mut command = this_program()?;
        command
            .args([
                "serve",
                "--dev",
                "--listen",
                &listen.to_string(),
                "--admin",
                &admin.to_string(),
                "--config",
            ])
            .arg(dir.join("bench.toml"))
            .arg("--data-dir")
            .arg(&data)
            .env("RUST_LOG", "error")
            .stderr(Stdio::null());
        let child = started(command)?;
        let dev = DevFile::load(&data)?;
        Ok(Server { child, addr: listen, admin: Some(admin), dev, dir: None })
    }

    /// The bare write or accept loop.
    pub(super) fn floor(mode: &str) -> Result<Server, Failure> {
        let addr = free_port()?;
        let mut command = this_program()?;
        command.args(["bench", "floor", "--mode", mode, "--port", &addr.port().to_string()]);
        Ok(Server { child: started(command)?, addr, admin: None, dev: None, dir: None })
    }

    /// `kill -9` and a new start over the same data.
    pub(super) fn kill_and_restart(&mut self) -> Result<(), Failure> {
        self.end();
        let dir = self.dir.take().ok_or_else(|| failed("this server has no data"))?;
        let admin = self.admin.ok_or_else(|| failed("this server has no admin address"))?;
        *self = Server::gateway_on(dir.path(), self.addr, admin)?;
        self.dir = Some(dir);
        Ok(())
    }

    /// A token of the gateway; empty for the floor.
    pub(super) fn token(&self, account: &str, publishes: bool) -> Result<String, Failure> {
        use bowline_gateway::auth::{NewToken, Scopes};
        let Some(dev) = &self.dev else { return Ok(String::new()) };
        let account = bowline_proto::Account::new(account).map_err(failed)?;
        Ok(dev.signer().mint(&NewToken {
            kind: AccountKind::Agent,
            scopes: Scopes { publish: publishes, admin: publishes },
            topics: vec!["chat:*".into()],
            ttl: Duration::from_secs(24 * 3600),
            ..NewToken::new(account)
        }))
    }

    pub(super) fn usage(&self) -> Usage {
        let pid = self.child.id();
        let mut usage = Usage::default();
        if let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) {
            for task in tasks.flatten() {
                let text = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
                usage.cpu_ns += text.split(' ').next().and_then(|v| v.parse::<u64>().ok()).unwrap_or(0);
            }
        }
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let kib = status
            .lines()
            .find_map(|l| l.strip_prefix("VmRSS:")?.trim().strip_suffix("kB")?.trim().parse().ok());
        usage.rss = kib.unwrap_or(0_u64) * 1024;
        usage
    }

    /// The sum of a counter of the server's metrics over its labels.
    pub(super) fn counter(&self, name: &str) -> f64 {
        let addr = self.admin.unwrap_or(self.addr);
        let Ok(mut answer) = ureq::get(format!("http://{addr}/metrics")).call() else { return 0.0 };
        let text = answer.body_mut().read_to_string().unwrap_or_default();
        let lines = text.lines().filter(|l| l.split([' ', '{']).next() == Some(name));
        lines.filter_map(|l| l.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

fn this_program() -> Result<Command, Failure> {
    std::env::current_exe().map(Command::new).map_err(failed)
}

/// Starts on the first CPU and waits for the line that says it is ready; the caller goes on on the second.
fn started(mut command: Command) -> Result<Child, Failure> {
    pin(0);
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    pin(1);
    let mut child = spawned.map_err(failed)?;
    let stdout = child.stdout.take().expect("stdout was piped");
    let (sender, ready) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if line.starts_with("bowline: ready on ") {
                let _ = sender.send(());
            }
        }
    });
    if ready.recv_timeout(Duration::from_secs(20)).is_err() {
        let _ = child.kill();
        let _ = child.wait();
        return Err(failed("the server under measurement did not get ready"));
    }
    Ok(child)
}

/// On a machine with one CPU everything shares it, and the figures say so by their size.
fn pin(cpu: usize) {
    let mut set = CpuSet::new();
    set.set(cpu);
    let _ = sched_setaffinity(None, &set);
}

fn free_port() -> Result<SocketAddr, Failure> {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).map_err(failed)
}
