//! Contests of `sysmon record` against other programs that sample the machine, by CPU time per
//! sample.
//!
//! Both sides sample at the same interval, the same number of times. The cost of starting and
//! ending is excluded. For `sysmon` and pidstat, which do not report it, the difference between a
//! run of several samples and a run of a single one is used; this includes everything that belongs
//! to a sample, such as its line of output or its point in the report. The loops on psutil and
//! sysinfo report the CPU time of their samples themselves. None of the other programs stores its
//! samples, so ours does not store raw samples either; their cost is measured in a contest of ours
//! with itself.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use bench_report::store;

use crate::contest::{Contest, ContestError, Measurement, Side};
use crate::context::{RunContext, sibling};
use crate::idle::IdleProcesses;
use crate::minimal;
use crate::program::{command, find};

/// Name of this project's recorder of machines.
pub(crate) const OURS: &str = "sysmon";
const PIDSTAT: &str = "pidstat";
const PSUTIL: &str = "psutil";
const SYSINFO: &str = "sysinfo";
const WITHOUT_RAW: &str = "sysmon --no-raw";
/// Minimal sampling loop on the library sysinfo, relative to the directory of built programs.
const SYSINFO_LOOP: &str = "examples/sample_sysinfo";
const PSUTIL_LOOP: &str = include_str!("sample_psutil.py");
/// Python interpreters to try, in this order. Debian's own is first, because Debian's package of
/// psutil is for it.
const PYTHON_PROGRAMS: [&str; 2] = ["/usr/bin/python3", "python3"];
/// Smallest number of sampling intervals in a run. With fewer, the difference of two runs would be
/// that of their starts.
const LEAST_INTERVALS: u64 = 3;
/// Largest number of differences between a long and a short run that are summed. Starting a program
/// takes longer than a few samples and varies, so differences are summed until they are above 0.
const MOST_DIFFERENCES: u32 = 4;
/// Number of processes on the machine during samples of processes. Idle ones are started if there
/// are fewer.
const PROCESSES: usize = 500;

/// Metrics that a sample reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SampleScope {
    /// Metrics of the machine, without its processes.
    Host,
    /// Metrics of the machine, and CPU time and memory of about five hundred processes.
    Processes,
    /// Metrics of the machine, and CPU time, memory, I/O, scheduler wait, threads and descriptors
    /// of about five hundred processes, as far as each program reads them.
    Everything,
}

impl SampleScope {
    /// Returns the largest CPU time in nanoseconds that one sample of `sysmon` may take.
    pub(crate) const fn most_cpu_ns(self) -> f64 {
        match self {
            Self::Host => 0.4e6,
            Self::Processes => 2.5e6,
            Self::Everything => 12e6,
        }
    }

    fn sysmon_args(self) -> &'static [&'static str] {
        match self {
            Self::Host => &["--processes", "none"],
            Self::Processes => &["--processes", "all"],
            Self::Everything => &[
                "--processes",
                "all",
                "--fields",
                "io,scheduler,threads,descriptors",
            ],
        }
    }

    fn pidstat_args(self) -> &'static [&'static str] {
        match self {
            Self::Host | Self::Processes => &["-u", "-r"],
            Self::Everything => &["-u", "-r", "-d", "-w", "-v"],
        }
    }

    /// Returns the name of the scope, which is an argument of the loops on psutil and sysinfo.
    fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Processes => "processes",
            Self::Everything => "everything",
        }
    }
}

/// Program with which our recorder is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PeerSampler {
    /// pidstat of the package sysstat, whose shortest interval is a second.
    Pidstat,
    /// Loop in Python on the library psutil.
    Psutil,
    /// Minimal loop on the library sysinfo.
    Sysinfo,
    /// Our recorder without raw samples, with which our recorder with raw samples is compared.
    WithoutRaw,
}

impl PeerSampler {
    /// Returns the name of the program, as shown in the results.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Pidstat => PIDSTAT,
            Self::Psutil => PSUTIL,
            Self::Sysinfo => SYSINFO,
            Self::WithoutRaw => WITHOUT_RAW,
        }
    }

    fn interval(self) -> Duration {
        match self {
            Self::Pidstat => Duration::from_secs(1),
            Self::Psutil | Self::Sysinfo | Self::WithoutRaw => Duration::from_millis(100),
        }
    }

    fn program(self) -> Result<PathBuf, ContestError> {
        match self {
            Self::Pidstat => pidstat_program(),
            Self::Psutil => python_with_psutil(),
            Self::Sysinfo => sibling(SYSINFO_LOOP),
            Self::WithoutRaw => sibling(OURS),
        }
    }
}

/// Contest of our recorder against another program that samples the machine.
#[derive(Debug)]
pub(crate) struct SamplingContest<'a> {
    context: &'a RunContext,
    scope: SampleScope,
    peer: PeerSampler,
    ours: PathBuf,
    program: PathBuf,
    _idle: IdleProcesses,
}

impl<'a> SamplingContest<'a> {
    /// Finds both programs. If processes are sampled, starts idle ones until the machine has
    /// `PROCESSES`; they end when the contest is dropped.
    ///
    /// # Errors
    /// Fails if a program is missing, or if an idle process cannot be started.
    pub(crate) fn prepare(
        context: &'a RunContext,
        scope: SampleScope,
        peer: PeerSampler,
    ) -> Result<Self, ContestError> {
        let (ours, program) = (sibling(OURS)?, peer.program()?);
        let wanting = match scope {
            SampleScope::Host => 0,
            SampleScope::Processes | SampleScope::Everything => {
                PROCESSES.saturating_sub(processes())
            }
        };
        let idle = IdleProcesses::start(wanting).map_err(ContestError::Idle)?;
        Ok(Self {
            context,
            scope,
            peer,
            ours,
            program,
            _idle: idle,
        })
    }

    /// Returns the number of samples that a long run takes more than a short one.
    fn count(&self) -> u64 {
        let intervals = self.context.seconds * 1000 / self.peer.interval().as_millis() as u64;
        intervals.max(LEAST_INTERVALS)
    }

    /// Runs our recorder for `intervals` sampling intervals, without raw samples unless they are to
    /// be measured. Returns the number of samples that it took, and the CPU time of the whole
    /// program in nanoseconds.
    fn record(&self, side: Side, intervals: u64) -> Result<SampledRun, ContestError> {
        let report = self.context.new_report_path()?;
        let interval = self.peer.interval();
        let duration = interval * u32::try_from(intervals).unwrap_or(u32::MAX);
        let mut sysmon = command(&self.ours);
        sysmon
            .args(["record", "--quiet", "--interval"])
            .arg(format!("{}ms", interval.as_millis()))
            .args(["--duration", &format!("{}ms", duration.as_millis())])
            .args(self.scope.sysmon_args());
        if side == Side::Peer || self.peer != PeerSampler::WithoutRaw {
            sysmon.arg("--no-raw");
        }
        sysmon.arg("--output").arg(&report);
        let finished = self.context.runner.run(sysmon, self.context.bound())?;
        let figures = store::load(&report)?.summary.figures;
        let samples = figures.get("samples").copied();
        let unreadable = ContestError::unreadable(OURS);
        Ok(SampledRun {
            samples: samples.ok_or_else(|| unreadable("its report has no samples".to_owned()))?,
            cpu_ns: finished.cpu_ns as f64,
        })
    }

    fn pidstat(&self, intervals: u64) -> Result<SampledRun, ContestError> {
        let mut pidstat = command(&self.program);
        pidstat
            .args(self.scope.pidstat_args())
            .args(["-p", "ALL", "1", &intervals.to_string()]);
        let finished = self.context.runner.run(pidstat, self.context.bound())?;
        let unreadable = ContestError::unreadable(PIDSTAT);
        // A heading stands above the processes of each interval, and above their averages.
        let headings = headings(&finished.stdout);
        if headings <= intervals {
            let reason = format!("{headings} headings for {intervals} intervals");
            return Err(unreadable(reason));
        }
        Ok(SampledRun {
            samples: intervals as f64,
            cpu_ns: finished.cpu_ns as f64,
        })
    }

    fn by_difference(
        &self,
        run: impl Fn(u64) -> Result<SampledRun, ContestError>,
    ) -> Result<Measurement, ContestError> {
        let (mut samples, mut cpu_ns) = (0.0, 0.0);
        for _ in 0..MOST_DIFFERENCES {
            let short = run(1)?;
            let long = run(1 + self.count())?;
            samples += long.samples - short.samples;
            cpu_ns += long.cpu_ns - short.cpu_ns;
            if samples >= 1.0 && cpu_ns > 0.0 {
                return Ok(Measurement {
                    operations_per_s: 1.0 / self.peer.interval().as_secs_f64(),
                    cpu_per_operation_ns: cpu_ns / samples,
                });
            }
        }
        let reason = format!("{samples} more samples took {cpu_ns} ns more");
        Err(ContestError::unreadable("the longer run")(reason))
    }

    fn by_own_account(
        &self,
        mut program: Command,
        name: &'static str,
    ) -> Result<Measurement, ContestError> {
        program
            .arg(self.scope.word())
            .arg(self.peer.interval().as_millis().to_string())
            .arg(self.count().to_string());
        let finished = self.context.runner.run(program, self.context.bound())?;
        minimal::own_measurement(name, &finished)
    }
}

struct SampledRun {
    samples: f64,
    cpu_ns: f64,
}

impl Contest for SamplingContest<'_> {
    fn measure(&mut self, side: Side) -> Result<Measurement, ContestError> {
        match (side, self.peer) {
            (Side::Ours, _) | (Side::Peer, PeerSampler::WithoutRaw) => {
                self.by_difference(|intervals| self.record(side, intervals))
            }
            (Side::Peer, PeerSampler::Pidstat) => {
                self.by_difference(|intervals| self.pidstat(intervals))
            }
            (Side::Peer, PeerSampler::Psutil) => {
                let mut python = command(&self.program);
                python.args(["-c", PSUTIL_LOOP]);
                self.by_own_account(python, PSUTIL)
            }
            (Side::Peer, PeerSampler::Sysinfo) => {
                self.by_own_account(command(&self.program), SYSINFO_LOOP)
            }
        }
    }
}

/// Counts the lines in pidstat's output that begin a table.
fn headings(text: &str) -> u64 {
    text.lines().filter(|line| line.contains(" PID ")).count() as u64
}

/// Returns the number of processes of the machine; 0 where there is no `/proc`.
fn processes() -> usize {
    let is_process = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_str().is_some_and(is_process))
        .count()
}

/// Returns the path of pidstat in `PATH`.
///
/// # Errors
/// Fails if pidstat is not installed.
pub(crate) fn pidstat_program() -> Result<PathBuf, ContestError> {
    find(&[PIDSTAT], &[]).ok_or(ContestError::NoPeer {
        peer: PIDSTAT,
        searched: "PATH",
        remedy: "it comes with the package sysstat",
    })
}

/// Returns the path of the first Python interpreter of `PYTHON_PROGRAMS` that can import psutil.
/// Fails if there is none.
fn python_with_psutil() -> Result<PathBuf, ContestError> {
    let has_psutil = |python: &PathBuf| {
        let tried = command(python).args(["-c", "import psutil"]).output();
        tried.is_ok_and(|tried| tried.status.success())
    };
    PYTHON_PROGRAMS
        .iter()
        .filter_map(|name| find(&[name], &[]))
        .find(has_psutil)
        .ok_or(ContestError::NoPeer {
            peer: PSUTIL,
            searched: "/usr/bin/python3 and the python3 of PATH",
            remedy: "install python3-psutil",
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_of_pidstat_are_counted_and_its_processes_are_not() {
        let text = "Linux 6.1 (host) \t01/02/26 \t_x86_64_\t(2 CPU)\n\n\
                    10:00:00      UID       PID    %usr %system\n\
                    10:00:00        0         1    0.00    0.00\n\n\
                    Average:      UID       PID    %usr %system\n\
                    Average:        0         1    0.00    0.00\n";
        assert_eq!(headings(text), 2);
    }

    #[test]
    fn this_machine_has_processes() {
        assert!(cfg!(not(target_os = "linux")) || processes() > 1);
    }
}
