//! Worker process, on the side of its parent.

use std::io::Write;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use bench_report::StepEnd;
use bench_report::clock::monotonic_ns;

use super::protocol::{Answer, Order, write_line};
use crate::load::cpu_use::CpuReading;
use crate::load::load_source::{CollectedStep, Preparation};
use crate::plan::worker_share::WorkerShare;
use crate::record::interval::Interval;

/// Longest wait for the exit status of a process that has closed its pipe.
const EXIT_BOUND: Duration = Duration::from_millis(200);

/// Worker process, the pipe for its orders, and its state in the current step, on the side of its
/// parent.
pub(super) struct WorkerProcess {
    pub(super) share: WorkerShare,
    pub(super) pid: u32,
    output: Box<dyn Write + Send>,
    /// Child process; `None` in tests, where workers are threads.
    process: Option<Child>,
    /// Description of how the worker was lost, as the end of a sentence; `None` while it is not
    /// lost.
    pub(super) lost: Option<String>,
    /// Instant at which the order that still lacks its answer was sent, in nanoseconds on
    /// `CLOCK_MONOTONIC`; `None` if no answer is missing.
    pub(super) asked_ns: Option<u64>,
    pub(super) step: StepOnWorker,
}

/// State of a worker in the current step, as far as its answers show it.
#[derive(Debug, Default)]
pub(super) struct StepOnWorker {
    pub(super) greeted: bool,
    pub(super) pong_ns: Option<u64>,
    pub(super) preparation: Option<Preparation>,
    /// True if the worker has ended this step and waits for the next one.
    pub(super) is_idle: bool,
    /// Finished requests that are not yet in the time charts; `None` if there are none.
    pub(super) interval: Option<Interval>,
    /// Number of sessions that were open at the worker's last interval; `None` if that does not
    /// change during the step.
    pub(super) sessions_open: Option<f64>,
    /// Instant at which the worker's last interval arrived, in nanoseconds on `CLOCK_MONOTONIC`;
    /// `None` before the first.
    pub(super) last_interval_ns: Option<u64>,
    pub(super) cpu: Option<CpuReading>,
    pub(super) early_end: Option<StepEnd>,
    pub(super) finished: bool,
    /// Number of the worker's failed attempts to connect in this step.
    pub(super) failed_connects: u64,
    /// Number of connections that were open once all were verified; `None` before that.
    pub(super) open_when_verified: Option<f64>,
    /// Number of open connections after the worker has closed some; `None` until it has answered.
    pub(super) open_after_closing: Option<u64>,
    pub(super) collected: Option<CollectedStep>,
    pub(super) threads: usize,
    pub(super) worst_stall_ns: u64,
    pub(super) failure: Option<String>,
    /// Longest time for which an answer to an order was missing before it arrived, in nanoseconds.
    pub(super) longest_silence_ns: u64,
}

impl WorkerProcess {
    pub(super) fn new(
        share: WorkerShare,
        output: Box<dyn Write + Send>,
        process: Option<Child>,
    ) -> Self {
        let pid = process.as_ref().map_or_else(std::process::id, Child::id);
        Self {
            share,
            pid,
            output,
            process,
            lost: None,
            asked_ns: None,
            step: StepOnWorker::default(),
        }
    }

    /// Returns a sentence, without a full stop, that names the worker and states how it was lost.
    pub(super) fn sentence(&self) -> String {
        let how = self.lost.as_deref().unwrap_or("is at work");
        format!("worker {} (pid {}) {how}", self.share, self.pid)
    }

    /// Sends an order, unless the worker is lost. Ignores a closed pipe, which the reader of the
    /// answers detects.
    pub(super) fn order(&mut self, order: &Order) {
        if self.lost.is_none() {
            let _ = write_line(&mut self.output, order);
        }
    }

    /// Sends an order that the worker answers at once. Sends nothing while an earlier such answer
    /// is missing, or if the worker is lost.
    pub(super) fn ask(&mut self, order: &Order) {
        if self.lost.is_none() && self.asked_ns.is_none() {
            self.asked_ns = Some(monotonic_ns());
            self.order(order);
        }
    }

    /// Returns the time for which an answer has been missing at `now_ns`, in nanoseconds; 0 if none
    /// is missing.
    pub(super) fn silent_ns(&self, now_ns: u64) -> u64 {
        self.asked_ns
            .map_or(0, |asked_ns| now_ns.saturating_sub(asked_ns))
    }

    /// Returns the longest time in this step, until `now_ns`, for which an answer was missing, in
    /// nanoseconds. It is 0 for a lost worker, because only workers that made the load count.
    pub(super) fn longest_silence_ns(&self, now_ns: u64) -> u64 {
        if self.lost.is_some() {
            return 0;
        }
        self.step.longest_silence_ns.max(self.silent_ns(now_ns))
    }

    /// Updates the state of the worker by one of its answers.
    pub(super) fn receive(&mut self, answer: Answer) {
        let now_ns = monotonic_ns();
        if matches!(
            answer,
            Answer::Pong { .. } | Answer::Interval { .. } | Answer::Cpu { .. }
        ) {
            let silent_ns = self.silent_ns(now_ns);
            self.step.longest_silence_ns = self.step.longest_silence_ns.max(silent_ns);
            self.asked_ns = None;
        }
        let step = &mut self.step;
        match answer {
            Answer::Hello { .. } => step.greeted = true,
            Answer::Pong { at_ns } => step.pong_ns = Some(at_ns),
            Answer::Refused { reason } => self.lost = Some(reason),
            Answer::FailedConnects { count } => step.failed_connects = count,
            Answer::Opening { opened, wanted } => {
                step.preparation = Some(Preparation::Opening { opened, wanted });
            }
            Answer::Ready => step.preparation = Some(Preparation::Ready),
            Answer::Failed { reason } => step.preparation = Some(Preparation::Failed(reason)),
            Answer::CannotBegin { reason } => {
                step.preparation = Some(Preparation::Failed(reason));
                step.is_idle = true;
                step.finished = true;
            }
            Answer::Interval {
                interval,
                sessions_open,
            } => {
                step.sessions_open = sessions_open;
                step.last_interval_ns = Some(now_ns);
                match &mut step.interval {
                    None => step.interval = Some(*interval),
                    Some(pending) => {
                        pending.add(&interval);
                        pending.in_flight = interval.in_flight;
                    }
                }
            }
            Answer::Cpu { reading } => step.cpu = Some(reading),
            Answer::EarlyEnd { end } => step.early_end = Some(end),
            Answer::Finished => step.finished = true,
            Answer::Verified { open } => {
                (step.open_when_verified, step.sessions_open) = (Some(open), Some(open));
            }
            Answer::Closed { open: Ok(open) } => step.open_after_closing = Some(open),
            Answer::Closed { open: Err(reason) } => {
                self.lost = Some(format!("can hold no connections any more: {reason}"));
            }
            Answer::Collected {
                collected,
                threads,
                worst_stall_ns,
                failure,
            } => {
                step.collected = Some(*collected);
                (step.threads, step.worst_stall_ns) = (threads, worst_stall_ns);
                step.failure = failure;
                step.is_idle = true;
            }
        }
    }

    /// Marks the worker as lost because its pipe was closed or, if `unreadable` is given, sent a
    /// message that cannot be parsed. Kills a process that does not end by itself.
    pub(super) fn note_end(&mut self, unreadable: Option<String>) {
        if self.lost.is_some() {
            return;
        }
        let how = match (unreadable, self.exit_status()) {
            (Some(said), _) => {
                self.kill();
                format!("said what no worker says ({said}) and was ended")
            }
            (None, Some(status)) => ending(status),
            (None, None) => {
                self.kill();
                "closed its pipe and was ended".to_owned()
            }
        };
        self.lost = Some(how);
    }

    /// Kills a worker that did not answer within `bound`, and marks it as lost. The description
    /// states the whole time for which an answer was missing, which may be longer than `bound`.
    pub(super) fn give_up(&mut self, bound: Duration) {
        if self.lost.is_none() {
            self.kill();
            let silent = Duration::from_nanos(self.silent_ns(monotonic_ns())).max(bound);
            let silent_s = silent.as_secs_f64();
            self.lost = Some(format!("did not answer for {silent_s:.1} s and was ended"));
        }
    }

    fn kill(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Waits at most 200 ms for the exit status of a process that is about to end; `None` if it
    /// does not end, and in tests without a process.
    fn exit_status(&mut self) -> Option<ExitStatus> {
        let process = self.process.as_mut()?;
        let started = Instant::now();
        loop {
            if let Ok(Some(status)) = process.try_wait() {
                return Some(status);
            }
            if started.elapsed() > EXIT_BOUND {
                return None;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for WorkerProcess {
    /// Closes the pipe, at which a worker exits, and kills the process if it has not exited after
    /// 200 ms.
    fn drop(&mut self) {
        self.output = Box::new(std::io::sink());
        if self.exit_status().is_none() {
            self.kill();
        }
    }
}

/// Returns how a process ended, as the end of a sentence.
fn ending(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("was killed by signal {signal}"),
        (None, Some(code)) => format!("exited with code {code}"),
        (None, None) => "ended".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    fn asked(ago_ns: u64) -> WorkerProcess {
        let share = WorkerShare { index: 1, count: 2 };
        let mut worker = WorkerProcess::new(share, Box::new(std::io::sink()), None);
        worker.ask(&Order::TakeInterval);
        worker.asked_ns = worker.asked_ns.map(|asked_ns| asked_ns - ago_ns);
        worker
    }

    #[test]
    fn the_silence_of_a_worker_that_is_gone_is_no_stall_of_the_others() {
        let mut worker = asked(3 * S);
        assert!(worker.longest_silence_ns(monotonic_ns()) >= 3 * S);
        worker.note_end(None);
        assert!(worker.lost.is_some());
        assert_eq!(worker.longest_silence_ns(monotonic_ns()), 0);
    }

    #[test]
    fn a_worker_that_is_given_up_is_told_with_its_whole_silence() {
        for (ago_ns, waited_s, told) in [(8 * S, 2, "for 8."), (0, 2, "for 2.0 s")] {
            let mut worker = asked(ago_ns);
            worker.give_up(Duration::from_secs(waited_s));
            let sentence = worker.sentence();
            assert!(
                sentence.contains("did not answer") && sentence.contains(told),
                "{sentence}"
            );
        }
    }
}
