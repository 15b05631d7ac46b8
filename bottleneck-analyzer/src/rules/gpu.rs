//! Rule `gpu_limit`: a GPU whose memory or compute is used up.
//!
//! A problem if a GPU's memory was used to 95 % at any time (`gpu.memory_used_bytes`,
//! `gpu.memory_total_bytes`); a note if a kernel ran on it in 95 % of the time or more
//! (`gpu.utilisation_ratio`). That share says that the GPU was never idle, not that all of it was used. Without a
//! GPU the rule says nothing.

use bench_report::Series;

use crate::assessment::{ComponentKind, Confidence, FindingKind, Rule};
use crate::conclusions::Conclusions;
use crate::figures::{bytes, share};
use crate::finding_draft::{FindingDraft, confidence_past};
use crate::machine_recording::MachineRecording;
use crate::run_facts::RunFacts;
use crate::series_reading::SeriesReading;

const RULE: Rule = Rule::GpuLimit;
const FULL: f64 = 0.95;

/// Readings of one GPU over the whole recording.
struct GpuReading {
    name: String,
    used: SeriesReading,
    total: Option<SeriesReading>,
    busy: Option<SeriesReading>,
}

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    let Some(machine) = facts.machine else {
        return;
    };
    for gpu in gpus(machine) {
        judge(machine, &gpu, out);
    }
}

fn gpus(machine: MachineRecording<'_>) -> Vec<GpuReading> {
    let whole = machine.whole();
    let (total, busy) = (
        machine.all("gpu.memory_total_bytes", whole),
        machine.all("gpu.utilisation_ratio", whole),
    );
    let same = |all: &[(&Series, SeriesReading)], of: &Series| {
        let found = all.iter().find(|(series, _)| series.labels == of.labels);
        found.map(|(_, reading)| *reading)
    };
    let used = machine.all("gpu.memory_used_bytes", whole).into_iter();
    used.map(|(series, reading)| {
        let label = |key: &str| series.labels.get(key).map_or("", String::as_str);
        GpuReading {
            name: format!("GPU {} ({})", label("gpu"), label("name")),
            used: reading,
            total: same(&total, series),
            busy: same(&busy, series),
        }
    })
    .collect()
}

fn judge(machine: MachineRecording<'_>, gpu: &GpuReading, out: &mut Conclusions) {
    let Some(total) = gpu.total.filter(|total| total.max > 0.0) else {
        let question = format!(
            "whether the memory of {} was full: its size was not recorded",
            gpu.name
        );
        out.cannot_judge(
            RULE,
            ComponentKind::Machine,
            question,
            "nvidia-smi -q -d MEMORY",
        );
        return;
    };
    let ratio = gpu.used.max / total.max;
    let memory = machine.peak_sample("GPU memory used", gpu.used);
    let size = machine.peak_sample("GPU memory", total);
    let words = format!("{} of {}", bytes(gpu.used.max), bytes(total.max));
    if ratio >= FULL {
        out.add_finding(
            draft(gpu, FindingKind::Problem)
                .says(
                    format!("The memory of {} is nearly full: {words}", gpu.name),
                    "Further allocations on the GPU fail.",
                )
                .confidence(confidence_past(ratio, FULL, 0.01))
                .evidence(memory.into_iter().chain(size))
                .advice(
                    &["use smaller batches or models, or a GPU with more memory"],
                    "no allocation that fails",
                    "memory of a GPU cannot be swapped out",
                ),
        );
        return;
    }
    if let Some(busy) = gpu.busy.filter(|busy| busy.mean >= FULL) {
        out.add_finding(
            draft(gpu, FindingKind::Information)
                .says(
                    format!(
                        "{} was never idle: a kernel ran {} of the time",
                        gpu.name,
                        share(busy.mean)
                    ),
                    "That does not tell how much of it the kernels used.",
                )
                .confidence(Confidence::Medium)
                .evidence(machine.typical_sample("time in which a kernel ran", busy)),
        );
        return;
    }
    let statement = format!("{}: at most {words} of memory used", gpu.name);
    out.rule_out(
        RULE,
        ComponentKind::Machine,
        statement,
        memory.into_iter().chain(size),
    );
}

fn draft(gpu: &GpuReading, kind: FindingKind) -> FindingDraft {
    FindingDraft::new(RULE, "machine", ComponentKind::Machine, kind)
        .one_of_several(&gpu.name)
        .thing(gpu.name.clone())
}
