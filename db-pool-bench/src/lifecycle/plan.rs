//! Plan of the scenario, settled before the server is touched.

use std::collections::BTreeMap;
use std::time::Duration;

use bench_cli::UsageError;
use bench_report::Pacing;
use load_engine::{CurveError, LoadPlan, RateCurve, StepPlan};
use serde_json::{Value, json};

use super::course::LifecyclePart;
use super::flags::LifecycleFlags;
use crate::drivers::Driver;
use crate::workloads::WorkloadSelection;

pub(super) const RAMP: &str = "ramp";
pub(super) const SPIKE: &str = "spike";
pub(super) const IDLE: &str = "idle";
pub(super) const SPIKE_AGAIN: &str = "spike after idle";

/// Settled plan: settings, order, workload and seed.
#[derive(Debug)]
pub(super) struct LifecyclePlan<'a> {
    pub(super) flags: &'a LifecycleFlags,
    pub(super) drivers: Vec<Driver>,
    pub(super) parts: Vec<LifecyclePart>,
    /// Workload of the requests.
    pub(super) selection: WorkloadSelection,
    pub(super) seed: u64,
}

impl<'a> LifecyclePlan<'a> {
    /// Settles what `flags` ask for.
    ///
    /// # Errors
    /// Fails with a [`UsageError`] for a driver without a pool, and for rates that make no curve.
    pub(super) fn new(flags: &'a LifecycleFlags) -> anyhow::Result<Self> {
        let drivers = flags.pool.drivers(|driver| {
            format!("{driver} has no pool whose connections could come and go")
        })?;
        let parts = parts(flags).map_err(|error| UsageError(error.to_string()))?;
        let seed = flags.course.draw_seed();
        Ok(Self {
            flags,
            drivers,
            parts,
            selection: WorkloadSelection::new(&flags.pool.target.workload, seed)?,
            seed,
        })
    }

    pub(super) fn storm(&self) -> u64 {
        self.flags.storm.unwrap_or(self.flags.pool.size)
    }

    /// Returns the arrivals per second in a spike.
    pub(super) fn spike_per_s(&self) -> f64 {
        self.flags.peak_rate * self.flags.spike as f64
    }

    /// Returns the planned time of the run.
    pub(super) fn course_length(&self) -> Duration {
        self.parts.iter().map(|part| part.length).sum()
    }

    /// Returns the parts of the run in words.
    pub(super) fn outline(&self) -> String {
        let each = self.parts.iter();
        let each =
            each.map(|part| format!("{} {}", part.name, humantime::format_duration(part.length)));
        each.collect::<Vec<_>>().join(", ")
    }

    /// Returns the plan of one part of the run of `who` as a step.
    pub(super) fn step(&self, who: &str, part: &str) -> StepPlan {
        let load = LoadPlan::Open {
            rate_per_s: match part {
                RAMP => self.flags.peak_rate / 2.0,
                SPIKE | SPIKE_AGAIN => self.spike_per_s(),
                _ => 0.0,
            },
            pacing: Pacing::Poisson,
            // Each arrival is a task of its own.
            in_flight_cap: u64::from(u32::MAX),
        };
        StepPlan::new(&format!("{who}, {part}"), load, self.flags.duration)
            .parameter("driver", who)
            .parameter("workload", self.selection.name().as_str())
            .parameter("part", part)
            .parameter("pool_size", self.flags.pool.size)
    }

    /// Returns these settings as entries of the report's `config`.
    pub(super) fn config(&self) -> BTreeMap<String, Value> {
        let flags = self.flags;
        let ns = |time: Duration| json!(time.as_nanos() as u64);
        let mut config = flags.course.config(self.seed);
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

fn parts(flags: &LifecycleFlags) -> Result<Vec<LifecyclePart>, CurveError> {
    let spike_per_s = flags.peak_rate * flags.spike as f64;
    let part = |name, curve, length| LifecyclePart {
        name,
        curve,
        length,
    };
    let spike = || RateCurve::constant(spike_per_s, flags.duration).map(Some);
    Ok(vec![
        part(
            RAMP,
            Some(RateCurve::ramp(0.0, flags.peak_rate, flags.duration)?),
            flags.duration,
        ),
        part(SPIKE, spike()?, flags.duration),
        part(IDLE, None, flags.idle),
        part(SPIKE_AGAIN, spike()?, flags.duration),
    ])
}
