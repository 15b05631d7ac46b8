//! Plan of the scenario `lifecycle`, made before the server is contacted.

use std::collections::BTreeMap;
use std::time::Duration;

use bench_cli::UsageError;
use bench_report::Pacing;
use load_engine::{
    Excused, FittedCurve, LoadCurveError, LoadPlan, SessionOpening, StepPlan, StopRule, ThinkTime,
    TracedPlan,
};
use serde_json::{Value, json};

use super::flags::LifecycleFlags;
use crate::drivers::Driver;
use crate::failure::is_checkout_timeout;
use crate::workloads::WorkloadSelection;

/// Name of the step in which connections are opened one after another, without a pool.
pub(super) const COST: &str = "connecting";
/// Name of the step in which many logins begin at once, without a pool.
pub(super) const STORM: &str = "login storm";
/// Value of the parameter `driver` in steps whose connections belong to no pool.
pub(super) const NO_POOL: &str = "no pool";
pub(super) const RAMP: &str = "ramp";
pub(super) const SPIKE: &str = "spike";
pub(super) const IDLE: &str = "idle";
pub(super) const SPIKE_AGAIN: &str = "spike after idle";

/// Number of connections that are opened one after another, each once the last one is closed.
const ONE_BY_ONE: u64 = 15;
/// Longest duration of the steps without a pool, one hour. It is never reached, because the
/// time-out of the address ends each login earlier.
const LONGEST_LOGINS: Duration = Duration::from_hours(1);
/// Largest number of requests in flight. Further arrivals wait, and are counted as delayed.
const MOST_AT_ONCE: u64 = 10_000;

/// Part of the run on a pool: its name and its planned length.
#[derive(Debug, Clone, Copy)]
pub(super) struct LifecyclePart {
    pub(super) name: &'static str,
    pub(super) length: Duration,
}

/// Plan of the scenario `lifecycle`: drivers, parts of the run, workload and seed.
#[derive(Debug)]
pub(super) struct LifecyclePlan<'a> {
    pub(super) flags: &'a LifecycleFlags,
    pub(super) drivers: Vec<Driver>,
    pub(super) parts: Vec<LifecyclePart>,
    /// Rate of arrivals per second over the time of the run, for all parts together.
    curve: FittedCurve,
    /// Workload that the requests on a pool execute.
    pub(super) selection: WorkloadSelection,
    pub(super) seed: u64,
}

impl<'a> LifecyclePlan<'a> {
    /// Creates the plan that `flags` describe, with a random seed unless they set one.
    ///
    /// # Errors
    /// Fails with a [`UsageError`] for a driver without a pool and for rates that make no curve,
    /// and if the workload cannot be read.
    pub(super) fn new(flags: &'a LifecycleFlags) -> anyhow::Result<Self> {
        let drivers = flags.pool.drivers(|driver| {
            format!("{driver} has no pool whose connections could come and go")
        })?;
        let parts = parts(flags);
        let curve = curve(flags, outline(&parts)).map_err(|error| UsageError(error.to_string()))?;
        let seed = flags.traced.draw_seed();
        Ok(Self {
            flags,
            drivers,
            parts,
            curve,
            selection: WorkloadSelection::new(&flags.pool.target.workload, seed)?,
            seed,
        })
    }

    pub(super) fn storm(&self) -> u64 {
        self.flags.storm.unwrap_or(self.flags.pool.size)
    }

    /// Returns the rate of arrivals during a spike, per second: the multiple of the peak rate that
    /// the flags set.
    pub(super) fn spike_per_s(&self) -> f64 {
        self.flags.peak_rate * self.flags.spike as f64
    }

    /// Returns the planned length of the run on one pool, all parts together.
    pub(super) fn run_length(&self) -> Duration {
        self.parts.iter().map(|part| part.length).sum()
    }

    /// Returns the names and lengths of the parts in order, such as `ramp 3s, spike 3s`.
    pub(super) fn outline(&self) -> String {
        outline(&self.parts)
    }

    /// Returns the plan of the run on the pool of `driver`, which `rules` may end early. If the
    /// flags make requests leak connections, checkouts that time out are expected and count for no
    /// rule.
    pub(super) fn traced(&self, driver: Driver, rules: Vec<StopRule>) -> TracedPlan {
        let name = driver.name();
        let parts = self.parts.iter().map(|part| self.step(name, part.name));
        let mut whole = self.step(name, SPIKE);
        name.clone_into(&mut whole.name);
        whole.curve = Some(self.curve.clone());
        whole.opening = SessionOpening::WhenDue;
        whole.seed = self.seed;
        whole.stop_rules = rules;
        let planted = self.flags.leak_every.map(|_| Excused {
            failures: Some(is_checkout_timeout),
            wait: self.flags.pool.target.checkout_timeout,
        });
        TracedPlan::new(whole, parts.collect()).excusing(planted.unwrap_or_default())
    }

    /// Returns the plan of the step in which one user opens connections one after another.
    pub(super) fn connecting(&self) -> StepPlan {
        self.logins(COST, 1).asking(ONE_BY_ONE)
    }

    /// Returns the plan of the step in which many users log in once each, all at the same time.
    pub(super) fn login_storm(&self) -> StepPlan {
        self.logins(STORM, self.storm()).asking(1)
    }

    fn logins(&self, part: &str, users: u64) -> StepPlan {
        let load = LoadPlan::Closed {
            users,
            think_time: ThinkTime::NONE,
        };
        self.with_load(NO_POOL, part, load, LONGEST_LOGINS)
    }

    /// Returns the plan of the part named `part` of the run on the pool of the driver named `who`,
    /// as a step.
    pub(super) fn step(&self, who: &str, part: &str) -> StepPlan {
        let load = LoadPlan::Open {
            rate_per_s: match part {
                RAMP => self.flags.peak_rate / 2.0,
                SPIKE | SPIKE_AGAIN => self.spike_per_s(),
                _ => 0.0,
            },
            pacing: Pacing::Poisson,
            in_flight_cap: MOST_AT_ONCE,
        };
        let length = if part == IDLE {
            self.flags.idle
        } else {
            self.flags.duration
        };
        self.with_load(who, part, load, length)
    }

    fn with_load(&self, who: &str, part: &str, load: LoadPlan, length: Duration) -> StepPlan {
        StepPlan::new(&format!("{who}, {part}"), load, length)
            .parameter("driver", who)
            .parameter("workload", self.selection.name().as_str())
            .parameter("part", part)
            .parameter("pool_size", self.flags.pool.size)
    }

    /// Returns the settings of the scenario as entries of the report's `config`.
    pub(super) fn config(&self) -> BTreeMap<String, Value> {
        let flags = self.flags;
        let ns = |time: Duration| json!(time.as_nanos() as u64);
        let mut config = flags.traced.config(self.seed);
        config.extend([
            ("rate_per_s".to_owned(), json!(flags.peak_rate)),
            ("spike".to_owned(), json!(flags.spike)),
            ("measure_ns".to_owned(), ns(flags.duration)),
            ("idle_ns".to_owned(), ns(flags.idle)),
            ("storm".to_owned(), json!(self.storm())),
            ("leak_every".to_owned(), json!(flags.leak_every)),
        ]);
        config.extend(flags.pool.config(&self.drivers, &self.selection));
        config
    }
}

fn parts(flags: &LifecycleFlags) -> Vec<LifecyclePart> {
    let part = |(name, length)| LifecyclePart { name, length };
    let parts = [
        (RAMP, flags.duration),
        (SPIKE, flags.duration),
        (IDLE, flags.idle),
        (SPIKE_AGAIN, flags.duration),
    ];
    parts.map(part).into()
}

fn outline(parts: &[LifecyclePart]) -> String {
    let each = parts.iter();
    let each =
        each.map(|part| format!("{} {}", part.name, humantime::format_duration(part.length)));
    each.collect::<Vec<_>>().join(", ")
}

/// Returns the curve of arrivals over all parts: a ramp, a spike, a time without arrivals, a second
/// spike. `outline` is its description. Fails if the rates or lengths make no curve.
fn curve(flags: &LifecycleFlags, outline: String) -> Result<FittedCurve, LoadCurveError> {
    let spike_per_s = flags.peak_rate * flags.spike as f64;
    let (ramped, spiked) = (flags.duration, 2 * flags.duration);
    let rested = spiked + flags.idle;
    let points = [
        (Duration::ZERO, 0.0),
        (ramped, flags.peak_rate),
        (ramped, spike_per_s),
        (spiked, spike_per_s),
        (spiked, 0.0),
        (rested, 0.0),
        (rested, spike_per_s),
        (rested + flags.duration, spike_per_s),
    ];
    FittedCurve::through(outline, &points)
}
