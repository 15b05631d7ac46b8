//! Plan of one step: its load, lengths, runtime and rules.

use std::collections::BTreeMap;
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use bench_report::{Generator, Parameter, Step, StepEnd, Window};
use serde::{Deserialize, Serialize};

use super::arrivals::Arrivals;
use super::curve_segments::NamedSegment;
use super::curve_sequence::CurveSequence;
use super::intended_load::{IntendedLoad, IntendedUsers};
use super::load_curve::FittedCurve;
use super::load_plan::{LoadPlan, SessionOpening};
use super::rate_curve::RateCurve;
use super::stop_rule::StopRule;
use super::wall_time::WallTime;
use super::worker_share::WorkerShare;

/// Kind of tokio runtime that makes the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum RuntimeKind {
    /// One multi-thread runtime for all threads, as most applications have.
    #[default]
    Shared,
    /// One single-thread runtime per thread, which costs the least CPU time per request.
    PerCore,
}

/// Way in which a pacer waits for an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum WaitStrategy {
    /// Sleeps until the instant, as precisely as the operating system can.
    #[default]
    Sleep,
    /// Sleeps until half a millisecond before the instant, then spins until the instant: precise,
    /// but uses most of a core.
    Spin,
}

/// Plan of one step: load, lengths, runtime and rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepPlan {
    /// Name of the step, shown to users.
    pub name: String,
    /// Settings that distinguish the step from others of its run, by name.
    pub parameters: BTreeMap<String, Parameter>,
    /// Number of the repeat of these settings, from 0.
    pub repeat: u64,
    /// Load on the target, of all processes. If the load follows a curve, this has its mean rate or
    /// its largest number of users.
    pub load: LoadPlan,
    /// Curve of the load over the measured part: arrivals per second in an open loop, users in a
    /// closed loop. The warm-up has the first value of the curve. `None` if the load is constant.
    pub curve: Option<FittedCurve>,
    /// Largest number of users that start per second in a closed loop. `None` if each user starts
    /// as soon as the curve has room.
    pub spawn_per_s: Option<f64>,
    /// Largest number of requests per user of a closed loop; a user stops earlier after a failed
    /// request. The measured part then ends with the last answer to any user, at the latest after
    /// `measure`. `None` if users send requests until the end of the measured part.
    pub requests_per_user: Option<u64>,
    /// Time at which sessions open: before the load begins, or when they are first needed.
    pub opening: SessionOpening,
    /// Length of the warm-up, whose load is not measured.
    pub warmup: Duration,
    /// Length of the measured part, or its largest length if `requests_per_user` is set.
    pub measure: Duration,
    /// Segments of the measured part that have results of their own; empty if the load is constant.
    pub segments: Vec<NamedSegment>,
    /// True if the load may be changed while the step runs. False for scenarios that judge a single
    /// setting, such as a sweep or a search for a rate.
    pub takes_changes: bool,
    /// Longest wait for answers after the end of the measured part.
    pub drain: Duration,
    /// Longest time for opening all sessions, after which the step fails.
    pub connect_timeout: Duration,
    /// Seed of all random numbers in the step: times of arrivals, pauses of users, and what a bench
    /// draws for its requests, such as keys, values of queries and hold times.
    pub seed: u64,
    /// Kind of tokio runtime that makes the load.
    pub runtime: RuntimeKind,
    /// Number of threads that make the load in this process; in a plan for several worker
    /// processes, in all of them together. 0 counts as 1.
    pub threads: usize,
    /// Share of the load that this process makes. `load` is the total of all processes.
    pub process: WorkerShare,
    /// Instant at which the step starts on all hosts. `None` if it starts as soon as it is ready.
    pub starts_at: Option<WallTime>,
    /// Way in which the pacer waits for the next arrival.
    pub waiting: WaitStrategy,
    /// Shortest pause of a user after a failed request, so that a user whose requests fail at once
    /// does not use up a CPU.
    pub failure_pause: Duration,
    /// Rules that end the step early. Only the controller applies them: worker processes receive
    /// none.
    #[serde(skip)]
    pub stop_rules: Vec<StopRule>,
}

impl StepPlan {
    /// Creates a plan with the defaults: no warm-up, a drain of 5 s, 10 s for opening sessions, a
    /// shared runtime on all cores, no stop rules.
    pub fn new(name: &str, load: LoadPlan, measure: Duration) -> Self {
        Self {
            name: name.to_owned(),
            parameters: BTreeMap::new(),
            repeat: 0,
            load,
            curve: None,
            spawn_per_s: None,
            requests_per_user: None,
            opening: SessionOpening::Upfront,
            warmup: Duration::ZERO,
            measure,
            segments: Vec::new(),
            takes_changes: false,
            drain: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(10),
            seed: 0,
            runtime: RuntimeKind::Shared,
            threads: available_threads(),
            process: WorkerShare::ALONE,
            starts_at: None,
            waiting: WaitStrategy::Sleep,
            failure_pause: Duration::ZERO,
            stop_rules: Vec::new(),
        }
    }

    /// Adds a setting to those that distinguish the step, in place of one with this name.
    #[must_use]
    pub fn parameter(mut self, name: &str, value: impl Into<Parameter>) -> Self {
        self.parameters.insert(name.to_owned(), value.into());
        self
    }

    /// Makes the load follow `curve`, which must be fitted to the length of the measured part. In a
    /// closed loop each user then opens its session when the user starts.
    #[must_use]
    pub fn following(mut self, curve: FittedCurve) -> Self {
        match &mut self.load {
            LoadPlan::Open { rate_per_s, .. } => *rate_per_s = curve.curve.mean(),
            LoadPlan::Closed { users, .. } => {
                let curves = CurveSequence::after(Duration::ZERO, curve.curve.clone());
                *users = IntendedUsers::new(curves, None).most_asked();
                self.opening = SessionOpening::WhenDue;
            }
        }
        self.segments.clone_from(&curve.segments);
        self.curve = Some(curve);
        self
    }

    /// Limits the number of users that start per second in a closed loop. Each user then opens its
    /// session when the user starts. Changes nothing in an open loop.
    #[must_use]
    pub fn spawning(mut self, per_s: f64) -> Self {
        if let LoadPlan::Closed { .. } = self.load {
            self.spawn_per_s = Some(per_s);
            self.opening = SessionOpening::WhenDue;
        }
        self
    }

    /// Limits each user of a closed loop to `requests` requests. The measured part ends when all
    /// users have finished, at the latest after its planned length. Changes nothing in an open
    /// loop.
    #[must_use]
    pub fn asking(mut self, requests: u64) -> Self {
        if let LoadPlan::Closed { .. } = self.load {
            self.requests_per_user = Some(requests);
        }
        self
    }

    /// Returns the failed result of this step for the report, if the step could not begin for
    /// `reason`; its window has length zero.
    pub fn not_begun(&self, reason: String) -> Step {
        let now_ns = monotonic_ns();
        Step {
            name: self.name.clone(),
            parameters: self.parameters.clone(),
            repeat: self.repeat,
            window: Window {
                start_ns: now_ns,
                measure_start_ns: now_ns,
                measure_end_ns: now_ns,
                end_ns: now_ns,
            },
            load: self.load.share(self.process).reported(0),
            operations: BTreeMap::new(),
            parts: BTreeMap::new(),
            failures: Vec::new(),
            pool: None,
            server: None,
            generator: Generator::default(),
            curve: None,
            segments: Vec::new(),
            sessions: None,
            figures: BTreeMap::new(),
            end: StepEnd::Failed { reason },
        }
    }

    /// Returns the load with which the step begins: that of the plan or, if it follows a curve, the
    /// curve's first value.
    pub fn first_load(&self) -> LoadPlan {
        let mut load = self.load.clone();
        if let Some(fitted) = &self.curve {
            let first = fitted.curve.value(0.0);
            match &mut load {
                LoadPlan::Open { rate_per_s, .. } => *rate_per_s = first,
                LoadPlan::Closed { users, .. } => *users = first as u64,
            }
        }
        load
    }

    /// Returns the plan of a short trial of the load with which the step begins, measured for
    /// `measure` after a warm-up of `warmup`. Answers that are late are not waited for longer than
    /// that.
    #[must_use]
    pub fn trial(&self, warmup: Duration, measure: Duration) -> Self {
        Self {
            load: self.first_load(),
            curve: None,
            segments: Vec::new(),
            spawn_per_s: None,
            opening: SessionOpening::Upfront,
            takes_changes: false,
            starts_at: None,
            drain: measure.min(self.drain),
            warmup,
            measure,
            ..self.clone()
        }
    }

    /// Allows the load to be changed while the step runs, through the handle of
    /// [`Observer::load_control`](crate::Observer).
    #[must_use]
    pub fn taking_changes(mut self) -> Self {
        self.takes_changes = true;
        self
    }

    /// Returns the length of the measured part; `None` if the last answer to the users ends it.
    pub fn measured_time(&self) -> Option<Duration> {
        match self.requests_per_user {
            None => Some(self.measure),
            Some(_) => None,
        }
    }

    /// Returns true if the load is planned to change during the measured part.
    pub(crate) fn changes(&self) -> bool {
        self.curve.is_some() || self.spawn_per_s.is_some()
    }

    /// Returns the planned load at each instant, of all processes; `None` for a step without length
    /// or with an invalid rate.
    pub(crate) fn intended_load(&self) -> Option<IntendedLoad> {
        let steady = match self.load {
            LoadPlan::Open { rate_per_s, .. } => rate_per_s,
            LoadPlan::Closed { users, .. } => users as f64,
        };
        let (held, curve) = if let Some(fitted) = &self.curve {
            (self.warmup, fitted.curve.clone())
        } else {
            let whole = self.warmup + self.measure;
            (Duration::ZERO, RateCurve::constant(steady, whole).ok()?)
        };
        let curves = CurveSequence::after(held, curve);
        Some(match self.load {
            LoadPlan::Open { .. } => IntendedLoad::Rate(curves),
            LoadPlan::Closed { .. } => {
                IntendedLoad::Users(IntendedUsers::new(curves, self.spawn_per_s))
            }
        })
    }

    /// Returns the planned arrivals of `worker` in an open loop over warm-up and measured part;
    /// `None` for a closed loop.
    pub(crate) fn arrivals(&self, worker: WorkerShare) -> Option<Arrivals> {
        let (LoadPlan::Open { pacing, .. }, Some(IntendedLoad::Rate(curves))) =
            (&self.load, self.intended_load())
        else {
            return None;
        };
        Some(Arrivals::new(curves, *pacing, worker, self.seed))
    }
}

/// Returns the number of CPUs that this process may use; 1 if that is unknown.
pub fn available_threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
