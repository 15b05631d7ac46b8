//! Throughput bounds of the load generator: of all its threads together, and of its busiest one.

use bench_report::WarningCode;

use super::{EXPLAINS, ResourceBound};
use crate::assessment::Confidence;
use crate::bench_facts::BenchFacts;
use crate::figures::{counted, share};
use crate::run_facts::RunFacts;
use crate::step_cpu_use::StepCpuUse;

/// Returns the busy share of the generator's threads in the CPU time that the hypervisor left to this machine,
/// from 0 to 1; `None` without an operating point.
pub(crate) fn used_of_left(bench: &BenchFacts<'_>) -> Option<f64> {
    let (_, step) = bench.operating_step()?;
    let left = bench.cpu.as_ref().map_or(1.0, StepCpuUse::left_ratio);
    Some((step.generator.cpu_ratio / left.max(f64::MIN_POSITIVE)).min(1.0))
}

/// Computes the bound of all generator threads together; `None` without an operating point.
pub(super) fn threads(bench: &BenchFacts<'_>, facts: &RunFacts<'_>) -> Option<ResourceBound> {
    let (_, step) = bench.operating_step()?;
    let ratio = step.generator.cpu_ratio;
    let warned = bench
        .operating_warnings()
        .any(|(_, w)| w.code == WarningCode::GeneratorSaturated);
    // The warning does not count if server and generator use up the machine's CPU: `cpu::processors` judges
    // that case.
    let machine_full = bench.cpu_past(facts.thresholds.cpu.critical_ratio) == Some(true);
    let of_left = used_of_left(bench).unwrap_or(ratio);
    let full = step
        .generator
        .is_saturated(facts.thresholds.cpu.generator_ratio);
    let nothing_left = of_left >= facts.thresholds.cpu.generator_ratio;
    let is_full = full || (warned || nothing_left) && !machine_full;
    Some(ResourceBound {
        factor: "generator_cpu".to_owned(),
        title: format!(
            "the generator: its {} were {} busy",
            counted(step.generator.threads as f64, "thread"),
            share(ratio)
        ),
        reason: "the load could not be made faster; the target may do more than was measured"
            .to_owned(),
        used_ratio: if is_full {
            of_left.max(EXPLAINS)
        } else {
            ratio.min(0.99 * EXPLAINS)
        },
        confidence: Confidence::Medium,
        evidence: bench
            .step_evidence("generator's CPU", "generator/cpu_ratio")
            .into_iter()
            .collect(),
        to_find_out: Some(
            "more generator threads or processes, on a machine of their own".to_owned(),
        ),
    })
}

/// Computes the bound of the busiest thread of the generator. `None` if its CPU use is below the
/// threshold `cpu.generator_ratio` or unknown, or without an operating point. Such a thread can be the
/// limit while others are idle, for example where all users share one connection; whether they are is
/// not checked.
pub(super) fn busiest_thread(
    bench: &BenchFacts<'_>,
    facts: &RunFacts<'_>,
) -> Option<ResourceBound> {
    let (_, step) = bench.operating_step()?;
    let ratio = step
        .generator
        .full_thread(facts.thresholds.cpu.generator_ratio)?;
    Some(ResourceBound {
        factor: "generator_thread".to_owned(),
        title: format!(
            "the generator: the busiest of its {} threads was {} busy",
            counted(step.generator.threads as f64, "thread"),
            share(ratio)
        ),
        reason: "what one thread can drive was reached; the target may do more than was measured"
            .to_owned(),
        used_ratio: ratio.max(EXPLAINS),
        confidence: Confidence::Medium,
        evidence: bench
            .step_evidence("busiest thread", "generator/busiest_thread_ratio")
            .into_iter()
            .collect(),
        to_find_out: Some(
            "more connections, so that more threads have something to drive".to_owned(),
        ),
    })
}
