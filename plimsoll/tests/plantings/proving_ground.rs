//! The proving ground: all trials in their order, carried out one at a time, resumed where a former
//! harness stopped, and judged again by a later analyzer.

use std::any::Any;
use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::fcntl::{Flock, FlockArg};

use crate::healthy::{self, HealthyRun};
use crate::judge::{Judgement, complaints};
use crate::measured_run::{MeasuredRun, stolen_ratio};
use crate::planting::{DeclaredFigure, Severity};
use crate::planting_file::{self, PlantingFile};
use crate::quiet_machine::{CpuTicks, QUIET_RATIO, STOLEN_RATIO, busy_ratio, wait};
use crate::stage::{self, RunPlan};
use crate::trial::{PlantedResult, Quietness, Trial, TrialResult};
use crate::trial_log::TrialLog;
use crate::{beside, summary};

/// Length of the measured part of a run. It suffices for a hundred samples of the server.
const SECONDS: u32 = 8;
/// Longest wait for a quiet machine before each trial, unless `PLIMSOLL_PROVE_WAIT` says another
/// number of seconds.
const LONGEST_WAIT_S: u64 = 120;
/// Longest time after a trial until its own processes have left the CPUs.
const SETTLES_WITHIN: Duration = Duration::from_secs(5);

/// Largest difference of the rates with and without a cause, as a share of the first, at which they count as the
/// same load.
const SAME_RATE: f64 = 0.1;

/// Trial that is to be carried out.
enum Task {
    Planted(Box<PlantingFile>, Severity),
    Healthy(HealthyRun),
}

/// Directory of the state: the log of trials, the kept runs, the machine, the status.
pub(crate) struct ProvingGround {
    directory: PathBuf,
    commit: String,
    tasks: Vec<Task>,
    /// Lock that a single harness holds: two would measure each other.
    _lock: Flock<File>,
}

impl ProvingGround {
    /// Opens the state in `PLIMSOLL_PROVE_STATE`, for the programs of `PLIMSOLL_PROVE_COMMIT`.
    /// `PLIMSOLL_PLANTING` selects the trials whose id, name or group contains one of
    /// its words, separated by commas.
    pub(crate) fn open() -> Self {
        let variable = |name: &str| std::env::var(name).ok();
        let directory =
            variable("PLIMSOLL_PROVE_STATE").expect("scripts/prove sets PLIMSOLL_PROVE_STATE");
        let commit = variable("PLIMSOLL_PROVE_COMMIT").unwrap_or_else(|| "unknown".to_owned());
        let directory = PathBuf::from(directory);
        fs::create_dir_all(directory.join("runs")).unwrap();
        let lock = File::create(directory.join("lock")).unwrap();
        let lock = Flock::lock(lock, FlockArg::LockExclusiveNonblock);
        Self {
            directory,
            commit,
            tasks: tasks(variable("PLIMSOLL_PLANTING").as_deref()),
            _lock: lock.unwrap_or_else(|(_, error)| panic!("another harness runs: {error}")),
        }
    }

    /// Carries out all trials that are not in the log yet. Returns the log.
    pub(crate) fn prove(&self) -> TrialLog {
        self.clear_up();
        let machine = serde_json::to_string_pretty(&bench_report::Environment::capture()).unwrap();
        fs::write(self.directory.join("machine.json"), machine).unwrap();
        let mut log = TrialLog::open(&self.directory.join("trials.jsonl"));
        for (nth, task) in self.tasks.iter().enumerate() {
            if log.has(&task.id(), task.digest()) {
                continue;
            }
            self.tell(
                &log,
                nth,
                &format!("waits for a quiet machine before {}", task.id()),
            );
            let trial = self.carry_out(task, || {
                self.tell(&log, nth, &format!("runs {}", task.id()));
            });
            println!("{}", trial.told());
            log.add(trial);
        }
        self.tell(&log, self.tasks.len(), "finished");
        log
    }

    /// Judges the kept runs of all trials again, with the analyzer of this commit, into a log of its
    /// own. Returns the log.
    pub(crate) fn judge(&self) -> TrialLog {
        let path = self.directory.join(format!("judged-{}.jsonl", self.commit));
        let _ = fs::remove_file(&path);
        let ran = TrialLog::open(&self.directory.join("trials.jsonl"));
        let mut judged = TrialLog::open(&path);
        for before in ran.latest() {
            let Some(task) = self.tasks.iter().find(|task| task.id() == before.id) else {
                continue;
            };
            let trial = Trial {
                judged_by: self.commit.clone(),
                result: match &before.result {
                    TrialResult::Failed { .. } => before.result.clone(),
                    _ if task.digest() != before.digest => TrialResult::Failed {
                        reason: "the planting has changed since its run".to_owned(),
                    },
                    _ => failed_or(self.result(task)),
                },
                ..before.clone()
            };
            println!("{}", trial.told());
            judged.add(trial);
        }
        judged
    }

    /// Removes what a killed harness left: its working directory and its control groups.
    fn clear_up(&self) {
        let place = fs::read_to_string(self.directory.join("place")).unwrap_or_default();
        if place.starts_with("/tmp/plimsoll-test-") {
            let _ = fs::remove_dir_all(place);
        }
        beside::remove_left_groups();
    }

    fn carry_out(&self, task: &Task, begins: impl FnOnce()) -> Trial {
        let bound = std::env::var("PLIMSOLL_PROVE_WAIT")
            .ok()
            .and_then(|text| text.parse().ok());
        let bound = Duration::from_secs(bound.unwrap_or(LONGEST_WAIT_S));
        let (before_ratio, waited) = wait(bound, busy_ratio);
        begins();
        let (started, at) = (Instant::now(), SystemTime::now());
        let ticks = CpuTicks::read();
        // A panic in one trial, as when a program does not come up, must not end the others.
        let run = || self.run(task).and_then(|()| self.result(task));
        let result =
            catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(words(&*panic)));
        let result = failed_or(result);
        let took_s = started.elapsed().as_secs_f64();
        let stolen = ticks.stolen_ratio(CpuTicks::read());
        let kept = ["with", "without"].map(|which| self.kept(task, which));
        let tool = task.tool();
        let recorded = kept.iter().filter_map(|kept| stolen_ratio(kept, &tool));
        let stolen_ratio = recorded.fold(stolen, f64::max);
        let (after_ratio, _) = wait(SETTLES_WITHIN, busy_ratio);
        Trial {
            id: task.id(),
            group: task.group(),
            name: task.name(),
            digest: task.digest().to_owned(),
            ran_by: self.commit.clone(),
            judged_by: self.commit.clone(),
            started_at_s: at.duration_since(UNIX_EPOCH).unwrap().as_secs(),
            took_s,
            quiet: Quietness {
                before_ratio,
                after_ratio,
                waited_s: waited.as_secs_f64(),
                stolen_ratio,
                is_disturbed: before_ratio.max(after_ratio) > QUIET_RATIO
                    || stolen_ratio > STOLEN_RATIO,
            },
            result,
        }
    }

    /// Carries out the runs of a task: a cause with it and then without it, at the same load.
    fn run(&self, task: &Task) -> Result<(), String> {
        let (file, severity) = match task {
            Task::Healthy(run) => return run.carry_out(&self.kept(task, "with")),
            Task::Planted(file, severity) => (file, severity),
        };
        let planting = file.with(severity)?;
        let place = severity_place(file, severity);
        let plan = RunPlan {
            planting: &planting,
            pause: Duration::ZERO,
            seconds: SECONDS,
            seed: place as u64 + 1,
            is_recorded: true,
            kept: &self.kept(task, "with"),
        };
        stage::run(&plan)?;
        if !file.is_removable {
            return Ok(());
        }
        let without = file.without(severity)?;
        let kept = self.kept(task, "without");
        let taken_away = RunPlan {
            planting: &without,
            kept: &kept,
            ..plan
        };
        let users = planting.load.users.filter(|_| planting.load.rate.is_none());
        match users.map(f64::from) {
            Some(users) if planting.finding.figure != DeclaredFigure::Capacity => {
                let with = MeasuredRun::read(plan.kept, &planting.load.tool)?;
                let share = severity.share.unwrap_or_default();
                at_the_same_rate(&taken_away, users, users / with.arrivals_per_s, share)
            }
            // The rate is the same anyway; where capacity is what comes back, users shall send more.
            _ => stage::run(&taken_away),
        }
    }

    /// Judges the kept runs of a task.
    fn result(&self, task: &Task) -> Result<TrialResult, String> {
        let kept = self.kept(task, "with");
        let assessment = stage::assess(&kept)?;
        let (file, severity) = match task {
            Task::Healthy(_) => {
                let complaints = complaints(&assessment);
                return Ok(TrialResult::Healthy { complaints });
            }
            Task::Planted(file, severity) => (file, severity),
        };
        let planting = file.with(severity)?;
        let read = |kept: &Path| MeasuredRun::read(kept, &planting.load.tool);
        let without = file.is_removable.then(|| read(&self.kept(task, "without")));
        Ok(TrialResult::Planted(Box::new(PlantedResult {
            judgement: Judgement::of(&assessment, &planting.finding, severity),
            with: read(&kept)?,
            without: without.transpose()?,
            declared: planting.finding,
            severity: severity.clone(),
        })))
    }

    /// Returns the directory of the kept reports of a task's run.
    fn kept(&self, task: &Task, which: &str) -> PathBuf {
        let name = task.id().replace('/', ".");
        self.directory.join("runs").join(name).join(which)
    }

    /// Writes the file `status`, which `scripts/prove status` shows.
    fn tell(&self, log: &TrialLog, done: usize, now: &str) {
        let text = summary::status(&log.latest(), (done, self.tasks.len()), now);
        fs::write(self.directory.join("status"), text).unwrap();
    }
}

fn failed_or(result: Result<TrialResult, String>) -> TrialResult {
    result.unwrap_or_else(|reason| TrialResult::Failed { reason })
}

/// Carries out `plan` with `users` who call as often as with the cause, once in `cycle_s` seconds: without it they
/// would wait less and send more. They pause for the time that comes back: first for the declared `share` of the
/// response time. If the rate then differs by more than [`SAME_RATE`], the run is carried out again with the pause
/// that follows from its response time.
fn at_the_same_rate(
    plan: &RunPlan<'_>,
    users: f64,
    cycle_s: f64,
    share: f64,
) -> Result<(), String> {
    let run = |pause_s: f64| {
        stage::run(&RunPlan {
            pause: Duration::from_secs_f64(pause_s.max(0.0)),
            ..*plan
        })
    };
    run(share * cycle_s)?;
    let measured = MeasuredRun::read(plan.kept, &plan.planting.load.tool)?;
    let ratio = measured.arrivals_per_s * cycle_s / users;
    match measured.mean_ms {
        Some(mean_ms) if (ratio - 1.0).abs() > SAME_RATE => run(cycle_s - mean_ms / 1e3),
        _ => Ok(()),
    }
}

/// Returns the message of a panic.
fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without words").to_owned()
}

/// Returns the place of a severity in its file, from 0 on.
fn severity_place(file: &PlantingFile, severity: &Severity) -> usize {
    file.severities
        .iter()
        .position(|known| known == severity)
        .unwrap_or(0)
}

/// Lists the trials in their order: all plantings with all their severities, then the healthy runs.
fn tasks(words: Option<&str>) -> Vec<Task> {
    let planted = planting_file::all().into_iter().flat_map(|file| {
        let severities = file.severities.clone();
        let task = move |severity| Task::Planted(Box::new(file.clone()), severity);
        severities.into_iter().map(task)
    });
    let healthy = healthy::all().into_iter().map(Task::Healthy);
    let all = planted.chain(healthy);
    let is_wanted = |task: &Task| {
        let texts = [task.id(), task.name(), task.group()];
        let has = |word: &str| texts.iter().any(|text| text.contains(word));
        words.is_none_or(|words| words.split(',').any(has))
    };
    all.filter(is_wanted).collect()
}

impl Task {
    fn id(&self) -> String {
        match self {
            Self::Planted(file, severity) => format!("{}/{}", file.id, severity.name),
            Self::Healthy(run) => format!("healthy/{:02}", run.number),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Planted(file, severity) => file.with(severity).unwrap().name,
            Self::Healthy(run) => format!("{} {}", run.tool, run.arguments),
        }
    }

    fn group(&self) -> String {
        match self {
            Self::Planted(file, severity) => file.with(severity).unwrap().group,
            Self::Healthy(_) => "healthy".to_owned(),
        }
    }

    /// Returns the program that makes the load.
    fn tool(&self) -> String {
        match self {
            Self::Planted(file, severity) => file.with(severity).unwrap().load.tool,
            Self::Healthy(run) => run.tool.clone(),
        }
    }

    fn digest(&self) -> &str {
        match self {
            Self::Planted(file, _) => &file.digest,
            Self::Healthy(run) => &run.digest,
        }
    }
}
