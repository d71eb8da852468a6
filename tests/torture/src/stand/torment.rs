//! How each step is carried out on a stand. Each returns when the fault is over.

use std::ops::Range;
use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;

use crate::fault_proxy::Fault;
use crate::gateway::TortureError;
use crate::stand::Stand;
use crate::step::Step;
use crate::system::{Tampering, cpu_time, forbid_descriptors};

/// How much of one CPU a gateway without descriptors may use: it sheds, it does not spin. (Constant redials of the whole
/// fleet cost a few percent; a loop costs a hundred.)
const MOST_CPU_WITHOUT_DESCRIPTORS: f64 = 0.8;

/// Long enough for a publish to come, to be committed and to be answered into a network that stands still.
const CARRIED_OUT_WITHIN: Duration = Duration::from_millis(200);

impl Stand {
    /// Does it, and waits until it is over.
    pub(crate) fn suffer(&mut self, step: Step) -> Result<(), TortureError> {
        match step {
            Step::Kill { listeners } => {
                self.kill_gateway()?;
                for _ in 0..listeners {
                    self.kill_listener()?;
                }
                self.restart()
            }
            Step::KillAgain { times, after } => {
                for _ in 0..times {
                    self.kill_gateway()?;
                    self.restart()?;
                    sleep(after);
                }
                Ok(())
            }
            Step::KillStarting { times, after } => {
                self.kill_gateway()?;
                for _ in 0..times {
                    if self.gateway.start_and_kill(after)? {
                        self.counts.count(Fault::GatewayKillStarting);
                    }
                    self.counts.count(Fault::GatewayKill);
                }
                self.restart()
            }
            Step::KillUnanswered => {
                self.proxy.change(|weather| weather.is_down_frozen = true);
                sleep(CARRIED_OUT_WITHIN);
                self.proxy.change(|weather| weather.era += 1);
                self.counts.count(Fault::AnswerCut);
                self.kill_gateway()?;
                self.proxy.change(|weather| weather.is_down_frozen = false);
                self.restart()
            }
            Step::KillListener => self.kill_listener(),
            Step::Stop { time } => self.stop_gateway(time),
            Step::Stutter { times, time } => {
                for _ in 0..times {
                    self.stop_gateway(time)?;
                    sleep(time);
                }
                Ok(())
            }
            Step::StopListener { time } => {
                let index = self.random.between(0, self.listeners.len().max(1) as u64) as usize;
                self.stop_listeners(index..index + 1, time)
            }
            Step::StopListeners { time } => self.stop_listeners(0..self.listeners.len(), time),
            Step::Roll => {
                self.counts.count(Fault::RollingRestart);
                if let Err(failure) = self.gateway.terminate() {
                    self.round.broken.push(failure.to_string());
                }
                self.restart()
            }
            Step::ResetAll => {
                self.counts.count(Fault::ResetAll);
                self.proxy.change(|weather| weather.era += 1);
                Ok(())
            }
            Step::Refuse { time } => {
                self.counts.count(Fault::RefuseDials);
                self.proxy.change(|weather| {
                    weather.refuses = true;
                    weather.era += 1;
                });
                sleep(time);
                self.proxy.change(|weather| weather.refuses = false);
                Ok(())
            }
            Step::FreezeOneWay { is_up, time } => {
                self.counts.count(Fault::FreezeAllOneWay);
                self.freeze(is_up, !is_up, time);
                Ok(())
            }
            Step::FreezeBothWays { time } => {
                self.counts.count(Fault::FreezeAllBothWays);
                self.freeze(true, true, time);
                Ok(())
            }
            Step::FillDisk { time } => self.fill_disk(time),
            Step::FailFsync { time } => self.tamper(Fault::FsyncError, "error=EIO", time),
            Step::FailFsyncAndKill { time } => {
                // The process dies under the tracer, with what no sync has taken.
                let tampering = self.begin_to_tamper(Fault::FsyncError, "error=EIO")?;
                sleep(time);
                self.kill_gateway()?;
                drop(tampering);
                self.restart()
            }
            Step::SlowFsync { each, time } => {
                self.tamper(Fault::FsyncSlow, &format!("delay_enter={}", each.as_micros()), time)
            }
            Step::Descriptors { time } => self.starve_of_descriptors(time),
            Step::Memory { more } => self.starve_of_memory(more),
        }
    }

    fn kill_gateway(&mut self) -> Result<(), TortureError> {
        self.gateway.kill()?;
        self.counts.count(Fault::GatewayKill);
        Ok(())
    }

    fn stop_gateway(&self, time: Duration) -> Result<(), TortureError> {
        self.gateway.signal(Signal::STOP)?;
        self.counts.count(Fault::GatewayStop);
        sleep(time);
        self.gateway.signal(Signal::CONT)
    }

    fn kill_listener(&mut self) -> Result<(), TortureError> {
        if self.listeners.is_empty() {
            return Ok(());
        }
        let index = self.random.between(0, self.listeners.len() as u64) as usize;
        self.counts.count(Fault::ListenerKill);
        self.listeners[index].kill_and_restart()
    }

    fn stop_listeners(&self, which: Range<usize>, time: Duration) -> Result<(), TortureError> {
        let Some(listeners) = self.listeners.get(which) else { return Ok(()) };
        for listener in listeners {
            listener.signal(Signal::STOP)?;
            self.counts.count(Fault::ListenerStop);
        }
        sleep(time);
        listeners.iter().try_for_each(|listener| listener.signal(Signal::CONT))
    }

    fn freeze(&self, is_up: bool, is_down: bool, time: Duration) {
        self.proxy.change(|weather| (weather.is_up_frozen, weather.is_down_frozen) = (is_up, is_down));
        sleep(time);
        self.proxy.change(|weather| (weather.is_up_frozen, weather.is_down_frozen) = (false, false));
    }

    fn fill_disk(&mut self, time: Duration) -> Result<(), TortureError> {
        let Some(device) = &self.device else { return Ok(()) };
        device.fill()?;
        self.counts.count(Fault::DiskFull);
        let answers = self.publishers.answers();
        sleep(time);
        let was_full = self.publishers.answers() - answers;
        device.relieve()?;
        // A few requests may have found room in the open segment's last block.
        if was_full > FIT_INTO_THE_LAST_BLOCK {
            self.round.broken.push(format!("{was_full} publishes were answered on a full device"));
        }
        Ok(())
    }

    fn tamper(&mut self, fault: Fault, inject: &str, time: Duration) -> Result<(), TortureError> {
        let tampering = self.begin_to_tamper(fault, inject)?;
        if tampering.is_some() {
            sleep(time);
        }
        Ok(())
    }

    /// Tampers until the answer is dropped, where this machine allows it.
    fn begin_to_tamper(&mut self, fault: Fault, inject: &str) -> Result<Option<Tampering>, TortureError> {
        match Tampering::start(self.gateway.pid()?, inject) {
            Ok(tampering) => {
                self.counts.count(fault);
                Ok(Some(tampering))
            }
            Err(why) => {
                let what = if fault == Fault::FsyncError { "fsync error" } else { "slow fsync" };
                self.round.skipped.push(format!("{what}: {why}"));
                Ok(None)
            }
        }
    }

    fn starve_of_descriptors(&mut self, time: Duration) -> Result<(), TortureError> {
        let pid = self.gateway.pid()?;
        let limited = forbid_descriptors(pid)?;
        self.counts.count(Fault::Descriptors);
        self.proxy.change(|weather| weather.era += 1);
        let before = cpu_time(pid);
        sleep(time);
        if let (Some(before), Some(after)) = (before, cpu_time(pid)) {
            let share = after.saturating_sub(before).as_secs_f64() / time.as_secs_f64();
            if share > MOST_CPU_WITHOUT_DESCRIPTORS {
                let said = format!("without descriptors the gateway used {:.0} % of a CPU", share * 100.0);
                self.round.broken.push(said);
            }
        }
        drop(limited);
        Ok(())
    }
}

/// Answers on a device without a free block that prove nothing: what the open segment's last block had room for.
const FIT_INTO_THE_LAST_BLOCK: u64 = 40;
