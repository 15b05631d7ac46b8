//! One of several processes that make a load together from different hosts. The user starts one on
//! each host by hand.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use bench_report::clock::wall_clock_error_ns;
use bench_report::{Warning, WarningCode};
use clap::Args;
use load_engine::{Phase, StepPlan, WallTime, WorkerShare};
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::exit::UsageError;
use crate::flags;
use crate::host_schedule::HostSchedule;
use crate::rates::find_rate::FindRateFlags;
use crate::scenario::ScenarioName;
use crate::table;
use crate::workers::WorkerFlags;

/// Default time reserved for the preparation before each step, for `--prepare-time`.
const PREPARE: Duration = Duration::from_secs(10);
/// Longest allowed time from now to `--start-at`; a later start is refused as a typing error.
const FARTHEST: Duration = Duration::from_hours(24);
/// Longest time between two checks of the wall clock and of signals during a wait.
const WAIT_BEAT: Duration = Duration::from_millis(50);
/// Entries of the report's configuration that may differ between the workers of one load.
const OWN_ENTRIES: [&str; 2] = ["url", "worker"];

/// Flags of a process that makes one share of a load, with other processes on other hosts.
#[derive(Debug, Clone, Copy, Default, Args)]
#[command(next_help_heading = "Load from several hosts")]
pub struct HostWorkerFlags {
    /// Make share I of N, from 0/N to N-1/N; start each with the same flags on a host of its own, and
    /// join their reports with bottleneck-analyzer merge
    #[arg(long, value_parser = str::parse::<WorkerShare>, value_name = "I/N")]
    pub worker: Option<WorkerShare>,

    /// Start of the first step on all hosts: a time of day such as 2026-03-14T09:15:00Z, or seconds
    /// since 1970
    #[arg(long, value_parser = start_time, value_name = "TIME")]
    pub start_at: Option<WallTime>,

    /// Time before each step to write data and open sessions [default: 10s]
    #[arg(long, value_parser = flags::duration, value_name = "TIME")]
    pub prepare_time: Option<Duration>,

    /// Watch the server from this worker too, as worker 0 does
    #[arg(long)]
    pub watch_server: bool,
}

/// Share of a run's load that this process makes, with the schedule that the processes on all
/// hosts follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostWorker {
    schedule: HostSchedule,
    watches_server: bool,
}

impl HostWorkerFlags {
    /// Checks the flags and returns the share of the load that they define; `None` if `--worker`
    /// is not given and this process makes the whole load. `url` is the address of the user's
    /// server, if one is given.
    ///
    /// # Errors
    ///
    /// Fails, and says what to do, if the flags contradict each other, if `--start-at` or `url` is
    /// missing, or if the start has passed or is more than a day away.
    pub fn checked(
        &self,
        workers: WorkerFlags,
        url: Option<&str>,
    ) -> Result<Option<HostWorker>, UsageError> {
        let refuse = |why: String| Err(UsageError(why));
        let Some(worker) = self.worker else {
            let alone = [
                ("--start-at", self.start_at.is_some()),
                ("--prepare-time", self.prepare_time.is_some()),
                ("--watch-server", self.watch_server),
            ];
            return match alone.iter().find(|(_, given)| *given) {
                Some((flag, _)) => refuse(format!(
                    "{flag} is for one of several workers; say which this is, as in --worker 0/2"
                )),
                None => Ok(None),
            };
        };
        if workers.workers.is_some() {
            return refuse(
                "--workers starts workers on this host, and --worker makes this process one of several \
                 hosts; give one of them"
                    .to_owned(),
            );
        }
        let Some(start_at) = self.start_at else {
            return refuse(
                "--worker needs the instant at which all workers start, the same for each: add \
                 --start-at TIME, half a minute from now or more"
                    .to_owned(),
            );
        };
        if url.is_none() {
            return refuse(
                "workers on several hosts load one server, and a throwaway server is reached from its \
                 own host alone; give --url"
                    .to_owned(),
            );
        }
        check_start(start_at, WallTime::now())?;
        let schedule = HostSchedule {
            worker,
            start_at,
            prepare: self.prepare_time.unwrap_or(PREPARE),
        };
        Ok(Some(HostWorker {
            schedule,
            watches_server: self.watch_server || worker.index == 0,
        }))
    }
}

/// Returns an error if `start_at` is not after `now` or is more than a day after it.
fn check_start(start_at: WallTime, now: WallTime) -> Result<(), UsageError> {
    let time = |time: Duration| humantime::format_duration(Duration::from_secs(time.as_secs()));
    if start_at <= now {
        return Err(UsageError(format!(
            "--start-at {start_at} has passed ({} ago by this host's clock); give all workers a later \
             one",
            time(now.since(start_at))
        )));
    }
    let ahead = start_at.since(now);
    if ahead > FARTHEST {
        return Err(UsageError(format!(
            "--start-at {start_at} is {} from now, and a day at most is waited for; give a time of day \
             in UTC, or seconds since 1970",
            time(ahead)
        )));
    }
    Ok(())
}

impl HostWorker {
    /// Returns this worker's share of the load: its index and the number of workers.
    pub fn share(&self) -> WorkerShare {
        self.schedule.worker
    }

    /// Returns true if this worker creates and removes the data on the server for all workers:
    /// worker 0.
    pub fn owns_data(&self) -> bool {
        self.share().index == 0
    }

    /// Returns true if this worker collects evidence about the server: worker 0, and any worker
    /// with `--watch-server`.
    pub fn watches_server(&self) -> bool {
        self.watches_server
    }

    /// Returns `given`, or without it a seed derived from the common start, so that it is the same
    /// on every worker.
    pub fn seed(&self, given: Option<u64>) -> u64 {
        // At most 53 bits, so that every JSON reader keeps the number exact.
        given.unwrap_or_else(|| fnv(&self.schedule.start_at.as_nanos().to_le_bytes()) >> 11)
    }

    /// Sets in each of `plans` this worker's share and the wall-clock time at which the step
    /// starts. Returns the time at which the last step is over on every host.
    pub fn fix(&self, plans: &mut [StepPlan]) -> WallTime {
        self.schedule.fix(plans)
    }

    /// Refuses a load that is too small to give each worker a part: `whole` is the number of
    /// things such as a `user`, whose name is `one`, and `flag` is the flag that sets it.
    ///
    /// # Errors
    ///
    /// Fails if `whole` is less than the number of workers; the message says what to do.
    pub fn check_share(&self, one: &str, whole: u64, flag: &str) -> Result<(), UsageError> {
        let count = self.share().count;
        if whole >= count {
            return Ok(());
        }
        Err(UsageError(format!(
            "{count} workers cannot share {}: each needs one of its own; use {flag} {count} or more",
            table::counted(whole, one)
        )))
    }

    /// Refuses a search for a rate, because it decides on its steps during the run, while workers
    /// on several hosts need all steps fixed before.
    ///
    /// # Errors
    ///
    /// Fails if `--find-rate` is given; the message says what to do.
    pub fn check_search(&self, search: &FindRateFlags) -> Result<(), UsageError> {
        if !search.is_given() {
            return Ok(());
        }
        Err(UsageError(
            "--find-rate decides on each step by the results of the last one, and with --worker the \
             steps are fixed before all hosts start; search from one host (--workers makes the load \
             with several processes), or give --rate"
                .to_owned(),
        ))
    }

    /// Returns the entry `worker` for the report's configuration: share, start, time of
    /// preparation, a hash, and the error of this host's clock, if known. The hash covers `plans`,
    /// the steps in order, and `config`, the other entries. Reports with the same hash are shares
    /// of one load.
    pub fn config(
        &self,
        name: ScenarioName,
        plans: &[StepPlan],
        config: &BTreeMap<String, Value>,
    ) -> Value {
        let mut shared = config.clone();
        shared.retain(|entry, _| !OWN_ENTRIES.contains(&entry.as_str()));
        let plans = plans.iter().map(|plan| StepPlan {
            process: WorkerShare::ALONE,
            threads: 0,
            ..plan.clone()
        });
        let plans: Vec<StepPlan> = plans.collect();
        let (schedule, share) = (self.schedule, self.share());
        let start_at = schedule.start_at.to_string();
        let prepare_ns = schedule.prepare.as_nanos() as u64;
        let hashed = json!([
            [name.tool, name.version, name.scenario],
            [share.count, schedule.start_at.as_nanos(), prepare_ns],
            shared,
            plans,
        ]);
        let mut worker = json!({
            "i": share.index,
            "n": share.count,
            "start_at": start_at,
            "prepare_ns": prepare_ns,
            "plan_hash": format!("{:016x}", fnv(hashed.to_string().as_bytes())),
        });
        if let Some(error_ns) = wall_clock_error_ns() {
            worker["clock_error_ns"] = json!(error_ns);
        }
        worker
    }

    /// Returns text for the end of the text output, in a line of its own: the result is that of
    /// one share, and the named command joins the reports of all.
    pub fn told(&self) -> String {
        format!(
            "\nThis is the share of worker {}. Join the reports of all {} with: bottleneck-analyzer merge\n",
            self.share(),
            self.share().count
        )
    }

    /// Returns the warning that a stop rule ended this worker's load in the step at `index` of the
    /// report, and that the worker makes no further step. The load of the other workers then lacks
    /// its share.
    pub fn ended_early(&self, index: usize) -> Warning {
        let message = format!(
            "a rule ended worker {} in this step and it makes no further one: the others go on without \
             its share of the load",
            self.share()
        );
        share_lost(message, index)
    }

    /// Returns the warning that a stop rule ended this worker's share of the step at `index` of
    /// the report. The worker goes on with the next step.
    pub fn stopped_in(&self, index: usize) -> Warning {
        let message = format!(
            "a rule ended the share of worker {} in this step: the others went on without it",
            self.share()
        );
        share_lost(message, index)
    }

    /// Waits until the time at which all workers have ended the step before `plan`; returns at
    /// once if `plan` has no fixed start. Returns false if a signal ended the wait.
    pub fn await_preparation(&self, bench: &mut Bench, plan: &StepPlan) -> bool {
        let prepares_at = self.schedule.prepares_at(plan);
        prepares_at.is_none_or(|instant| Self::await_instant(bench, instant))
    }

    /// Waits until the wall clock reaches `instant`; a time in the past ends the wait at once.
    /// Returns false if a signal requested the end of the run.
    pub fn await_instant(bench: &mut Bench, instant: WallTime) -> bool {
        if instant > WallTime::now() {
            bench.phase(Phase::Wait);
        }
        loop {
            let left = instant.since(WallTime::now());
            if bench.interrupted() || left.is_zero() {
                return !bench.interrupted();
            }
            std::thread::sleep(left.min(WAIT_BEAT));
        }
    }
}

/// Returns the name for the data that a run creates on its server. On several hosts all workers of
/// a load get the same name, from the hash in the report's configuration, which must be set
/// before; otherwise the name is the run's own.
pub fn data_name(bench: &Bench) -> String {
    let worker = bench.report.config.get("worker");
    let hash = worker.and_then(|worker| worker.get("plan_hash")?.as_str());
    let own = || bench_report::run_id::own_name(&bench.report.run_id);
    hash.map_or_else(own, |hash| format!("hosts-{hash}"))
}

/// Returns a warning, with the text `message`, that the figures of the step at `index` of the
/// report lack a share of the load.
fn share_lost(message: String, index: usize) -> Warning {
    let spoilt = ["operations", "parts", "pool", "generator", "figures"];
    Warning::new(WarningCode::WorkerLost, message).about_step(index, &spoilt)
}

/// Parses the value of `--start-at`: RFC 3339 in UTC, or seconds since 1970, with fractions. Fails
/// with a message that says what to write.
fn start_time(text: &str) -> Result<WallTime, String> {
    let text = text.trim();
    let seconds = text.parse::<f64>().ok();
    let since_1970 = match seconds {
        Some(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        None => humantime::parse_rfc3339(text)
            .ok()
            .and_then(|instant| instant.duration_since(SystemTime::UNIX_EPOCH).ok()),
    };
    since_1970.map(WallTime::since_1970).ok_or_else(|| {
        format!(
            "{text:?} is no instant; write UTC as in 2026-03-14T09:15:00Z, or seconds since 1970 as in \
             $(( $(date +%s) + 30 ))"
        )
    })
}

/// Returns the 64-bit FNV-1a hash of `bytes`, which is the same on every host and in every
/// version.
fn fnv(bytes: &[u8]) -> u64 {
    let hash = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, hash)
}

#[cfg(test)]
mod tests;
