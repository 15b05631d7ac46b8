//! Worker on a host of its own, which the user starts by hand beside the workers of the other
//! hosts.

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
use crate::workers::WorkerFlags;

/// Default time for the preparation before each step.
const PREPARE: Duration = Duration::from_secs(10);
/// Longest time until the start; a later start is taken for a typing error.
const FARTHEST: Duration = Duration::from_hours(24);
/// Time between two checks of the wall clock and of signals.
const WAIT_BEAT: Duration = Duration::from_millis(50);
/// Entries of the configuration that may differ between workers of one load.
const OWN_ENTRIES: [&str; 2] = ["url", "worker"];

/// Flags of a worker on a host of its own.
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

/// Share of a run that this host makes, with the schedule that all hosts share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostWorker {
    schedule: HostSchedule,
    watches_server: bool,
}

impl HostWorkerFlags {
    /// Returns the worker that the flags define; `None` if this process makes the whole load. `url`
    /// is the address of the user's server, if one is given.
    ///
    /// # Errors
    /// Fails if the flags contradict each other or the start cannot be kept, and says what to do.
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

/// Refuses a start that has passed or is too far in the future.
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
    /// Returns this worker's share of the load.
    pub fn share(&self) -> WorkerShare {
        self.schedule.worker
    }

    /// Returns true if this worker prepares and removes the server's data for all workers.
    pub fn owns_data(&self) -> bool {
        self.share().index == 0
    }

    /// Returns true if this worker watches the server.
    pub fn watches_server(&self) -> bool {
        self.watches_server
    }

    /// Returns the given seed, or one that every worker derives alike from the start.
    pub fn seed(&self, given: Option<u64>) -> u64 {
        // At most 53 bits, so that every JSON reader keeps the number exact.
        given.unwrap_or_else(|| fnv(&self.schedule.start_at.as_nanos().to_le_bytes()) >> 11)
    }

    /// Sets in each plan this worker's share and the start of the step. Returns the instant at
    /// which the last step is over on every host.
    pub fn fix(&self, plans: &mut [StepPlan]) -> WallTime {
        self.schedule.fix(plans)
    }

    /// Refuses a load that is too small to give each worker a share.
    ///
    /// # Errors
    /// Fails with a message that says what to do.
    pub fn check_share(&self, what: &str, whole: u64, flag: &str) -> Result<(), UsageError> {
        let count = self.share().count;
        if whole >= count {
            return Ok(());
        }
        Err(UsageError(format!(
            "{count} workers cannot share {whole} {what}: each needs one of its own; use {flag} {count} \
             or more"
        )))
    }

    /// Refuses a search for a rate, whose steps are not known before it.
    ///
    /// # Errors
    /// Fails with a remedy where `search` asks for one.
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

    /// Returns the entry `worker` of the report's configuration. Its hash covers `plans`, the steps
    /// in order, and `config`, the other entries. Workers with the same hash make one load.
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

    /// Returns a line for the end of the text output, which says that the result is that of a
    /// share.
    pub fn told(&self) -> String {
        format!(
            "\nThis is the share of worker {}. Join the reports of all {} with: bottleneck-analyzer merge\n",
            self.share(),
            self.share().count
        )
    }

    /// Returns the warning that a stop rule ended this worker in the step at position `index`, so
    /// that the rest of the run lacks its share of the load.
    pub fn ended_early(&self, index: usize) -> Warning {
        let message = format!(
            "a rule ended worker {} in this step and it makes no further one: the others go on without \
             its share of the load",
            self.share()
        );
        share_lost(message, index)
    }

    /// Warns that a rule ended this worker's share of step `index`, and of no other.
    pub fn stopped_in(&self, index: usize) -> Warning {
        let message = format!(
            "a rule ended the share of worker {} in this step: the others went on without it",
            self.share()
        );
        share_lost(message, index)
    }

    /// Waits until all workers have ended the step before `plan`. Returns false if a signal came.
    pub fn await_preparation(&self, bench: &mut Bench, plan: &StepPlan) -> bool {
        let prepares_at = self.schedule.prepares_at(plan);
        prepares_at.is_none_or(|instant| Self::await_instant(bench, instant))
    }

    /// Waits for an instant of the wall clock. Returns false if a signal came.
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

/// Returns the name of what a run makes on its server, which all workers of a load share on several
/// hosts. The report's configuration must be known.
pub fn data_name(bench: &Bench) -> String {
    let worker = bench.report.config.get("worker");
    let hash = worker.and_then(|worker| worker.get("plan_hash")?.as_str());
    let own = || bench_report::run_id::own_name(&bench.report.run_id);
    hash.map_or_else(own, |hash| format!("hosts-{hash}"))
}

/// Warns that the figures of step `index` lack a share of the load.
fn share_lost(message: String, index: usize) -> Warning {
    let spoilt = ["operations", "parts", "pool", "generator", "figures"];
    Warning::new(WarningCode::WorkerLost, message).about_step(index, &spoilt)
}

/// Parses the common start of several hosts.
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

/// Returns the FNV-1a hash, which is the same on every host.
fn fnv(bytes: &[u8]) -> u64 {
    let hash = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, hash)
}

#[cfg(test)]
mod tests;
