//! A gateway that gets no more memory and is given more to hold: it dies of an allocation that fails, as it would on a
//! machine that has none left.
//!
//! The limit is one on the process's data (RLIMIT_DATA), which needs no rights. A memory cgroup would kill from outside
//! instead, and that is what `kill -9` does in every other round.

use std::io::Write as _;
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::fault_proxy::Fault;
use crate::gateway::TortureError;
use crate::stand::Stand;
use crate::system::{forbid_memory, resident};

/// Requests that are begun and never finished: a gateway must hold what has come of each (at most 1 MiB, for 30 s). Together
/// many times what a step allows.
const REQUESTS: usize = 64;
/// What each promises, one byte less than which is sent.
const REQUEST_BYTES: usize = 1_000_000;
/// How long the requests are on their way at most.
const DIES_WITHIN: Duration = Duration::from_secs(5);

impl Stand {
    /// The gateway gets `more` bytes and no more, until it has died of that and was started again.
    pub(super) fn starve_of_memory(&mut self, more: u64) -> Result<(), TortureError> {
        let pid = self.gateway.pid()?;
        let said_before = self.said();
        let had = resident(pid).unwrap_or(0);
        let limited = match forbid_memory(pid, more) {
            Ok(limited) => limited,
            Err(why) => {
                self.round.skipped.push(format!("memory: no limit can be set ({why})"));
                return Ok(());
            }
        };
        self.counts.count(Fault::Memory);
        // Everybody comes back at once: that takes memory.
        self.proxy.change(|weather| weather.era += 1);
        let mut unfinished = Vec::new();
        let mut taken = 0;
        let start = Instant::now();
        while start.elapsed() < DIES_WITHIN {
            if let Some(status) = self.gateway.ended()? {
                let said = self.said().split_off(said_before.len());
                if is_failed_allocation(status, &said) {
                    self.counts.count(Fault::MemoryDeath);
                } else {
                    self.round.broken.push(format!("without memory the gateway ended with {status}: {said}"));
                }
                // As a supervisor would.
                return self.restart();
            }
            taken = resident(pid).map_or(taken, |now| now.saturating_sub(had));
            if unfinished.len() < REQUESTS {
                // Nobody may answer any more.
                unfinished.extend(self.begin_a_request().ok());
            } else {
                sleep(Duration::from_millis(5));
            }
        }
        drop(limited);
        // An allocator that had reserved plenty does not notice, nor does a gateway that holds less than we think.
        self.round
            .skipped
            .push(format!("memory death: the gateway took {taken} bytes, had a limit of {more}, and lives"));
        Ok(())
    }

    /// All but the end of a publish, which is therefore never carried out.
    fn begin_a_request(&self) -> std::io::Result<TcpStream> {
        let mut socket = TcpStream::connect_timeout(&self.gateway.listen(), Duration::from_secs(1))?;
        socket.set_write_timeout(Some(Duration::from_secs(1)))?;
        let head = format!(
            "POST /v1/events HTTP/1.1\r\nHost: torture\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Content-Length: {REQUEST_BYTES}\r\n\r\n",
            self.rights.admin.token
        );
        socket.write_all(head.as_bytes())?;
        socket.write_all(&vec![b' '; REQUEST_BYTES - 1])?;
        Ok(socket)
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.gateway.log()).unwrap_or_default()
    }
}

/// Rust's own end of a process whose allocator has nothing to give; a panic or a message of ours would be another.
fn is_failed_allocation(status: ExitStatus, said: &str) -> bool {
    status.signal() == Some(Signal::ABORT.as_raw()) && said.contains("memory allocation of")
}
