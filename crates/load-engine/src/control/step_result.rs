//! Result of a step: what the report shows of it.

use std::collections::BTreeMap;

use bench_report::{Generator, Series, Step, StepEnd, Warning, Window};

use super::self_check;
use super::step_curve;
use super::timeline::Timeline;
use crate::load::cpu_use::CpuUse;
use crate::load::load_source::CollectedStep;
use crate::plan::segments::Segments;
use crate::plan::step_plan::StepPlan;

/// Name of a step's figure: share of an open loop's arrivals that was carried.
pub const CARRIED_RATIO: &str = "carried_ratio";
/// Name of a step's figure: highest 99th percentile of a single interval.
pub const WORST_INTERVAL_P99_NS: &str = "worst_interval_p99_ns";

/// Result of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepResult {
    /// For the report.
    pub step: Step,
    /// Its figures over time.
    pub series: Vec<Series>,
    /// Warnings of the generator about itself; index 0 stands for this step.
    pub warnings: Vec<Warning>,
}

/// Account of the generator over the measured part of a step.
pub(super) struct GeneratorUse {
    pub(super) cpu: CpuUse,
    pub(super) worst_stall_ns: u64,
}

impl StepResult {
    /// Puts the result of a step together, and examines it.
    pub(super) fn new(
        plan: &StepPlan,
        window: Window,
        segments: &Segments,
        (collected, generator): (CollectedStep, &GeneratorUse),
        timeline: Timeline,
        end: StepEnd,
    ) -> Self {
        let raw = collected.whole;
        let loaded = if raw.operations.is_empty() {
            &raw.prepared
        } else {
            &raw.operations
        };
        let attempted: u64 = loaded.values().map(|o| o.attempted).sum();
        let mut step = Step {
            name: plan.name.clone(),
            parameters: plan.parameters.clone(),
            repeat: plan.repeat,
            window,
            load: plan.load.reported(raw.delayed_at_cap),
            operations: raw.operations.into_iter().chain(raw.prepared).collect(),
            parts: raw.parts,
            failures: raw.failures,
            pool: raw.pool,
            server: None,
            generator: Generator {
                worst_stall_ns: generator.worst_stall_ns,
                ..generator.cpu.generator(plan.threads, attempted)
            },
            curve: step_curve::reported(plan),
            segments: step_curve::segments(plan, segments, window, collected.segments),
            sessions: collected.sessions,
            figures: BTreeMap::new(),
            end,
        };
        let measured = (window.measure_start_ns, window.measure_end_ns);
        for (name, figure) in [
            (CARRIED_RATIO, step.carried_ratio()),
            (WORST_INTERVAL_P99_NS, timeline.worst_p99_ns(measured.0)),
        ] {
            step.figures
                .extend(figure.map(|figure| (name.to_owned(), figure)));
        }
        // A load that changes makes throughput change.
        let is_steady = !plan.changes();
        let drift = is_steady.then(|| timeline.drift_ratio(measured.0, measured.1));
        let warnings = if window.measured_s() > 0.0 {
            self_check::examine(&step, drift.flatten())
        } else {
            Vec::new()
        };
        let intended = step_curve::intended_series(plan, window, timeline.ends_ns());
        let series = timeline.into_series().into_iter().chain(intended);
        Self {
            step,
            series: series.collect(),
            warnings,
        }
    }
}
