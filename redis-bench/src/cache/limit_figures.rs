//! Figures and text of `cache` on a throwaway server with limits of its memory.

use bench_report::names::steps;
use bench_report::{Parameter, Report, Step};
use statistics::mean;

use crate::cache::curve::{
    CurvePoint, LimitedStep, MemoryLimit, SimulatedStep, StepKeys, curve_text,
};
use crate::cli::CacheFlags;
use crate::evidence::MEMORY_LIMIT;
use crate::keys::expiry::Expiry;

/// Largest number of requests that are simulated, which takes seconds.
const MOST_SIMULATED: u64 = 20_000_000;

/// Limits of memory that the flags of `cache` ask for, and what is told of steps with them.
#[derive(Debug)]
pub(super) struct LimitFigures<'a> {
    /// Flags of the scenario.
    pub(super) flags: &'a CacheFlags,
    /// Lives of its keys.
    pub(super) expiry: Expiry,
}

impl LimitFigures<'_> {
    /// Returns the limits of memory to measure; none if the server's own is kept.
    pub(super) fn limits(&self) -> Vec<MemoryLimit> {
        MemoryLimit::all(&self.flags.policy, &self.flags.maxmemory)
    }

    /// Adds the number of keys that a limited server held at the end, and the hit ratio of a
    /// simulation with so many.
    pub(super) fn add(&self, step: &mut Step, limited: &LimitedStep, keys: StepKeys) {
        step.figure(steps::KEYS_HELD, keys.held as f64);
        let Some(simulated) = self.simulated(step, limited, keys) else {
            return;
        };
        let policy = limited.limit.policy;
        let ratio = limited
            .settings
            .and_then(|settings| policy.simulate(settings, &simulated, keys.held as usize));
        if let Some(ratio) = ratio {
            step.figure(steps::SIMULATED_HIT_RATIO, ratio);
        }
    }

    /// Returns the simulation of `step`. `None` if the server did not count its reads, if there were
    /// none, or too many to simulate.
    fn simulated(
        &self,
        step: &Step,
        limited: &LimitedStep,
        keys: StepKeys,
    ) -> Option<SimulatedStep> {
        let operations = step.operations.values();
        let measured: u64 = operations.map(|operation| operation.succeeded).sum();
        let all = (keys.reads? as f64 / (1.0 - self.flags.writes)).min(1e18) as u64;
        let warmup = all.saturating_sub(measured);
        let window = &step.window;
        let lasted_s = window.measure_end_ns.saturating_sub(window.start_ns) as f64 / 1e9;
        let requests = warmup + measured;
        if requests == 0 || requests > MOST_SIMULATED || lasted_s <= 0.0 {
            return None;
        }
        Some(SimulatedStep {
            sampler: self.flags.skew().sampler(self.flags.keys),
            expiry: self.expiry,
            writes_ratio: self.flags.writes,
            requests_per_s: requests as f64 / lasted_s,
            warmup,
            measured,
            begins_ms: limited.begins_ms,
            seed: 1,
        })
    }

    /// Returns the curve of the hit ratio over the limits of memory; nothing without limits.
    pub(super) fn text(&self, report: &Report) -> String {
        limit_text(report, &self.limits())
    }
}

/// Returns the curve of the hit ratio over `limits`, the limits of memory of a run, with the means of
/// all repeats; nothing without limits.
pub(crate) fn limit_text(report: &Report, limits: &[MemoryLimit]) -> String {
    if limits.is_empty() {
        return String::new();
    }
    let points = limits.iter().map(|limit| {
        let name = Parameter::Text(limit.to_string());
        let of_limit: Vec<&Step> = report
            .steps
            .iter()
            .filter(|step| step.parameters.get(MEMORY_LIMIT) == Some(&name))
            .collect();
        let figure = |figure| {
            let values = of_limit.iter().filter_map(|step| step.value(figure));
            mean(&values.collect::<Vec<f64>>())
        };
        CurvePoint {
            limit: *limit,
            keys: figure(steps::KEYS_HELD).map(|keys| keys.round() as u64),
            measured: figure(steps::HIT_RATIO),
            simulated: figure(steps::SIMULATED_HIT_RATIO),
        }
    });
    format!("\n{}", curve_text(&points.collect::<Vec<_>>()))
}
