//! The plan of one step.

use std::collections::BTreeMap;
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use bench_report::{Generator, Parameter, Step, StepEnd, Window};
use serde::{Deserialize, Serialize};

use super::arrivals::Arrivals;
use super::curve_segments::NamedSegment;
use super::load_curve::FittedCurve;
use super::load_plan::{LoadPlan, SessionOpening};
use super::rate_curve::RateCurve;
use super::stop_rule::StopRule;
use super::user_schedule::UserSchedule;
use super::wall_time::WallTime;
use super::worker_share::WorkerShare;

/// Kind of runtime that the load is made on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum RuntimeKind {
    /// One multi-thread runtime: what applications have.
    #[default]
    Shared,
    /// A single-thread runtime per core: the cheapest.
    PerCore,
}

/// Way in which a pacer waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum WaitStrategy {
    /// Sleeps, as exactly as the system can.
    #[default]
    Sleep,
    /// Sleeps until half a millisecond before, then spins: exact, and takes most of a core.
    Spin,
}

/// One setting, to be held for a while.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepPlan {
    /// For people.
    pub name: String,
    /// Settings that tell it from other steps.
    pub parameters: BTreeMap<String, Parameter>,
    /// Number of the repeat, from 0.
    pub repeat: u64,
    /// Load that is to be made on the target; where it changes, its mean rate or its most users.
    pub load: LoadPlan,
    /// Curve that the load follows over the measured part: arrivals per second of an open loop, users
    /// of a closed loop. The warm-up holds its first value. Absent where the load does not change.
    pub curve: Option<FittedCurve>,
    /// Most users started per second in a closed loop; absent where all come when they are due.
    pub spawn_per_s: Option<f64>,
    /// Most requests of each user of a closed loop, who makes none after one that failed. The measured
    /// part then ends with the last answer to anybody, and `measure` bounds it. Absent where users ask
    /// until its end.
    pub requests_per_user: Option<u64>,
    /// Instant at which sessions open.
    pub opening: SessionOpening,
    /// Load that is not measured, first.
    pub warmup: Duration,
    /// Load that is measured.
    pub measure: Duration,
    /// Segments whose results are told apart; empty where the load does not change.
    pub segments: Vec<NamedSegment>,
    /// Bound on the wait for answers after the last arrival.
    pub drain: Duration,
    /// Bound on the opening of all sessions.
    pub connect_timeout: Duration,
    /// Seed of everything random in the step.
    pub seed: u64,
    /// Kind of runtime.
    pub runtime: RuntimeKind,
    /// Threads of this process that make the load.
    pub threads: usize,
    /// Share of the load that this process makes; the plan's load is that of all together.
    pub process: WorkerShare,
    /// Instant at which the step starts on several hosts; absent where it starts as soon as it can.
    pub starts_at: Option<WallTime>,
    /// Way in which the pacer waits.
    pub waiting: WaitStrategy,
    /// Least pause of a user after a failure, so that one who is refused at once does not spin.
    pub failure_pause: Duration,
    /// Rules that end the step early; worker processes are not told of them.
    #[serde(skip)]
    pub stop_rules: Vec<StopRule>,
}

impl StepPlan {
    /// A plan with the defaults: no warm-up of note, shared runtime on all cores, no rules.
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

    /// Adds a parameter.
    #[must_use]
    pub fn parameter(mut self, name: &str, value: impl Into<Parameter>) -> Self {
        self.parameters.insert(name.to_owned(), value.into());
        self
    }

    /// Makes the load follow `curve`, which must be fitted to the measured part. Users of a closed loop
    /// then open their sessions when they come.
    #[must_use]
    pub fn following(mut self, curve: FittedCurve) -> Self {
        match &mut self.load {
            LoadPlan::Open { rate_per_s, .. } => *rate_per_s = curve.curve.mean(),
            LoadPlan::Closed { users, .. } => {
                *users = UserSchedule::new(&curve.curve, Duration::ZERO, None).peak();
                self.opening = SessionOpening::WhenDue;
            }
        }
        self.segments.clone_from(&curve.segments);
        self.curve = Some(curve);
        self
    }

    /// Limits the users of a closed loop who are started per second; they open their sessions when they
    /// come.
    #[must_use]
    pub fn spawning(mut self, per_s: f64) -> Self {
        if let LoadPlan::Closed { .. } = self.load {
            self.spawn_per_s = Some(per_s);
            self.opening = SessionOpening::WhenDue;
        }
        self
    }

    /// Lets each user of a closed loop make at most `requests`; the measured part ends once all are over.
    #[must_use]
    pub fn asking(mut self, requests: u64) -> Self {
        if let LoadPlan::Closed { .. } = self.load {
            self.requests_per_user = Some(requests);
        }
        self
    }

    /// Returns the record of this step where it could not begin, with the reason.
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

    /// Returns the planned time of the measured part; `None` where the last answer ends it.
    pub fn measured_time(&self) -> Option<Duration> {
        match self.requests_per_user {
            None => Some(self.measure),
            Some(_) => None,
        }
    }

    /// Returns true if the load is not the same over the whole measured part.
    pub(crate) fn changes(&self) -> bool {
        self.curve.is_some() || self.spawn_per_s.is_some()
    }

    /// Returns the arrivals of one worker of an open loop, over warm-up and measured part.
    pub(crate) fn arrivals(&self, worker: WorkerShare) -> Option<Arrivals> {
        let LoadPlan::Open {
            rate_per_s, pacing, ..
        } = self.load
        else {
            return None;
        };
        let (curve, held) = if let Some(fitted) = &self.curve {
            (fitted.curve.clone(), self.warmup)
        } else {
            let whole = self.warmup + self.measure;
            (RateCurve::constant(rate_per_s, whole).ok()?, Duration::ZERO)
        };
        Some(Arrivals::after(held, curve, pacing, worker, self.seed))
    }

    /// Returns the coming and going of the users of a closed loop whose sessions open when due.
    pub(crate) fn user_schedule(&self) -> Option<UserSchedule> {
        let (LoadPlan::Closed { users, .. }, SessionOpening::WhenDue) = (&self.load, self.opening)
        else {
            return None;
        };
        let curve = match &self.curve {
            Some(fitted) => fitted.curve.clone(),
            None => RateCurve::constant(*users as f64, self.measure).ok()?,
        };
        Some(UserSchedule::new(&curve, self.warmup, self.spawn_per_s))
    }
}

/// Processors that this process may use.
pub fn available_threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
