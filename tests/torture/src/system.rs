//! Faults that the operating system is asked for: a device that runs full, one that fails, limits of a process.
//!
//! What this machine does not allow is said, never passed over in silence.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};

use crate::gateway::{TortureError, error};

/// A small file system of its own; gone with all that is in it when dropped.
#[derive(Debug)]
pub(crate) struct SmallDevice {
    dir: PathBuf,
}

impl SmallDevice {
    /// Mounts `megabytes` at `dir`, which is made. The reason when this process may not.
    pub(crate) fn mount(dir: &Path, megabytes: u32) -> Result<Self, String> {
        fs::create_dir_all(dir).map_err(|e| e.to_string())?;
        let output = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"])
            .arg(dir)
            .output()
            .map_err(|e| format!("no mount: {e}"))?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).trim().to_string());
        }
        Ok(SmallDevice { dir: dir.to_path_buf() })
    }

    /// Leaves no byte free.
    pub(crate) fn fill(&self) -> Result<(), TortureError> {
        use std::io::Write as _;
        let mut file = fs::File::create(self.filler()).map_err(error)?;
        for size in [64 * 1024, 512] {
            let chunk = vec![0; size];
            while file.write_all(&chunk).is_ok() {}
        }
        Ok(())
    }

    /// Gives back what `fill` took.
    pub(crate) fn relieve(&self) -> Result<(), TortureError> {
        fs::remove_file(self.filler()).map_err(error)
    }

    fn filler(&self) -> PathBuf {
        self.dir.join("filler")
    }
}

impl Drop for SmallDevice {
    fn drop(&mut self) {
        // Lazily: a process that still holds a file in it does not keep it.
        let _ = Command::new("umount").arg("-l").arg(&self.dir).output();
    }
}

/// System calls of a process that are tampered with while this lives.
#[derive(Debug)]
pub(crate) struct Tampering(Child);

impl Tampering {
    /// `inject` is what strace does with every `fdatasync`, such as `error=EIO`. The reason when this machine has no
    /// strace, or does not let it attach.
    pub(crate) fn start(pid: Pid, inject: &str) -> Result<Self, String> {
        let mut child = Command::new("strace")
            .args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync"])
            .args(["-e", &format!("inject=fdatasync:{inject}")])
            .args(["-p", &pid.as_raw_nonzero().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| format!("no strace: {e}"))?;
        // It has attached when the kernel says so; it ends at once when it may not.
        for _ in 0..250 {
            if let Ok(Some(_)) = child.try_wait() {
                let output = child.wait_with_output().map_err(|e| e.to_string())?;
                return Err(String::from_utf8_lossy(&output.stderr).trim().to_string());
            }
            if is_traced(pid) {
                return Ok(Tampering(child));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = child.kill();
        let _ = child.wait();
        Err("strace did not attach within 5 s".into())
    }
}

impl Drop for Tampering {
    fn drop(&mut self) {
        // A polite end detaches; the traced process goes on.
        let _ = kill_process(Pid::from_child(&self.0), Signal::INT);
        let _ = self.0.wait();
    }
}

/// Every thread of the process is traced.
fn is_traced(pid: Pid) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero())) else { return false };
    threads.flatten().all(|thread| {
        let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
        let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
        tracer.is_some_and(|pid| pid.trim() != "0")
    })
}

/// The process may open no descriptor above those that it has, until the answer is dropped.
pub(crate) fn forbid_descriptors(pid: Pid) -> Result<Limited, TortureError> {
    let open = fs::read_dir(format!("/proc/{}/fd", pid.as_raw_nonzero())).map_err(error)?.count() as u64;
    Limited::set(pid, Resource::Nofile, open)
}

/// The process gets no more memory of its own than it has and `more` bytes, until the answer is dropped. What its allocator
/// has made writable beforehand counts as had.
pub(crate) fn forbid_memory(pid: Pid, more: u64) -> Result<Limited, TortureError> {
    let had =
        bytes_of(pid, "VmData").ok_or_else(|| error("the kernel does not say how large the process is"))?;
    Limited::set(pid, Resource::Data, had + more)
}

/// Bytes of memory that the process really uses.
pub(crate) fn resident(pid: Pid) -> Option<u64> {
    bytes_of(pid, "VmRSS")
}

fn bytes_of(pid: Pid, what: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':'))?;
    Some(line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? * 1024)
}

/// CPU time that the process has used.
pub(crate) fn cpu_time(pid: Pid) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    // Fields 14 and 15, counted from behind the name in parentheses, in hundredths of a second on Linux.
    let mut fields = stat.rsplit(')').next()?.split_whitespace().skip(11);
    let ticks = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 10))
}

/// A limit of a process that is lower than it was.
#[derive(Debug)]
pub(crate) struct Limited {
    pid: Pid,
    resource: Resource,
    before: Rlimit,
}

impl Limited {
    fn set(pid: Pid, resource: Resource, current: u64) -> Result<Self, TortureError> {
        let whole = rustix::process::getrlimit(resource);
        let limit = Rlimit { current: Some(current), maximum: whole.maximum };
        let before = prlimit(Some(pid), resource, limit).map_err(error)?;
        Ok(Limited { pid, resource, before })
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        // The process may be gone, and its limits with it.
        let _ = prlimit(Some(self.pid), self.resource, self.before);
    }
}
